//! The station listener: HTTP upgrades in, connections for the registry out. Knows no OCPP message.
//!
//! Who may come in is decided by `admission`, which is asked here and only here. Every refusal names the station and the
//! reason in the log, and tells the station no more than it needs.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{
    AUTHORIZATION, CONNECTION, HeaderMap, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE, WWW_AUTHENTICATE,
};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::admission::{Admission, Admitted, Knock, Refusal, Way};
use super::credentials::read_basic;
use super::registry::{Arrival, Registry, Stranger, TurnedAway};
use super::socket::{Parting, Socket, derive_accept_key};
use crate::domain::{StationId, StationPath};
use crate::ocpp::{DIALECTS, Dialect};
use crate::tls::{Handshake, Wire, accept_each};

/// Connections that may be on their way through the door. More wait in the listener's backlog.
const MAX_KNOCKING: usize = 1024;

/// From the first byte to the end of the request's head.
const HEAD_LIMIT: Duration = Duration::from_secs(10);

/// Largest head of a request, in bytes.
const MAX_HEAD: usize = 16 << 10;

/// Subprotocols of one request that are looked at. Stations name one to three.
const MAX_OFFERED: usize = 8;

/// How much of a path goes into the log, in characters.
const MAX_LOGGED_PATH: usize = 100;

/// See the module.
pub struct Door {
    pub registry: Registry,
    pub admission: Admission,
    /// Below which stations connect.
    pub path: StationPath,
}

impl Door {
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
                match handshake {
                    Some(handshake) => door.shake(stream, handshake, peer).await,
                    None => door.greet(Wire::Plain(stream), Way::in_the_clear(peer)).await,
                }
            }
        };
        accept_each(listener, MAX_KNOCKING, stop, greet).await;
    }

    async fn shake(self: Arc<Self>, stream: TcpStream, handshake: Handshake, peer: SocketAddr) {
        match tokio::time::timeout(HEAD_LIMIT, handshake.accept(stream)).await {
            Ok(Ok((stream, certificate))) => {
                let way = Way { peer, is_tls: true, certificate };
                self.greet(stream, way).await;
            }
            Ok(Err(refused)) => {
                let station = refused.claims.as_deref().unwrap_or_default();
                warn!(station, %peer, reason = %refused, "refused at the door, before TLS was up");
            }
            Err(_) => info!(%peer, "did not finish the TLS handshake in time"),
        }
    }

    async fn greet(self: Arc<Self>, stream: Wire, way: Way) {
        let peer = way.peer;
        let way = Arc::new(way);
        let service = service_fn(move |request| {
            let (door, way) = (self.clone(), way.clone());
            async move { Ok::<_, Infallible>(door.answer(request, &way).await) }
        });
        let served = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_LIMIT)
            .max_buf_size(MAX_HEAD)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades()
            .await;
        if let Err(error) = served {
            info!(%peer, %error, "a connection did not get through the door");
        }
    }

    async fn answer(&self, mut request: Request<Incoming>, way: &Way) -> Response<Full<Bytes>> {
        let (path, peer) = (request.uri().path().to_owned(), way.peer);
        let station = self.path.station(&path);
        let admitted = match read_knock(station.as_ref(), request.headers()) {
            Ok(knock) => match self.admission.admit(&knock, way).await {
                Err(Refusal::Unknown) => {
                    self.registry.note_stranger(stranger(&knock, peer));
                    Err(Refusal::Unknown)
                }
                admitted => admitted.map(|admitted| (knock, admitted)),
            },
            Err(refusal) => Err(refusal),
        };
        let (knock, admitted) = match admitted {
            Ok(admitted) => admitted,
            Err(refusal) => {
                let station = station.map_or_else(String::new, |id| id.to_string());
                let path: String = path.chars().take(MAX_LOGGED_PATH).collect();
                warn!(station, %peer, path, reason = %refusal, "refused at the door");
                return turn_away(&refusal);
            }
        };
        let response = switching(&knock, admitted.dialect);
        let registry = self.registry.clone();
        tokio::spawn(async move {
            match hyper::upgrade::on(&mut request).await {
                Ok(upgraded) => hand_over(upgraded, &registry, knock, admitted, peer).await,
                Err(error) => info!(station = %knock.station, %peer, %error, "no upgrade"),
            }
        });
        response
    }
}

/// For an operator to see: no password.
fn stranger(knock: &Knock, peer: SocketAddr) -> Stranger {
    let now = super::actor::now().wall;
    Stranger {
        id: knock.station.clone(),
        first: now,
        last: now,
        knocks: 1,
        peer,
        offered: knock.offered.clone(),
        has_password: knock.password.is_some(),
    }
}

