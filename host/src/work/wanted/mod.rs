//! Keeps stations configured as their operators want them, and their local lists in step with the operator's tokens: compares what is wanted with what stations hold, asks for what
//! nobody knows, sets what differs, and reads it back. Knows no HTTP. What is done next is `decide`'s to say; here is who is
//! looked at, and when.
//!
//! A station is looked at when it has settled after a connection or a boot, when a wish of it changes, when it or somebody
//! else changes what it is known to hold, and when a wish says that its time has come. A station without wishes is never
//! looked at.

mod decide;
mod desk;
mod keep_list;
mod list;
mod round;
mod tongue;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::error;

use super::outbox::Calls;
use crate::domain::{HoldingKind, KeptList, Millis, Shelf, StationId, Wish, WishName};
use crate::station::registry::{Live, Registry};
use crate::store::{All, Order, Store, StoreError};

pub use self::desk::{NotWanted, Seen};
pub use self::keep_list::SeenList;

use self::decide::Setting;
use self::keep_list::Roll;
use self::round::Again;

/// Stations that are talked to at once.
const MAX_UNDER_WAY: usize = 64;

/// Records read at a time.
const PAGE: usize = 512;

/// From a station's connection or boot to the first call.
const SETTLE: Duration = Duration::from_secs(2);

/// Between two looks at all stations, whatever happens.
const BREATH: Duration = Duration::from_millis(200);

/// The same for what stations are known to hold: reports of a large fleet come by the thousand.
const LOOK_AT_SHELVES: Duration = Duration::from_secs(1);

/// From a change of a token to the lists: whoever blocks one card often blocks several.
const TOKENS_SETTLE: Duration = Duration::from_secs(1);

/// The longest wait without a look at the clock, which somebody may set.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Until records that could not be read or written are tried again.
const AGAIN: Duration = Duration::from_secs(30);

/// What a change of makes it worth to look at a station.
const SHELVES: [HoldingKind; 2] = [HoldingKind::Variable, HoldingKind::LocalList];

/// What operators want of stations. Cheap to clone.
#[derive(Clone)]
pub struct Wishes {
    store: Store,
    registry: Registry,
    calls: Calls,
    now: fn() -> Millis,
    bell: Arc<Bell>,
}

/// Stations whose wishes have changed since the loop looked last; never more than there are stations.
#[derive(Default)]
struct Bell {
    stations: Mutex<BTreeSet<StationId>>,
    /// Counts the changes of tokens.
    tokens: AtomicU64,
    roll: Mutex<Roll>,
    rung: Notify,
}

impl Bell {
    fn ring(&self, station: &StationId) {
        self.stations.lock().unwrap_or_else(PoisonError::into_inner).insert(station.clone());
        self.rung.notify_one();
    }

    fn tokens_changed(&self) {
        self.tokens.fetch_add(1, Ordering::AcqRel);
        self.rung.notify_one();
    }

    fn tokens(&self) -> u64 {
        self.tokens.load(Ordering::Acquire)
    }

