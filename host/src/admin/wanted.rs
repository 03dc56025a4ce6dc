//! `/v1/stations/{id}/wanted` and `/v1/wanted`: what stations are to be configured with, and where they have something else.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::desk::Desk;
use super::extract::{JsonBody, Named, NamedTwice, PageQuery, Params};
use super::problem::Problem;
use super::stations;
use super::views::{Code, WishBody, WishView, WishesPage};
use crate::domain::{StationId, Unwantable, WishName};
use crate::work::NotWanted;

pub(super) async fn put(
    State(desk): State<Arc<Desk>>,
    NamedTwice(id, name): NamedTwice<StationId, WishName>,
    JsonBody(WishBody { value }): JsonBody<WishBody>,
) -> Result<Json<WishView>, Problem> {
    let seen = desk.admin.wishes.want(&id, name, value).await?;
    Ok(Json(WishView::of(seen)))
}

pub(super) async fn delete(
    State(desk): State<Arc<Desk>>,
    NamedTwice(id, name): NamedTwice<StationId, WishName>,
) -> Result<StatusCode, Problem> {
    match desk.admin.wishes.unwant(&id, name.clone()).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::new(
            Code::WishNotFound,
            format!("'{name}' is not wanted of {id}"),
            "see GET /v1/stations/{id}/wanted",
        )),
    }
}

/// All of one station: there are few enough.
pub(super) async fn list(
    State(desk): State<Arc<Desk>>,
    Named(id): Named<StationId>,
) -> Result<Json<WishesPage>, Problem> {
    let wishes = desk.admin.wishes.clone();
    let page = desk.read(move |store| {
        let wanted = wishes.of(store, &id)?.into_iter().map(WishView::of);
        Ok(WishesPage { wanted: wanted.collect(), next: None })
    });
    page.await.map(Json)
}

/// Of all stations, what is not met.
pub(super) async fn unmet(
    State(desk): State<Arc<Desk>>,
    Params(page): Params<PageQuery>,
) -> Result<Json<WishesPage>, Problem> {
    let (after, limit) = (page.after::<StationId>()?, page.limit()?);
    let wishes = desk.admin.wishes.clone();
    let page = desk.read(move |store| {
        let (found, next) = wishes.unmet(store, after, limit)?;
        let wanted = found.into_iter().map(WishView::of).collect();
        Ok(WishesPage { wanted, next: next.map(|station| station.to_string()) })
    });
    page.await.map(Json)
}

impl From<NotWanted> for Problem {
    fn from(error: NotWanted) -> Self {
        let message = error.to_string();
        match error {
            NotWanted::UnknownStation(id) => stations::not_found(&id),
            NotWanted::Full => {
                Self::new(Code::TooMuchAtOnce, message, "take back what need not be watched")
            }
            NotWanted::Unwantable(Unwantable::Secret) => Self::bad_request(
                message,
                "PUT /v1/stations/{id}/password sets a password; POST …/password/rotate has the station take one",
            ),
            NotWanted::Unwantable(Unwantable::TooLong(_)) => {
                Self::bad_request(message, "no version of OCPP takes a longer one")
            }
            NotWanted::Store(error) => error.into(),
        }
    }
}
