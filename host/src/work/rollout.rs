//! Loading, swapping, rolling back and unloading plugins while stations charge. Knows neither wasm nor HTTP.
//!
//! The order is always: prepare (nobody is affected) → record (on the disk, with a fact) → publish (the next call sees
//! it). A crash in between leaves what the record says, because the record is what a start restores.

use std::sync::Arc;

use tokio::sync::Mutex;

use super::observers::first_cursor;
use crate::domain::{
    Digest, Fact, FactBody, MAX_PLUGIN_SETTINGS, MAX_PLUGINS, Millis, PluginChange, PluginName,
    PluginVersion, Stamp, Versioned,
};
use crate::plugins::{Host, LoadError, PluginStatus, Prepared};
use crate::store::{
    All, Commit, CommitError, Conflict, Expect, ObserverCursor, Order, PluginRecord, Store,
    StoreError,
};

/// How often a version is prepared anew because the one in service wrote to the state that it migrates.
const MAX_ATTEMPTS: usize = 3;

/// The one way in which the set of running plugins changes. One change at a time.
pub struct Rollout {
    host: Arc<Host>,
    store: Store,
    now: fn() -> Millis,
    turn: Mutex<()>,
}

/// What a change did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub change: PluginChange,
    pub record: PluginRecord,
}

/// A plugin that is on record but does not run after a start.
#[derive(Debug)]
pub struct Unrestored {
    pub name: PluginName,
    pub error: RolloutError,
}

