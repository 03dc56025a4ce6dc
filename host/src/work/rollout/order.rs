//! In which order the plugins of a hook are asked: the operator's word over the manifests' priorities.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Rollout, RolloutError, to_the_end};
use crate::domain::{Fact, FactBody, OrderedHook, PluginName, Stamp};
use crate::store::{Commit, Expect, PluginOrder, PluginRecord};

/// Who is asked when, and who said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookOrder {
    pub hook: OrderedHook,
    /// Who comes first, in the operator's words. Empty: the manifests decide.
    pub order: Vec<PluginName>,
    /// Who is in service, in the order in which they are asked.
    pub asked: Vec<Asked>,
}

/// A plugin in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub plugin: PluginName,
    pub version: String,
    /// As its manifest says.
    pub priority: i32,
}

impl Rollout {
    pub fn order(&self, hook: OrderedHook) -> Result<HookOrder, RolloutError> {
        let found = self.store.read::<PluginOrder>(&hook)?;
        let order = found.map(|order| order.value.plugins).unwrap_or_default();
        let asked = self.host.asked(hook);
        let asked = asked.iter().map(|plugin| Asked {
            plugin: plugin.name().clone(),
            version: plugin.version().version.clone(),
            priority: plugin.priority(hook),
        });
        Ok(HookOrder { hook, order, asked: asked.collect() })
    }

    /// Asks these plugins first, in this order; the others follow as their manifests say. No name at all gives the
    /// word back to the manifests. Questions under way are not disturbed.
    pub async fn set_order(
        self: &Arc<Self>,
        hook: OrderedHook,
        order: Vec<PluginName>,
    ) -> Result<HookOrder, RolloutError> {
        let this = Arc::clone(self);
        to_the_end(async move { this.do_set_order(hook, order).await }).await
    }

    async fn do_set_order(
        &self,
        hook: OrderedHook,
        order: Vec<PluginName>,
    ) -> Result<HookOrder, RolloutError> {
        let _turn = self.turn.lock().await;
        self.check(hook, &order)?;
        let mut commit = Commit::new();
        if order.is_empty() {
            commit.delete::<PluginOrder>(&hook, Expect::Any);
        } else {
            commit.put(&hook, &PluginOrder { plugins: order.clone() }, Expect::Any);
        }
        let body = FactBody::PluginsOrdered { hook, order: order.clone() };
        commit.fact(Fact { station: None, stamp: Stamp::here((self.now)()), body }, None);
        self.store.commit(commit).await?;
        self.host.set_order(hook, &order);
        tracing::info!(%hook, ?order, "plugins are asked in another order");
        self.order(hook)
    }

    /// Every plugin once, all of them on record, and none that is known to answer another hook. Which hooks a plugin
    /// answers that is not in service is not known here.
    fn check(&self, hook: OrderedHook, order: &[PluginName]) -> Result<(), RolloutError> {
        let mut seen = BTreeSet::new();
        let asked = self.host.asked(hook);
        for name in order {
            if !seen.insert(name) {
                return Err(RolloutError::NamedTwice(name.clone()));
            }
            if self.store.read::<PluginRecord>(name)?.is_none() {
                return Err(RolloutError::NotLoaded(name.clone()));
            }
            let runs = self.host.plugin(name).is_some();
            if runs && !asked.iter().any(|plugin| plugin.name() == name) {
                return Err(RolloutError::DoesNotAnswer { plugin: name.clone(), hook });
            }
        }
        Ok(())
    }

    /// Puts the orders on record into force, at start.
    pub(super) fn restore_orders(&self) -> Result<(), RolloutError> {
        for hook in OrderedHook::ALL {
            if let Some(order) = self.store.read::<PluginOrder>(&hook)? {
                self.host.set_order(hook, &order.value.plugins);
            }
        }
        Ok(())
    }
}
