//! A simulated station on a real connection. But for `http`, the only file of the simulation that knows sockets, tasks and
//! the clock.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::{Uri, header};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

use super::{Carried, Charger, Event, Input, Output, Profile, Report, habits, http};
use crate::domain::{Millis, segment};
use crate::ocpp::frame::{Frame, MessageId, MessageType, Problem, empty_object};
use crate::tls::{Caller, Wire};

/// How long a connection may take to come up, and a frame to be taken off our hands.
const SOCKET_PATIENCE: Duration = Duration::from_secs(10);

/// Bytes. The default of 128 KiB would cost a load test of thousands more memory than the server under test.
const READ_BUFFER: usize = 4 << 10;

/// Forgotten connections that one station keeps open; older ones end.
const GHOSTS: usize = 2;

/// Orders that may wait for one station.
const ORDERS: usize = 4;

type Socket = WebSocketStream<Wire>;

/// Where stations connect: `ws://HOST:PORT/PATH` or `wss://…`, to which each adds its id.
#[derive(Debug, Clone)]
pub struct Endpoint {
    host: String,
    is_tls: bool,
    /// With what, over TLS.
    caller: Option<Caller>,
    authority: String,
    path: String,
}

/// An address that no simulated station can use.
#[derive(Debug, thiserror::Error)]
#[error("{0} is not an address of the form ws://HOST:PORT/ocpp or wss://HOST:PORT/ocpp")]
pub struct BadEndpoint(String);

impl std::str::FromStr for Endpoint {
    type Err = BadEndpoint;

    fn from_str(text: &str) -> Result<Self, BadEndpoint> {
        let bad = || BadEndpoint(text.to_owned());
        let uri: Uri = text.parse().map_err(|_| bad())?;
        let is_tls = match uri.scheme_str() {
            Some("ws") => false,
            Some("wss") => true,
            _ => return Err(bad()),
        };
        let authority = uri.authority().ok_or_else(bad)?;
        let port = authority.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let path = uri.path().trim_end_matches('/').to_owned();
        let host = authority.host().to_owned();
        Ok(Self { authority: format!("{host}:{port}"), path, host, is_tls, caller: None })
    }
}

impl Endpoint {
    /// What stations need for `wss://`: whom they believe, and what they show.
    pub fn called_by(self, caller: Caller) -> Self {
        Self { caller: Some(caller), ..self }
    }

    pub fn is_tls(&self) -> bool {
        self.is_tls
    }

    pub(super) fn authority(&self) -> &str {
        &self.authority
    }

    /// Another server, whom the station trusts as it trusts this one; and the path there.
    pub(super) fn elsewhere(&self, url: &str) -> Option<(Self, String)> {
        let uri: Uri = url.parse().ok()?;
        let is_tls = uri.scheme_str()? == "https";
        let host = uri.authority()?.host().to_owned();
        let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let path = uri.path_and_query()?.to_string();
        let (authority, caller) = (format!("{host}:{port}"), self.caller.clone());
        Some((Self { host, is_tls, caller, authority, path: String::new() }, path))
    }

    pub(super) async fn connect(&self) -> std::io::Result<Wire> {
        let stream = TcpStream::connect(&self.authority).await?;
        stream.set_nodelay(true)?;
        match &self.caller {
            Some(caller) if self.is_tls => caller.call(&self.host, stream).await,
            None if self.is_tls => Err(std::io::Error::other("whom to trust was not said")),
            _ => Ok(Wire::Plain(stream)),
        }
    }

    /// The address on which one station connects.
    fn of(&self, profile: &Profile) -> String {
        let id = segment(profile.id.as_str());
        let path = habits::path(&profile.faults.habits, &self.path, &id);
        format!("ws://{}{path}", self.authority)
    }
}

/// What the owner of a station may do to it.
#[derive(Debug, Clone, Copy)]
enum Order {
    WindDown,
    Cut,
}

/// A running simulated station. Dropping it pulls the plug.
#[derive(Debug)]
pub struct Station {
    orders: mpsc::Sender<Order>,
    task: JoinHandle<()>,
}

impl Station {
    /// Starts the station. It waits when `reports` is full, so somebody has to listen.
    pub fn start(profile: Profile, endpoint: Endpoint, reports: mpsc::Sender<Report>) -> Self {
        let (orders, inbox) = mpsc::channel(ORDERS);
        let clock = Clock::new();
        let charger = Charger::new(profile.clone(), clock.now());
        let (ghosts, carrying) = (VecDeque::new(), JoinSet::new());
        let life = Life { profile, endpoint, clock, socket: None, ghosts, carrying, reports };
        Self { orders, task: tokio::spawn(life.run(charger, inbox)) }
    }

