//! `/v1/sessions`: what was charged, by whom, and who allowed it. Newest first; those that run, by station.
//! Knows no state machine: what it shows is on record.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::desk::Desk;
use super::extract::{Named, Params, parse_limit, parse_param};
use super::problem::Problem;
use super::views::{Code, SessionView, SessionsPage};
use crate::domain::{Session, SessionId, StationId};
use crate::store::{All, OpenSession, Order, StationSession, Store, TokenName};

/// How many records one request looks at before it answers with what it found. Only a filter that lets little
/// through reaches it; `next` then goes on from there.
const MAX_LOOKED_AT: usize = 5_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SessionsQuery {
    station: Option<String>,
    active: Option<bool>,
    after: Option<String>,
    limit: Option<usize>,
}

/// What is wanted of the list.
struct Wanted {
    station: Option<StationId>,
    active: Option<bool>,
    limit: usize,
}

pub(super) async fn list(
    State(desk): State<Arc<Desk>>,
    Params(query): Params<SessionsQuery>,
) -> Result<Json<SessionsPage>, Problem> {
    let station = parse_param("station", query.station.as_deref())?;
    let after = parse_param("after", query.after.as_deref())?;
    let wanted = Wanted { station, active: query.active, limit: parse_limit(query.limit)? };
    desk.read(move |store| page(store, &wanted, after)).await.map(Json)
}

pub(super) async fn get(
    State(desk): State<Arc<Desk>>,
    Named(id): Named<SessionId>,
) -> Result<Json<SessionView>, Problem> {
    let session = desk.read(move |store| match store.read::<Session>(&id)? {
        Some(session) => view(store, session.value),
        None => Err(not_found(id)),
    });
    session.await.map(Json)
}

fn page(
    store: &Store,
    wanted: &Wanted,
    mut after: Option<SessionId>,
) -> Result<SessionsPage, Problem> {
    let mut sessions = Vec::new();
    let mut looked_at = 0;
    loop {
        let ids = ids(store, wanted, after)?;
        let more = ids.len() == wanted.limit;
        for id in ids {
            after = Some(id);
            looked_at += 1;
            let Some(session) = store.read::<Session>(&id)? else { continue };
            if wanted.active.is_none_or(|active| session.value.is_active() == active) {
                sessions.push(view(store, session.value)?);
            }
            if sessions.len() == wanted.limit {
                break;
            }
        }
        if !more || sessions.len() == wanted.limit || looked_at >= MAX_LOOKED_AT {
            let next = if more { after.map(|id| id.to_string()) } else { None };
            return Ok(SessionsPage { sessions, next });
        }
    }
}

/// The next ids of the narrowest index that holds all that is wanted.
fn ids(
    store: &Store,
    wanted: &Wanted,
    after: Option<SessionId>,
) -> Result<Vec<SessionId>, Problem> {
    let limit = wanted.limit;
    if wanted.active == Some(true) {
        return open_ids(store, wanted, after);
    }
    match &wanted.station {
        Some(station) => {
            let after = after.map(|id| (station.clone(), id));
            let page =
                store.page::<StationSession>(station, after.as_ref(), Order::Descending, limit)?;
            Ok(page.into_iter().map(|((_, id), _)| id).collect())
        }
        None => {
            let page = store.page::<Session>(All, after.as_ref(), Order::Descending, limit)?;
            Ok(page.into_iter().map(|(id, _)| id).collect())
        }
    }
}

/// The sessions that run, by station and connector: there are few of them among all that ever ran.
fn open_ids(
    store: &Store,
    wanted: &Wanted,
    after: Option<SessionId>,
) -> Result<Vec<SessionId>, Problem> {
    let after = match after {
        Some(id) => {
            let session = store.read::<Session>(&id)?.ok_or_else(|| not_found(id))?.value;
            Some((session.station, session.place, id))
        }
        None => None,
    };
    let (after, limit) = (after.as_ref(), wanted.limit);
    let page = match &wanted.station {
        Some(station) => store.page::<OpenSession>(station, after, Order::Ascending, limit)?,
        None => store.page::<OpenSession>(All, after, Order::Ascending, limit)?,
    };
    Ok(page.into_iter().map(|((_, _, id), _)| id).collect())
}

fn not_found(id: SessionId) -> Problem {
    Problem::new(Code::SessionNotFound, format!("there is no session {id}"), "see GET /v1/sessions")
}

fn view(store: &Store, session: Session) -> Result<SessionView, Problem> {
    let name = match &session.token {
        Some(token) => store.read::<TokenName>(token)?,
        None => None,
    };
    Ok(SessionView::of(session, name.map(|name| name.value.token)))
}
