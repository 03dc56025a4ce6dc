//! Messages to plugins: how their commands ended, their timers, events of others. One task for each plugin hands them
//! over, one at a time. Knows no wasm, and not where messages come from: whoever has one commits it.
//!
//! A message waits on record until the commit that removes it, which holds the effects of the call that took it.

mod deliver;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use self::deliver::Postman;
use super::crew::Crew;
use crate::domain::{MAX_POST, Message, PluginName, QueuedCommand};
use crate::plugins::{Host, Plugin};
use crate::store::{Store, StoreError};

/// See the module. Cheap to clone.
#[derive(Clone)]
pub struct Inboxes {
    host: Arc<Host>,
    store: Store,
    crew: Crew<Place>,
}

/// Where a task is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Place {
    skipped: u64,
    /// Why it does not go on at the moment.
    trouble: Option<String>,
}

/// How a plugin's post stands, as the operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxStanding {
    /// Commands that wait for their stations, and messages that wait for the plugin. Counted up to [`MAX_POST`] each.
    pub commands: usize,
    pub messages: usize,
    /// Messages that it could not bear and that were skipped, ever.
    pub skipped: u64,
    /// Events of others that found the inbox full, since the server was started.
    pub missed: u64,
    /// Why it does not go on at the moment; `None` while it does.
    pub trouble: Option<String>,
}

impl Inboxes {
    pub fn new(host: Arc<Host>, store: Store) -> Self {
        Self { host, store, crew: Crew::default() }
    }

    /// Keeps a task running for every inbox in service, until told to stop.
    pub async fn keep(self, stop: CancellationToken) {
        self.crew.keep(&self.host, Host::inboxes, |plugin| self.start(plugin), stop).await;
    }

    /// `None` when no plugin of this name with an inbox is in service.
    pub fn standing(&self, name: &PluginName) -> Result<Option<InboxStanding>, StoreError> {
        let Some(place) = self.crew.place(name) else { return Ok(None) };
        let Place { skipped, trouble } = place.borrow().clone();
        Ok(Some(InboxStanding {
            commands: self.store.count::<QueuedCommand>(name, MAX_POST)?,
            messages: self.store.count::<Message>(name, MAX_POST)?,
            skipped,
            missed: self.host.missed_by(name),
            trouble,
        }))
    }

    fn start(&self, plugin: &Arc<Plugin>) -> (watch::Receiver<Place>, JoinHandle<()>) {
        let (told, place) = watch::channel(Place::default());
        let postman = Postman::new(plugin.clone(), self.store.clone(), told);
        (place, tokio::spawn(postman.run()))
    }
}
