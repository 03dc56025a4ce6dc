//! `/v1/stations/{id}/transfers`: files that stations were asked to fetch or to send, how far they are, and what came.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::commands::when;
use super::desk::Desk;
use super::extract::{JsonBody, Named, NamedTwice};
use super::problem::Problem;
use super::views::{Code, Timestamp, TransferRequest, TransferView, TransfersPage};
use crate::domain::{MAX_KEPT_TRANSFERS, StationId, Transfer, TransferKind, TransferNo, Versioned};
use crate::files::{Files, Key, Shelf};
use crate::store::Order;
use crate::work::{How, Span, Wanted, WantedFile};

pub(super) async fn post(
    State(desk): State<Arc<Desk>>,
    Named(id): Named<StationId>,
    JsonBody(request): JsonBody<TransferRequest>,
) -> Result<Response, Problem> {
    let wanted = parse(request)?;
    let status = match wanted.how {
        How::Now(_) => StatusCode::OK,
        How::Queued(_) => StatusCode::ACCEPTED,
    };
    let key = desk.admin.transfers.ask(&id, wanted).await?;
    let view = find(&desk, key).await?.1;
    Ok((status, Json(view)).into_response())
}

fn parse(request: TransferRequest) -> Result<Wanted, Problem> {
    let TransferRequest { kind, firmware, from, until, timeout_ms, queue_ms } = request;
    let file = match (kind, firmware) {
        (TransferKind::Firmware, Some(name)) => WantedFile::Firmware(name),
        (TransferKind::Diagnostics, None) => WantedFile::Diagnostics,
        (TransferKind::SecurityLog, None) => WantedFile::SecurityLog,
        (TransferKind::Firmware, None) => {
            let next = "see GET /v1/firmware for what there is";
            return Err(Problem::bad_request("firmware: which one?", next));
        }
        (TransferKind::Diagnostics | TransferKind::SecurityLog, Some(_)) => {
            let next = "leave it out, or ask for the kind firmware";
            return Err(Problem::bad_request("firmware: a log has none", next));
        }
    };
    let how = when(timeout_ms, queue_ms)?;
    let time = |said: Option<Timestamp>| said.map(|Timestamp(at)| at);
    Ok(Wanted { file, span: Span { from: time(from), until: time(until) }, how })
}

pub(super) async fn list(
    State(desk): State<Arc<Desk>>,
    Named(id): Named<StationId>,
) -> Result<Json<TransfersPage>, Problem> {
    let files = desk.admin.transfers.files().clone();
    let transfers = desk.read(move |store| {
        let kept = store.page::<Transfer>(&id, None, Order::Descending, MAX_KEPT_TRANSFERS + 1)?;
        let view = |(key, found): (Key, Versioned<Transfer>)| view(&files, key, found.value);
        Ok(kept.into_iter().map(view).collect())
    });
    Ok(Json(TransfersPage { transfers: transfers.await?, next: None }))
}

pub(super) async fn get(
    State(desk): State<Arc<Desk>>,
    NamedTwice(id, number): NamedTwice<StationId, TransferNo>,
) -> Result<Json<TransferView>, Problem> {
    Ok(Json(find(&desk, (id, number)).await?.1))
}

/// The link is of no use any more.
pub(super) async fn delete(
    State(desk): State<Arc<Desk>>,
    NamedTwice(id, number): NamedTwice<StationId, TransferNo>,
) -> Result<Json<TransferView>, Problem> {
    let key = (id, number);
    match desk.admin.transfers.revoke(&key).await? {
        Some(_) => Ok(Json(find(&desk, key).await?.1)),
        None => Err(not_found(&key)),
    }
}

/// What came in, as it came.
pub(super) async fn file(
    State(desk): State<Arc<Desk>>,
    NamedTwice(id, number): NamedTwice<StationId, TransferNo>,
) -> Result<Response, Problem> {
    let key = (id, number);
    let received = find(&desk, key.clone()).await?.0.received;
    let Some(received) = received else {
        let message = format!("nothing has come of transfer {number} of {}", key.0);
        return Err(Problem::new(Code::FileNotFound, message, "its record says how far it is"));
    };
    let depot = &desk.admin.transfers.files().depot;
    let Ok((file, bytes)) = depot.open_file(Shelf::Uploads, &received.file).await else {
        let message = format!("what came of transfer {number} of {} was removed", key.0);
        let next = "it was too old or too much was kept; have the station send it again";
        return Err(Problem::new(Code::FileNotFound, message, next));
    };
    let content = tokio_util::io::ReaderStream::new(file);
    let kind = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_LENGTH, bytes.to_string()),
    ];
    Ok((kind, Body::from_stream(content)).into_response())
}

async fn find(desk: &Arc<Desk>, key: Key) -> Result<(Transfer, TransferView), Problem> {
    let files = desk.admin.transfers.files().clone();
    desk.read(move |store| match store.read::<Transfer>(&key)? {
        Some(found) => Ok((found.value.clone(), view(&files, key, found.value))),
        None => Err(not_found(&key)),
    })
    .await
}

fn view(files: &Files, key: Key, transfer: Transfer) -> TransferView {
    let transfer = files.as_of_now(&key, transfer);
    let received = transfer.received.as_ref();
    let kept = received.is_some_and(|received| files.depot.has(Shelf::Uploads, &received.file));
    TransferView::of(key.0, key.1, transfer, kept)
}

fn not_found((station, number): &Key) -> Problem {
    let message = format!("there is no transfer {number} of {station}, or its record is gone");
    Problem::new(Code::TransferNotFound, message, "see GET /v1/stations/{id}/transfers")
}
