//! Lets the records forget: original texts, meter values and the log, each at its own age. Knows what is old enough and
//! when to look; what belongs together is the store's affair.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::domain::{
    CommandNo, MAX_KEPT_COMMANDS, MAX_KEPT_FRAMES, Millis, OperatorCommand, Seq, StationId,
    Versioned,
};
use crate::store::{
    All, Commit, Expect, Kept, KeptFrame, Key, Order, Record, Store, StoreError, TrimError,
};

/// Between two rounds.
const EVERY: Duration = Duration::from_secs(600);

/// Between two commits of a round, so that stations are served in between.
const PAUSE: Duration = Duration::from_millis(100);

/// Commits after which a long round says how far it is.
const REPORT: usize = 300;

/// How long things are kept after they were received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ages {
    pub raw: Duration,
    pub meter_values: Duration,
    pub log: Duration,
    pub commands: Duration,
}

impl Ages {
    fn of(self, kept: Kept) -> Duration {
        match kept {
            Kept::Raw => self.raw,
            Kept::MeterValues => self.meter_values,
            Kept::Log => self.log,
        }
    }
}

/// The newest fact that all readers of the log are done with: what comes after it is not deleted, however old.
pub type Done = fn(&Store) -> Result<Seq, StoreError>;

/// See the module.
pub struct Retention {
    store: Store,
    ages: Ages,
    done: Done,
    now: fn() -> Millis,
}

impl Retention {
    pub fn new(store: Store, ages: Ages, done: Done, now: fn() -> Millis) -> Self {
        Self { store, ages, done, now }
    }

    /// Makes round after round until told to stop.
    pub async fn keep(self, stop: CancellationToken) {
        let rounds = async {
            loop {
                tokio::time::sleep(EVERY).await;
                self.round().await;
            }
        };
        // Wherever a round is cut off, the next one goes on.
        stop.run_until_cancelled(rounds).await;
    }

    /// Deletes all that is too old now.
    pub async fn round(&self) {
        for kept in Kept::ALL {
            if let Err(error) = self.forget(kept).await {
                warn!(%error, what = kept.as_str(), "not everything old could be deleted");
            }
        }
        if let Err(error) = self.forget_commands().await {
            warn!(%error, what = "commands", "not everything old could be deleted");
        }
        if let Err(error) = self.forget_frames().await {
            warn!(%error, what = "frames", "not everything old could be deleted");
        }
    }

    /// What was before that is so old.
    fn horizon(&self, age: Duration) -> Millis {
        let age = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        Millis((self.now)().0.saturating_sub(age))
    }

    async fn forget(&self, kept: Kept) -> Result<(), TrimError> {
        let horizon = self.horizon(self.ages.of(kept));
        let what = kept.as_str();
        let deleted = metrics::counter!("plugpoint_retention_facts_total", "what" => what);
        let mut facts = 0;
        for commits in 1.. {
            let trimmed = self.store.trim(kept, horizon, (self.done)(&self.store)?).await?;
            facts += trimmed.facts;
            deleted.increment(trimmed.facts as u64);
            if !trimmed.more {
                break;
            }
            if commits % REPORT == 0 {
                info!(what, facts, "still deleting what is too old");
            }
            tokio::time::sleep(PAUSE).await;
        }
        if facts > 0 {
            info!(what, facts, before = horizon.rfc3339(), "deleted what was too old");
        }
        Ok(())
    }

    async fn forget_commands(&self) -> Result<(), TrimError> {
        let horizon = self.horizon(self.ages.commands);
        let is_old =
            |record: &OperatorCommand| record.ended.as_ref().is_some_and(|it| it.at < horizon);
        let forget = |commit: &mut Commit, key: &_, found: &Versioned<OperatorCommand>| {
            commit.delete::<OperatorCommand>(key, Expect::Revision(found.revision));
        };
        let most = MAX_KEPT_COMMANDS;
        self.forget_by_station("commands", horizon, most, CommandNo::LAST, is_old, forget).await
    }

    /// They are texts of stations as well.
    async fn forget_frames(&self) -> Result<(), TrimError> {
        let horizon = self.horizon(self.ages.raw);
        let is_old = |frame: &KeptFrame| frame.at() < horizon;
        let forget = |commit: &mut Commit, key: &(StationId, u32), found: &Versioned<_>| {
            commit.forget_frame(&key.0, key.1, &found.value);
        };
        self.forget_by_station("frames", horizon, MAX_KEPT_FRAMES, u32::MAX, is_old, forget).await
    }

