//! Plugins that are told what has happened: one task for each, beside everything that stations wait for. Knows neither
//! wasm nor the shape of an event: `server` says how a fact is told.
//!
//! Where an observer stands is on record ([`ObserverCursor`]), and moves in one commit with what the plugin wrote. Two
//! tasks of one plugin, as in the moment of a swap, cannot both move it: the second finds another revision and reads
//! again.

mod batch;
mod follow;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use self::follow::Follower;
use super::crew::Crew;
use crate::domain::{LoggedFact, MAX_PLUGINS, PluginName, Seq};
use crate::plugins::{Begin, Event, Host, ObserverSettings, Plugin};
use crate::store::{All, ObserverCursor, Order, PluginRecord, Store, StoreError};

/// How a fact is told to plugins.
pub type Tell = fn(LoggedFact) -> Result<Event, serde_json::Error>;

/// See the module. Cheap to clone.
#[derive(Clone)]
pub struct Observers {
    host: Arc<Host>,
    store: Store,
    tell: Tell,
    crew: Crew<Place>,
}

/// Where a task is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Place {
    /// The last fact that was told or passed over.
    seen: Seq,
    skipped: u64,
    last_skipped: Option<Seq>,
    /// Why it does not go on at the moment.
    trouble: Option<String>,
}

/// Where an observer stands, as the operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The last fact that it was told of, or that is of no kind it asked for.
    pub cursor: Seq,
    /// How many facts of the log are still before it.
    pub lag: u64,
    /// Events that it could not bear and was not told of, ever.
    pub skipped: u64,
    pub last_skipped: Option<Seq>,
    /// Why it does not go on at the moment; `None` while it does.
    pub trouble: Option<String>,
}

impl Observers {
    pub fn new(host: Arc<Host>, store: Store, tell: Tell) -> Self {
        Self { host, store, tell, crew: Crew::default() }
    }

    /// Keeps a task running for every observer in service, until told to stop.
    pub async fn keep(self, stop: CancellationToken) {
        self.crew.keep(&self.host, Host::observers, |plugin| self.start(plugin), stop).await;
    }

    /// `None` when no observer of this name is in service.
    pub fn standing(&self, name: &PluginName) -> Option<Standing> {
        let place = self.crew.place(name)?.borrow().clone();
        let durable = *self.store.durable().borrow();
        Some(Standing {
            cursor: place.seen,
            lag: durable.0.saturating_sub(place.seen.0),
            skipped: place.skipped,
            last_skipped: place.last_skipped,
            trouble: place.trouble,
        })
    }

    fn start(&self, plugin: &Arc<Plugin>) -> (watch::Receiver<Place>, JoinHandle<()>) {
        let (told, place) = watch::channel(Place::default());
        let follower = Follower::new(plugin.clone(), self.store.clone(), self.tell, told);
        (place, tokio::spawn(follower.run()))
    }
}

/// The newest fact that no observer on record needs any more. One that is unloaded does not count.
pub fn observed(store: &Store) -> Result<Seq, StoreError> {
    let mut done = *store.durable().borrow();
    for (name, _) in store.page::<PluginRecord>(All, None, Order::Ascending, MAX_PLUGINS)? {
        if let Some(cursor) = store.read::<ObserverCursor>(&name)? {
            done = done.min(cursor.value.seq);
        }
    }
    Ok(done)
}

/// Where a plugin begins that has no cursor yet.
pub(super) fn first_cursor(observes: &ObserverSettings, store: &Store) -> ObserverCursor {
    let seq = match observes.from {
        Begin::Start => Seq(0),
        Begin::Now => *store.durable().borrow(),
    };
    ObserverCursor { seq, skipped: 0, last_skipped: None }
}
