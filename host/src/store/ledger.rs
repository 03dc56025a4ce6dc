//! Decides whether a commit holds, and hands out numbers: places in the log without gaps, revisions without
//! repeats. Knows no queue, no waiting and no clock.

use crate::domain::Seq;

use super::StoreError;
use super::chunks;
use super::commit::{Change, Commit, Conflict, NewFact, Receipt, Write};
use super::engine::{Batch, Engine, EngineError, Order};
use super::keys::{self, All, Table};
use super::records::{self, Counter};
use super::texts::{self, Texts};
use super::value;

/// Revisions set aside at a time. After a restart numbering goes on behind the block, so a revision that somebody
/// has read never comes to mean another value.
const REVISION_BLOCK: u64 = 1 << 20;

/// Under which name the end of the newest block of revisions is kept.
const REVISIONS: &str = "revisions";

/// Revision of facts and texts, which never change.
pub(super) const UNCHANGING: u64 = 1;

pub(super) struct Ledger {
    last_seq: Seq,
    next_revision: u64,
    /// Revisions below this one are set aside on the disk, or will be with the batch that uses them.
    set_aside: u64,
    /// Of the facts in the batch that is being made.
    texts: Texts,
}

impl Ledger {
    /// Goes on where the engine's content ends.
    pub(super) fn recover(engine: &dyn Engine) -> Result<Self, StoreError> {
        let log = keys::under(keys::prefix::<Seq>(Table::Log, &All));
        let newest = engine.scan(&log, Order::Descending, 1)?;
        let last_seq = match newest.first() {
            Some((key, _)) => {
                keys::parse(Table::Log, key).ok_or(StoreError::Damaged { table: Table::Log })?
            }
            None => Seq(0),
        };
        let set_aside = match engine.get(&revisions_key())? {
            Some(bytes) => records::decode::<Counter>(&bytes)?.value.next,
            None => UNCHANGING,
        };
        Ok(Self { last_seq, next_revision: set_aside, set_aside, texts: Texts::default() })
    }

    pub(super) fn last_seq(&self) -> Seq {
        self.last_seq
    }

    /// Adds a commit to the batch if everything it relies on holds, with the commits before it taken into account.
    pub(super) fn admit(
        &mut self,
        commit: Commit,
        batch: &mut Batch,
        engine: &dyn Engine,
    ) -> Result<Result<Receipt, Conflict>, EngineError> {
        for write in &commit.writes {
            if let Some(expected) = write.expected
                && revision_of(&write.key, batch, engine)? != expected
            {
                return Ok(Err(Conflict::Record));
            }
        }
        for read in &commit.reads {
            if revision_of(&read.key, batch, engine)? != read.revision {
                return Ok(Err(Conflict::Effects));
            }
        }
        let mut receipt = Receipt {
            seqs: Vec::with_capacity(commit.facts.len()),
            revisions: Vec::with_capacity(commit.writes.len()),
        };
        for fact in commit.facts {
            receipt.seqs.push(self.append(fact, batch));
        }
        for Write { key, change, .. } in commit.writes {
            match change {
                Change::Put(value) => receipt.revisions.push(self.put(key, value, batch)?),
                Change::PutUncounted(value) => {
                    self.put(key, value, batch)?;
                }
                Change::Delete => batch.delete(key),
            }
        }
        Ok(Ok(receipt))
    }

    /// Ends a batch: the texts of its facts, which share what they are kept in.
    pub(super) fn finish(&mut self, batch: &mut Batch) {
        std::mem::take(&mut self.texts).write(batch);
    }

    fn append(&mut self, mut fact: NewFact, batch: &mut Batch) -> Seq {
        let seq = Seq(self.last_seq.0 + 1);
        self.last_seq = seq;
        if let Some(text) = fact.raw.take() {
            self.texts.add(seq, text, fact.is_reading);
        }
        Self::write_fact(seq, fact, batch);
        seq
    }

    /// A fact in a place that it already has.
    pub(super) fn write_fact(seq: Seq, fact: NewFact, batch: &mut Batch) {
        let long = fact.is_long();
        let NewFact { mut value, raw, .. } = fact;
        if long {
            chunks::cut(batch, Table::LongFact, seq, UNCHANGING, &value);
            value = NewFact::stand_in();
        }
        value::set_revision(&mut value, UNCHANGING);
        batch.put(keys::key(Table::Log, &seq), value);
        if let Some(raw) = raw {
            texts::write_alone(batch, seq, &raw);
        }
    }

    pub(super) fn put(
        &mut self,
        key: Vec<u8>,
        mut value: Vec<u8>,
        batch: &mut Batch,
    ) -> Result<u64, EngineError> {
        let revision = self.revision(batch)?;
        value::set_revision(&mut value, revision);
        batch.put(key, value);
        Ok(revision)
    }

    /// The block is set aside in the batch that first uses it: they reach the disk together or not at all.
    fn revision(&mut self, batch: &mut Batch) -> Result<u64, EngineError> {
        if self.next_revision == self.set_aside {
            self.set_aside += REVISION_BLOCK;
            let mut value = records::encode(&Counter { next: self.set_aside })
                .map_err(|error| EngineError::new("numbering", error))?;
            value::set_revision(&mut value, self.set_aside);
            batch.put(revisions_key(), value);
        }
        let revision = self.next_revision;
        self.next_revision += 1;
        Ok(revision)
    }
}

pub(super) fn revisions_key() -> Vec<u8> {
    keys::key(Table::Counter, &REVISIONS.to_owned())
}

/// The revision a record will have once the batch is applied; 0 when there will be none.
fn revision_of(key: &[u8], batch: &Batch, engine: &dyn Engine) -> Result<u64, EngineError> {
    let revision = |bytes: &[u8]| match value::view(bytes) {
        Some(view) => Ok(view.revision),
        None => Err(EngineError::new("check", "a record is damaged")),
    };
    match batch.outcome(key) {
        Some(Some(bytes)) => revision(bytes),
        Some(None) => Ok(0),
        None => engine.get(key)?.as_deref().map_or(Ok(0), revision),
    }
}