    /// Loses the connection, as a mobile network does: no close frame, nothing flushed.
    pub async fn cut(&self) {
        // A station that has ended has no connection to lose.
        let _ = self.orders.send(Order::Cut).await;
    }

    /// Ends what runs, says what is left to say and hangs up; `false` when that took longer than `patience`.
    pub async fn wind_down(mut self, patience: Duration) -> bool {
        let _ = self.orders.send(Order::WindDown).await;
        tokio::time::timeout(patience, &mut self.task).await.is_ok()
    }
}

impl Drop for Station {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The wall clock as it was at the start, moved on by the steady one: times never run backwards.
#[derive(Debug, Clone, Copy)]
struct Clock {
    origin: Millis,
    started: Instant,
}

impl Clock {
    fn new() -> Self {
        Self { origin: Millis::of(SystemTime::now()), started: Instant::now() }
    }

    fn now(self) -> Millis {
        self.origin + self.started.elapsed()
    }

    /// The instant of a time; far enough in the future for "never".
    fn instant(self, at: Millis) -> Instant {
        const NEVER: Duration = Duration::from_secs(24 * 3600);
        self.started + at.since(self.origin).min(self.started.elapsed() + NEVER)
    }
}

/// A charger with the world around it.
struct Life {
    profile: Profile,
    endpoint: Endpoint,
    clock: Clock,
    socket: Option<Socket>,
    /// Connections that this side has forgotten and the other has not.
    ghosts: VecDeque<Socket>,
    /// The file on its way, at most one.
    carrying: JoinSet<Carried>,
    reports: mpsc::Sender<Report>,
}

impl Life {
    async fn run(mut self, mut charger: Charger, mut orders: mpsc::Receiver<Order>) {
        let types = self.profile.protocol.wire().message_types;
        let mut out = Vec::new();
        let mut input = Input::Tick;
        loop {
            charger.handle(self.clock.now(), input, &mut out);
            let mut consequence = None;
            for output in out.drain(..) {
                if matches!(output, Output::Done) {
                    self.hang_up().await;
                    return;
                }
                consequence = self.act(output).await.or(consequence);
            }
            input = match consequence {
                Some(input) => input,
                None => tokio::select! {
                    order = orders.recv() => match order {
                        Some(Order::WindDown) => Input::WindDown,
                        Some(Order::Cut) => {
                            self.socket = None;
                            Input::Closed { why: "the connection was cut".to_owned() }
                        }
                        None => return,
                    },
                    input = hear(&mut self.socket, types) => input,
                    Some(carried) = self.carrying.join_next() => {
                        Input::Carried(carried.unwrap_or_else(|died| Carried {
                            failure: Some(died.to_string()),
                            ..Carried::default()
                        }))
                    }
                    () = tokio::time::sleep_until(self.clock.instant(charger.wake_at())) => Input::Tick,
                },
            };
        }
    }

    /// Does one thing for the charger; what comes of it at once is its next input.
    async fn act(&mut self, output: Output) -> Option<Input> {
        match output {
            Output::Dial => Some(match self.dial().await {
                Ok(socket) => {
                    self.socket = Some(socket);
                    Input::Opened
                }
                Err(why) => Input::Closed { why },
            }),
            Output::HangUp => {
                self.hang_up().await;
                Some(Input::Closed { why: "the station hung up".to_owned() })
            }
            Output::Lose { silent } => {
                let socket = self.socket.take();
                if silent {
                    self.ghosts.extend(socket);
                }
                while self.ghosts.len() > GHOSTS {
                    self.ghosts.pop_front();
                }
                Some(Input::Closed { why: "the connection was lost".to_owned() })
            }
            Output::Call { id, action, payload } => {
                for (text, misdeed) in
                    habits::say(&self.profile.faults.habits, &id, action, payload)
                {
                    if let Some(misdeed) = misdeed {
                        self.tell(Event::Misbehaved(misdeed)).await;
                    }
                    if let Some(lost) = self.send_text(text).await {
                        return Some(lost);
                    }
                }
                None
            }
            Output::Send { id, action, payload } => {
                let (action, payload) = (action.to_owned(), raw(&payload));
                self.send(&Frame::Send { id: message_id(id), action, payload }).await
            }
            Output::Answer { id, payload } => {
                let payload = raw(&payload);
                self.send(&Frame::Result { id: message_id(id), payload }).await
            }
            Output::Refuse { id, code, description } => {
                let (code, description) = (code.to_owned(), description.to_owned());
                let problem = Problem { code, description, details: empty_object() };
                self.send(&Frame::Error { id: message_id(id), problem }).await
            }
            Output::Carry(errand) => {
                self.carrying = JoinSet::new();
                self.carrying.spawn(http::carry(self.endpoint.clone(), errand));
                None
            }
            Output::Report(event) => {
                self.tell(event).await;
                None
            }
            Output::Done => None,
        }
    }

