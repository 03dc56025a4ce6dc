//! The server's store on a disk whose syncs take as long as the story wants, and which fails and loses its power. Knows
//! no station but by its number.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::runtime::Runtime;

use crate::domain::{Durability, StationId};
use crate::station::exchange::Look;
use crate::station::lookup::look;
use crate::station::machine::Input;
use crate::store::{Commit, Health, MemoryEngine, Store};

/// Something that ends in an input of a machine, or that nobody waits for.
type Work = BoxFuture<'static, Option<Input>>;

/// How often to look whether a commit was answered without a sync.
const GLANCE: Duration = Duration::from_millis(1);

/// What became of a request at once.
pub(super) enum Outcome {
    Done(Option<Box<Input>>),
    /// It waits for a sync that has just begun.
    SyncBegan,
    /// It waits for the sync under way, or behind it.
    Waits,
}

pub(super) struct Disk {
    engine: Arc<MemoryEngine>,
    pub(super) store: Store,
    runtime: Runtime,
    syncing: bool,
    /// In the order of their beginning, with the station and whether its answer has to wait for the disk.
    waiting: Vec<(usize, bool, Work)>,
}

impl Disk {
    pub(super) fn new() -> Self {
        let engine = Arc::new(MemoryEngine::new());
        Self {
            store: Store::on_engine(engine.clone()).unwrap(),
            engine,
            runtime: tokio::runtime::Builder::new_current_thread().build().unwrap(),
            syncing: false,
            waiting: Vec::new(),
        }
    }

    pub(super) fn look(&mut self, n: usize, station: StationId, what: Look) -> Outcome {
        let store = self.store.clone();
        let look = async move { Some(Input::Found(look(&store, &station, what).await)) };
        self.begin(n, look.boxed(), false)
    }

    pub(super) fn commit(&mut self, n: usize, commit: Commit) -> Outcome {
        let is_synced = commit.durability() == Durability::Synced;
        self.hold(is_synced);
        let committed = self.store.commit(commit);
        self.begin(n, async { Some(Input::Committed(committed.await)) }.boxed(), is_synced)
    }

    pub(super) fn keep(&mut self, n: usize, commit: Commit) -> Outcome {
        let committed = self.store.commit(commit);
        self.begin(n, async { Some(Input::Kept(committed.await)) }.boxed(), false)
    }

    pub(super) fn note(&mut self, n: usize, commit: Commit) -> Outcome {
        let committed = self.store.commit(commit);
        self.begin(n, async { committed.await.ok().and(None) }.boxed(), false)
    }

    fn hold(&self, is_synced: bool) {
        if is_synced && !self.syncing {
            self.engine.hold_syncs();
        }
    }

    /// Everything that the committer does is waited for, so that one seed tells one story.
    fn begin(&mut self, n: usize, mut work: Work, is_synced: bool) -> Outcome {
        if self.syncing {
            if let Some(input) = (&mut work).now_or_never() {
                return Outcome::Done(input.map(Box::new));
            }
            self.waiting.push((n, is_synced, work));
            return Outcome::Waits;
        }
        if !is_synced {
            return Outcome::Done(self.runtime.block_on(work).map(Box::new));
        }
        while !self.engine.holds_sync_within(GLANCE) {
            // A conflict, or nothing that is not on the disk already.
            if let Some(input) = (&mut work).now_or_never() {
                self.engine.release_syncs();
                return Outcome::Done(input.map(Box::new));
            }
        }
        self.syncing = true;
        self.waiting.push((n, is_synced, work));
        Outcome::SyncBegan
    }

    /// The sync is over, and whatever queued behind it is served.
    pub(super) fn sync_ends(&mut self) -> Vec<(usize, Input)> {
        self.engine.release_syncs();
        self.syncing = false;
        let waiting = std::mem::take(&mut self.waiting);
        let served = waiting
            .into_iter()
            .map(|(n, _, work)| self.runtime.block_on(work).map(|input| (n, input)));
        served.flatten().collect()
    }

    /// Is something of this station on the way to the disk that an answer has to wait for?
    pub(super) fn holds_back(&self, n: usize) -> bool {
        self.waiting.iter().any(|(of, is_synced, _)| *of == n && *is_synced)
    }

    /// The `n`-th operation from now fails.
    pub(super) fn fail_soon(&self, n: u64) {
        self.engine.fail_on_call(n);
    }

    pub(super) fn has_failed(&self) -> bool {
        self.store.health() != Health::Serving
    }

    /// What a power cut may take away now.
    pub(super) fn unsynced(&self) -> usize {
        self.engine.unsynced()
    }

    /// The power goes and comes back; so many batches made it to the disk by chance.
    pub(super) fn power_cut(&mut self, kept: usize) {
        self.engine = Arc::new(self.engine.crash_keeping(kept));
        self.store = Store::on_engine(self.engine.clone()).unwrap();
        self.syncing = false;
        self.waiting.clear();
    }
}
