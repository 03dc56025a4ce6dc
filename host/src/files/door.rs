//! The files listener: who comes with a link that is good is let through to the file, everybody else is refused. Knows no
//! disk.
//!
//! Every refusal is a line in the log with the station and the transfer that the link names, and never the link itself.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::link::{self, Followed};
use super::patient::Patient;
use super::{Files, Unwritable, fetch, send};
use crate::domain::{Closed, TransferTopic};
use crate::store::Unwritten;
use crate::tls::{Handshake, Wire, accept_each};

/// Connections at once. More wait in the listener's backlog.
const MAX_CONNECTIONS: usize = 256;

/// From the first byte to the end of a request's head, and for a TLS handshake.
const HEAD_LIMIT: Duration = Duration::from_secs(10);

/// Largest head of a request, in bytes.
const MAX_HEAD: usize = 64 << 10;

/// How long a connection may be without a byte.
const SILENCE: Duration = Duration::from_secs(60);

/// See the module.
pub struct Door {
    files: Files,
}

/// Why nothing is fetched or sent.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error("this is no link of the house")]
    NoLink,
    #[error("there is no such transfer")]
    NoTransfer,
    #[error(transparent)]
    Closed(#[from] Closed),
    #[error("the link is not for {0}")]
    Direction(Method),
    #[error("the station has as many requests under way as it may")]
    Busy,
    #[error("the file is larger than the {0} bytes that it may have")]
    TooLarge(u64),
    #[error("the disk is almost full")]
    NoRoom,
    #[error("the firmware has been removed")]
    Removed,
    #[error("there is no file in the request: {0}")]
    NoFile(String),
    #[error("it broke off after {bytes} bytes: {why}")]
    BrokeOff { bytes: u64, why: String },
    #[error("the disk: {0}")]
    Disk(#[from] std::io::Error),
    #[error(transparent)]
    Records(#[from] Unwritten),
}

impl From<Unwritable> for Refused {
    fn from(error: Unwritable) -> Self {
        match error {
            Unwritable::TooLarge(most) => Self::TooLarge(most),
            Unwritable::NoRoom => Self::NoRoom,
            Unwritable::Disk(error) => Self::Disk(error),
        }
    }
}

impl Refused {
    const fn status(&self) -> StatusCode {
        match self {
            // A stranger shall not learn which transfers there are.
            Self::NoLink | Self::NoTransfer | Self::Closed(Closed::Foreign) => {
                StatusCode::NOT_FOUND
            }
            Self::Closed(Closed::Expired | Closed::Ended) | Self::Removed => StatusCode::GONE,
            Self::Direction(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Busy => StatusCode::TOO_MANY_REQUESTS,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NoRoom => StatusCode::INSUFFICIENT_STORAGE,
            Self::NoFile(_) | Self::BrokeOff { .. } => StatusCode::BAD_REQUEST,
            Self::Disk(_) | Self::Records(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl Door {
    pub fn new(files: Files) -> Self {
        Self { files }
    }

    /// Lets stations in until told to stop; over TLS if there is a `handshake` to be made first.
    pub async fn serve(
        self: Arc<Self>,
        listener: TcpListener,
        handshake: Option<Handshake>,
        stop: CancellationToken,
    ) {
        let greet = |stream: TcpStream, peer| {
            let (door, handshake) = (self.clone(), handshake.clone());
            async move {
                let Some(handshake) = handshake else {
                    return door.greet(Wire::Plain(stream), peer).await;
                };
                match tokio::time::timeout(HEAD_LIMIT, handshake.accept(stream)).await {
                    Ok(Ok((stream, _))) => door.greet(stream, peer).await,
                    Ok(Err(refused)) => {
                        let station = refused.claims.as_deref().unwrap_or_default();
                        warn!(station, %peer, reason = %refused, "no TLS for a file");
                    }
                    Err(_) => info!(%peer, "did not finish the TLS handshake for a file in time"),
                }
            }
        };
        accept_each(listener, MAX_CONNECTIONS, stop, greet).await;
    }

    async fn greet(self: Arc<Self>, stream: Wire, peer: SocketAddr) {
        let service = service_fn(move |request| {
            let door = self.clone();
            async move { Ok::<_, Infallible>(door.answer(request, peer).await) }
        });
        let served = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_LIMIT)
            .max_buf_size(MAX_HEAD)
            .serve_connection(TokioIo::new(Patient::new(stream, SILENCE)), service)
            .await;
        if let Err(error) = served {
            info!(%peer, %error, "a connection for files ended");
        }
    }

    async fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<Body> {
        let method = request.method().clone();
        let Some(followed) = link::read(request.uri().path()) else {
            metrics::counter!("plugpoint_links_refused_total").increment(1);
            warn!(%peer, %method, reason = %Refused::NoLink, "a request for a file was refused");
            return refusal(&Refused::NoLink);
        };
        let (station, transfer) = followed.key.clone();
        match self.follow(followed, request).await {
            Ok(response) => {
                let status = response.status().as_u16();
                info!(%station, %transfer, %peer, %method, status, "a link was followed");
                response
            }
            Err(refused) => {
                metrics::counter!("plugpoint_links_refused_total").increment(1);
                warn!(%station, %transfer, %peer, %method, reason = %refused, "a link was refused");
                refusal(&refused)
            }
        }
    }

    async fn follow(
        &self,
        Followed { key, digest }: Followed,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Refused> {
        let files = &self.files;
        let transfer = files.transfer(&key)?.ok_or(Refused::NoTransfer)?;
        transfer.opens(&digest, (files.now)())?;
        let turn = files.traffic.enter(&key).ok_or(Refused::Busy)?;
        match (transfer.kind.topic(), request.method()) {
            (TransferTopic::Firmware, &Method::GET | &Method::HEAD) => {
                fetch::fetch(files, key, &transfer, &request, turn).await
            }
            (TransferTopic::Log, &Method::PUT | &Method::POST) => {
                send::send(files, key, &transfer, request, turn).await
            }
            (_, method) => Err(Refused::Direction(method.clone())),
        }
    }
}

/// As much as helps a station's developer.
fn refusal(refused: &Refused) -> Response<Body> {
    let text = match refused {
        Refused::NoTransfer | Refused::Closed(Closed::Foreign) => Refused::NoLink.to_string(),
        Refused::Disk(_) | Refused::Records(_) => "the server could not do this".to_owned(),
        refused => refused.to_string(),
    };
    let mut response = Response::new(Body::from(format!("{text}\n")));
    *response.status_mut() = refused.status();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    if matches!(refused, Refused::Busy) {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("30"));
    }
    // What is left of a body that nobody wants shall not be waited for.
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
