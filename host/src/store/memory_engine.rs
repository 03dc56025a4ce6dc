//! An engine in memory for tests of every room: it fails when told to, holds a sync back until it is let go, and
//! loses in a crash what was not synced. Knows no record.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::engine::{Batch, Engine, EngineError, KeyRange, Order, Pair};

#[derive(Default)]
pub struct MemoryEngine {
    state: Mutex<State>,
    /// Told whenever a sync starts to wait or may go on.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    visible: BTreeMap<Vec<u8>, Vec<u8>>,
    /// For each batch since the last sync, the way back.
    unsynced: Vec<Undo>,
    calls: u64,
    fail_on: Option<u64>,
    crashed: bool,
    holding: bool,
    held: usize,
}

/// The keys of a batch with what was there before it.
type Undo = Vec<(Vec<u8>, Option<Vec<u8>>)>;

impl MemoryEngine {
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets the `n`-th call from now fail, and only that one: 1 is the next.
    pub fn fail_on_call(&self, n: u64) {
        let mut state = self.lock();
        state.fail_on = Some(state.calls + n);
    }

    /// Whether the call that was to fail has come and failed.
    pub fn has_failed(&self) -> bool {
        let state = self.lock();
        state.fail_on.is_some_and(|call| state.calls >= call)
    }

    /// From now on every sync waits until [`release_syncs`](Self::release_syncs).
    pub fn hold_syncs(&self) {
        self.lock().holding = true;
    }

    pub fn release_syncs(&self) {
        self.lock().holding = false;
        self.changed.notify_all();
    }

    /// Blocks until a sync waits: what it is to bring to the disk is then visible and not durable.
    pub fn wait_for_held_sync(&self) {
        let state = self.lock();
        drop(
            self.changed
                .wait_while(state, |state| state.held == 0)
                .unwrap_or_else(PoisonError::into_inner),
        );
    }

    /// Whether a sync waits, or does so within this time.
    pub fn holds_sync_within(&self, patience: Duration) -> bool {
        let waited =
            self.changed.wait_timeout_while(self.lock(), patience, |state| state.held == 0);
        waited.unwrap_or_else(PoisonError::into_inner).0.held > 0
    }

    /// How many batches a crash may take away now.
    pub fn unsynced(&self) -> usize {
        self.lock().unsynced.len()
    }

    /// The power goes: this engine fails from now on, and the new one holds what was synced.
    pub fn crash(&self) -> Self {
        self.crash_keeping(0)
    }

    /// Like [`crash`](Self::crash), but the first `batches` after the last sync happened to reach the disk. Asked
    /// again, it tells how else the same crash might have ended.
    pub fn crash_keeping(&self, batches: usize) -> Self {
        let mut state = self.lock();
        state.crashed = true;
        state.holding = false;
        self.changed.notify_all();
        let mut disk = state.visible.clone();
        for (key, before) in state.unsynced.iter().skip(batches).rev().flatten() {
            match before {
                Some(value) => disk.insert(key.clone(), value.clone()),
                None => disk.remove(key),
            };
        }
        Self {
            state: Mutex::new(State { visible: disk, ..State::default() }),
            changed: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn call(&self, during: &'static str) -> Result<MutexGuard<'_, State>, EngineError> {
        let mut state = self.lock();
        state.calls += 1;
        if state.crashed {
            return Err(EngineError::new(during, "the power is out"));
        }
        if state.fail_on == Some(state.calls) {
            return Err(EngineError::new(during, "told to fail"));
        }
        Ok(state)
    }
}

impl Engine for MemoryEngine {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        Ok(self.call("get")?.visible.get(key).cloned())
    }

    fn scan(&self, range: &KeyRange, order: Order, limit: usize) -> Result<Vec<Pair>, EngineError> {
        let state = self.call("scan")?;
        if range.start >= range.end {
            return Ok(Vec::new());
        }
        let pairs = state.visible.range(range.start.clone()..range.end.clone());
        let owned = |(key, value): (&Vec<u8>, &Vec<u8>)| (key.clone(), value.clone());
        Ok(match order {
            Order::Ascending => pairs.take(limit).map(owned).collect(),
            Order::Descending => pairs.rev().take(limit).map(owned).collect(),
        })
    }

    fn apply(&self, batch: Batch) -> Result<(), EngineError> {
        let mut state = self.call("apply")?;
        let mut undo = Undo::new();
        for (key, value) in batch {
            let before = match value {
                Some(value) => state.visible.insert(key.clone(), value),
                None => state.visible.remove(&key),
            };
            undo.push((key, before));
        }
        state.unsynced.push(undo);
        Ok(())
    }

    fn sync(&self) -> Result<(), EngineError> {
        let mut state = self.call("sync")?;
        state.held += 1;
        self.changed.notify_all();
        state = self
            .changed
            .wait_while(state, |state| state.holding)
            .unwrap_or_else(PoisonError::into_inner);
        state.held -= 1;
        if state.crashed {
            return Err(EngineError::new("sync", "the power is out"));
        }
        state.unsynced.clear();
        Ok(())
    }
}
