//! Sessions that ended without a bill get it later, on the terms that they charged on. Knows no station, and no plugin
//! but by its name.
//!
//! Who waits for a bill is on record ([`UnpricedSession`], written in the commit that ends the session). The bill, its
//! fact and the end of the waiting are one commit that rests on the session as it was read: whatever crashes, there is
//! one bill, and a late event of the station that changes the session is not overwritten.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::charging;
use crate::domain::{
    Bill, Fact, Millis, PluginName, PriceAsk, Session, SessionId, Stamp, Versioned,
};
use crate::policy::Policies;
use crate::store::{All, Commit, CommitError, Expect, Order, Store, StoreError, UnpricedSession};

/// Between two rounds, unless a plugin comes into service.
const EVERY: Duration = Duration::from_secs(30);

/// Sessions read at once.
const PAGE: usize = 100;

/// Between two pages, so that stations are served in between.
const PAUSE: Duration = Duration::from_millis(100);

/// How long one bill may take.
const PRICE_WITHIN: Duration = Duration::from_secs(5);

/// How long a tariff that failed is not asked for late bills; doubles from the first to the longest. One failure is
/// enough: its breaker counts them, and stations need it.
const FIRST_REST: Duration = Duration::from_secs(30);
const LONGEST_REST: Duration = Duration::from_secs(3600);

/// See the module.
pub struct LateBills {
    store: Store,
    policies: Arc<Policies>,
    now: fn() -> Millis,
    /// Tariffs that failed. No more than there are plugins on terms of which anybody ever charged.
    resting: BTreeMap<PluginName, Rest>,
    /// The session at which a tariff failed last: the next round begins behind it, so that one session which cannot
    /// be priced keeps no other from its bill.
    failed_at: Option<SessionId>,
}

#[derive(Debug, Clone, Copy)]
struct Rest {
    until: Instant,
    pause: Duration,
}

