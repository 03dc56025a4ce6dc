//! One task for each plugin that answers a hook, beside everything that stations wait for. Knows no hook.
//!
//! Who runs follows the table of plugins: a task starts when a plugin comes into service, ends when it goes out of it,
//! and starts anew when another version takes its place.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::domain::PluginName;
use crate::plugins::{Host, Plugin};

/// See the module. Cheap to clone. `P` is what a task tells of itself.
pub(super) struct Crew<P> {
    running: Arc<Mutex<BTreeMap<PluginName, Running<P>>>>,
}

/// One plugin's task. Dropping it ends the task, in the middle of a call if need be: what was not committed is told
/// again.
struct Running<P> {
    plugin: Arc<Plugin>,
    place: watch::Receiver<P>,
    _task: AbortOnDropHandle<()>,
}

impl<P> Default for Crew<P> {
    fn default() -> Self {
        Self { running: Arc::default() }
    }
}

impl<P> Clone for Crew<P> {
    fn clone(&self) -> Self {
        Self { running: Arc::clone(&self.running) }
    }
}

impl<P> Crew<P> {
    /// Keeps a task running for each of `who`, until told to stop.
    pub(super) async fn keep(
        &self,
        host: &Host,
        who: fn(&Host) -> Arc<[Arc<Plugin>]>,
        start: impl Fn(&Arc<Plugin>) -> (watch::Receiver<P>, JoinHandle<()>),
        stop: CancellationToken,
    ) {
        let mut changes = host.changes();
        loop {
            changes.mark_unchanged();
            self.follow(&who(host), &start);
            tokio::select! {
                () = stop.cancelled() => break,
                changed = changes.changed() => if changed.is_err() { break },
            }
        }
        self.running().clear();
    }

    /// What a plugin's task tells of itself; `None` when none is running.
    pub(super) fn place(&self, name: &PluginName) -> Option<watch::Receiver<P>> {
        Some(self.running().get(name)?.place.clone())
    }

    fn follow(
        &self,
        who: &[Arc<Plugin>],
        start: impl Fn(&Arc<Plugin>) -> (watch::Receiver<P>, JoinHandle<()>),
    ) {
        let mut running = self.running();
        running.retain(|_, running| who.iter().any(|plugin| Arc::ptr_eq(plugin, &running.plugin)));
        for plugin in who {
            running.entry(plugin.name().clone()).or_insert_with(|| {
                let (place, task) = start(plugin);
                Running { plugin: plugin.clone(), place, _task: AbortOnDropHandle::new(task) }
            });
        }
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<PluginName, Running<P>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
