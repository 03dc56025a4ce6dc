//! Lets the records forget: original texts, meter values and the log, each at its own age. Knows what is old enough and
//! when to look; what belongs together is the store's affair.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::domain::{Millis, Seq};
use crate::store::{Kept, Store, StoreError, TrimError};

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
    }

    async fn forget(&self, kept: Kept) -> Result<(), TrimError> {
        let age = u64::try_from(self.ages.of(kept).as_millis()).unwrap_or(u64::MAX);
        let horizon = Millis((self.now)().0.saturating_sub(age));
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
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::{Fact, FactBody, Stamp};
    use crate::store::{Commit, MemoryEngine};

    const DAY: Duration = Duration::from_secs(86_400);

    #[tokio::test]
    async fn a_round_forgets_each_kind_at_its_own_age_and_nothing_that_is_still_to_be_read() {
        let store = Store::on_engine(Arc::new(MemoryEngine::new())).unwrap();
        for day in 0..10 {
            let stamp = Stamp::here(Millis(0) + DAY * day);
            let body = FactBody::Other { action: "DataTransfer".into() };
            let mut commit = Commit::new();
            commit.fact(Fact { station: None, stamp, body }, Some("text".into())).synced();
            store.commit(commit).await.unwrap();
        }
        let ages = Ages { raw: DAY * 2, meter_values: DAY * 3, log: DAY * 5 };
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
}
