//! The house's authority, the server's certificate, and those of stations. Knows no key and no handshake.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;

use super::desk::Desk;
use super::extract::{JsonBody, Named};
use super::problem::Problem;
use super::stations::not_found;
use super::views::{
    AuthorityView, CertificateView, CertificatesPage, Code, ServerCertificateView,
    SigningRequestBody, Timestamp,
};
use crate::domain::{
    CertificateChange, Fact, FactBody, Millis, Stamp, StationCertificate, StationId, StationRecord,
};
use crate::station::registry::Changed;
use crate::store::{Commit, Expect, Order, Store};
use crate::tls::{SigningRequest, Source};
use crate::work::{NotRenewed, ask_to_renew, keep_signed};

/// Certificates of one station that are shown. The house keeps fewer.
const MAX_CERTIFICATES: usize = 64;

pub(super) async fn authority(State(desk): State<Arc<Desk>>) -> Json<AuthorityView> {
    let authority = &desk.admin.authority;
    let certificate = authority.certificate();
    Json(AuthorityView {
        organisation: authority.organisation().to_owned(),
        serial: certificate.serial.clone(),
        fingerprint: certificate.fingerprint.clone(),
        until: Timestamp(certificate.not_after),
        certificate: authority.pem().to_owned(),
    })
}

pub(super) async fn shown(State(desk): State<Arc<Desk>>) -> Json<ServerCertificateView> {
    let own = &desk.admin.own;
    Json(ServerCertificateView::of(source(own.source()), own.certificate()))
}

/// Connections stay as they are; whoever comes next sees the new certificate.
pub(super) async fn reload(
    State(desk): State<Arc<Desk>>,
) -> Result<Json<ServerCertificateView>, Problem> {
    let (own, authority) = (desk.admin.own.clone(), desk.admin.authority.clone());
    let now = (desk.admin.now)();
    let reloading = tokio::task::spawn_blocking(move || {
        let certificate = own.reload(&authority, now).map_err(|error| {
            let next = "the certificate in use stays; correct the files, then reload again";
            Problem::bad_request(error.to_string(), next)
        })?;
        Ok(ServerCertificateView::of(source(own.source()), certificate))
    });
    let view = reloading.await.unwrap_or_else(|died| Err(Problem::internal(&died)))?;
    tracing::info!(serial = view.serial, "the server's certificate was reloaded");
    Ok(Json(view))
}

pub(super) async fn list(
    State(desk): State<Arc<Desk>>,
    Named(id): Named<StationId>,
) -> Result<Json<CertificatesPage>, Problem> {
    let found = desk.read(move |store| {
        known(store, &id)?;
        Ok(store.page::<StationCertificate>(&id, None, Order::Ascending, MAX_CERTIFICATES)?)
    });
    let view = |((_, serial), found): ((_, String), crate::domain::Versioned<_>)| {
        CertificateView::of(serial, found.value)
    };
    let certificates = found.await?.into_iter().map(view).collect();
    Ok(Json(CertificatesPage { certificates, next: None }))
}

/// For stations that get their first certificate in a workshop. Whom it is for is the operator's word.
pub(super) async fn sign(
    State(desk): State<Arc<Desk>>,
    Named(id): Named<StationId>,
    JsonBody(body): JsonBody<SigningRequestBody>,
) -> Result<Json<CertificateView>, Problem> {
    let station = id.clone();
    desk.read(move |store| known(store, &station)).await?;
    let request = SigningRequest::read(&body.request).map_err(|error| {
        Problem::bad_request(format!("request: {error}"), "make a new key and a new request")
    })?;
    let now = (desk.admin.now)();
    let signed =
        desk.admin.authority.sign(&request, now).map_err(|error| Problem::internal(&error))?;
    let mut commit = Commit::new();
    let until = Some(signed.certificate.not_after);
    let (serial, certificate) = keep_signed(&mut commit, &id, signed);
    commit.fact(changed(&id, now, CertificateChange::Signed, &serial, until), None);
    desk.admin.store.commit(commit).await?;
    Ok(Json(CertificateView::of(serial, certificate)))
}

/// The certificate does not let anybody in any more, and who is in with it has to come again.
pub(super) async fn remove(
    State(desk): State<Arc<Desk>>,
    path: Result<Path<(StationId, String)>, PathRejection>,
) -> Result<StatusCode, Problem> {
    let Path((id, serial)) = path?;
    let key = (id.clone(), serial.to_ascii_lowercase());
    let wanted = key.clone();
    let found = desk.read(move |store| Ok(store.read::<StationCertificate>(&wanted)?)).await?;
    let Some(found) = found else {
        let message = format!("{id} has no certificate with the serial number {serial}");
        let next = format!("see GET /v1/stations/{id}/certificates");
        return Err(Problem::new(Code::CertificateNotFound, message, next));
    };
    let mut commit = Commit::new();
    let (now, until) = ((desk.admin.now)(), Some(found.value.not_after));
    commit.fact(changed(&id, now, CertificateChange::Removed, &key.1, until), None);
    commit.delete::<StationCertificate>(&key, Expect::Any);
    desk.admin.store.commit(commit).await?;
    desk.admin.registry.hang_up(&id, Changed::Credentials);
    Ok(StatusCode::NO_CONTENT)
}

/// The certificate itself comes later: the station asks for it, is told, and takes it.
pub(super) async fn renew(
    State(desk): State<Arc<Desk>>,
    Named(id): Named<StationId>,
) -> Result<StatusCode, Problem> {
    match ask_to_renew(&desk.admin.registry, &id).await {
        Ok(()) => Ok(StatusCode::ACCEPTED),
        Err(NotRenewed::Failed(failure)) => Err(failure.into()),
        Err(NotRenewed::Declined(answer)) => {
            let next = "its own words are in details; does it know security profiles at all?";
            let message = "the station answered that it will not ask for a certificate";
            Err(Problem::new(Code::RejectedByStation, message, next).with_details(answer))
        }
    }
}

fn known(store: &Store, id: &StationId) -> Result<(), Problem> {
    match store.read::<StationRecord>(id)? {
        Some(_) => Ok(()),
        None => Err(not_found(id)),
    }
}

fn source(source: &Source) -> String {
    match source {
        Source::Files { certificate, .. } => certificate.display().to_string(),
        Source::Authority { .. } => "the built-in authority".to_owned(),
    }
}

fn changed(
    station: &StationId,
    now: Millis,
    change: CertificateChange,
    serial: &str,
    until: Option<Millis>,
) -> Fact {
    let (serial, why) = (Some(serial.to_owned()), None);
    let body = FactBody::CertificateChanged { change, serial, until, why };
    Fact { station: Some(station.clone()), stamp: Stamp::here(now), body }
}
