//! Taking a plugin out of service for a while, and back in. It stays on record, with its settings and its state.

use super::{Outcome, Rollout, RolloutError, fact};
use crate::domain::{LineLevel, PluginChange, PluginName, Versioned};
use crate::store::{Commit, Expect, PluginRecord};

impl Rollout {
    pub(super) async fn do_disable(&self, name: PluginName) -> Result<Outcome, RolloutError> {
        let _turn = self.turn.lock().await;
        let change = PluginChange::Disabled;
        let current = self.on_record(&name)?;
        if current.value.disabled {
            return Ok(Outcome { change, record: current.value });
        }
        let record = self.record_disabled(&name, current, change).await?;
        self.host.retire(&name);
        self.note(&name, LineLevel::Warn, &record.active.version, "is disabled, and asked nothing");
        tracing::warn!(plugin = %name, version = %record.active.version, "disabled, and asked nothing");
        Ok(Outcome { change, record })
    }

    pub(super) async fn do_enable(&self, name: PluginName) -> Result<Outcome, RolloutError> {
        let _turn = self.turn.lock().await;
        let change = PluginChange::Enabled;
        let current = self.on_record(&name)?;
        if !current.value.disabled {
            return Ok(Outcome { change, record: current.value });
        }
        let older = Some(current.value.active.version.clone());
        let prepared = self.prepare_kept(&name, &current.value.active, &older).await?;
        let record = self.record_disabled(&name, current, change).await?;
        self.host.publish(prepared);
        self.note(&name, LineLevel::Info, &record.active.version, "is enabled");
        tracing::info!(plugin = %name, version = %record.active.version, "enabled");
        Ok(Outcome { change, record })
    }

    /// Records that a plugin is asked nothing, or asked again.
    async fn record_disabled(
        &self,
        name: &PluginName,
        current: Versioned<PluginRecord>,
        change: PluginChange,
    ) -> Result<PluginRecord, RolloutError> {
        let Versioned { value, revision } = current;
        let record = PluginRecord { disabled: change == PluginChange::Disabled, ..value };
        let mut commit = Commit::new();
        commit.put(name, &record, Expect::Revision(revision));
        commit.fact(fact(name, change, &record.active, (self.now)()), None);
        self.store.commit(commit).await?;
        Ok(record)
    }
}
