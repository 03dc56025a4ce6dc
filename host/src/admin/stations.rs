//! `/v1/stations`: who they are, what they say, what the operator says of them. Knows no socket.

use std::ops::RangeInclusive;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::desk::Desk;
use super::extract::{JsonBody, Named, PageQuery, Params};
use super::problem::Problem;
use super::views::{
    ChargingView, Code, ConnectorView, StationChange, StationView, StationsPage, Timestamp,
};
use crate::domain::{Addresses, ConnectorState, Pings, Session, StationId, StationRecord};
use crate::station::registry::{Changed, Live, Registry};
use crate::store::{All, LastSeen, OpenSession, Order, Store};

/// How many connectors of one station are shown. Stations have a handful; a broken one may report any number.
const MAX_CONNECTORS: usize = 64;

/// How many tags a station may have, and how long each may be in bytes.
const MAX_TAGS: usize = 64;
const MAX_TAG: usize = 64;

/// Seconds without a word after which a connection may be given up, and those between two pings.
const SILENCE: RangeInclusive<u32> = 10..=604_800;
const PING: RangeInclusive<u32> = 5..=86_400;

pub(super) async fn list(
    State(desk): State<Arc<Desk>>,
    Params(page): Params<PageQuery>,
) -> Result<Json<StationsPage>, Problem> {
    let (after, limit) = (page.after::<StationId>()?, page.limit()?);
    let registry = desk.admin.registry.clone();
    let addresses = desk.admin.addresses.clone();
    let page = desk.read(move |store| {
        let found = store.page::<StationRecord>(All, after.as_ref(), Order::Ascending, limit)?;
        let next = (found.len() == limit).then(|| found.last().map(|(id, _)| id.to_string()));
        let stations = found
            .into_iter()
            .map(|(id, record)| {
                let live = registry.live(&id);
                view(store, &addresses, id, record.value, live)
            })
            .collect::<Result<_, _>>()?;
        Ok(StationsPage { stations, next: next.flatten() })
    });
    page.await.map(Json)
}

pub(super) async fn get(
    State(desk): State<Arc<Desk>>,
    Named(id): Named<StationId>,
) -> Result<Json<StationView>, Problem> {
    let live = desk.admin.registry.live(&id);
    let addresses = desk.admin.addresses.clone();
    let station = desk.read(move |store| {
        let record = store.read::<StationRecord>(&id)?.map(|record| record.value);
        match (record, live) {
            (None, None) => Err(not_found(&id)),
            (record, live) => view(store, &addresses, id, record.unwrap_or_default(), live),
        }
    });
    station.await.map(Json)
}

/// Makes the station known if it was not: so it may connect, and can be given a password first.
pub(super) async fn put(
    State(desk): State<Arc<Desk>>,
    Named(id): Named<StationId>,
    JsonBody(change): JsonBody<StationChange>,
) -> Result<Json<StationView>, Problem> {
    check(&change)?;
    let record = desk
        .update(&id, |current: Option<StationRecord>| {
            let mut record = current.unwrap_or_default();
            let change = change.clone();
            record.zone = change.zone.over(record.zone);
            record.currency = change.currency.over(record.currency);
            record.tags = change.tags.over(Some(record.tags)).unwrap_or_default();
            record.settings = change.settings.over(Some(record.settings)).unwrap_or_default();
            record.wanted_protocol = change.wanted_protocol.over(record.wanted_protocol);
            record.validation = change.validation.over(record.validation);
            record.acceptance = change.acceptance.over(Some(record.acceptance)).unwrap_or_default();
            record.pings = change.pings.over(record.pings);
            record.silence_seconds = change.silence_seconds.over(record.silence_seconds);
            record.shows_cost = change.shows_cost.over(Some(record.shows_cost)).unwrap_or_default();
            record.security_profile = change.least_security_profile.over(record.security_profile);
            record.raises_security =
                change.raises_security.over(Some(record.raises_security)).unwrap_or_default();
            record
        })
        .await?;
    let registry = &desk.admin.registry;
    registry.adopt(&id);
    registry.note_change(&id);
    if let Some(Live { protocol: Some(spoken), profile: Some(profile), .. }) = registry.live(&id) {
        if record.wanted_protocol.as_ref().is_some_and(|wanted| wanted != spoken) {
            registry.hang_up(&id, Changed::Protocol);
        } else if profile < record.least_profile() {
            registry.hang_up(&id, Changed::Credentials);
        } else if change.is_of_handling() {
            registry.hang_up(&id, Changed::Handling);
        }
    }
    show(&desk, id, record).await
}

