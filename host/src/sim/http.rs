//! Carries a simulated station's files over HTTP, in the clear or over TLS as the station connects. One request on one
//! connection, as simple stations do it. Knows no charger.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_RANGE, HOST, RANGE};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;

use super::files::{Carried, Errand, version_in};
use super::link::Endpoint;

/// How long a whole file may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// Of a file that is fetched, so many bytes are looked at.
const BEGINNING: usize = 256;

/// From the last byte that arrives to the loss of the connection.
const UNTIL_BROKEN: Duration = Duration::from_millis(100);

/// Bytes of a log that are sent at a time.
const PIECE: usize = 4 << 10;

/// `known` says whom the station trusts.
pub(super) async fn carry(known: Endpoint, errand: Errand) -> Carried {
    let mut carried = Carried::default();
    let carrying = async {
        match errand {
            Errand::Fetch { url, from, breaks } => {
                fetch(&known, &url, from, breaks, &mut carried).await
            }
            Errand::Send { url, content, breaks } => {
                send(&known, &url, content, breaks, &mut carried).await
            }
        }
    };
    let ended = tokio::time::timeout(PATIENCE, carrying).await;
    if let Err(error) = ended.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
        carried.failure = Some(error.to_string());
    }
    carried
}

async fn fetch(
    known: &Endpoint,
    url: &str,
    from: u64,
    breaks: bool,
    carried: &mut Carried,
) -> io::Result<()> {
    carried.bytes = from;
    let response = ask(known, url, Method::GET, from, Vec::new()).await?;
    let rest = match response.status() {
        StatusCode::PARTIAL_CONTENT => begins_at(&response) == Some(from),
        StatusCode::OK => {
            carried.bytes = 0;
            true
        }
        _ => false,
    };
    if !rest {
        return Err(io::Error::other(format!("the server answered {}", response.status())));
    }
    let mut body = response.into_body();
    let left = hyper::body::Body::size_hint(&body).exact();
    let left = left.ok_or_else(|| io::Error::other("the server did not say how long it is"))?;
    carried.whole = carried.bytes + left;
    let enough = if breaks { carried.whole / 2 } else { carried.whole };
    let mut beginning = Vec::new();
    let is_new = carried.bytes == 0;
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame.map_err(io::Error::other)?.into_data() else { continue };
        carried.bytes += piece.len() as u64;
        if is_new && beginning.len() < BEGINNING {
            beginning.extend(piece.iter().take(BEGINNING - beginning.len()));
            carried.first_line = version_in(&beginning);
        }
        if breaks && carried.bytes >= enough {
            return Err(io::Error::other("the connection broke"));
        }
    }
    Ok(())
}

fn begins_at<B>(response: &Response<B>) -> Option<u64> {
    let range = response.headers().get(CONTENT_RANGE)?.to_str().ok()?;
    range.strip_prefix("bytes ")?.split('-').next()?.parse().ok()
}

async fn send(
    known: &Endpoint,
    url: &str,
    content: String,
    breaks: bool,
    carried: &mut Carried,
) -> io::Result<()> {
    carried.whole = content.len() as u64;
    let pieces = content.as_bytes().chunks(PIECE).map(|piece| Ok(Bytes::copy_from_slice(piece)));
    let mut pieces: Vec<io::Result<Bytes>> = pieces.collect();
    if breaks {
        pieces.truncate(pieces.len() / 2);
        pieces.push(Err(io::Error::other("the connection broke")));
    }
    let response = ask(known, url, Method::PUT, 0, pieces).await?;
    if !response.status().is_success() {
        return Err(io::Error::other(format!("the server answered {}", response.status())));
    }
    carried.bytes = carried.whole;
    Ok(())
}

async fn ask(
    known: &Endpoint,
    url: &str,
    method: Method,
    from: u64,
    pieces: Vec<io::Result<Bytes>>,
) -> io::Result<Response<hyper::body::Incoming>> {
    let (endpoint, path) = known.elsewhere(url).ok_or(io::ErrorKind::InvalidInput)?;
    let stream = TokioIo::new(endpoint.connect().await?);
    let (mut sender, connection) = http1::handshake(stream).await.map_err(io::Error::other)?;
    // Ends with the answer.
    tokio::spawn(connection);
    let mut request =
        Request::builder().method(method).uri(path).header(HOST, endpoint.authority());
    if from > 0 {
        request = request.header(RANGE, format!("bytes={from}-"));
    }
    let frames = stream::iter(pieces).then(|piece| async {
        if piece.is_err() {
            tokio::time::sleep(UNTIL_BROKEN).await;
        }
        piece.map(Frame::data)
    });
    let request = request.body(StreamBody::new(frames)).map_err(io::Error::other)?;
    sender.send_request(request).await.map_err(io::Error::other)
}
