//! A station's bare socket: says whatever a story wants said, right or wrong.

use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine as _;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::Trust;

/// Longer than any answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What came back.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reply {
    Result {
        id: String,
        payload: Value,
    },
    Error {
        id: String,
        code: String,
        description: String,
    },
    /// A CALLRESULTERROR: what this side answered makes no sense.
    ResultError {
        id: String,
        code: String,
        description: String,
    },
    Call {
        id: String,
        action: String,
        payload: Value,
    },
    /// The connection is over; the close code if there was one.
    Closed(Option<u16>),
    Silence,
}

/// What a station's words travel over.
trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

pub(crate) struct Socket(WebSocketStream<Box<dyn Wire>>);

/// An honest handshake with a server that may be down or going down.
pub(crate) async fn try_connect(server: SocketAddr, id: &str, subprotocol: &str) -> Option<Socket> {
    let mut request = format!("ws://{server}/ocpp/{id}").into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", subprotocol.parse().unwrap());
    let stream: Box<dyn Wire> = Box::new(TcpStream::connect(server).await.ok()?);
    let (socket, _) = tokio_tungstenite::client_async(request, stream).await.ok()?;
    Some(Socket(socket))
}

/// One handshake: the subprotocol and the password are the story's to choose. The error is the HTTP status.
pub(crate) async fn handshake(
    server: SocketAddr,
    path: &str,
    subprotocol: Option<&str>,
    login: Option<(&str, &str)>,
) -> Result<Socket, u16> {
    let stream = TcpStream::connect(server).await.unwrap();
    match upgrade(Box::new(stream), server, path, subprotocol, login).await {
        Ok(socket) => Ok(socket),
        Err(Error::Http(response)) => Err(response.status().as_u16()),
        Err(error) => panic!("neither accepted nor refused: {error}"),
    }
}

/// The same over TLS. The error says what the station learns of the reason.
pub(crate) async fn handshake_over_tls(
    server: SocketAddr,
    trust: Trust<'_>,
    path: &str,
    subprotocol: &str,
    login: Option<(&str, &str)>,
) -> Result<Socket, String> {
    let connector = tokio_rustls::TlsConnector::from(trust.client());
    let stream = TcpStream::connect(server).await.unwrap();
    let name = "localhost".try_into().unwrap();
    let stream = connector.connect(name, stream).await.map_err(|error| error.to_string())?;
    match upgrade(Box::new(stream), server, path, Some(subprotocol), login).await {
        Ok(socket) => Ok(socket),
        Err(Error::Http(response)) => Err(response.status().as_u16().to_string()),
        // In TLS 1.3 a server looks at the certificate when the station thinks that all is well.
        Err(error) => Err(error.to_string()),
    }
}

async fn upgrade(
    stream: Box<dyn Wire>,
    server: SocketAddr,
    path: &str,
    subprotocol: Option<&str>,
    login: Option<(&str, &str)>,
) -> Result<Socket, Error> {
    let mut request = format!("ws://{server}{path}").into_client_request()?;
    if let Some(subprotocol) = subprotocol {
        request.headers_mut().insert("sec-websocket-protocol", subprotocol.parse().unwrap());
    }
    if let Some((user, password)) = login {
        let pair = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        request.headers_mut().insert("authorization", format!("Basic {pair}").parse().unwrap());
    }
    Ok(Socket(tokio_tungstenite::client_async(request, stream).await?.0))
}

/// A handshake by hand, whatever the answer: the library would not go on without a common subprotocol. Gives back
/// the head of the answer, too.
pub(crate) async fn insist(
    server: SocketAddr,
    path: &str,
    subprotocol: Option<&str>,
) -> (String, Socket) {
    let mut stream = TcpStream::connect(server).await.unwrap();
    let offer = subprotocol.map(|name| format!("Sec-WebSocket-Protocol: {name}\r\n"));
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {server}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{}\r\n",
        offer.unwrap_or_default()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let stream: Box<dyn Wire> = Box::new(stream);
    let socket = WebSocketStream::from_raw_socket(stream, Role::Client, None).await;
    (String::from_utf8(head).unwrap(), Socket(socket))
}

/// An honest handshake.
pub(crate) async fn connect(server: SocketAddr, id: &str) -> Socket {
    let path = format!("/ocpp/{id}");
    let login = Some((id, super::PASSWORD));
    handshake(server, &path, Some("ocpp1.6"), login).await.unwrap()
}

impl Socket {
    /// The error, if any, shows in what comes back.
    pub(crate) async fn say(&mut self, message: impl Into<Message>) {
        let _ = self.0.send(message.into()).await;
    }

    pub(crate) async fn call(&mut self, id: &str, action: &str, payload: Value) -> Reply {
        self.say(serde_json::json!([2, id, action, payload]).to_string()).await;
        self.hear().await
    }

    /// Waits for a call of the server, which is answered by `answer`.
    pub(crate) async fn is_called(&mut self, wanted: &str, answer: Value) -> Value {
        let Reply::Call { id, action, payload } = self.hear().await else {
            panic!("no call {wanted}");
        };
        assert_eq!(action, wanted, "{payload}");
        self.say(serde_json::json!([3, id, answer]).to_string()).await;
        payload
    }

    pub(crate) async fn hear(&mut self) -> Reply {
        self.hear_within(PATIENCE).await
    }

    pub(crate) async fn hear_within(&mut self, patience: Duration) -> Reply {
        let next = async {
            loop {
                match self.0.next().await {
                    Some(Ok(Message::Text(text))) => return read(&text),
                    Some(Ok(Message::Close(frame))) => {
                        return Reply::Closed(frame.map(|frame| frame.code.into()));
                    }
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return Reply::Closed(None),
                }
            }
        };
        tokio::time::timeout(patience, next).await.unwrap_or(Reply::Silence)
    }
}

fn read(text: &str) -> Reply {
    let parts: Vec<Value> = serde_json::from_str(text).unwrap();
    let word = |n: usize| parts[n].as_str().unwrap_or_default().to_owned();
    match parts[0].as_u64() {
        Some(2) => Reply::Call { id: word(1), action: word(2), payload: parts[3].clone() },
        Some(3) => Reply::Result { id: word(1), payload: parts[2].clone() },
        Some(4) => Reply::Error { id: word(1), code: word(2), description: word(3) },
        Some(5) => Reply::ResultError { id: word(1), code: word(2), description: word(3) },
        _ => panic!("the server sent {text}"),
    }
}