#[derive(Debug, thiserror::Error)]
pub enum RolloutError {
    #[error("there is no plugin '{0}'")]
    NotLoaded(PluginName),
    #[error("'{0}' has no earlier version to go back to")]
    NothingToRollBack(PluginName),
    #[error("a server runs at most {MAX_PLUGINS} plugins")]
    TooMany,
    #[error("settings take {0} bytes and at most {MAX_PLUGIN_SETTINGS} are kept")]
    SettingsTooLarge(usize),
    /// The plugin cannot run, or does not accept its settings. What ran before still runs.
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error(transparent)]
    Read(#[from] StoreError),
    #[error(transparent)]
    Commit(#[from] CommitError),
    #[error("the change broke off; the server's log says why")]
    BrokeOff,
}

impl Rollout {
    pub fn new(host: Arc<Host>, store: Store, now: fn() -> Millis) -> Arc<Self> {
        Arc::new(Self { host, store, now, turn: Mutex::new(()) })
    }

    /// Loads a component under `name`, or swaps the one that runs there for it. Without `settings` those of the
    /// running version stay; without a component only the settings change.
    pub async fn load(
        self: &Arc<Self>,
        name: PluginName,
        component: Option<Vec<u8>>,
        settings: Option<String>,
    ) -> Result<Outcome, RolloutError> {
        let this = Arc::clone(self);
        to_the_end(async move { this.do_load(name, component, settings).await }).await
    }

    /// Back to the version before. Doing it twice returns to where it began.
    pub async fn roll_back(self: &Arc<Self>, name: PluginName) -> Result<Outcome, RolloutError> {
        let this = Arc::clone(self);
        to_the_end(async move { this.do_roll_back(name).await }).await
    }

    /// Calls in flight end on their own; the next question does not reach the plugin. Its own records stay.
    pub async fn unload(self: &Arc<Self>, name: PluginName) -> Result<Outcome, RolloutError> {
        let this = Arc::clone(self);
        to_the_end(async move { this.do_unload(name).await }).await
    }

    /// Starts every plugin on record. One that cannot run keeps no other from running; it is returned, and told
    /// loudly, because what it would have decided falls to the configured default.
    pub async fn restore(&self) -> Result<Vec<Unrestored>, RolloutError> {
        let _turn = self.turn.lock().await;
        let mut unrestored = Vec::new();
        for (name, record) in self.records()? {
            let active = &record.active;
            match self.host.prepare_kept(&name, active).await {
                Ok(prepared) => {
                    self.host.publish(prepared);
                    tracing::info!(plugin = %name, version = %active.version, "restored");
                }
                Err(error) => {
                    tracing::error!(
                        plugin = %name, version = %active.version, digest = active.digest.short(),
                        cause = &error as &dyn std::error::Error,
                        "A PLUGIN DOES NOT RUN: load it again, roll it back or unload it"
                    );
                    unrestored.push(Unrestored { name, error: error.into() });
                }
            }
        }
        Ok(unrestored)
    }

    /// What is on record, by name.
    pub fn records(&self) -> Result<Vec<(PluginName, PluginRecord)>, RolloutError> {
        let found = self.store.page::<PluginRecord>(All, None, Order::Ascending, MAX_PLUGINS)?;
        Ok(found.into_iter().map(|(name, record)| (name, record.value)).collect())
    }

    /// What runs.
    pub fn status(&self) -> Vec<PluginStatus> {
        self.host.status()
    }

    async fn do_load(
        &self,
        name: PluginName,
        component: Option<Vec<u8>>,
        settings: Option<String>,
    ) -> Result<Outcome, RolloutError> {
        let _turn = self.turn.lock().await;
        let current = self.store.read::<PluginRecord>(&name)?;
        let running = current.as_ref().map(|record| &record.value.active);
        if running.is_none() && self.records()?.len() >= MAX_PLUGINS {
            return Err(RolloutError::TooMany);
        }
        let kept = running.map(|active| active.settings.clone());
        let settings = settings.or(kept).unwrap_or_else(|| "{}".to_owned());
        if settings.len() > MAX_PLUGIN_SETTINGS {
            return Err(RolloutError::SettingsTooLarge(settings.len()));
        }
        let prepared = match (component, running) {
            (Some(component), _) => self.host.prepare(&name, component, &settings).await?,
            (None, Some(active)) => {
                let version = PluginVersion { settings, ..active.clone() };
                self.host.prepare_kept(&name, &version).await?
            }
            (None, None) => return Err(RolloutError::NotLoaded(name)),
        };
        let change = if current.is_some() { PluginChange::Swapped } else { PluginChange::Loaded };
        self.take_over(name, change, prepared, current).await
    }

    async fn do_roll_back(&self, name: PluginName) -> Result<Outcome, RolloutError> {
        let _turn = self.turn.lock().await;
        let current = self.store.read::<PluginRecord>(&name)?;
        let Some(record) = &current else { return Err(RolloutError::NotLoaded(name)) };
        let Some(previous) = &record.value.previous else {
            return Err(RolloutError::NothingToRollBack(name));
        };
        let prepared = self.host.prepare_kept(&name, previous).await?;
        self.take_over(name, PluginChange::RolledBack, prepared, current).await
    }

    async fn do_unload(&self, name: PluginName) -> Result<Outcome, RolloutError> {
        let _turn = self.turn.lock().await;
        let Some(current) = self.store.read::<PluginRecord>(&name)? else {
            return Err(RolloutError::NotLoaded(name));
        };
        let Versioned { value: record, revision } = current;
        let mut commit = Commit::new();
        commit.delete::<PluginRecord>(&name, Expect::Revision(revision));
        commit.fact(fact(&name, PluginChange::Unloaded, &record.active, (self.now)()), None);
        self.store.commit(commit).await?;
        self.host.retire(&name);
        tracing::info!(plugin = %name, version = %record.active.version, "unloaded");
        self.forget_files().await;
        Ok(Outcome { change: PluginChange::Unloaded, record })
    }

    /// Records the prepared version together with what its migration did, then lets it answer.
    async fn take_over(
        &self,
        name: PluginName,
        change: PluginChange,
        mut prepared: Prepared,
        current: Option<Versioned<PluginRecord>>,
    ) -> Result<Outcome, RolloutError> {
        let (before, expect) = match current {
            Some(Versioned { value, revision }) => (Some(value), Expect::Revision(revision)),
            None => (None, Expect::Absent),
        };
        let active = prepared.version().clone();
        // The same version once more must not push out the one that a rollback would want.
        let previous = before.and_then(|before| {
            if before.active == active { before.previous } else { Some(before.active) }
        });
        let mut record = PluginRecord { active, previous, loaded_at: Millis::default() };
        for _ in 0..MAX_ATTEMPTS {
            record.loaded_at = (self.now)();
            let mut commit = Commit::new();
            commit.put(&name, &record, expect).effects(prepared.effects().clone());
            commit.fact(fact(&name, change, &record.active, record.loaded_at), None);
            match (prepared.observes(), self.store.read::<ObserverCursor>(&name)?) {
                // With the load, so that an observer misses nothing of what comes after it.
                (Some(observes), None) => {
                    commit.put(&name, &first_cursor(observes, &self.store), Expect::Absent);
                }
                // The log is not to be kept for a version that does not read it.
                (None, Some(_)) => {
                    commit.delete::<ObserverCursor>(&name, Expect::Any);
                }
                (Some(_), Some(_)) | (None, None) => {}
            }
            match self.store.commit(commit).await {
                Ok(_) => {
                    self.host.publish(prepared);
                    let PluginVersion { version, digest, .. } = &record.active;
                    tracing::info!(plugin = %name, version, %digest, ?change, "runs");
                    self.forget_files().await;
                    return Ok(Outcome { change, record });
                }
                Err(CommitError::Conflict(Conflict::Effects)) => {
                    // The version in service wrote to its state meanwhile: migrate what is there now.
                    prepared = self.host.prepare_kept(&name, &record.active).await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(CommitError::Conflict(Conflict::Effects).into())
    }

    /// Drops the files that nothing goes back to. A failure costs space and nothing else.
    async fn forget_files(&self) {
        let Ok(records) = self.records() else { return };
        let versions =
            records.into_iter().flat_map(|(_, PluginRecord { active, previous, .. })| {
                std::iter::once(active).chain(previous)
            });
        let keep: Vec<Digest> = versions.map(|version| version.digest).collect();
        let host = Arc::clone(&self.host);
        let forgotten = tokio::task::spawn_blocking(move || host.forget_all_but(&keep)).await;
        if let Ok(Err(error)) = forgotten {
            tracing::warn!(%error, "files of plugins that are no longer used could not be removed");
        }
    }
}

fn fact(name: &PluginName, change: PluginChange, version: &PluginVersion, now: Millis) -> Fact {
    Fact {
        station: None,
        stamp: Stamp::here(now),
        body: FactBody::PluginChanged {
            plugin: name.clone(),
            change,
            version: version.version.clone(),
            digest: version.digest.clone(),
        },
    }
}

/// Runs a change as a task of its own: whoever asked for it may hang up, but a version that is on record must also
/// be published.
async fn to_the_end(
    change: impl Future<Output = Result<Outcome, RolloutError>> + Send + 'static,
) -> Result<Outcome, RolloutError> {
    tokio::spawn(change).await.unwrap_or(Err(RolloutError::BrokeOff))
}
