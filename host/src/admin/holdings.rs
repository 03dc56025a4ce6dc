//! `/v1/stations/{id}/holdings`: what a station holds on our word or by its own report. Knows no protocol.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::desk::Desk;
use super::extract::{Named, NamedTwice, Params, parse_limit};
use super::problem::Problem;
use super::stations::not_found;
use super::views::{HoldingView, HoldingsPage, ShelfView, ShelvesView};
use crate::domain::{Holding, HoldingKind, StationId, StationRecord};
use crate::store::{Store, StoreError};

pub(super) async fn shelves(
    State(desk): State<Arc<Desk>>,
    Named(id): Named<StationId>,
) -> Result<Json<ShelvesView>, Problem> {
    let is_live = desk.admin.registry.live(&id).is_some();
    let shelves = desk.read(move |store| {
        let shelves = store.shelves(&id)?;
        if shelves.is_empty() && !is_live {
            must_be_known(store, &id)?;
        }
        let kinds = shelves.into_iter().map(|(kind, shelf)| ShelfView::of(kind, shelf));
        Ok(ShelvesView { kinds: kinds.collect() })
    });
    shelves.await.map(Json)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HoldingsQuery {
    /// Only those that differ from what was sent.
    differing: Option<bool>,
    /// Only this one.
    key: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
}

/// What is asked for, and where it goes on.
type Found = (Vec<(String, Holding)>, Option<String>);

impl HoldingsQuery {
    fn read(
        &self,
        store: &Store,
        id: &StationId,
        kind: HoldingKind,
        limit: usize,
    ) -> Result<Found, StoreError> {
        if let Some(key) = &self.key {
            let found = store.holding(id, kind, key)?.map(|found| (key.clone(), found));
            return Ok((found.into_iter().collect(), None));
        }
        let after = self.after.as_deref().filter(|after| !after.is_empty());
        // Few differ: all there are have to be looked at to find them.
        let is_differing = self.differing.unwrap_or_default();
        let most = if is_differing { kind.most() as usize } else { limit };
        let mut found = store.holdings(id, kind, after, most)?;
        if is_differing {
            found.retain(|(_, holding)| holding.differs());
            found.truncate(limit);
        }
        let next = found.last().filter(|_| found.len() == limit).map(|(key, _)| key.clone());
        Ok((found, next))
    }
}

pub(super) async fn list(
    State(desk): State<Arc<Desk>>,
    NamedTwice(id, kind): NamedTwice<StationId, HoldingKind>,
    Params(query): Params<HoldingsQuery>,
) -> Result<Json<HoldingsPage>, Problem> {
    let limit = parse_limit(query.limit)?;
    let (is_live, now) = (desk.admin.registry.live(&id).is_some(), (desk.admin.now)());
    let page = desk.read(move |store| {
        let shelves = store.shelves(&id)?;
        let shelf = shelves.into_iter().find(|(its, _)| *its == kind);
        if shelf.is_none() && !is_live {
            must_be_known(store, &id)?;
        }
        let (found, next) = query.read(store, &id, kind, limit)?;
        let holdings = found.into_iter().map(|(key, holding)| HoldingView::of(key, holding, now));
        let shelf = shelf.map(|(kind, shelf)| ShelfView::of(kind, shelf));
        Ok(HoldingsPage { shelf, holdings: holdings.collect(), next })
    });
    page.await.map(Json)
}

fn must_be_known(store: &Store, id: &StationId) -> Result<(), Problem> {
    match store.read::<StationRecord>(id)? {
        Some(_) => Ok(()),
        None => Err(not_found(id)),
    }
}
