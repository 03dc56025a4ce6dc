//! The one thread that writes. Takes everything that waits, makes one batch of it, syncs once if anybody asked for
//! the disk, and only then answers. Knows no record and no key.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};

use crate::domain::{Durability, Seq};

use super::commit::{Commit, CommitError, Receipt};
use super::engine::{Engine, EngineError};
use super::group::{self, Answer, Group, OnDisk};
use super::ledger::Ledger;

/// Commits that may wait. Every station of a large site may have one under way when all of them come back at once.
const QUEUE: usize = 16_384;

/// Memory that waiting commits may take, in bytes, whatever their number.
const QUEUE_BYTES: usize = 64 << 20;

/// Commits that share one batch at most: bounds how long the first of them waits for the last.
const GROUP: usize = 1024;

/// A group takes no further commit beyond this many bytes.
const GROUP_BYTES: usize = 4 << 20;

/// How long a group that nobody wants on the disk waits for company. Stations send readings and statuses by the hundred,
/// and to wake this thread for each costs more than to write it.
const SOFT_LINGER: Duration = Duration::from_millis(1);

/// Longest time that something visible stays off the disk.
pub const SOFT_SYNC: Duration = Duration::from_millis(500);

/// Whether the store can be relied upon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    Serving,
    /// For good: a failed sync must not be tried again, because the system may have dropped what it could not write.
    Failed(EngineError),
}

/// How much post has reached the disk since the store was opened: for whoever takes it from there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Post {
    /// Commands to stations.
    pub commands: u64,
    /// Messages to plugins.
    pub messages: u64,
    /// Stations' wishes for certificates.
    pub requests: u64,
    /// Words of stations on their settings and lists.
    pub settings: u64,
}

impl Post {
    fn add(&mut self, more: Self) {
        self.commands += more.commands;
        self.messages += more.messages;
        self.requests += more.requests;
        self.settings += more.settings;
    }
}

/// What others can follow of what reaches the disk.
pub(super) struct Progress {
    pub(super) durable: watch::Receiver<Seq>,
    pub(super) post: watch::Receiver<Post>,
}

/// Where rooms hand in their commits.
pub(super) struct Intake {
    requests: SyncSender<Request>,
    waiting_bytes: Arc<AtomicUsize>,
}

enum Request {
    Commit(Commit, Answer),
    /// Serve what is already waiting, sync, end.
    Close,
}

type Waiting = oneshot::Receiver<Result<Receipt, CommitError>>;

impl Intake {
    /// Takes a place in the order of commits, or says at once that there is none.
    pub(super) fn queue(&self, commit: Commit) -> Result<Waiting, CommitError> {
        let bytes = commit.bytes;
        if self.waiting_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes > QUEUE_BYTES {
            self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
            return Err(CommitError::Overloaded);
        }
        let (answer, waiting) = oneshot::channel();
        self.requests.try_send(Request::Commit(commit, answer)).map_err(|refused| {
            self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
            match refused {
                TrySendError::Full(_) => CommitError::Overloaded,
                TrySendError::Disconnected(_) => CommitError::Unavailable,
            }
        })?;
        Ok(waiting)
    }

    /// Asks the committer to end after what is already queued. Blocks while the queue is full.
    pub(super) fn close(&self) {
        // An error says that it has ended already.
        let _ = self.requests.send(Request::Close);
    }
}

pub(super) struct Committer {
    engine: Arc<dyn Engine>,
    queue: Receiver<Request>,
    waiting_bytes: Arc<AtomicUsize>,
    ledger: Ledger,
    /// `None` while something applied is not on the disk yet.
    clean: Option<OnDisk>,
    /// When the store last became unclean.
    dirty_since: Instant,
    durable: watch::Sender<Seq>,
    /// Applied and not yet on the disk.
    brought: Post,
    post: watch::Sender<Post>,
    health: watch::Sender<Health>,
    group_commits: metrics::Histogram,
    written_bytes: metrics::Counter,
    sync_seconds: metrics::Histogram,
}

/// Starts the committer on an engine whose whole content is on the disk.
pub(super) fn start(
    engine: Arc<dyn Engine>,
    ledger: Ledger,
    clean: OnDisk,
    health: watch::Sender<Health>,
) -> std::io::Result<(Intake, Progress, JoinHandle<()>)> {
    let (requests, queue) = sync_channel(QUEUE);
    let durable = watch::Sender::new(ledger.last_seq());
    let post = watch::Sender::new(Post::default());
    let progress = Progress { durable: durable.subscribe(), post: post.subscribe() };
    let waiting_bytes = Arc::new(AtomicUsize::new(0));
    let committer = Committer {
        engine,
        queue,
        waiting_bytes: waiting_bytes.clone(),
        ledger,
        clean: Some(clean),
        dirty_since: Instant::now(),
        durable,
        brought: Post::default(),
        post,
        health,
        group_commits: metrics::histogram!("plugpoint_store_group_commits"),
        written_bytes: metrics::counter!("plugpoint_store_bytes_total"),
        sync_seconds: metrics::histogram!("plugpoint_store_sync_seconds"),
    };
    let thread =
        std::thread::Builder::new().name("committer".into()).spawn(move || committer.run())?;
    Ok((Intake { requests, waiting_bytes }, progress, thread))
}