    fn take(&self) -> BTreeSet<StationId> {
        std::mem::take(&mut *self.stations.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A station with wishes.
#[derive(Debug, Default)]
struct Watched {
    /// By itself; earlier when something happens.
    due: Millis,
    /// The connection and the boot at which it was looked at last.
    looked: Option<(Millis, Option<Millis>)>,
    /// Of its shelves, when they were looked at last.
    revisions: [u64; SHELVES.len()],
    is_busy: bool,
    /// Its wishes have changed while it was busy.
    is_touched: bool,
}

impl Watched {
    fn touch(&mut self) {
        (self.due, self.is_touched) = (Millis(0), self.is_busy);
    }

    /// When it is to be looked at; `None` while it is away or busy.
    fn due(&self, live: &Live) -> Option<Millis> {
        if self.is_busy || !live.online || live.protocol.is_none() {
            return None;
        }
        let settled = live.booted.unwrap_or(live.since) + SETTLE;
        let is_news = self.looked != Some((live.since, live.booted));
        Some(if is_news { settled } else { settled.max(self.due) })
    }
}

impl Wishes {
    pub fn new(store: Store, registry: Registry, calls: Calls, now: fn() -> Millis) -> Self {
        Self { store, registry, calls, now, bell: Arc::default() }
    }

    /// Looks after all stations with wishes until told to stop. A call under way goes on without it.
    pub async fn keep(self, stop: CancellationToken) {
        while let Err(error) = self.find_all().await {
            error!(%error, "nobody looks after stations' settings: the records cannot be read");
            if stop.run_until_cancelled(sleep(AGAIN)).await.is_none() {
                return;
            }
        }
        let (watched, under_way) = (BTreeMap::new(), FuturesUnordered::new());
        let tokens = self.bell.tokens();
        let rounds = Rounds { wishes: self, watched, under_way, tokens, tokens_due: None };
        rounds.keep(stop).await;
    }

    /// Rings for every station that has wishes or a list, at start.
    async fn find_all(&self) -> Result<(), StoreError> {
        let (store, bell) = (self.store.clone(), Arc::clone(&self.bell));
        aside(move || {
            let mut after: Option<(StationId, WishName)> = None;
            loop {
                let page = store.page::<Wish>(All, after.as_ref(), Order::Ascending, PAGE)?;
                page.iter().for_each(|((station, _), _)| bell.ring(station));
                match page.last() {
                    Some((last, _)) if page.len() == PAGE => after = Some(last.clone()),
                    _ => break,
                }
            }
            let mut after: Option<StationId> = None;
            loop {
                let page = store.page::<KeptList>(All, after.as_ref(), Order::Ascending, PAGE)?;
                page.iter().for_each(|(station, _)| bell.ring(station));
                match page.last() {
                    Some((last, _)) if page.len() == PAGE => after = Some(last.clone()),
                    _ => return Ok(()),
                }
            }
        })
        .await
    }
}

/// The loop and what it knows.
struct Rounds {
    wishes: Wishes,
    watched: BTreeMap<StationId, Watched>,
    under_way: FuturesUnordered<BoxFuture<'static, (StationId, Again)>>,
    /// The change of tokens that lists were last held against, and when they are held against the next one.
    tokens: u64,
    tokens_due: Option<Instant>,
}

impl Rounds {
    async fn keep(mut self, stop: CancellationToken) {
        let mut post = self.wishes.store.post();
        let mut arrivals = self.wishes.registry.arrivals();
        let (mut settings, mut next_shelves) = (0, Instant::now());
        let mut next_sweep = Instant::now();
        loop {
            let mut is_news = false;
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep_until(next_sweep) => {
                    self.take_what_is_new();
                    let reported = post.borrow_and_update().settings;
                    if reported != settings && next_shelves <= Instant::now() {
                        (settings, next_shelves) = (reported, Instant::now() + LOOK_AT_SHELVES);
                        self.look_at_shelves().await;
                    }
                    let pause = self.sweep();
                    let pause = if reported == settings { pause } else { pause.min(LOOK_AT_SHELVES) };
                    let pause = self.tokens_due.map_or(pause, |_| pause.min(TOKENS_SETTLE));
                    next_sweep = Instant::now() + pause.max(BREATH);
                }
                Some((station, again)) = self.under_way.next() => self.ended(&station, again),
                changed = arrivals.changed() => if changed.is_err() { return } else { is_news = true },
                changed = post.changed() => match changed {
                    Ok(()) => is_news = post.borrow().settings != settings,
                    Err(_) => return,
                },
                () = self.wishes.bell.rung.notified() => is_news = true,
            }
            if is_news {
                next_sweep = next_sweep.min(Instant::now() + BREATH);
            }
        }
    }

    /// Whose wishes have changed; everybody, when tokens have.
    fn take_what_is_new(&mut self) {
        for station in self.wishes.bell.take() {
            self.watched.entry(station).or_default().touch();
        }
        let tokens = self.wishes.bell.tokens();
        match self.tokens_due {
            None if tokens != self.tokens => self.tokens_due = Some(Instant::now() + TOKENS_SETTLE),
            Some(due) if due <= Instant::now() => {
                (self.tokens, self.tokens_due) = (tokens, None);
                self.watched.values_mut().for_each(Watched::touch);
            }
            Some(_) | None => {}
        }
    }

    /// Begins with every station that is due, as far as there is room. Returns how long none will be by itself.
    fn sweep(&mut self) -> Duration {
        let now = (self.wishes.now)();
        let mut wake = now + LONGEST_WAIT;
        let mut due_now = Vec::new();
        for (station, watched) in &self.watched {
            let live = self.wishes.registry.live(station);
            let Some(due) = live.and_then(|live| watched.due(&live)) else { continue };
            if due > now {
                wake = wake.min(due);
            } else if self.under_way.len() + due_now.len() < MAX_UNDER_WAY {
                due_now.push(station.clone());
            } else {
                wake = now;
            }
        }
        due_now.iter().for_each(|station| self.begin(station));
        wake.since(now)
    }

    fn begin(&mut self, station: &StationId) {
        let Some(live) = self.wishes.registry.live(station) else { return };
        let Some(watched) = self.watched.get_mut(station) else { return };
        watched.is_busy = true;
        watched.looked = Some((live.since, live.booted));
        let (wishes, station) = (self.wishes.clone(), station.clone());
        self.under_way.push(Box::pin(async move {
            let again = wishes.round(&station, &live).await;
            (station, again)
        }));
    }

    fn ended(&mut self, station: &StationId, again: Again) {
        let now = (self.wishes.now)();
        let Some(watched) = self.watched.get_mut(station) else { return };
        watched.is_busy = false;
        let is_touched = std::mem::take(&mut watched.is_touched);
        match again {
            _ if is_touched => watched.due = now,
            Again::Never => {
                self.watched.remove(station);
            }
            Again::At(due) => watched.due = due,
        }
        let live = self.wishes.registry.live(station);
        let due = self.watched.get(station).zip(live).and_then(|(it, live)| it.due(&live));
        // One step follows the other; everybody else waits for the next look.
        if due.is_some_and(|due| due <= now) {
            self.begin(station);
        }
    }

    /// Makes those due who hold something else than when they were looked at last.
    async fn look_at_shelves(&mut self) {
        let is_here = |station: &StationId| {
            self.wishes.registry.live(station).is_some_and(|live| live.online)
        };
        let here = self.watched.iter().filter(|(station, _)| is_here(station));
        let here: Vec<_> = here.map(|(id, watched)| (id.clone(), watched.revisions)).collect();
        let store = self.wishes.store.clone();
        let looked = aside(move || {
            let mut changed = Vec::new();
            for (station, known) in here {
                let mut found = known;
                for (revision, kind) in found.iter_mut().zip(SHELVES) {
                    let shelf = store.read::<Shelf>(&(station.clone(), kind))?;
                    *revision = shelf.map_or(0, |shelf| shelf.revision);
                }
                if found != known {
                    changed.push((station, found));
                }
            }
            Ok(changed)
        });
        for (station, revisions) in looked.await.unwrap_or_default() {
            if let Some(watched) = self.watched.get_mut(&station) {
                watched.revisions = revisions;
                watched.touch();
            }
        }
    }
}

/// Reads where waiting for the disk holds nobody up.
async fn aside<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let reading = tokio::task::spawn_blocking(read);
    reading.await.unwrap_or_else(|died| std::panic::resume_unwind(died.into_panic()))
}
