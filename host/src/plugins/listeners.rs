//! Which plugins in service want to hear which events of others. Knows no inbox: who emits puts the event there.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use tracing::warn;

use super::plugin::Plugin;
use super::wishes::Subscription;
use crate::domain::PluginName;

/// See the module. Follows the table of plugins.
#[derive(Default)]
pub(super) struct Listeners {
    wants: ArcSwap<BTreeMap<PluginName, Vec<Subscription>>>,
    /// Events that found an inbox full, since the server was started.
    missed: Mutex<BTreeMap<PluginName, u64>>,
}

impl Listeners {
    /// Takes over who listens from now on.
    pub(super) fn follow<'p>(&self, inboxes: impl Iterator<Item = &'p Arc<Plugin>>) {
        let wants = inboxes.filter_map(|plugin| {
            let events = &plugin.inbox()?.events;
            Some((plugin.name().clone(), events.iter().cloned().collect()))
        });
        self.wants.store(Arc::new(wants.collect()));
    }

    /// Who wants to hear of it. Nobody hears of events of their own.
    pub(super) fn of(&self, sender: &PluginName, topic: &str) -> Vec<PluginName> {
        let wants = self.wants.load();
        let listening = wants.iter().filter(|(name, wants)| {
            *name != sender && wants.iter().any(|wanted| wanted.covers(sender, topic))
        });
        listening.map(|(name, _)| name.clone()).collect()
    }

    /// Notes that an event did not fit into an inbox.
    pub(super) fn missed(&self, listener: &PluginName, sender: &PluginName) {
        let mut missed = self.missed.lock().unwrap_or_else(PoisonError::into_inner);
        let count = missed.entry(listener.clone()).or_default();
        *count += 1;
        // Each power of two: loud at first, and no flood.
        if count.is_power_of_two() {
            warn!(plugin = %listener, %sender, missed = *count, "its inbox is full: events pass it by");
        }
    }

    pub(super) fn missed_by(&self, listener: &PluginName) -> u64 {
        let missed = self.missed.lock().unwrap_or_else(PoisonError::into_inner);
        missed.get(listener).copied().unwrap_or_default()
    }
}
