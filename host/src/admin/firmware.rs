//! `/v1/firmware`: what stations may fetch from the house. Knows no link.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use futures_util::StreamExt as _;
use serde::Deserialize;

use super::desk::Desk;
use super::extract::{JsonBody, Named, PageQuery, Params};
use super::problem::Problem;
use super::views::{Code, FirmwarePage, FirmwareView, SignatureBody};
use crate::domain::{Firmware, FirmwareName, FirmwareSignature};
use crate::files::{NotShelved, Shelf};
use crate::store::{All, Order};

/// Longest version of a firmware, in characters: as much as a station may report of its own.
const MAX_VERSION: usize = 50;

/// Longest certificate and longest signature that OCPP can carry, in characters.
const MAX_CERTIFICATE: usize = 5500;
const MAX_SIGNATURE: usize = 800;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AddQuery {
    version: Option<String>,
}

pub(super) async fn list(
    State(desk): State<Arc<Desk>>,
    Params(page): Params<PageQuery>,
) -> Result<Json<FirmwarePage>, Problem> {
    let (after, limit) = (page.after::<FirmwareName>()?, page.limit()?);
    let found = desk
        .read(move |store| {
            Ok(store.page::<Firmware>(All, after.as_ref(), Order::Ascending, limit)?)
        })
        .await?;
    let next = found.last().filter(|_| found.len() == limit).map(|(name, _)| name.to_string());
    let firmware =
        found.into_iter().map(|(name, found)| FirmwareView::of(name, found.value)).collect();
    Ok(Json(FirmwarePage { firmware, next }))
}

/// The body is the file, which goes to the disk piece by piece.
pub(super) async fn put(
    State(desk): State<Arc<Desk>>,
    Named(name): Named<FirmwareName>,
    Params(query): Params<AddQuery>,
    request: Request,
) -> Result<Json<FirmwareView>, Problem> {
    let _room = desk.upload()?;
    let version = query.version.filter(|version| !version.is_empty());
    if version.as_ref().is_some_and(|version| version.chars().count() > MAX_VERSION) {
        let message = format!("version: must have at most {MAX_VERSION} characters");
        return Err(Problem::bad_request(message, "shorten it"));
    }
    let files = desk.admin.transfers.files();
    let mut incoming = files
        .depot
        .begin(Shelf::Firmware, files.bounds.firmware)
        .await
        .map_err(NotShelved::from)?;
    let mut body = request.into_body().into_data_stream();
    while let Some(piece) = body.next().await {
        let broke_off = |error| {
            let message = format!("the body broke off: {error}");
            Problem::bad_request(message, "send the whole file")
        };
        incoming.write(&piece.map_err(broke_off)?).await.map_err(NotShelved::from)?;
    }
    if incoming.bytes() == 0 {
        return Err(Problem::bad_request("the body is empty", "send the file as the body"));
    }
    let firmware = files.add_firmware(&name, version, incoming).await?;
    tracing::info!(firmware = %name, bytes = firmware.bytes, sha256 = firmware.sha256, "added");
    Ok(Json(FirmwareView::of(name, firmware)))
}

pub(super) async fn sign(
    State(desk): State<Arc<Desk>>,
    Named(name): Named<FirmwareName>,
    JsonBody(body): JsonBody<SignatureBody>,
) -> Result<Json<FirmwareView>, Problem> {
    let SignatureBody { signing_certificate: certificate, signature } = body;
    let is_pem = certificate.contains("-----BEGIN CERTIFICATE-----");
    if !is_pem || certificate.chars().count() > MAX_CERTIFICATE {
        let message =
            format!("signing_certificate: must be PEM of at most {MAX_CERTIFICATE} characters");
        return Err(Problem::bad_request(
            message,
            "send the vendor's certificate, without its chain",
        ));
    }
    let is_text = signature.bytes().all(|byte| byte.is_ascii_graphic());
    if signature.is_empty() || signature.len() > MAX_SIGNATURE || !is_text {
        let message = format!("signature: must be base64 of at most {MAX_SIGNATURE} characters");
        return Err(Problem::bad_request(
            message,
            "encode the vendor's signature with `base64 -w0`",
        ));
    }
    let signature = FirmwareSignature { certificate, signature };
    let firmware = desk.admin.transfers.files().sign_firmware(&name, signature).await?;
    Ok(Json(FirmwareView::of(name, firmware)))
}

pub(super) async fn delete(
    State(desk): State<Arc<Desk>>,
    Named(name): Named<FirmwareName>,
) -> Result<StatusCode, Problem> {
    desk.admin.transfers.files().remove_firmware(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) fn not_found(name: &FirmwareName) -> Problem {
    let message = format!("there is no firmware '{name}'");
    Problem::new(Code::FirmwareNotFound, message, "see GET /v1/firmware; PUT a file to add one")
}
