//! A station sends a log: as the body of a PUT or a POST, or as a part of a form. Knows no link.

use std::time::{Duration, SystemTime};

use axum::body::Body;
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use http_body_util::BodyDataStream;
use hyper::body::Incoming as RequestBody;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE};
use hyper::{Request, Response};
use multer::Multipart;
use tracing::{info, warn};

use super::door::Refused;
use super::traffic::Turn;
use super::{Files, Incoming, Key, Shelf};
use crate::domain::{Closed, Transfer, segment};
use crate::store::Room;

/// Of what is too large, so many bytes are read and thrown away: a station that is still sending hears no answer.
const DISCARD: u64 = 16 << 20;

/// And for so long.
const DISCARD_FOR: Duration = Duration::from_secs(60);

/// Parts of a form that are looked at.
const MAX_PARTS: usize = 16;

/// The kind of content that holds the file as one of its parts.
const FORM: &str = "multipart/form-data";

pub(super) async fn send(
    files: &Files,
    key: Key,
    transfer: &Transfer,
    request: Request<RequestBody>,
    turn: Turn,
) -> Result<Response<Body>, Refused> {
    if files.store.room() != Room::Ample {
        return Err(Refused::NoRoom);
    }
    let most = files.bounds.upload;
    let (head, body) = request.into_parts();
    let mut body = BodyDataStream::new(body);
    let said = head.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let kind = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let form = kind.filter(|kind| kind.trim_start().to_ascii_lowercase().starts_with(FORM));
    if form.is_none() && said.is_some_and(|bytes: u64| bytes > most) {
        let _ = tokio::time::timeout(DISCARD_FOR, discard(&mut body)).await;
        return Err(Refused::TooLarge(most));
    }
    let mut incoming = files.depot.begin(Shelf::Uploads, most).await?;
    let life = Duration::from_millis(transfer.expires.0.saturating_sub((files.now)().0));
    let taking = async {
        match form {
            None => take(&mut body, &mut incoming, &turn).await,
            Some(kind) => take_part(kind, &mut body, &mut incoming, &turn).await,
        }
    };
    let taken = tokio::time::timeout(life, taking).await;
    match taken.unwrap_or(Err(Refused::Closed(Closed::Expired))) {
        Ok(()) => {}
        Err(refused) => {
            files.note_try(&key, incoming.bytes()).await;
            drop(incoming);
            if matches!(refused, Refused::TooLarge(_)) {
                let _ = tokio::time::timeout(DISCARD_FOR, discard(&mut body)).await;
            }
            return Err(refused);
        }
    }
    keep(files, &key, transfer, incoming).await?;
    Ok(Response::new(Body::empty()))
}

/// Puts the whole file in its place and on record. A station that sends again has its newest file kept.
async fn keep(
    files: &Files,
    key: &Key,
    transfer: &Transfer,
    incoming: Incoming,
) -> Result<(), Refused> {
    let (station, number) = key;
    let name = |sha256: &str| format!("{}.{number}.{}", segment(station.as_str()), &sha256[..16]);
    let stored = incoming.finish(name).await?;
    let noted = match files.note_received(key, &stored).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(Refused::Closed(Closed::Ended)),
        Err(error) => Err(error.into()),
    };
    if let Err(refused) = noted {
        // The same log, sent once more, has the same name as the one that is on record.
        let known = files.transfer(key)?.and_then(|transfer| transfer.received);
        if known.is_some_and(|received| received.file == stored.name) {
            return Err(refused);
        }
        if let Err(error) = files.depot.remove(Shelf::Uploads, &stored.name).await {
            warn!(%station, transfer = %number, %error, "a file is not on record and stays");
        }
        return Err(refused);
    }
    let (depot, bounds) = (files.depot.clone(), files.bounds);
    let trimming =
        tokio::task::spawn_blocking(move || depot.trim_uploads(SystemTime::now(), bounds));
    // It is here and on record, whatever becomes of others.
    if let Err(error) = trimming.await.map_err(std::io::Error::other).and_then(|trimmed| trimmed) {
        warn!(%error, "old logs are not removed");
    }
    let before = transfer.received.as_ref().map(|before| &before.file);
    if let Some(before) = before.filter(|before| **before != stored.name)
        && let Err(error) = files.depot.remove(Shelf::Uploads, before).await
    {
        warn!(%station, transfer = %number, %error, "a log that was sent anew stays");
    }
    info!(%station, transfer = %number, bytes = stored.bytes, sha256 = stored.sha256, "a log is here");
    Ok(())
}

/// Writes what comes to the disk, piece by piece.
async fn take<E: std::fmt::Display>(
    pieces: &mut (impl Stream<Item = Result<Bytes, E>> + Unpin),
    incoming: &mut Incoming,
    turn: &Turn,
) -> Result<(), Refused> {
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| Refused::BrokeOff {
            bytes: incoming.bytes(),
            why: error.to_string(),
        })?;
        incoming.write(&piece).await?;
        turn.note(incoming.bytes());
    }
    Ok(())
}

/// The same of the first part that is a file.
async fn take_part(
    kind: &str,
    body: &mut (impl Stream<Item = Result<Bytes, hyper::Error>> + Unpin + Send),
    incoming: &mut Incoming,
    turn: &Turn,
) -> Result<(), Refused> {
    let no_file = |error: multer::Error| Refused::NoFile(error.to_string());
    let boundary = multer::parse_boundary(kind).map_err(no_file)?;
    let mut parts = Multipart::new(body, boundary);
    for _ in 0..MAX_PARTS {
        let Some(mut part) = parts.next_field().await.map_err(no_file)? else { break };
        if part.file_name().is_some() {
            return take(&mut part, incoming, turn).await;
        }
    }
    Err(Refused::NoFile("no part of the form is a file".to_owned()))
}

async fn discard(body: &mut BodyDataStream<RequestBody>) {
    let mut bytes = 0;
    while let Some(Ok(piece)) = body.next().await {
        bytes += piece.len() as u64;
        if bytes > DISCARD {
            return;
        }
    }
}