/// What is known of a station now.
pub(super) async fn show(
    desk: &Desk,
    id: StationId,
    record: StationRecord,
) -> Result<Json<StationView>, Problem> {
    let live = desk.admin.registry.live(&id);
    let addresses = desk.admin.addresses.clone();
    desk.read(move |store| view(store, &addresses, id, record, live)).await.map(Json)
}

fn view(
    store: &Store,
    addresses: &Addresses,
    id: StationId,
    record: StationRecord,
    live: Option<Live>,
) -> Result<StationView, Problem> {
    let states = store.page::<ConnectorState>(&id, None, Order::Ascending, MAX_CONNECTORS)?;
    let connectors = states
        .into_iter()
        .map(|((_, connector), state)| ConnectorView::of(connector, state.value))
        .collect();
    let open = store.page::<OpenSession>(&id, None, Order::Ascending, MAX_CONNECTORS)?;
    let mut charging = Vec::with_capacity(open.len());
    for ((_, _, session), _) in open {
        charging.extend(store.read::<Session>(&session)?.map(|it| ChargingView::of(it.value)));
    }
    let last_seen = match &live {
        Some(live) => Some(live.last_seen),
        None => store.read::<LastSeen>(&id)?.map(|seen| seen.value.at),
    };
    let live = live.filter(|live| live.online);
    let (vendor, model, serial, firmware) = match record.boot {
        Some(boot) => (Some(boot.vendor), Some(boot.model), boot.serial, boot.firmware),
        None => (None, None, None, None),
    };
    Ok(StationView {
        urls: addresses.of(&id),
        urls_without_id: addresses.without_id(),
        id,
        online: live.is_some(),
        protocol: live.as_ref().and_then(|live| live.protocol).map(str::to_owned),
        peer: live.as_ref().and_then(|live| live.peer).map(|peer| peer.to_string()),
        vendor,
        model,
        serial,
        firmware,
        zone: record.zone,
        currency: record.currency,
        tags: record.tags,
        settings: record.settings,
        wanted_protocol: record.wanted_protocol,
        validation: record.validation,
        acceptance: record.acceptance,
        pings: record.pings,
        silence_seconds: record.silence_seconds,
        shows_cost: record.shows_cost,
        has_password: record.password_hash.is_some(),
        security_profile: live.as_ref().and_then(|live| live.profile),
        least_security_profile: record.security_profile,
        raises_security: record.raises_security,
        last_seen: last_seen.map(Timestamp),
        connectors,
        charging,
    })
}

fn check(change: &StationChange) -> Result<(), Problem> {
    let zone_char = |c: char| c.is_ascii_alphanumeric() || "/_+-".contains(c);
    if let Some(zone) = change.zone.value()
        && (zone.is_empty() || zone.len() > 64 || !zone.chars().all(zone_char))
    {
        let message = format!("zone: '{zone}' is no IANA time zone");
        return Err(Problem::bad_request(message, "write it as Europe/Berlin or UTC"));
    }
    if let Some(currency) = change.currency.value()
        && (currency.len() != 3 || !currency.bytes().all(|b| b.is_ascii_uppercase()))
    {
        let message = format!("currency: '{currency}' is no ISO 4217 code");
        return Err(Problem::bad_request(message, "write it as EUR"));
    }
    if let Some(wanted) = change.wanted_protocol.value()
        && !Registry::protocols().contains(&wanted.as_str())
    {
        let message = format!("wanted_protocol: '{wanted}' is not spoken here");
        let next = format!("choose from: {}", Registry::protocols().join(", "));
        return Err(Problem::bad_request(message, next));
    }
    let seconds = [
        ("silence_seconds", change.silence_seconds.value(), SILENCE),
        ("pings", change.pings.value().and_then(Pings::seconds), PING),
    ];
    for (name, seconds, range) in seconds {
        if seconds.is_some_and(|seconds| !range.contains(seconds)) {
            let message = format!("{name}: from {} to {} seconds", range.start(), range.end());
            return Err(Problem::bad_request(
                message,
                "stations send a heartbeat every few minutes",
            ));
        }
    }
    if let Some(tags) = change.tags.value()
        && (tags.len() > MAX_TAGS || tags.iter().any(|t| t.is_empty() || t.len() > MAX_TAG))
    {
        let message = format!("tags: at most {MAX_TAGS}, each of 1 to {MAX_TAG} bytes");
        return Err(Problem::bad_request(message, "put longer things into 'settings'"));
    }
    Ok(())
}

pub(super) fn not_found(id: &StationId) -> Problem {
    Problem::new(
        Code::StationNotFound,
        format!("there is no station '{id}'"),
        "see GET /v1/stations; PUT /v1/stations/{id} makes one known",
    )
}
