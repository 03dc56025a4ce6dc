//! Loading, swapping, rolling back, pausing and unloading plugins while stations charge. Knows neither wasm nor HTTP.
//!
//! The order is always: prepare (nobody is affected) → record (on the disk, with a fact) → publish (the next call sees
//! it). A crash in between leaves what the record says, because the record is what a start restores.

mod order;
mod pause;
mod settings;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde_json::{Map, Value};
use tokio::sync::Mutex;

use super::observers::first_cursor;
use crate::domain::{
    Digest, Fact, FactBody, LineLevel, MAX_PLUGIN_SETTINGS, MAX_PLUGINS, Millis, OrderedHook,
    PluginChange, PluginName, PluginVersion, Speaker, Stamp, Versioned,
};
use crate::plugins::{Host, Journal, LoadError, PluginStatus, Prepared};
use crate::store::{
    All, Commit, CommitError, Conflict, Expect, ObserverCursor, Order, PluginRecord, Store,
    StoreError, UnloadedPlugin,
};

pub use order::{Asked, HookOrder};

/// How often a version is prepared anew because the one in service wrote to the state that it migrates.
const MAX_ATTEMPTS: usize = 3;

/// The one way in which the set of running plugins changes. One change at a time.
pub struct Rollout {
    host: Arc<Host>,
    store: Store,
    now: fn() -> Millis,
    turn: Mutex<()>,
}

/// A change on its way into the records.
struct Step {
    name: PluginName,
    change: PluginChange,
    /// The version that wrote the plugin's state last.
    older: Option<String>,
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
    #[error("'{0}' is named twice; a plugin has one place in an order")]
    NamedTwice(PluginName),
    #[error("'{plugin}' does not answer the hook {hook}")]
    DoesNotAnswer { plugin: PluginName, hook: OrderedHook },
    #[error("settings take {0} bytes and at most {MAX_PLUGIN_SETTINGS} are kept")]
    SettingsTooLarge(usize),
    #[error("the settings on record are no JSON object: {0}")]
    NoObject(serde_json::Error),
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

    /// Changes the settings in force by a merge patch (RFC 7396): what it does not name stays, `null` removes.
    pub async fn merge_settings(
        self: &Arc<Self>,
        name: PluginName,
        patch: Map<String, Value>,
    ) -> Result<Outcome, RolloutError> {
        let this = Arc::clone(self);
        to_the_end(async move { this.do_merge_settings(name, patch).await }).await
    }

    /// Back to the version before. Doing it twice returns to where it began.
    pub async fn roll_back(self: &Arc<Self>, name: PluginName) -> Result<Outcome, RolloutError> {
        let this = Arc::clone(self);
        to_the_end(async move { this.do_roll_back(name).await }).await
    }

    /// Out of service until it is enabled: on record with its settings and its state, and asked nothing. Also across
    /// restarts, loads and rollbacks. Disabling what is disabled changes nothing.
    pub async fn disable(self: &Arc<Self>, name: PluginName) -> Result<Outcome, RolloutError> {
        let this = Arc::clone(self);
        to_the_end(async move { this.do_disable(name).await }).await
    }

    /// Back into service. Enabling what is enabled changes nothing.
    pub async fn enable(self: &Arc<Self>, name: PluginName) -> Result<Outcome, RolloutError> {
        let this = Arc::clone(self);
        to_the_end(async move { this.do_enable(name).await }).await
    }

    /// Calls in flight end on their own; the next question does not reach the plugin. Its own records stay.
    pub async fn unload(self: &Arc<Self>, name: PluginName) -> Result<Outcome, RolloutError> {
        let this = Arc::clone(self);
        to_the_end(async move { this.do_unload(name).await }).await
    }

