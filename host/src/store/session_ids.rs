//! Numbers for sessions, never the same twice: blocks of them are leased from a counter on the disk before one of
//! them is used. Knows no session.

use tokio::sync::Mutex;

use crate::domain::SessionId;

use super::commit::{Commit, CommitError, Conflict, Expect};
use super::records::Counter;
use super::{Store, StoreError};

/// Numbers leased at a time. A restart skips what is left of a block.
const BLOCK: u32 = 100;

/// Under which name the counter is kept.
const SESSIONS: &str = "sessions";

/// How often a lease is tried again when somebody else took the block.
const ATTEMPTS: u32 = 8;

/// The rest of the newest block.
#[derive(Default)]
pub(super) struct SessionIds {
    lease: Mutex<std::ops::Range<u32>>,
}

impl SessionIds {
    pub(super) async fn next(&self, store: &Store) -> Result<SessionId, StoreError> {
        let mut lease = self.lease.lock().await;
        if lease.is_empty() {
            *lease = new_lease(store).await?;
        }
        lease.next().and_then(SessionId::new).ok_or(StoreError::SessionsExhausted)
    }
}

/// The block belongs to us when the counter behind it is on the disk, not before.
async fn new_lease(store: &Store) -> Result<std::ops::Range<u32>, StoreError> {
    let name = SESSIONS.to_owned();
    for _ in 0..ATTEMPTS {
        let (first, revision) = match store.read::<Counter>(&name)? {
            Some(counter) => (counter.value.next, counter.revision),
            None => (1, 0),
        };
        let first = u32::try_from(first).map_err(|_| StoreError::SessionsExhausted)?;
        let end = first.saturating_add(BLOCK).min(SessionId::MAX + 1);
        if first >= end {
            return Err(StoreError::SessionsExhausted);
        }
        let mut commit = Commit::new();
        let counter = Counter { next: u64::from(end) };
        commit.put(&name, &counter, Expect::Revision(revision)).synced();
        match store.commit(commit).await {
            Ok(_) => return Ok(first..end),
            Err(CommitError::Conflict(Conflict::Record | Conflict::Effects)) => {}
            Err(CommitError::Overloaded) => return Err(StoreError::Overloaded),
            Err(CommitError::NoSpace) => return Err(StoreError::NoSpace),
            Err(CommitError::Unavailable | CommitError::Unstorable(_)) => {
                return Err(StoreError::Unavailable);
            }
        }
    }
    Err(StoreError::Overloaded)
}
