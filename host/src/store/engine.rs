//! What the store needs of an engine: ordered bytes, atomic batches, and an honest sync. Knows no record, no
//! revision and no fact. Four calls, so that a second engine over a database server stays a small job.

use std::collections::HashMap;

/// Ordered bytes that survive a crash. Calls may come from any thread; `apply` and `sync` come from one at a time.
pub trait Engine: Send + Sync + 'static {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError>;

    /// At most `limit` pairs of `range`, from its low end or from its high end.
    fn scan(&self, range: &KeyRange, order: Order, limit: usize) -> Result<Vec<Pair>, EngineError>;

    /// Makes the whole batch visible, or nothing of it. After a crash, what is left of several batches is always
    /// the first few of them, whole.
    fn apply(&self, batch: Batch) -> Result<(), EngineError>;

    /// Returns once everything applied before would survive a power cut.
    fn sync(&self) -> Result<(), EngineError>;
}

/// A key and its value.
pub type Pair = (Vec<u8>, Vec<u8>);

/// From which end a range is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Ascending,
    Descending,
}

/// Keys from `start` (with it) to `end` (without it).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRange {
    pub start: Vec<u8>,
    pub end: Vec<u8>,
}

/// Changes that become visible together. One key has one outcome: the last that was said of it.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    writes: HashMap<Vec<u8>, Option<Vec<u8>>>,
}

impl Batch {
    pub fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.writes.insert(key, Some(value));
    }

    pub fn delete(&mut self, key: Vec<u8>) {
        self.writes.insert(key, None);
    }

    /// What this batch would make of `key`: `None` when it does not touch it, `Some(None)` when it deletes it.
    pub fn outcome(&self, key: &[u8]) -> Option<Option<&[u8]>> {
        self.writes.get(key).map(Option::as_deref)
    }

    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// Bytes of all keys and values.
    pub fn bytes(&self) -> usize {
        let bytes = |value: &Option<Vec<u8>>| value.as_ref().map_or(0, Vec::len);
        self.writes.iter().map(|(key, value)| key.len() + bytes(value)).sum()
    }
}

impl IntoIterator for Batch {
    type Item = (Vec<u8>, Option<Vec<u8>>);
    type IntoIter = std::collections::hash_map::IntoIter<Vec<u8>, Option<Vec<u8>>>;

    fn into_iter(self) -> Self::IntoIter {
        self.writes.into_iter()
    }
}

/// The engine could not do what it was asked. After one of these nothing it says is relied upon: the server has to
/// be started again, and recovers what was synced.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the storage engine failed in {during}: {cause}; free the disk or repair it, then restart the server"
)]
pub struct EngineError {
    /// The call that failed, for example `sync`.
    pub during: &'static str,
    pub cause: String,
}

impl EngineError {
    pub fn new(during: &'static str, cause: impl std::fmt::Display) -> Self {
        Self { during, cause: cause.to_string() }
    }
}
