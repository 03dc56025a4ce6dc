//! Commands of plugins and operators on their way to stations: kept until the station is there or the command has
//! expired, sent at most once, and answered into the plugin's inbox or the operator's record. Knows no plugin's inside and
//! no protocol.
//!
//! `queue` decides which command goes next, `delivery` carries out one step. What a step has done is on record before
//! the next one of that station begins. `calls` is where operators come in.

mod calls;
mod delivery;
mod queue;
#[cfg(test)]
pub(in crate::work) mod tests;

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::error;

use self::delivery::Rim;
use self::queue::{Entry, Key, Name, Queue, Reach, Stepped};
use crate::domain::{CommandNo, Millis, OperatorCommand, QueuedCommand, StationId, Versioned};
use crate::plugins::Host;
use crate::station::registry::Registry;
use crate::store::{All, OpenCommand, Order, Record, Store, StoreError};

pub(in crate::work) use self::calls::Attached;
pub use self::calls::{Called, Calls, NotCancelled, NotQueued, Waiting};

/// Commands read at a time.
const PAGE: usize = 256;

/// Time for new commands to come together before the outbox is read again.
const GATHER: Duration = Duration::from_millis(20);

/// The longest wait without a look at the clock, which somebody may set.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Until an outbox that could not be read is tried again.
const UNREADABLE: Duration = Duration::from_secs(5);

/// See the module.
pub struct Outbox {
    rim: Rim,
    queue: Queue,
    under_way: FuturesUnordered<BoxFuture<'static, (StationId, Stepped)>>,
}

impl Outbox {
    pub fn new(host: Arc<Host>, store: Store, registry: Registry, now: fn() -> Millis) -> Self {
        let rim = Rim { store, host, registry, now };
        Self { rim, queue: Queue::new(), under_way: FuturesUnordered::new() }
    }

    /// Sends what waits, until told to stop; then lets what is under way end.
    pub async fn keep(mut self, stop: CancellationToken) {
        let mut post = self.rim.store.post();
        let mut arrivals = self.rim.registry.arrivals();
        let mut seen = None;
        while !stop.is_cancelled() {
            arrivals.mark_unchanged();
            let commands = post.borrow_and_update().commands;
            if seen != Some(commands) {
                match read(self.rim.store.clone()).await {
                    Ok(entries) => self.queue.take_over(entries),
                    Err(error) => {
                        error!(%error, "the outbox cannot be read; its commands wait");
                        sleep(UNREADABLE).await;
                        continue;
                    }
                }
                seen = Some(commands);
            }
            let pause = self.start_what_is_due();
            tokio::select! {
                () = stop.cancelled() => break,
                changed = post.changed() => {
                    if changed.is_err() { break }
                    sleep(GATHER).await;
                }
                changed = arrivals.changed() => if changed.is_err() { break },
                Some((station, stepped)) = self.under_way.next() => {
                    self.queue.ended((self.rim.now)(), &station, stepped);
                }
                () = sleep(pause) => {}
            }
        }
        while self.under_way.next().await.is_some() {}
    }

    /// Begins every step that can be done now. Returns how long nothing more will be due by itself.
    fn start_what_is_due(&mut self) -> Duration {
        let now = (self.rim.now)();
        let registry = &self.rim.registry;
        let reach = |station: &StationId| match registry.live(station) {
            Some(live) if live.online => Reach::Here { since: live.since, booted: live.booted },
            Some(_) | None => Reach::Away,
        };
        let (steps, wake) = self.queue.next(now, reach);
        for step in steps {
            let rim = self.rim.clone();
            let station = step.station().clone();
            self.under_way.push(Box::pin(async move { (station, rim.carry_out(step).await) }));
        }
        wake.map_or(LONGEST_WAIT, |wake| Duration::from_millis(wake.0.saturating_sub(now.0)))
            .min(LONGEST_WAIT)
    }
}

/// Everything on record, read where waiting for the disk holds nobody up.
async fn read(store: Store) -> Result<Vec<Entry>, StoreError> {
    match tokio::task::spawn_blocking(move || everything(&store)).await {
        Ok(read) => read,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

fn everything(store: &Store) -> Result<Vec<Entry>, StoreError> {
    let mut entries = Vec::new();
    each::<QueuedCommand>(store, |(plugin, station, id), Versioned { value, revision }| {
        let name = Name::Plugin(plugin, id);
        entries.push(Entry { key: Key { station, name }, command: value, revision });
        Ok(())
    })?;
    each::<OpenCommand>(store, |at, _| {
        entries
            .extend(of_operator(store, at)?.filter(|(_, is_awaited)| !is_awaited).map(|it| it.0));
        Ok(())
    })?;
    Ok(entries)
}

/// An operator's command that has not ended, and whether somebody waits for its answer.
fn of_operator(
    store: &Store,
    at: (StationId, CommandNo),
) -> Result<Option<(Entry, bool)>, StoreError> {
    let Some(Versioned { value, revision }) = store.read::<OperatorCommand>(&at)? else {
        return Ok(None);
    };
    let OperatorCommand { command, awaited, ended } = value;
    let (station, number) = at;
    let key = Key { station, name: Name::Operator(number) };
    Ok(ended.is_none().then_some((Entry { key, command, revision }, awaited)))
}

fn each<R: Record<Key: Clone>>(
    store: &Store,
    mut see: impl FnMut(R::Key, Versioned<R>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let page = store.page::<R>(All, after.as_ref(), Order::Ascending, PAGE)?;
        let is_last = page.len() < PAGE;
        for (key, record) in page {
            after = Some(key.clone());
            see(key, record)?;
        }
        if is_last {
            return Ok(());
        }
    }
}
