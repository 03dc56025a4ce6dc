//! Carries out a machine's looks into the records. Decides nothing.

use std::sync::Arc;

use super::exchange::{Found, Ground, Look, Named};
use crate::domain::{
    IdToken, MAX_KEPT_TRANSFERS, ReadFailed, Session, ShelfMoves, StationId, StationRecord,
    Transfer, Versioned,
};
use crate::holdings::Heard;
use crate::store::{Order, SeenEvent, SeenStart, StationTransaction, Store, StoreError, TokenName};

/// One look, answered in kind.
pub(super) async fn look(
    store: &Store,
    station: &StationId,
    look: Look,
) -> Result<Box<Found>, StoreError> {
    Ok(Box::new(match look {
        Look::Station => Found::Station(record_of(store, station)?),
        Look::Holdings(heard) => Found::Holdings(moves(store, station, heard).await?),
        Look::Token(token) => {
            Found::Token { station: record_of(store, station)?.value, token: named(store, token)? }
        }
        Look::Start { token, place, at, meter } => {
            let token = named(store, token)?;
            let key = (station.clone(), place, at, meter, token.pseudonym.clone());
            let seen = store.read::<SeenStart>(&key)?;
            let twin = match &seen {
                Some(seen) => store.read::<Session>(&seen.value.session)?,
                None => None,
            };
            match twin.filter(|twin| twin.value.is_active()) {
                Some(twin) => Found::Replay {
                    session: twin.value.id,
                    verdict: twin.value.decision.map(|decision| decision.verdict),
                },
                None => Found::Start {
                    station: record_of(store, station)?.value,
                    token,
                    twin_revision: seen.map(|seen| seen.revision),
                    fresh: store.allocate_session().await?,
                },
            }
        }
        Look::Session { session, token } => {
            let session = session.map(|id| store.read::<Session>(&id)).transpose()?.flatten();
            let has_price = session.as_ref().is_some_and(|session| session.value.terms.is_some());
            Found::Session {
                session: session.map(Box::new),
                token: token.map(|token| named(store, token)).transpose()?,
                shows_cost: has_price && record_of(store, station)?.value.shows_cost,
            }
        }
        Look::Transfer { topic, request } => {
            let kept =
                store.page::<Transfer>(station, None, Order::Descending, MAX_KEPT_TRANSFERS)?;
            let all = || kept.iter().map(|(_, transfer)| &transfer.value);
            let meant = Transfer::meant(all(), topic, request);
            let place = meant.and_then(|meant| all().position(|it| std::ptr::eq(it, meant)));
            let found = place.and_then(|place| kept.into_iter().nth(place));
            Found::Transfer(found.map(|((_, number), transfer)| (number, transfer)))
        }
        Look::Event { transaction, number, token } => {
            let key = (station.clone(), transaction.clone(), number);
            let seen = store.read::<SeenEvent>(&key)?.map(|seen| seen.value.digest);
            let key = (station.clone(), transaction);
            let session = match store.read::<StationTransaction>(&key)? {
                Some(index) => store.read::<Session>(&index.value.session)?.map(Box::new),
                None => None,
            };
            let fresh = match &session {
                Some(session) => session.value.id,
                None => store.allocate_session().await?,
            };
            let token = token.map(|token| named(store, token)).transpose()?;
            let ground = Ground { session, fresh, token };
            Found::Event { station: record_of(store, station)?.value, ground, seen }
        }
    }))
}

/// To read hundreds of records for a long report takes its time.
async fn moves(
    store: &Store,
    station: &StationId,
    heard: Arc<Heard>,
) -> Result<Vec<ShelfMoves>, StoreError> {
    let moves = if heard.is_long() {
        let (store, station) = (store.clone(), station.clone());
        let moves = tokio::task::spawn_blocking(move || heard.moves(&station, &store));
        moves.await.unwrap_or(Err(ReadFailed))
    } else {
        heard.moves(station, store)
    };
    moves.map_err(|ReadFailed| StoreError::Unavailable)
}

fn record_of(store: &Store, id: &StationId) -> Result<Versioned<StationRecord>, StoreError> {
    let nothing = || Versioned { value: StationRecord::default(), revision: 0 };
    Ok(store.read::<StationRecord>(id)?.unwrap_or_else(nothing))
}

fn named(store: &Store, token: IdToken) -> Result<Named, StoreError> {
    let pseudonym = store.pseudonym(&token);
    let is_recorded = store.read::<TokenName>(&pseudonym)?.is_some();
    Ok(Named { token, pseudonym, is_recorded })
}
