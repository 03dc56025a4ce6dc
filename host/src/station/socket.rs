//! A station's WebSocket. The only file of this room that names tungstenite; knows no OCPP.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, Role, WebSocketConfig};

pub(super) use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::tls::Wire;

/// Largest message of a station, in bytes. A NotifyReport of a large station comes in parts of 64 KiB.
const MAX_MESSAGE: usize = 1 << 20;

/// What a connection reads at once. The library's 128 KiB would be most of an idle station's memory.
const READ_BUFFER: usize = 4 << 10;

/// Messages that may wait for a station that does not read.
const MAX_UNSENT: usize = 64;

/// How long a parting word may take.
const GOODBYE_LIMIT: Duration = Duration::from_secs(2);

/// How much of a rule-breaker's data is read and thrown away while it hears the reason, in bytes.
const MAX_DISCARDED: usize = 16 << 20;

/// What comes out of a socket.
#[derive(Debug)]
pub(super) enum SocketEvent {
    Text(String),
    /// A ping or a pong.
    Heard,
    /// It is over, with the reason for people. The socket gives nothing more.
    Closed(String),
    /// It broke the rules: to be parted with, and told why.
    Misused(Parting, &'static str),
}

/// Why we part, with the close codes of RFC 6455 §7.4.1.
#[derive(Debug, Clone, Copy)]
pub(super) enum Parting {
    Replaced,
    ShuttingDown,
    Silent,
    NoSubprotocol,
    Binary,
    Compressed,
    TooLarge,
    NotReading,
    Crowded,
    WeakerProof,
    Credentials,
    Protocol,
    /// It is dealt with otherwise from the next connection on.
    Handling,
}

impl Parting {
    fn frame(self) -> CloseFrame {
        let (code, reason) = match self {
            Self::Replaced => (CloseCode::Normal, "replaced by a newer connection"),
            Self::ShuttingDown => (CloseCode::Restart, "the server stops"),
            Self::Silent => (CloseCode::Away, "nothing heard for too long"),
            Self::NoSubprotocol => (CloseCode::Protocol, "no common OCPP subprotocol"),
            Self::Binary => (CloseCode::Unsupported, "OCPP-J is text"),
            Self::Compressed => (CloseCode::Protocol, "compression was not agreed on"),
            Self::TooLarge => (CloseCode::Size, "a message larger than 1 MiB"),
            Self::Crowded => (CloseCode::Again, "too many connections of this station at once"),
            Self::WeakerProof => {
                (CloseCode::Policy, "the connection in place proved itself better")
            }
            Self::Credentials => (CloseCode::Policy, "the credentials have changed: connect again"),
            Self::Handling => (CloseCode::Restart, "settings changed: connect again"),
            Self::Protocol => (CloseCode::Policy, "another protocol is wanted: connect again"),
            Self::NotReading => (CloseCode::Policy, "too many messages wait to be read"),
        };
        CloseFrame { code, reason: reason.into() }
    }
}

/// See the module.
pub(super) struct Socket {
    stream: WebSocketStream<Wire>,
    unsent: VecDeque<Message>,
    overflowed: bool,
}

impl Socket {
    /// A connection whose HTTP upgrade is done; `read_already` is what the HTTP side read past it.
    pub(super) async fn upgraded(stream: Wire, read_already: Bytes) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_write_buffer_size(MAX_MESSAGE * 4)
            .max_message_size(Some(MAX_MESSAGE))
            .max_frame_size(Some(MAX_MESSAGE));
        let stream = WebSocketStream::from_partially_read(
            stream,
            read_already.to_vec(),
            Role::Server,
            Some(config),
        )
        .await;
        Self { stream, unsent: VecDeque::new(), overflowed: false }
    }

    /// Queues a message. A station that lets too many wait is cut off by [`Self::next`].
    pub(super) fn send(&mut self, text: String) {
        if self.unsent.len() >= MAX_UNSENT {
            self.overflowed = true;
        } else {
            self.unsent.push_back(Message::text(text));
        }
    }

    /// Asks whether the other side is still there.
    pub(super) fn ping(&mut self) {
        if self.unsent.len() < MAX_UNSENT {
            self.unsent.push_back(Message::Ping(Bytes::new()));
        }
    }

    /// Writes what waits and reads what comes, whichever the network allows. Cancel-safe.
    pub(super) async fn next(&mut self) -> SocketEvent {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<SocketEvent> {
        if self.overflowed {
            let why = "64 messages wait and the station does not read";
            return Poll::Ready(SocketEvent::Misused(Parting::NotReading, why));
        }
        if let Err(error) = self.poll_write(cx) {
            return Poll::Ready(SocketEvent::Closed(error.to_string()));
        }
        let event = match std::task::ready!(self.stream.poll_next_unpin(cx)) {
            Some(Ok(Message::Text(text))) => SocketEvent::Text(text.as_str().to_owned()),
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => SocketEvent::Heard,
            Some(Ok(Message::Binary(_))) => {
                SocketEvent::Misused(Parting::Binary, "it sent a binary message; OCPP-J is text")
            }
            Some(Ok(Message::Close(frame))) => {
                // The answering close frame is queued by the library; it leaves with the flush.
                let _ = self.stream.poll_flush_unpin(cx);
                let said = frame.map(|f| format!(" with code {} {}", u16::from(f.code), f.reason));
                SocketEvent::Closed(format!("the station closed{}", said.unwrap_or_default()))
            }
            Some(Err(Error::Capacity(_))) => {
                SocketEvent::Misused(Parting::TooLarge, "it sent a message larger than 1 MiB")
            }
            // Bits that only an extension gives a meaning, and none was agreed on: see ADR 7.
            Some(Err(Error::Protocol(ProtocolError::NonZeroReservedBits))) => SocketEvent::Misused(
                Parting::Compressed,
                "it sent a compressed message, though compression was not agreed on",
            ),
            Some(Err(error)) => SocketEvent::Closed(error.to_string()),
            None => SocketEvent::Closed("the connection is gone".to_owned()),
        };
        Poll::Ready(event)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        while !self.unsent.is_empty() {
            match self.stream.poll_ready_unpin(cx) {
                Poll::Pending => break,
                Poll::Ready(ready) => ready?,
            }
            if let Some(message) = self.unsent.pop_front() {
                self.stream.start_send_unpin(message)?;
            }
        }
        // Pending is fine: the stream wakes this task when the network takes more.
        match self.stream.poll_flush_unpin(cx) {
            Poll::Ready(result) => result,
            Poll::Pending => Ok(()),
        }
    }

    /// Says why and lets go, without making anybody wait for the station.
    pub(super) fn part(mut self, parting: Parting) {
        tokio::spawn(async move {
            let goodbye = async {
                while let Some(message) = self.unsent.pop_front() {
                    self.stream.feed(message).await?;
                }
                self.stream.send(Message::Close(Some(parting.frame()))).await?;
                // Closing a socket with unread data resets it, and the reset can overtake the close frame.
                let stream = self.stream.get_mut();
                stream.shutdown().await?;
                let mut sink = [0; READ_BUFFER];
                for _ in 0..MAX_DISCARDED / READ_BUFFER {
                    if stream.read(&mut sink).await? == 0 {
                        break;
                    }
                }
                Ok::<(), Error>(())
            };
            let _ = tokio::time::timeout(GOODBYE_LIMIT, goodbye).await;
        });
    }
}