/// Why a round breaks off. The next one goes on.
#[derive(Debug, thiserror::Error)]
enum BrokeOff {
    #[error(transparent)]
    Read(#[from] StoreError),
    #[error(transparent)]
    Commit(#[from] CommitError),
}

impl LateBills {
    pub fn new(store: Store, policies: Arc<Policies>, now: fn() -> Millis) -> Self {
        Self { store, policies, now, resting: BTreeMap::new(), failed_at: None }
    }

    /// Makes round after round until told to stop; at once when the table of plugins has changed.
    pub async fn keep(mut self, mut plugins: watch::Receiver<()>, stop: CancellationToken) {
        let rounds = async {
            loop {
                plugins.mark_unchanged();
                self.round().await;
                tokio::select! {
                    () = tokio::time::sleep(EVERY) => {}
                    changed = plugins.changed() => match changed {
                        Ok(()) => self.resting.clear(),
                        Err(_) => return,
                    },
                }
            }
        };
        // Wherever a round is cut off, what was committed is there.
        stop.run_until_cancelled(rounds).await;
    }

    /// Asks once for every bill that is missing, but for those of tariffs that rest.
    pub async fn round(&mut self) {
        if let Err(error) = self.bill_all().await {
            warn!(%error, "bills are still missing");
        }
    }

    /// From behind the last failure to the end, and from the beginning to there.
    async fn bill_all(&mut self) -> Result<(), BrokeOff> {
        let begin = self.failed_at;
        let mut after = begin;
        let mut is_second_half = begin.is_none();
        let mut waiting = 0_u32;
        loop {
            let page =
                self.store.page::<UnpricedSession>(All, after.as_ref(), Order::Ascending, PAGE)?;
            for (session, note) in &page {
                if is_second_half && begin.is_some_and(|begin| *session > begin) {
                    break;
                }
                waiting += u32::from(!self.bill(*session, note.revision).await?);
            }
            let last = page.last().map(|(session, _)| *session);
            let is_over = is_second_half && begin.is_some_and(|begin| last > Some(begin));
            match last.filter(|_| page.len() == PAGE && !is_over) {
                Some(last) => after = Some(last),
                None if is_second_half => break,
                None => (after, is_second_half) = (None, true),
            }
            tokio::time::sleep(PAUSE).await;
        }
        metrics::gauge!("plugpoint_unpriced_sessions").set(waiting);
        Ok(())
    }

    /// Bills one session if that can be done now. `true` when it waits no longer.
    async fn bill(&mut self, id: SessionId, note: u64) -> Result<bool, BrokeOff> {
        let mut commit = Commit::new();
        commit.delete::<UnpricedSession>(&id, Expect::Revision(note));
        let found = self.store.read::<Session>(&id)?;
        let found = found.filter(|session| session.value.is_unpriced());
        let ask = found.as_ref().and_then(|session| charging::price_ask(&session.value));
        let (Some(Versioned { value: mut session, revision }), Some(ask)) = (found, ask) else {
            return self.commit(commit).await;
        };
        let Some((bill, version)) = self.price(&ask).await else { return Ok(false) };
        let now = (self.now)();
        let fact = charging::priced(&mut session, bill, version, now);
        if let Some(body) = fact {
            let station = Some(session.station.clone());
            commit.fact(Fact { station, stamp: Stamp::here(now), body }, None);
        }
        commit.put(&id, &session, Expect::Revision(revision));
        let done = self.commit(commit).await?;
        if done {
            info!(session = %id, plugin = %ask.pinned.plugin, "a session has its bill, late");
        }
        Ok(done)
    }

    /// `false` when something moved meanwhile: the next round looks again.
    async fn commit(&self, commit: Commit) -> Result<bool, BrokeOff> {
        match self.store.commit(commit).await {
            Ok(_) => Ok(true),
            Err(CommitError::Conflict(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// `None` when the tariff rests or fails.
    async fn price(&mut self, ask: &PriceAsk) -> Option<(Bill, String)> {
        let plugin = &ask.pinned.plugin;
        let now = Instant::now();
        let rest = self.resting.get(plugin).copied();
        if rest.is_some_and(|rest| now < rest.until) {
            return None;
        }
        match self.policies.price(ask, now + PRICE_WITHIN).await {
            Ok(priced) => {
                self.resting.remove(plugin);
                Some(priced)
            }
            Err(why) => {
                if rest.is_none() {
                    warn!(session = %ask.session, why, "a session waits for its bill");
                }
                let pause = rest.map_or(FIRST_REST, |rest| (rest.pause * 2).min(LONGEST_REST));
                let until = Instant::now() + pause;
                self.resting.insert(plugin.clone(), Rest { until, pause });
                self.failed_at = Some(ask.session);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::charging::Started;
    use crate::domain::{
        Currency, Ending, FactBody, MilliwattHours, Pinned, Place, Seq, StationId, Terms,
    };
    use crate::plugins::Host;
    use crate::plugins::guests::{host, name};
    use crate::plugins::tariff_guests::{NO_OFFER, PRICES_ITS_LETTER, letter, tariff};
    use crate::policy::Defaults;
    use crate::store::MemoryEngine;

    fn id(number: u32) -> SessionId {
        SessionId::new(number).unwrap()
    }

    /// A session that has ended on terms of one letter, and has no bill.
    fn unpriced(number: u32, plugin: &str, letter: char) -> Session {
        let stamp = Stamp::here(Millis(1_000));
        let mut session = charging::start(Started {
            id: id(number),
            station: StationId::new("CS-1").unwrap(),
            place: Place::connector(1),
            protocol: "ocpp1.6",
            transaction: number.to_string(),
            token: None,
            decision: None,
            stamp,
            meter: Some(MilliwattHours(0)),
        });
        session.terms = Some(Pinned {
            plugin: name(plugin),
            version: "1".into(),
            zone: "UTC".into(),
            terms: Terms {
                id: "letter".into(),
                body: letter.into(),
                currency: Currency::try_from("EUR".to_owned()).unwrap(),
                driver_text: "cheap".into(),
            },
        });
        let meter_stop = Some(MilliwattHours(5_000));
        let stamp = Stamp::here(Millis(9_000));
        charging::stop(&mut session, Ending { stamp, meter_stop, reason: None, token: None });
        charging::unpriced(&mut session, format!("{plugin} 1 trapped"));
        session
    }

    async fn store_with(engine: &Arc<MemoryEngine>, sessions: &[Session]) -> Store {
        let store = Store::on_engine(engine.clone()).unwrap();
        let mut commit = Commit::new();
        for session in sessions {
            commit.put(&session.id, session, Expect::Any);
            commit.put(&session.id, &UnpricedSession {}, Expect::Any);
        }
        commit.synced();
        store.commit(commit).await.unwrap();
        store
    }

    fn late_bills(store: &Store, host: &Arc<Host>) -> LateBills {
        let policies = Arc::new(Policies::new(host.clone(), Defaults::default()));
        LateBills::new(store.clone(), policies, || Millis(20_000))
    }

    async fn load(host: &Arc<Host>, plugin: &str, wasm: Vec<u8>) {
        host.publish(host.prepare(&name(plugin), wasm, "").await.unwrap());
    }

    /// The total of a session's final bill.
    fn total(store: &Store, number: u32) -> Option<i64> {
        let session = store.read::<Session>(&id(number)).unwrap().unwrap().value;
        let bill = session.bill.filter(|priced| priced.closed && session.unpriced.is_none());
        bill.map(|priced| priced.bill.total_minor)
    }

    /// Sessions that wait, and sessions that were billed according to the log.
    fn books(store: &Store) -> (Vec<SessionId>, Vec<SessionId>) {
        let waiting = store.page::<UnpricedSession>(All, None, Order::Ascending, 10).unwrap();
        let facts = store.facts(Seq(0), 100).unwrap();
        let billed = facts.into_iter().filter_map(|logged| match logged.fact.body {
            FactBody::SessionPriced { session, .. } => Some(session),
            _ => None,
        });
        (waiting.into_iter().map(|(id, _)| id).collect(), billed.collect())
    }

    #[tokio::test]
    async fn a_session_is_billed_once_its_tariff_is_back_whoever_else_is_missing() {
        let (host, _dir) = host(|_| {});
        let sessions = [unpriced(1, "gone", 'A'), unpriced(2, "letters", 'B')];
        let store = store_with(&Arc::default(), &sessions).await;
        let mut bills = late_bills(&store, &host);
        bills.round().await;
        assert_eq!(books(&store), (vec![id(1), id(2)], vec![]));

        load(&host, "letters", letter('Z', "2")).await;
        bills.resting.clear();
        bills.round().await;
        assert_eq!(total(&store, 2), Some(66), "on its own terms");
        assert_eq!(books(&store), (vec![id(1)], vec![id(2)]));
        bills.round().await;
        assert_eq!(books(&store), (vec![id(1)], vec![id(2)]));
    }

    #[tokio::test]
    async fn a_session_that_cannot_be_priced_keeps_no_other_from_its_bill() {
        let (host, _dir) = host(|_| {});
        let sessions = [unpriced(1, "letters", 'X'), unpriced(2, "letters", 'B')];
        let store = store_with(&Arc::default(), &sessions).await;
        let hates_x = format!(
            "(if (i32.eq (i32.load8_u (local.get $body)) (i32.const 88)) (then unreachable))
             {PRICES_ITS_LETTER}"
        );
        load(&host, "letters", tariff(NO_OFFER, &hates_x, "1", 100)).await;
        let mut bills = late_bills(&store, &host);
        bills.round().await;
        assert_eq!(books(&store).1, [], "one failure a round");
        bills.round().await;
        assert_eq!(books(&store).1, [], "the tariff rests");
        bills.resting.clear();
        bills.round().await;
        assert_eq!(books(&store), (vec![id(1)], vec![id(2)]));
    }

    #[tokio::test]
    async fn a_bill_that_came_another_way_ends_the_waiting() {
        let (host, _dir) = host(|_| {});
        let mut session = unpriced(1, "letters", 'A');
        session.unpriced = None;
        let store = store_with(&Arc::default(), &[session]).await;
        late_bills(&store, &host).round().await;
        assert_eq!(books(&store), (vec![], vec![]));
    }

    /// Fails the store at its first, second, … step of a round, lets the power go in every way in which it can, and
    /// starts again.
    #[tokio::test]
    async fn whenever_the_power_goes_there_is_one_bill() {
        let (host, _dir) = host(|_| {});
        load(&host, "letters", letter('A', "1")).await;
        let mut failures = 0;
        for nth in 1.. {
            let engine = Arc::new(MemoryEngine::new());
            let store = store_with(&engine, &[unpriced(1, "letters", 'A')]).await;
            engine.fail_on_call(nth);
            late_bills(&store, &host).round().await;
            for kept in 0..=engine.unsynced() {
                let after = Store::on_engine(Arc::new(engine.crash_keeping(kept))).unwrap();
                let (waiting, billed) = books(&after);
                assert_eq!(waiting.len() + billed.len(), 1, "call {nth}, kept {kept}");
                assert_eq!(total(&after, 1).is_some(), waiting.is_empty());
                late_bills(&after, &host).round().await;
                assert_eq!(books(&after), (vec![], vec![id(1)]), "call {nth}, kept {kept}");
                assert_eq!(total(&after, 1), Some(65));
            }
            if !engine.has_failed() {
                break;
            }
            failures += 1;
        }
        assert!(failures >= 3, "reading, writing and syncing can fail: {failures}");
    }
}
