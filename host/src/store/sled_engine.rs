//! The embedded engine. Knows sled's traps and shows none of them: `docs/adr/0002-sled-durability.md` tells them.

use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Duration;

use super::OpenError;
use super::engine::{Batch, Engine, EngineError, KeyRange, Order, Pair};
use super::format::{self, Claim};

/// All records live in one tree, because one batch is atomic within one tree only. Never sled's default tree: an
/// export brings that back under another name.
const TREE: &str = "hot";

/// Size of a log segment in bytes. A page above a quarter of it would go to a file of its own that sled never
/// syncs; pages of ours stay below 2 MiB because values are bounded.
const SEGMENT: usize = 8 << 20;

/// Memory for pages, in bytes. sled takes up to about half as much again.
const CACHE: u64 = 128 << 20;

/// Time between two looks at sled's own lock, and how many looks there are.
const LOCK_PAUSE: Duration = Duration::from_millis(10);
const LOCK_ATTEMPTS: u32 = 200;

pub(super) struct SledEngine {
    tree: sled::Tree,
    db: sled::Db,
    /// sled's log, opened a second time: `sync_data` on it is what makes a flush durable.
    log: File,
    /// Last, so that the directory is given up after sled has closed it.
    _claim: Claim,
}

impl SledEngine {
    pub(super) fn open(dir: &Path) -> Result<Self, OpenError> {
        let claim = format::claim(dir)?;
        let config = sled::Config::new()
            .path(dir)
            .segment_size(SEGMENT)
            .cache_capacity(CACHE)
            .flush_every_ms(None);
        wait_for_sled_to_let_go(dir)?;
        // sled panics over some damages of its files.
        let db = catch_unwind(AssertUnwindSafe(|| config.open()))
            .map_err(|_| OpenError::Damaged { dir: dir.to_owned() })?
            .map_err(|error| failed("open", &error))?;
        let tree = db.open_tree(TREE).map_err(|error| failed("open", &error))?;
        let io = |source| OpenError::Io { dir: dir.to_owned(), source };
        let log = File::open(dir.join("db")).map_err(io)?;
        // sled writes its settings once and never syncs them.
        File::open(dir.join("conf")).and_then(|conf| conf.sync_all()).map_err(io)?;
        format::sync_directory(dir).map_err(io)?;
        Ok(Self { tree, db, log, _claim: claim })
    }
}

impl Engine for SledEngine {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        let value = self.tree.get(key).map_err(|error| failed("get", &error))?;
        Ok(value.map(|bytes| bytes.to_vec()))
    }

    fn scan(&self, range: &KeyRange, order: Order, limit: usize) -> Result<Vec<Pair>, EngineError> {
        if range.start >= range.end {
            return Ok(Vec::new());
        }
        let pairs = self.tree.range::<&[u8], _>(range.start.as_slice()..range.end.as_slice());
        let owned = |pair: sled::Result<(sled::IVec, sled::IVec)>| {
            let (key, value) = pair.map_err(|error| failed("scan", &error))?;
            Ok((key.to_vec(), value.to_vec()))
        };
        match order {
            Order::Ascending => pairs.take(limit).map(owned).collect(),
            Order::Descending => pairs.rev().take(limit).map(owned).collect(),
        }
    }

    fn apply(&self, batch: Batch) -> Result<(), EngineError> {
        let mut changes = sled::Batch::default();
        for (key, value) in batch {
            match value {
                Some(value) => changes.insert(key, value),
                None => changes.remove(key),
            }
        }
        self.tree.apply_batch(changes).map_err(|error| failed("apply", &error))
    }

    /// `flush` hands the log to the system and no further (`sync_file_range`); `sync_data` brings it to the disk.
    fn sync(&self) -> Result<(), EngineError> {
        self.db.flush().map_err(|error| failed("sync", &error))?;
        self.log.sync_data().map_err(|error| EngineError::new("sync", error))
    }
}

/// A sled that was dropped in this process holds its lock for another moment, until its last input/output thread is
/// done. The directory is claimed by now, so nobody else of ours can hold it.
pub(super) fn wait_for_sled_to_let_go(dir: &Path) -> Result<(), OpenError> {
    let io = |source| OpenError::Io { dir: dir.to_owned(), source };
    let log = match File::open(dir.join("db")) {
        Ok(log) => log,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(io(source)),
    };
    for _ in 0..LOCK_ATTEMPTS {
        match log.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
        #[expect(clippy::disallowed_methods, reason = "a lock has no event with a time limit")]
        std::thread::sleep(LOCK_PAUSE);
    }
    Err(OpenError::InUse { dir: dir.to_owned() })
}

fn failed(during: &'static str, error: &sled::Error) -> EngineError {
    EngineError::new(during, error)
}