    /// A station's records are in the order of time, so that most stations are done with a look at the oldest. The newest
    /// one stays: numbering goes on from it.
    async fn forget_by_station<R, N>(
        &self,
        what: &'static str,
        horizon: Millis,
        most: u32,
        last: N,
        is_old: impl Fn(&R) -> bool,
        forget: impl Fn(&mut Commit, &R::Key, &Versioned<R>),
    ) -> Result<(), TrimError>
    where
        R: Record<Key = (StationId, N)>,
        N: Key + Copy,
    {
        let mut next: Option<(StationId, N)> = None;
        let mut forgotten = 0;
        let oldest = |after: Option<&_>| self.store.page::<R>(All, after, Order::Ascending, 1);
        while let Some(((station, _), _)) = oldest(next.as_ref())?.into_iter().next() {
            let records = self.store.page::<R>(&station, None, Order::Ascending, most as usize)?;
            let mut commit = Commit::new();
            let behind_newest = records.len().saturating_sub(1);
            let old = records.iter().take(behind_newest).filter(|(_, found)| is_old(&found.value));
            let mut found = 0;
            for (key, record) in old {
                forget(&mut commit, key, record);
                found += 1;
            }
            if found > 0 {
                self.store.commit(commit).await?;
                forgotten += found;
                tokio::time::sleep(PAUSE).await;
            }
            next = Some((station, last));
        }
        if forgotten > 0 {
            info!(what, forgotten, before = horizon.rfc3339(), "deleted what was too old");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::{ChangedFrame, CommandEnd, Fact, FactBody, QueuedCommand, Stamp, Way};
    use crate::store::MemoryEngine;

    const DAY: Duration = Duration::from_secs(86_400);

    #[tokio::test]
    async fn a_round_forgets_each_kind_at_its_own_age_and_nothing_that_is_still_to_be_read() {
        let store = Store::on_engine(Arc::new(MemoryEngine::new())).unwrap();
        // Each on its own: texts that were committed together also go together.
        for day in 0..10 {
            let stamp = Stamp::here(Millis(0) + DAY * day);
            let body = FactBody::Other { action: "DataTransfer".into() };
            let mut commit = Commit::new();
            commit.fact(Fact { station: None, stamp, body }, Some("text".into())).synced();
            store.commit(commit).await.unwrap();
        }
        let ages = Ages { raw: DAY * 2, meter_values: DAY * 3, log: DAY * 5, commands: DAY };
        let now = || Millis(0) + DAY * 10;
        let kept = || {
            let facts = store.facts(Seq(0), 100).unwrap();
            let first_text = (1..).find(|seq| store.raw(Seq(*seq)).unwrap().is_some());
            (facts[0].seq, first_text)
        };

        let slow_reader: Done = |_| Ok(Seq(3));
        Retention::new(store.clone(), ages, slow_reader, now).round().await;
        assert_eq!(kept(), (Seq(4), Some(4)));
        let nobody: Done = |store| Ok(*store.durable().borrow());
        Retention::new(store.clone(), ages, nobody, now).round().await;
        assert_eq!(kept(), (Seq(6), Some(9)));
    }

    #[tokio::test]
    async fn changed_frames_go_with_the_texts_of_stations_but_for_the_newest() {
        let store = Store::on_engine(Arc::new(MemoryEngine::new())).unwrap();
        let station: StationId = "A".parse().unwrap();
        for day in 1..=4 {
            let frame = ChangedFrame {
                at: Millis(0) + DAY * day,
                way: Way::Inbound,
                by: Vec::new(),
                original: "x".repeat(10_000),
                changed: "y".to_owned(),
            };
            let mut commit = Commit::new();
            commit.changed_frame(&station, day, &frame, None);
            store.commit(commit).await.unwrap();
        }
        let nobody: Done = |_| Ok(Seq(0));
        let kept = |raw| {
            let ages = Ages { raw, meter_values: DAY, log: DAY, commands: DAY };
            let (store, station) = (store.clone(), station.clone());
            async move {
                let now = || Millis(0) + DAY * 5;
                Retention::new(store.clone(), ages, nobody, now).round().await;
                let frames = store.changed_frames(&station, None, 10).unwrap();
                frames.into_iter().map(|(number, _)| number).collect::<Vec<_>>()
            }
        };
        assert_eq!(kept(DAY * 2).await, [4, 3]);
        assert_eq!(kept(DAY / 2).await, [4], "numbering goes on from it");
    }

    #[tokio::test]
    async fn old_commands_go_but_for_the_newest_of_each_station_and_what_still_waits() {
        let store = Store::on_engine(Arc::new(MemoryEngine::new())).unwrap();
        let station = |name: &str| name.parse::<StationId>().unwrap();
        let number = |n| CommandNo::new(n).unwrap();
        let mut commit = Commit::new();
        for (name, n, ended) in [
            ("A", 1, Some(1)),
            ("A", 2, None),
            ("A", 3, Some(9)),
            ("B", 1, Some(1)),
            ("B", 2, Some(2)),
        ] {
            let mut record = OperatorCommand::waiting(QueuedCommand {
                action: "ClearCache".to_owned(),
                payload: "{}".to_owned(),
                queued: Millis(0),
                expires: Millis(0),
                sent: None,
            });
            if let Some(day) = ended {
                record = record.ended(Millis(0) + DAY * day, CommandEnd::Expired);
            }
            commit.put(&(station(name), number(n)), &record, Expect::Absent);
        }
        store.commit(commit).await.unwrap();
        let ages = Ages { raw: DAY, meter_values: DAY, log: DAY, commands: DAY * 5 };
        let nobody: Done = |_| Ok(Seq(0));
        Retention::new(store.clone(), ages, nobody, || Millis(0) + DAY * 10).round().await;
        let left = store.page::<OperatorCommand>(All, None, Order::Ascending, 10).unwrap();
        let left: Vec<_> = left.into_iter().map(|(key, _)| key).collect();
        assert_eq!(
            left,
            [("A", 2), ("A", 3), ("B", 2)].map(|(name, n)| (station(name), number(n)))
        );
    }
}