    async fn dial(&self) -> Result<Socket, String> {
        let connecting = async {
            let mut request = self.endpoint.of(&self.profile).into_client_request()?;
            let offer = habits::offer(&self.profile.faults.habits, self.profile.protocol);
            let headers = request.headers_mut();
            if let Some(offer) = offer {
                headers.insert(header::SEC_WEBSOCKET_PROTOCOL, offer.parse()?);
            }
            if let Some(password) = &self.profile.password {
                let pair = format!("{}:{password}", self.profile.id);
                let pair = base64::engine::general_purpose::STANDARD.encode(pair);
                headers.insert(header::AUTHORIZATION, format!("Basic {pair}").parse()?);
            }
            let stream = self.endpoint.connect().await?;
            let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER);
            let connection =
                tokio_tungstenite::client_async_with_config(request, stream, Some(config));
            Ok::<_, WsError>(connection.await?.0)
        };
        match tokio::time::timeout(SOCKET_PATIENCE, connecting).await {
            Ok(result) => result.map_err(|error| error.to_string()),
            Err(_) => Err("the server did not answer the handshake".to_owned()),
        }
    }

    async fn send(&mut self, frame: &Frame) -> Option<Input> {
        self.send_text(frame.write()).await
    }

    async fn send_text(&mut self, text: String) -> Option<Input> {
        let socket = self.socket.as_mut()?;
        let sending = socket.send(Message::text(text));
        let why = match tokio::time::timeout(SOCKET_PATIENCE, sending).await {
            Ok(Ok(())) => return None,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the server does not read".to_owned(),
        };
        self.socket = None;
        Some(Input::Closed { why })
    }

    async fn hang_up(&mut self) {
        if let Some(mut socket) = self.socket.take() {
            // Courtesy: whoever does not take the close frame gets a closed connection all the same.
            let _ = tokio::time::timeout(SOCKET_PATIENCE, socket.close(None)).await;
        }
    }

    async fn tell(&self, event: Event) {
        let report = Report { station: self.profile.id.clone(), at: self.clock.now(), event };
        // A listener who has left does not stop the station.
        let _ = self.reports.send(report).await;
    }
}

/// The next thing that the server says; never returns while there is no connection.
async fn hear(socket: &mut Option<Socket>, types: &[MessageType]) -> Input {
    let Some(stream) = socket else { return std::future::pending().await };
    let why = loop {
        match stream.next().await {
            Some(Ok(Message::Text(text))) => match heard(&text, types) {
                Some(input) => return input,
                None => break "the server sent what is no OCPP frame".to_owned(),
            },
            Some(Ok(Message::Close(frame))) => break closing_words(frame),
            // Pings are answered by the library.
            Some(Ok(_)) => {}
            Some(Err(error)) => break error.to_string(),
            None => break "the connection ended".to_owned(),
        }
    };
    *socket = None;
    Input::Closed { why }
}

fn closing_words(frame: Option<tokio_tungstenite::tungstenite::protocol::CloseFrame>) -> String {
    match frame {
        Some(frame) => format!("the server closed: {} {}", frame.code, frame.reason),
        None => "the server closed".to_owned(),
    }
}

pub(super) fn raw(payload: &Value) -> Box<RawValue> {
    // A JSON value is JSON: the way out is for the types only.
    to_raw_value(payload).unwrap_or_else(|_| empty_object())
}

fn message_id(id: String) -> MessageId {
    MessageId::new(id).unwrap_or_else(MessageId::unreadable)
}

fn heard(text: &str, types: &[MessageType]) -> Option<Input> {
    let value = |payload: Box<RawValue>| serde_json::from_str(payload.get()).ok();
    Some(match Frame::parse(text, types).ok()? {
        Frame::Call { id, action, payload } => {
            Input::Call { id: id.to_string(), action, payload: value(payload)? }
        }
        Frame::Result { id, payload } => {
            Input::Answer { id: id.to_string(), payload: value(payload)? }
        }
        Frame::Error { id, problem: Problem { code, description, .. } } => {
            Input::Error { id: id.to_string(), code, description }
        }
        Frame::ResultError { problem: Problem { code, description, .. }, .. } => {
            Input::AnswerRefused { code, description }
        }
        // Nothing that a server says to a station is sent like this.
        Frame::Send { .. } => return None,
    })
}
