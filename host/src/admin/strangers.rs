//! `/v1/unknown-stations`: who knocked and is not known, and how it becomes known. Knows no socket.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::desk::Desk;
use super::extract::Named;
use super::problem::Problem;
use super::stations;
use super::views::{Code, StationView, UnknownStationView, UnknownStationsPage};
use crate::domain::{StationId, StationRecord};

pub(super) async fn list(State(desk): State<Arc<Desk>>) -> Json<UnknownStationsPage> {
    let strangers = desk.admin.registry.strangers();
    let stations = strangers.into_iter().map(UnknownStationView::from).collect();
    Json(UnknownStationsPage { stations })
}

/// Only who has knocked: a misspelt id would register a station that never comes.
pub(super) async fn adopt(
    State(desk): State<Arc<Desk>>,
    Named(id): Named<StationId>,
) -> Result<Json<StationView>, Problem> {
    let registry = &desk.admin.registry;
    let Some(stranger) = registry.strangers().into_iter().find(|stranger| stranger.id == id) else {
        return Err(Problem::new(
            Code::StationNotFound,
            format!("no unknown station '{id}' has knocked"),
            "see GET /v1/unknown-stations; PUT /v1/stations/{id} makes any station known",
        ));
    };
    let adopted = |known: Option<StationRecord>| StationRecord {
        first_seen: known.as_ref().and_then(|record| record.first_seen).or(Some(stranger.first)),
        ..known.unwrap_or_default()
    };
    let record = desk.update(&id, adopted).await?;
    registry.adopt(&id);
    stations::show(&desk, id, record).await
}
