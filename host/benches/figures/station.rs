//! A station at its barest: one socket, one call at a time. What is measured is the other side.

use std::net::SocketAddr;

use anyhow::{Context as _, ensure};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

/// Thousands of them live in this process.
const READ_BUFFER: usize = 4 << 10;

const BOOT: &str = r#"{"chargePointVendor":"Vendor","chargePointModel":"Model 22","chargePointSerialNumber":"25041077","firmwareVersion":"1.4.2"}"#;

pub(crate) struct Station {
    socket: WebSocketStream<TcpStream>,
    calls: u32,
}

impl Station {
    /// Connects, and boots.
    pub(crate) async fn start(server: SocketAddr, id: &str) -> anyhow::Result<Self> {
        let mut request = format!("ws://{server}/ocpp/{id}").into_client_request()?;
        request.headers_mut().insert("sec-websocket-protocol", "ocpp1.6".parse()?);
        let stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER);
        let (socket, _) =
            tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await?;
        let mut station = Self { socket, calls: 0 };
        let answer = station.call("BootNotification", BOOT).await?;
        ensure!(answer.contains("Accepted"), "{id} may not boot: {answer}");
        Ok(station)
    }

    /// One call, and its answer as it came. Anything but a result is an error.
    pub(crate) async fn call(&mut self, action: &str, payload: &str) -> anyhow::Result<Utf8Bytes> {
        self.calls += 1;
        let text = format!(r#"[2,"{}","{action}",{payload}]"#, self.calls);
        self.socket.send(Message::text(text)).await?;
        let answer = self.socket.next().await.context("the connection is gone")??;
        let answer = answer.into_text()?;
        ensure!(answer.starts_with("[3,"), "{action} was not answered: {answer}");
        Ok(answer)
    }
}
