//! What every handler works with: the rooms behind the API, and the bounds on what runs at once. Knows no route.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Admin;
use super::problem::Problem;
use super::views::Code;
use crate::domain::Versioned;
use crate::store::{Commit, CommitError, Conflict, Expect, Record, Store};

/// How many passwords are hashed at the same time; each takes 19 MiB and some 17 ms of a core.
const MAX_HASHING: usize = 2;

/// How many live streams are open at the same time.
const MAX_STREAMS: usize = 64;

/// How many loads of plugins may be under way or waiting; each holds a whole component file in memory.
const MAX_UPLOADS: usize = 4;

/// How often a change is tried again because somebody else changed the same record in between.
const MAX_ATTEMPTS: usize = 5;

pub(super) struct Desk {
    pub(super) admin: Admin,
    hashing: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    uploads: Arc<Semaphore>,
}

impl Desk {
    pub(super) fn new(admin: Admin) -> Arc<Self> {
        Arc::new(Self {
            admin,
            hashing: Arc::new(Semaphore::new(MAX_HASHING)),
            streams: Arc::new(Semaphore::new(MAX_STREAMS)),
            uploads: Arc::new(Semaphore::new(MAX_UPLOADS)),
        })
    }

    /// Leave to hash a password; waits its turn.
    pub(super) async fn hashing(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let turn = Arc::clone(&self.hashing).acquire_owned().await;
        turn.map_err(|closed| Problem::internal(&closed))
    }

    pub(super) fn stream(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let room = Arc::clone(&self.streams).try_acquire_owned();
        room.map_err(|_| Self::full(MAX_STREAMS, "event streams are open", "close one of them"))
    }

    /// Leave to read a component file. Taken before its first byte is.
    pub(super) fn upload(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let room = Arc::clone(&self.uploads).try_acquire_owned();
        room.map_err(|_| {
            Self::full(MAX_UPLOADS, "loads of plugins are under way", "wait for one of them")
        })
    }

    fn full(bound: usize, what: &str, next: &str) -> Problem {
        Problem::new(Code::TooMuchAtOnce, format!("{bound} {what}, and no more fit"), next)
    }

    /// Reads where waiting for the disk holds nobody up.
    pub(super) async fn read<T, F>(&self, read: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: FnOnce(&Store) -> Result<T, Problem> + Send + 'static,
    {
        let store = self.admin.store.clone();
        let read = tokio::task::spawn_blocking(move || read(&store));
        read.await.unwrap_or_else(|died| Err(Problem::internal(&died)))
    }

    /// Changes one record on the disk. `change` sees what is there and may run several times: each change that
    /// somebody else makes in between is seen, never undone.
    pub(super) async fn update<R, F>(&self, key: &R::Key, change: F) -> Result<R, Problem>
    where
        R: Record + Clone + Send + 'static,
        R::Key: Clone + Send + 'static,
        F: Fn(Option<R>) -> R,
    {
        for _ in 0..MAX_ATTEMPTS {
            let wanted = key.clone();
            let found = self.read(move |store| Ok(store.read::<R>(&wanted)?)).await?;
            let (current, expect) = match found {
                Some(Versioned { value, revision }) => (Some(value), Expect::Revision(revision)),
                None => (None, Expect::Absent),
            };
            let record = change(current);
            let mut commit = Commit::new();
            commit.put(key, &record, expect).synced();
            match self.admin.store.commit(commit).await {
                Ok(_) => return Ok(record),
                Err(CommitError::Conflict(Conflict::Record)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(CommitError::Conflict(Conflict::Record).into())
    }
}
