//! The store as other rooms hold it: read, commit, follow. Knows which engine serves it only while it opens.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::watch;

use crate::domain::{IdToken, Pseudonym, Seq, SessionId, Versioned};

use super::commit::{Commit, CommitError, Receipt};
use super::committer::{self, Health, Intake, Post, Progress};
use super::engine::{Engine, EngineError, KeyRange, Order, Pair};
use super::group;
use super::keys::{self, Scope};
use super::ledger::Ledger;
use super::pseudonyms::Pseudonyms;
use super::records::{self, Record};
use super::session_ids::SessionIds;
use super::sled_engine::SledEngine;
use super::space::Room;
use super::witness::Witness;
use super::{OpenError, StoreError};

/// The directory of the store within the data directory.
const DIRECTORY: &str = "store";

/// Records with their keys, in the order that was asked for.
pub type Page<R> = Vec<(<R as Record>::Key, Versioned<R>)>;

/// A handle; cheap to clone. The store ends with [`close`](Store::close), or with its last handle.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Arc<dyn Engine>,
    intake: Intake,
    progress: Progress,
    health: watch::Sender<Health>,
    /// As it was last measured.
    room: watch::Sender<Room>,
    /// Taken by whoever closes the store.
    committer: Mutex<Option<JoinHandle<()>>>,
    sessions: SessionIds,
    pseudonyms: Pseudonyms,
    /// Where the engine has a directory.
    witness: Option<Witness>,
}

impl Store {
    /// Opens the store of a data directory, and makes it when there is none.
    pub fn open(dir: &Path) -> Result<Self, OpenError> {
        let dir = place_in(dir);
        let engine = Arc::new(SledEngine::open(&dir)?);
        Self::start(engine, Some(Witness::beside(dir)))
    }

    /// Whether a data directory has a store.
    pub(super) fn is_in(dir: &Path) -> bool {
        place_in(dir).is_dir()
    }

    pub fn on_engine(engine: Arc<dyn Engine>) -> Result<Self, OpenError> {
        Self::start(engine, None)
    }

