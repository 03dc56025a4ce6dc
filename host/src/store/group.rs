//! From "applied" to "on the disk", as types: an answer that promises the disk needs an [`OnDisk`], and only [`sync`]
//! makes one. Knows nothing of how commits are checked.

use tokio::sync::oneshot;

use crate::domain::Durability;

use super::commit::{CommitError, Conflict, Receipt};
use super::engine::{Batch, Engine, EngineError};

/// How a waiting commit learns what became of it. Dropped without a word it says [`CommitError::Unavailable`].
pub(super) type Answer = oneshot::Sender<Result<Receipt, CommitError>>;

/// Proof that everything applied before the sync is on the disk.
pub(super) struct OnDisk(());

/// Pushes everything applied so far to the disk.
pub(super) fn sync(engine: &dyn Engine) -> Result<OnDisk, EngineError> {
    engine.sync()?;
    Ok(OnDisk(()))
}

/// Commits that are checked and take effect together.
#[derive(Default)]
pub(super) struct Group {
    pub(super) batch: Batch,
    soft: Vec<Reply>,
    synced: Vec<Reply>,
}

struct Reply {
    to: Answer,
    outcome: Result<Receipt, Conflict>,
}

impl Reply {
    fn send(self) {
        // Nobody listens when the caller gave up waiting; what was committed stays committed.
        let _ = self.to.send(self.outcome.map_err(CommitError::Conflict));
    }
}

impl Group {
    /// A refused commit waits like a good one: whoever was told of a conflict reads what stands in the way and may
    /// act on it, so by then that has to be visible, and on the disk if the caller cares for the disk.
    pub(super) fn add(
        &mut self,
        durability: Durability,
        outcome: Result<Receipt, Conflict>,
        to: Answer,
    ) {
        let reply = Reply { to, outcome };
        match durability {
            Durability::Soft => self.soft.push(reply),
            Durability::Synced => self.synced.push(reply),
        }
    }

    /// Makes the group visible and answers those who wait for no more than that.
    pub(super) fn apply(self, engine: &dyn Engine) -> Result<Visible, EngineError> {
        if !self.batch.is_empty() {
            engine.apply(self.batch)?;
        }
        self.soft.into_iter().for_each(Reply::send);
        Ok(Visible { waiting: self.synced })
    }
}

/// A group that readers see and a power cut may still take away.
#[must_use = "some may wait for the disk"]
pub(super) struct Visible {
    waiting: Vec<Reply>,
}

impl Visible {
    pub(super) fn wants_disk(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub(super) fn answer(self, _proof: &OnDisk) {
        self.waiting.into_iter().for_each(Reply::send);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::MemoryEngine;

    #[test]
    fn whoever_asked_for_the_disk_hears_of_a_conflict_only_once_its_cause_is_there() {
        let engine = MemoryEngine::new();
        let mut group = Group::default();
        let (soft, mut told_soft) = oneshot::channel();
        let (synced, mut told_synced) = oneshot::channel();
        group.batch.put(b"cause".to_vec(), b"of both".to_vec());
        group.add(Durability::Soft, Err(Conflict::Record), soft);
        group.add(Durability::Synced, Err(Conflict::Record), synced);

        let refused = Err(CommitError::Conflict(Conflict::Record));
        let visible = group.apply(&engine).unwrap();
        assert_eq!(told_soft.try_recv(), Ok(refused.clone()));
        assert!(told_synced.try_recv().is_err(), "the cause may still vanish");
        assert!(visible.wants_disk());
        visible.answer(&sync(&engine).unwrap());
        assert_eq!(told_synced.try_recv(), Ok(refused));
        assert_eq!(engine.unsynced(), 0);
    }
}
