//! Commands of plugins on their way to stations: kept until the station is there or the command has expired, sent at most
//! once, and answered into the plugin's inbox. Knows no plugin's inside and no protocol.
//!
//! `queue` decides which command goes next, `delivery` carries out one step. What a step has done is on record before
//! the next one of that station begins.

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
use self::queue::{Entry, Queue, Reach, Stepped};
use crate::domain::{Millis, PluginName, QueuedCommand, StationId, Versioned};
use crate::plugins::Host;
use crate::station::registry::Registry;
use crate::store::{All, Order, Store, StoreError};

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

/// A plugin's command that waits for its station.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    pub plugin: PluginName,
    pub id: String,
    pub command: QueuedCommand,
}

/// The commands of all plugins that wait for a station, oldest first.
pub fn waiting(store: &Store, station: &StationId) -> Result<Vec<Waiting>, StoreError> {
    let entries = everything(store)?.into_iter().filter(|entry| entry.key.1 == *station);
    let shown = |Entry { key: (plugin, _, id), command, .. }| Waiting { plugin, id, command };
    let mut waiting: Vec<_> = entries.map(shown).collect();
    waiting.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(waiting)
}

/// Everything on record, read where waiting for the disk holds nobody up.
async fn read(store: Store) -> Result<Vec<Entry>, StoreError> {
    match tokio::task::spawn_blocking(move || everything(&store)).await {
        Ok(read) => read,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

fn everything(store: &Store) -> Result<Vec<Entry>, StoreError> {
    let mut entries: Vec<Entry> = Vec::new();
    loop {
        let after = entries.last().map(|entry| &entry.key);
        let page = store.page::<QueuedCommand>(All, after, Order::Ascending, PAGE)?;
        let is_last = page.len() < PAGE;
        let entry =
            |(key, Versioned { value: command, revision })| Entry { key, command, revision };
        entries.extend(page.into_iter().map(entry));
        if is_last {
            return Ok(entries);
        }
    }
}