fn read_knock(station: Option<&StationId>, headers: &HeaderMap) -> Result<Knock, Refusal> {
    let station = station.cloned().ok_or(Refusal::NoSuchPath)?;
    let says = |name, word: &str| {
        let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|part| part.trim().eq_ignore_ascii_case(word))
    };
    let key = headers.get(SEC_WEBSOCKET_KEY).ok_or(Refusal::NotWebSocket)?;
    if !says(UPGRADE, "websocket")
        || !says(CONNECTION, "upgrade")
        || !says(SEC_WEBSOCKET_VERSION, "13")
    {
        return Err(Refusal::NotWebSocket);
    }
    let password = match headers.get(AUTHORIZATION) {
        None => None,
        Some(header) => {
            let (user, password) =
                read_basic(header.as_bytes()).ok_or(Refusal::BadAuthorization)?;
            if user != station.as_str().as_bytes() {
                return Err(Refusal::BadAuthorization);
            }
            Some(password)
        }
    };
    let offered = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    let offered = offered
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(',').map(|name| name.trim().to_owned()))
        .filter(|name| !name.is_empty())
        .take(MAX_OFFERED)
        .collect();
    Ok(Knock { station, password, offered, accept_key: derive_accept_key(key.as_bytes()) })
}

/// Tells the station no more than it needs.
fn turn_away(refusal: &Refusal) -> Response<Full<Bytes>> {
    let status = match refusal {
        Refusal::NoSuchPath | Refusal::Unknown => StatusCode::NOT_FOUND,
        Refusal::NotWebSocket => StatusCode::UPGRADE_REQUIRED,
        Refusal::BadAuthorization | Refusal::WrongPassword => StatusCode::UNAUTHORIZED,
        Refusal::TooWeak { .. } | Refusal::ForeignCertificate { .. } => StatusCode::FORBIDDEN,
        Refusal::Records(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut response = Response::new(Full::from(format!("{refusal}\n")));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    // Said here and not by hyper, which would say it in the `Connection` of an upgrade, too.
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    match status {
        StatusCode::UNAUTHORIZED => {
            let realm = HeaderValue::from_static("Basic realm=\"ocpp\"");
            headers.insert(WWW_AUTHENTICATE, realm);
        }
        StatusCode::UPGRADE_REQUIRED => {
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        }
        _ => {}
    }
    response
}

/// Without a common subprotocol the handshake is completed without one and the connection then closed
/// (OCPP-J 1.6 §3.1.2): the close frame can say why, an HTTP error cannot.
fn switching(knock: &Knock, dialect: Option<&Dialect>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    if let Ok(accept) = HeaderValue::from_str(&knock.accept_key) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    // Only one that was offered may be named (RFC 6455 §4.2.2): where the operator says what an odd name stands for, the
    // odd name.
    let spoken = dialect.map(|dialect| dialect.subprotocol);
    let name = spoken.and_then(|spoken| {
        let offered = &knock.offered;
        offered.iter().find(|name| *name == spoken).or_else(|| offered.first())
    });
    if let Some(name) = name.and_then(|name| HeaderValue::from_str(name).ok()) {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, name);
    }
    response
}

async fn hand_over(
    upgraded: hyper::upgrade::Upgraded,
    registry: &Registry,
    knock: Knock,
    admitted: Admitted,
    peer: SocketAddr,
) {
    let Knock { station, offered, .. } = knock;
    let Admitted { profile, dialect, handling } = admitted;
    let Ok(parts) = upgraded.downcast::<TokioIo<Wire>>() else {
        return warn!(%station, %peer, "the upgraded connection is not the one that was accepted");
    };
    let socket = Socket::upgraded(parts.io.into_inner(), parts.read_buf).await;
    let Some(dialect) = dialect else {
        let known: Vec<_> = DIALECTS.iter().map(|dialect| dialect.subprotocol).collect();
        let reason = "refused at the door: no subprotocol in common, or not the one wanted of it";
        warn!(%station, %peer, ?offered, ?known, "{reason}");
        return socket.part(Parting::NoSubprotocol);
    };
    let socket = Box::new(socket);
    let arrival = Arrival { station: station.clone(), socket, dialect, peer, profile, handling };
    if let Err((reason, socket)) = registry.arrive(arrival) {
        warn!(%station, %peer, %reason, "turned away");
        socket.part(match reason {
            TurnedAway::Crowded => Parting::Crowded,
            TurnedAway::WeakerProof => Parting::WeakerProof,
            TurnedAway::ShuttingDown => Parting::ShuttingDown,
        });
    }
}
