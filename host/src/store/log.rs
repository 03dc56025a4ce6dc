//! Reading facts back, in order and never ahead of the disk. Knows no consumer.

use crate::domain::{Fact, LoggedFact, Seq};

use super::chunks;
use super::commit::FACT_VERSION;
use super::engine::{KeyRange, Order, Pair};
use super::keys::{self, Table};
use super::records;
use super::texts;
use super::value::Codec;
use super::{Store, StoreError};

/// Facts that are read at once, in bytes as they are kept.
const MAX_BATCH: usize = 1 << 20;

impl Store {
    /// The facts after `after`, at most `limit`, none above the durable watermark. Stops early, but never before the
    /// first, once they take [`MAX_BATCH`] together: stations can make facts large.
    pub fn facts(&self, after: Seq, limit: usize) -> Result<Vec<LoggedFact>, StoreError> {
        let through = *self.durable().borrow();
        let (Some(first), Some(end)) = (after.0.checked_add(1), through.0.checked_add(1)) else {
            return Ok(Vec::new());
        };
        let place = |seq| keys::key(Table::Log, &Seq(seq));
        let range = KeyRange { start: place(first), end: place(end) };
        let pairs = self.scan(&range, Order::Ascending, limit)?;
        let mut bytes = 0;
        let mut facts = Vec::new();
        for pair in &pairs {
            let (fact, size) = self.logged(pair)?;
            bytes += size;
            if bytes > MAX_BATCH && !facts.is_empty() {
                break;
            }
            facts.push(fact);
        }
        Ok(facts)
    }

    /// The text from which a fact was read, for as long as it is kept.
    pub fn raw(&self, seq: Seq) -> Result<Option<String>, StoreError> {
        if seq > *self.durable().borrow() {
            return Ok(None);
        }
        self.watch_engine(|engine| texts::find(engine, seq))
    }

    /// A fact and how many bytes it takes in the log.
    pub(super) fn logged(&self, (key, bytes): &Pair) -> Result<(LoggedFact, usize), StoreError> {
        let damaged = || StoreError::Damaged { table: Table::Log };
        let seq = keys::parse(Table::Log, key).ok_or_else(damaged)?;
        let view = records::checked(Table::Log, FACT_VERSION, bytes)?;
        let mut size = bytes.len();
        let fact: Option<Fact> = match view.codec {
            Codec::Json => serde_json::from_slice(view.payload).ok(),
            Codec::Chunks => {
                let long =
                    self.watch_engine(|engine| chunks::join(engine, Table::LongFact, seq))?;
                let long = long.ok_or_else(damaged)?;
                size += long.len();
                let view = records::checked(Table::LongFact, FACT_VERSION, &long)?;
                serde_json::from_slice(view.payload).ok()
            }
            Codec::Bytes => None,
        };
        Ok((LoggedFact { seq, fact: fact.ok_or_else(damaged)? }, size))
    }
}
