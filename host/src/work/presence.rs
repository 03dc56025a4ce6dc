//! When stations were last heard of: kept in memory by the registry, written in batches here. Knows no station's
//! message. Losing the last minute of it is harmless.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::domain::{Millis, StationId};
use crate::station::registry::Registry;
use crate::store::{Commit, Expect, LastSeen, Store};

/// Between two writes of what changed; shorter than a station lingers in the registry. With heartbeats written one by
/// one they would be most of all writes.
const EVERY: Duration = Duration::from_secs(30);

/// Stations in one commit.
const BATCH: usize = 500;

/// See the module. Cheap to clone.
#[derive(Clone)]
pub struct Presence {
    store: Store,
    registry: Registry,
    saved: Arc<Mutex<HashMap<StationId, Millis>>>,
}

impl Presence {
    pub fn new(store: Store, registry: Registry) -> Self {
        Self { store, registry, saved: Arc::default() }
    }

    /// Saves now and then until told to stop.
    pub async fn keep(self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(EVERY) => self.save().await,
                () = stop.cancelled() => return,
            }
        }
    }

    /// Saves what changed since the last time.
    pub async fn save(&self) {
        for batch in self.changed().chunks(BATCH) {
            let mut commit = Commit::new();
            for (station, at) in batch {
                commit.put(station, &LastSeen { at: *at }, Expect::Any);
            }
            if let Err(error) = self.store.commit(commit).await {
                warn!(%error, "when stations were last seen is not saved");
            }
        }
    }

    fn changed(&self) -> Vec<(StationId, Millis)> {
        let live = self.registry.all_live();
        let mut saved = self.saved.lock().unwrap_or_else(PoisonError::into_inner);
        let now: HashMap<_, _> =
            live.into_iter().map(|(station, live)| (station, live.last_seen)).collect();
        let changed = now
            .iter()
            .filter(|(id, at)| saved.get(*id) != Some(*at))
            .map(|(id, at)| (id.clone(), *at));
        let changed = changed.collect();
        // Stations that left the registry were saved while they lingered in it.
        *saved = now;
        changed
    }
}