impl Committer {
    fn run(mut self) {
        let _alarm = Alarm(self.health.clone());
        if let Err(error) = self.work() {
            fail(&self.health, error);
        }
        // Whoever still waits, in the queue or in a group, is told `Unavailable` by the drop of their answer.
    }

    fn work(&mut self) -> Result<(), EngineError> {
        loop {
            let mut arrivals = Vec::new();
            let open = self.gather(&mut arrivals);
            self.serve(arrivals)?;
            if !open {
                return self.settle().map(|_| ());
            }
        }
    }

    /// Waits for work, or for the time to sync; takes all that is there. `false`: there will be no more.
    fn gather(&mut self, arrivals: &mut Vec<(Commit, Answer)>) -> bool {
        let mut next = match self.clean {
            Some(_) => self.queue.recv().map_err(|_| RecvTimeoutError::Disconnected),
            None => {
                let left = SOFT_SYNC.saturating_sub(self.dirty_since.elapsed());
                self.queue.recv_timeout(left)
            }
        };
        if matches!(&next, Ok(Request::Commit(commit, _)) if commit.durability == Durability::Soft)
        {
            #[expect(clippy::disallowed_methods, reason = "to be woken is what this is to avoid")]
            std::thread::sleep(SOFT_LINGER);
        }
        let mut bytes = 0;
        loop {
            match next {
                Ok(Request::Commit(commit, answer)) => {
                    bytes += commit.bytes;
                    arrivals.push((commit, answer));
                }
                Ok(Request::Close) | Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => return self.taken(bytes, true),
            }
            if arrivals.len() >= GROUP || bytes >= GROUP_BYTES {
                return self.taken(bytes, true);
            }
            next = match self.queue.try_recv() {
                Ok(request) => Ok(request),
                // A closed queue is noticed by the next wait.
                Err(_) => return self.taken(bytes, true),
            };
        }
        self.taken(bytes, false)
    }

    fn taken(&self, bytes: usize, open: bool) -> bool {
        self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
        open
    }

    fn serve(&mut self, arrivals: Vec<(Commit, Answer)>) -> Result<(), EngineError> {
        if let Health::Failed(error) = &*self.health.borrow() {
            return Err(error.clone());
        }
        let engine = self.engine.clone();
        let mut group = Group::default();
        if !arrivals.is_empty() {
            self.group_commits.record(arrivals.len() as f64);
        }
        for (commit, answer) in arrivals {
            let (durability, brings) = (commit.durability, commit.brings);
            let outcome = self.ledger.admit(commit, &mut group.batch, &*engine)?;
            if outcome.is_ok() {
                self.brought.add(brings);
            }
            group.add(durability, outcome, answer);
        }
        self.ledger.finish(&mut group.batch);
        self.written_bytes.increment(group.batch.bytes() as u64);
        if !group.batch.is_empty() && self.clean.take().is_some() {
            self.dirty_since = Instant::now();
        }
        let visible = group.apply(&*engine)?;
        if visible.wants_disk() || self.is_overdue() {
            visible.answer(self.settle()?);
        }
        Ok(())
    }

    fn is_overdue(&self) -> bool {
        self.clean.is_none() && self.dirty_since.elapsed() >= SOFT_SYNC
    }

    /// Everything applied goes to the disk, and the watermark rises, unless nothing is waiting to go.
    fn settle(&mut self) -> Result<&OnDisk, EngineError> {
        let proof = match self.clean.take() {
            Some(proof) => proof,
            None => {
                let began = Instant::now();
                let proof = group::sync(&*self.engine)?;
                self.sync_seconds.record(began.elapsed().as_secs_f64());
                let last = self.ledger.last_seq();
                self.durable.send_if_modified(|seq| std::mem::replace(seq, last) != last);
                let brought = std::mem::take(&mut self.brought);
                if brought != Post::default() {
                    self.post.send_modify(|post| post.add(brought));
                }
                proof
            }
        };
        Ok(self.clean.insert(proof))
    }
}

/// Notes the first failure; the later ones follow from it.
pub(super) fn fail(health: &watch::Sender<Health>, error: EngineError) {
    health.send_if_modified(|health| {
        let first = *health == Health::Serving;
        if first {
            tracing::error!(%error, "the store stops; nothing is acknowledged from now on");
            *health = Health::Failed(error);
        }
        first
    });
}

/// An engine that panics takes the committer with it: that has to show, too.
struct Alarm(watch::Sender<Health>);

impl Drop for Alarm {
    fn drop(&mut self) {
        if std::thread::panicking() {
            fail(&self.0, EngineError::new("commit", "the engine panicked"));
        }
    }
}
