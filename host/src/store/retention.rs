//! Deletes what is old, from the front of the log, in small commits. Knows no schedule and no clock: the horizon is an
//! argument.
//!
//! Original texts, meter values and the rest of the log have a horizon each. What a fact loses with its place in the
//! log, it loses as a whole: a text without its fact is of no use. Texts that share a block go with the last of them.

use crate::domain::{FactBody, LoggedFact, Millis, Seq};

use super::commit::{Commit, CommitError, Expect};
use super::engine::Order;
use super::keys::{self, Table};
use super::records::Counter;
use super::texts;
use super::{Store, StoreError};

/// Keys that one commit deletes at most. A fact is deleted whole, so one of the longest facts may take more.
const MOST_KEYS: usize = 1000;

/// Facts that are looked at for one commit.
const MOST_FACTS: usize = 1000;

/// What has an age of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// The texts that stations sent.
    Raw,
    /// Facts that hold nothing but readings.
    MeterValues,
    /// All facts.
    Log,
}

/// What one commit did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Trimmed {
    /// Facts that are gone, or have lost their text.
    pub facts: usize,
    /// Facts that were looked at.
    pub seen: usize,
    /// There may be more to do at once.
    pub more: bool,
}

/// Why nothing was deleted.
#[derive(Debug, thiserror::Error)]
pub enum TrimError {
    #[error(transparent)]
    Read(#[from] StoreError),
    #[error(transparent)]
    Commit(#[from] CommitError),
}

impl Kept {
    pub const ALL: [Self; 3] = [Self::Raw, Self::MeterValues, Self::Log];

    /// For logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::MeterValues => "meter-values",
            Self::Log => "log",
        }
    }

    /// Under which name the place is kept up to which everything old is gone already.
    fn progress(self) -> String {
        format!("trimmed-{}", self.as_str())
    }

    pub(super) fn takes(self, fact: &FactBody) -> bool {
        match self {
            Self::Raw | Self::Log => true,
            Self::MeterValues => matches!(fact, FactBody::MeterValues { .. }),
        }
    }

    const fn tables(self) -> &'static [Table] {
        match self {
            Self::Raw => &[Table::Raw, Table::RawBlock, Table::RawReadings],
            Self::MeterValues => &[Table::Raw, Table::RawReadings, Table::LongFact, Table::Log],
            Self::Log => {
                &[Table::Raw, Table::RawBlock, Table::RawReadings, Table::LongFact, Table::Log]
            }
        }
    }
}

/// What is to be deleted in one commit.
struct Cut {
    keys: Vec<(Table, Vec<u8>)>,
    /// The last fact that was looked at.
    through: Seq,
    trimmed: Trimmed,
}

impl Store {
    /// Deletes some of what was received before `horizon`, oldest first, up to `through` and never the newest fact,
    /// because numbering goes on from it. Stops at the first fact that is young enough. To be called again as long as
    /// there is more; goes on where it stopped, also after a crash.
    pub async fn trim(
        &self,
        kept: Kept,
        horizon: Millis,
        through: Seq,
    ) -> Result<Trimmed, TrimError> {
        let store = self.clone();
        let cut = tokio::task::spawn_blocking(move || store.next_cut(kept, horizon, through));
        let cut = cut.await.unwrap_or(Err(StoreError::Unavailable))?;
        if cut.trimmed.seen == 0 {
            return Ok(cut.trimmed);
        }
        let mut commit = Commit::new();
        for (table, key) in cut.keys {
            commit.delete_key(table, key);
        }
        commit.put(&kept.progress(), &Counter { next: cut.through.0 + 1 }, Expect::Any);
        commit.makes_room();
        self.commit(commit).await?;
        Ok(cut.trimmed)
    }

    fn next_cut(&self, kept: Kept, horizon: Millis, through: Seq) -> Result<Cut, StoreError> {
        let newest = *self.durable().borrow();
        let through = through.min(Seq(newest.0.saturating_sub(1)));
        let progress = self.read::<Counter>(&kept.progress())?;
        let done = Seq(progress.map_or(0, |counter| counter.value.next.saturating_sub(1)));
        let mut cut = Cut { keys: Vec::new(), through: done, trimmed: Trimmed::default() };
        for LoggedFact { seq, fact } in self.facts(done, MOST_FACTS)? {
            if seq > through || fact.stamp.received >= horizon {
                return Ok(cut);
            }
            if kept.takes(&fact.body) {
                let keys = self.keys_of(kept, seq)?;
                if !cut.keys.is_empty() && cut.keys.len() + keys.len() > MOST_KEYS {
                    cut.trimmed.more = true;
                    return Ok(cut);
                }
                cut.trimmed.facts += match kept {
                    Kept::Raw => self.watch_engine(|engine| texts::count(engine, seq))?,
                    Kept::MeterValues | Kept::Log => usize::from(!keys.is_empty()),
                };
                cut.keys.extend(keys);
            }
            cut.through = seq;
            cut.trimmed.seen += 1;
        }
        cut.trimmed.more = cut.trimmed.seen > 0;
        Ok(cut)
    }

    /// All keys of a fact that go.
    fn keys_of(&self, kept: Kept, seq: Seq) -> Result<Vec<(Table, Vec<u8>)>, StoreError> {
        let mut keys = Vec::new();
        for table in kept.tables() {
            let range = keys::under(keys::key(*table, &seq));
            let found = self.scan(&range, Order::Ascending, usize::MAX)?;
            keys.extend(found.into_iter().map(|(key, _)| (*table, key)));
        }
        Ok(keys)
    }
}
