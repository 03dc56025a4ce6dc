//! `/v1/stations/{id}/local-list`: which cards a station is to let charge by itself. Knows no card.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::desk::Desk;
use super::extract::{JsonBody, Named};
use super::problem::Problem;
use super::views::{Code, LocalListBody, LocalListView};
use crate::domain::StationId;

/// Groups that one station's list may be made of.
const MAX_GROUPS: usize = 32;

/// Longest name of a group, in bytes; that of a token.
const MAX_GROUP: usize = 255;

pub(super) async fn put(
    State(desk): State<Arc<Desk>>,
    Named(id): Named<StationId>,
    JsonBody(LocalListBody { groups }): JsonBody<LocalListBody>,
) -> Result<Json<LocalListView>, Problem> {
    if groups.len() > MAX_GROUPS || groups.iter().any(|group| group.len() > MAX_GROUP) {
        let message = format!("groups: at most {MAX_GROUPS}, of at most {MAX_GROUP} bytes each");
        return Err(Problem::bad_request(message, "leave them out for all cards"));
    }
    desk.admin.wishes.keep_list(&id, groups).await?;
    show(&desk, id).await
}

pub(super) async fn get(
    State(desk): State<Arc<Desk>>,
    Named(id): Named<StationId>,
) -> Result<Json<LocalListView>, Problem> {
    show(&desk, id).await
}

/// The station keeps the list that it has.
pub(super) async fn delete(
    State(desk): State<Arc<Desk>>,
    Named(id): Named<StationId>,
) -> Result<StatusCode, Problem> {
    match desk.admin.wishes.leave_list(&id).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(not_kept(&id)),
    }
}

async fn show(desk: &Arc<Desk>, id: StationId) -> Result<Json<LocalListView>, Problem> {
    let wishes = desk.admin.wishes.clone();
    let view = desk.read(move |_| match wishes.list_of(&id)? {
        Some(seen) => Ok(LocalListView::of(seen)),
        None => Err(not_kept(&id)),
    });
    view.await.map(Json)
}

fn not_kept(id: &StationId) -> Problem {
    let message = format!("nobody keeps the local list of {id} in step");
    Problem::new(Code::ListNotKept, message, "PUT /v1/stations/{id}/local-list does")
}
