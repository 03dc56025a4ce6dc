//! A station fetches firmware: all of it, or from where its last try broke off. Knows no link.

use std::io::SeekFrom;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

use super::door::Refused;
use super::range::{Wanted, wanted};
use super::traffic::Turn;
use super::{Files, Key, Shelf};
use crate::domain::{Millis, Transfer};

/// Bytes that are read at a time.
const PIECE: usize = 64 << 10;

/// A file on its way out. Says how far it came when it is dropped, whoever ended it.
struct Outgoing {
    file: File,
    /// The next byte's place in the file, and the place behind the last one that is wanted.
    at: u64,
    end: u64,
    expires: Millis,
    files: Files,
    key: Key,
    turn: Turn,
}

pub(super) async fn fetch(
    files: &Files,
    key: Key,
    transfer: &Transfer,
    request: &Request<Incoming>,
    turn: Turn,
) -> Result<Response<Body>, Refused> {
    let firmware = transfer.firmware.as_ref().ok_or(Refused::Removed)?;
    let opened = files.depot.open_file(Shelf::Firmware, &firmware.sha256).await;
    let (mut file, size) = opened.map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Refused::Removed,
        _ => error.into(),
    })?;
    let tag = format!("\"{}\"", firmware.sha256);
    let asked = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    // Whoever holds a part of another file begins anew.
    let is_same = asked(header::IF_RANGE).is_none_or(|held| held == tag);
    let range = asked(header::RANGE).filter(|_| is_same && request.method() == Method::GET);
    let (status, first, end) = match wanted(range, size) {
        Wanted::Whole => (StatusCode::OK, 0, size),
        Wanted::Part { first, last } => (StatusCode::PARTIAL_CONTENT, first, last + 1),
        Wanted::Nothing => (StatusCode::RANGE_NOT_SATISFIABLE, size, size),
    };
    let content = match *request.method() {
        Method::HEAD => Body::empty(),
        _ => {
            file.seek(SeekFrom::Start(first)).await?;
            let (files, expires) = (files.clone(), transfer.expires);
            Outgoing { file, at: first, end, expires, files, key, turn }.into_body()
        }
    };
    let mut response = Response::new(content);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(end - first));
    headers.insert(header::ETAG, HeaderValue::try_from(tag).map_err(std::io::Error::other)?);
    let part = match status {
        StatusCode::PARTIAL_CONTENT => Some(format!("bytes {first}-{}/{size}", end - 1)),
        StatusCode::RANGE_NOT_SATISFIABLE => Some(format!("bytes */{size}")),
        _ => None,
    };
    if let Some(part) = part {
        let part = HeaderValue::try_from(part).map_err(std::io::Error::other)?;
        headers.insert(header::CONTENT_RANGE, part);
    }
    Ok(response)
}

impl Outgoing {
    fn into_body(self) -> Body {
        let pieces = stream::try_unfold(self, |mut out| async move {
            let piece = out.piece().await?;
            Ok::<_, std::io::Error>((!piece.is_empty()).then_some((piece, out)))
        });
        Body::from_stream(pieces)
    }

    /// Empty at the end.
    async fn piece(&mut self) -> std::io::Result<Bytes> {
        if (self.files.now)() >= self.expires {
            return Err(std::io::Error::other("the link's time is over"));
        }
        let left = usize::try_from(self.end - self.at).unwrap_or(PIECE).min(PIECE);
        let mut piece = vec![0; left];
        self.file.read_exact(&mut piece).await?;
        self.at += left as u64;
        self.turn.note(self.at);
        Ok(piece.into())
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        // A server that stops loses this one note.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (files, key, far) = (self.files.clone(), self.key.clone(), self.at);
        runtime.spawn(async move { files.note_try(&key, far).await });
    }
}