    fn start(engine: Arc<dyn Engine>, witness: Option<Witness>) -> Result<Self, OpenError> {
        let mut ledger = Ledger::recover(&*engine)?;
        if let Some(witness) = &witness {
            witness.confirm(ledger.last_seq())?;
        }
        let pseudonyms = Pseudonyms::recover(&mut ledger, &*engine)?;
        // What the engine shows after a crash may be no further than the system's cache; nobody may see it before
        // it is on the disk.
        let clean = group::sync(&*engine)?;
        if let Some(witness) = &witness {
            witness.note(ledger.last_seq())?;
        }
        let health = watch::Sender::new(Health::Serving);
        let (intake, progress, committer) =
            committer::start(engine.clone(), ledger, clean, health.clone())
                .map_err(OpenError::NoThread)?;
        let inner = Inner {
            engine,
            intake,
            progress,
            health,
            room: watch::Sender::new(Room::Ample),
            committer: Mutex::new(Some(committer)),
            sessions: SessionIds::default(),
            pseudonyms,
            witness,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The newest visible state of a record, which may not be on the disk yet: before anything that follows from
    /// it leaves the server, a synced commit has to be answered, be it an empty one.
    pub fn read<R: Record>(&self, key: &R::Key) -> Result<Option<Versioned<R>>, StoreError> {
        self.get(&keys::key(R::TABLE, key))?.map(|bytes| records::decode(&bytes)).transpose()
    }

    /// At most `limit` records of `scope`, in the order of their keys or against it, going on after `after`.
    pub fn page<R: Record>(
        &self,
        scope: impl Scope<R::Key>,
        after: Option<&R::Key>,
        order: Order,
        limit: usize,
    ) -> Result<Page<R>, StoreError> {
        let mut range = keys::under(keys::prefix(R::TABLE, &scope));
        if let Some(after) = after.map(|key| keys::key(R::TABLE, key)) {
            match order {
                Order::Ascending => range.start = range.start.max(keys::after(after)),
                Order::Descending => range.end = range.end.min(after),
            }
        }
        let pairs = self.scan(&range, order, limit)?;
        let damaged = || StoreError::Damaged { table: R::TABLE };
        pairs
            .into_iter()
            .map(|(key, bytes)| {
                let key = keys::parse(R::TABLE, &key).ok_or_else(damaged)?;
                Ok((key, records::decode(&bytes)?))
            })
            .collect()
    }

    /// How many records `scope` has, counted up to `limit`.
    pub fn count<R: Record>(
        &self,
        scope: impl Scope<R::Key>,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let range = keys::under(keys::prefix(R::TABLE, &scope));
        Ok(self.scan(&range, Order::Ascending, limit)?.len())
    }

    /// Queues the commit, in the order of the calls. The answer comes when the commit is visible, or on the disk if
    /// it holds a synced fact or asks for it. Dropping the future does not take the commit back.
    pub fn commit(
        &self,
        commit: Commit,
    ) -> impl Future<Output = Result<Receipt, CommitError>> + Send + 'static + use<> {
        let queued = match &commit.unstorable {
            Some(why) => Err(why.clone().into()),
            None if !self.room().takes(&commit) => Err(CommitError::NoSpace),
            None => self.inner.intake.queue(commit),
        };
        async move { queued?.await.unwrap_or(Err(CommitError::Unavailable)) }
    }

    /// The durable watermark: the newest fact that is on the disk with all before it.
    pub fn durable(&self) -> watch::Receiver<Seq> {
        self.inner.progress.durable.clone()
    }

    /// Changes when commands or messages of plugins have reached the disk.
    pub fn post(&self) -> watch::Receiver<Post> {
        self.inner.progress.post.clone()
    }

    /// A number that no session had and none will have, whatever crashes.
    pub async fn allocate_session(&self) -> Result<SessionId, StoreError> {
        self.inner.sessions.next(self).await
    }

    /// The name under which facts know a token, however it is spelt.
    pub fn pseudonym(&self, token: &IdToken) -> Pseudonym {
        self.inner.pseudonyms.of(token)
    }

    pub fn health(&self) -> Health {
        self.inner.health.borrow().clone()
    }

    /// How much room the disk leaves, as far as the store was told.
    pub fn room(&self) -> Room {
        *self.inner.room.borrow()
    }

    /// For whoever measures the disk: from now on the store takes what fits into that.
    pub fn set_room(&self, room: Room) {
        self.inner.room.send_replace(room);
    }

    /// For whoever has to act when the store fails.
    pub fn watch_health(&self) -> watch::Receiver<Health> {
        self.inner.health.subscribe()
    }

    /// Serves what is queued, syncs and ends the committer. Other handles can still read.
    pub async fn close(self) {
        let closing = tokio::task::spawn_blocking(move || self.close_here());
        if let Err(error) = closing.await {
            tracing::error!(%error, "the store was not closed in order");
        }
    }

    /// [`close`](Store::close) for threads that may wait.
    pub(super) fn close_here(self) {
        self.inner.close();
    }

    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.watch_engine(|engine| Ok(engine.get(key)?))
    }

    pub(super) fn scan(
        &self,
        range: &KeyRange,
        order: Order,
        limit: usize,
    ) -> Result<Vec<Pair>, StoreError> {
        self.watch_engine(|engine| Ok(engine.scan(range, order, limit)?))
    }

    /// An engine that has failed a reader is not trusted with writes either.
    pub(super) fn watch_engine<T>(
        &self,
        read: impl FnOnce(&dyn Engine) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        read(&*self.inner.engine).inspect_err(|error| {
            if let StoreError::Engine(error) = error {
                committer::fail(&self.inner.health, EngineError::clone(error));
            }
        })
    }
}

/// Where a data directory has its store.
pub(super) fn place_in(dir: &Path) -> PathBuf {
    dir.join(DIRECTORY)
}

impl Inner {
    fn close(&self) {
        self.intake.close();
        let thread = self.committer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // A committer that panicked has said so in the health.
            let _ = thread.join();
        }
        let last = *self.progress.durable.borrow();
        if let Some(witness) = &self.witness
            && let Err(error) = witness.note(last)
        {
            tracing::warn!(%error, "the end of the log could not be noted");
        }
    }
}