    /// Starts every plugin on record that is not disabled. One that cannot run keeps no other from running; it is returned, and told
    /// loudly, because what it would have decided falls to the configured default.
    pub async fn restore(&self) -> Result<Vec<Unrestored>, RolloutError> {
        let _turn = self.turn.lock().await;
        self.restore_orders()?;
        let mut unrestored = Vec::new();
        for (name, record) in self.records()? {
            if record.disabled {
                tracing::warn!(plugin = %name, "disabled, and asked nothing");
                continue;
            }
            let active = &record.active;
            match self.host.prepare_kept(&name, active).await {
                Ok(prepared) => {
                    self.host.publish(prepared);
                    self.note(&name, LineLevel::Info, &active.version, "runs, as before the start");
                    tracing::info!(plugin = %name, version = %active.version, "restored");
                }
                Err(error) => {
                    let why = format!("does not run: {}", error.with_causes());
                    self.note(&name, LineLevel::Error, &active.version, why);
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

    /// What a plugin wrote lately, and what was written about it; `None` if it was never heard of.
    pub fn journal(&self, name: &PluginName) -> Result<Option<Arc<Journal>>, RolloutError> {
        let on_record = self.store.read::<PluginRecord>(name)?.is_some();
        // One that was unloaded can still be looked at.
        Ok(if on_record { Some(self.host.journal(name)) } else { self.host.find_journal(name) })
    }

    fn note(&self, name: &PluginName, level: LineLevel, version: &str, text: impl Into<String>) {
        self.host.journal(name).write(level, Speaker::Host, version, text);
    }

    async fn do_load(
        &self,
        name: PluginName,
        component: Option<Vec<u8>>,
        settings: Option<String>,
    ) -> Result<Outcome, RolloutError> {
        let _turn = self.turn.lock().await;
        self.load_in_turn(name, component, settings).await
    }

    async fn do_merge_settings(
        &self,
        name: PluginName,
        patch: Map<String, Value>,
    ) -> Result<Outcome, RolloutError> {
        let _turn = self.turn.lock().await;
        let current = self.on_record(&name)?.value.active.settings;
        let settings = settings::merged(&current, patch).map_err(RolloutError::NoObject)?;
        self.load_in_turn(name, None, Some(settings)).await
    }

    async fn load_in_turn(
        &self,
        name: PluginName,
        component: Option<Vec<u8>>,
        settings: Option<String>,
    ) -> Result<Outcome, RolloutError> {
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
        let older = self.last_version(&name, current.as_ref())?;
        let (prepared, change) = match (component, running) {
            (Some(component), running) => {
                let change =
                    if running.is_some() { PluginChange::Swapped } else { PluginChange::Loaded };
                let older = older.as_deref();
                (self.host.prepare_after(older, &name, component, &settings).await?, change)
            }
            (None, Some(active)) => {
                let version = PluginVersion { settings, ..active.clone() };
                (self.prepare_kept(&name, &version, &older).await?, PluginChange::SettingsChanged)
            }
            (None, None) => return Err(RolloutError::NotLoaded(name)),
        };
        self.take_over(Step { name, change, older }, prepared, current).await
    }

    async fn do_roll_back(&self, name: PluginName) -> Result<Outcome, RolloutError> {
        let _turn = self.turn.lock().await;
        let current = self.store.read::<PluginRecord>(&name)?;
        let Some(record) = &current else { return Err(RolloutError::NotLoaded(name)) };
        let Some(previous) = &record.value.previous else {
            return Err(RolloutError::NothingToRollBack(name));
        };
        let older = self.last_version(&name, current.as_ref())?;
        let prepared = self.prepare_kept(&name, previous, &older).await?;
        let change = PluginChange::RolledBack;
        self.take_over(Step { name, change, older }, prepared, current).await
    }

    async fn do_unload(&self, name: PluginName) -> Result<Outcome, RolloutError> {
        let _turn = self.turn.lock().await;
        let Versioned { value: record, revision } = self.on_record(&name)?;
        let mut commit = Commit::new();
        commit.delete::<PluginRecord>(&name, Expect::Revision(revision));
        let left = UnloadedPlugin { version: record.active.version.clone() };
        commit.put(&name, &left, Expect::Any);
        commit.fact(fact(&name, PluginChange::Unloaded, &record.active, (self.now)()), None);
        self.store.commit(commit).await?;
        self.host.retire(&name);
        self.note(&name, LineLevel::Info, &record.active.version, "is unloaded");
        tracing::info!(plugin = %name, version = %record.active.version, "unloaded");
        self.forget_files().await;
        Ok(Outcome { change: PluginChange::Unloaded, record })
    }

    fn on_record(&self, name: &PluginName) -> Result<Versioned<PluginRecord>, RolloutError> {
        let found = self.store.read::<PluginRecord>(name)?;
        found.ok_or_else(|| RolloutError::NotLoaded(name.clone()))
    }

    /// The version that wrote a plugin's state last, whether it runs, is disabled or was unloaded.
    fn last_version(
        &self,
        name: &PluginName,
        current: Option<&Versioned<PluginRecord>>,
    ) -> Result<Option<String>, RolloutError> {
        if let Some(current) = current {
            return Ok(Some(current.value.active.version.clone()));
        }
        let left = self.store.read::<UnloadedPlugin>(name)?;
        Ok(left.map(|left| left.value.version))
    }

    async fn prepare_kept(
        &self,
        name: &PluginName,
        version: &PluginVersion,
        older: &Option<String>,
    ) -> Result<Prepared, LoadError> {
        self.host.prepare_kept_after(older.as_deref(), name, version).await
    }

    /// Records the prepared version together with what its migration did, then lets it answer.
    async fn take_over(
        &self,
        step: Step,
        mut prepared: Prepared,
        current: Option<Versioned<PluginRecord>>,
    ) -> Result<Outcome, RolloutError> {
        let Step { name, change, older } = step;
        let (before, expect) = match current {
            Some(Versioned { value, revision }) => (Some(value), Expect::Revision(revision)),
            None => (None, Expect::Absent),
        };
        let active = prepared.version().clone();
        let disabled = before.as_ref().is_some_and(|before| before.disabled);
        // The same version once more must not push out the one that a rollback would want.
        let previous = before.and_then(|before| {
            if before.active == active { before.previous } else { Some(before.active) }
        });
        let mut record = PluginRecord { active, previous, loaded_at: Millis::default(), disabled };
        for _ in 0..MAX_ATTEMPTS {
            record.loaded_at = (self.now)();
            let mut commit = Commit::new();
            commit.put(&name, &record, expect).effects(prepared.effects().clone());
            commit.delete::<UnloadedPlugin>(&name, Expect::Any);
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
                    let PluginVersion { version, digest, .. } = &record.active;
                    tracing::info!(plugin = %name, version, %digest, ?change, disabled, "takes over");
                    let told = if disabled { "takes over, disabled" } else { "takes over" };
                    self.note(&name, LineLevel::Info, version, told);
                    if !disabled {
                        self.host.publish(prepared);
                    }
                    self.forget_files().await;
                    return Ok(Outcome { change, record });
                }
                Err(CommitError::Conflict(Conflict::Effects)) => {
                    // The version in service wrote to its state meanwhile: migrate what is there now.
                    prepared = self.prepare_kept(&name, &record.active, &older).await?;
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
async fn to_the_end<T: Send + 'static>(
    change: impl Future<Output = Result<T, RolloutError>> + Send + 'static,
) -> Result<T, RolloutError> {
    tokio::spawn(change).await.unwrap_or(Err(RolloutError::BrokeOff))
}
