//! Which quirks a station has, and how a frame passes them: a chain in the operator's order, each gets what the one
//! before it left. Whatever one of them does, there is a frame in the end.

use std::sync::Arc;

use tokio::time::Instant;

use super::Policies;
use crate::domain::{AskedStation, PluginName};
use crate::plugins::Plugin;

pub use crate::plugins::Passing;

/// The quirks that a station matches, as of one table of plugins. Small, and holds on to no plugin: most stations keep
/// one for ever and match none.
#[derive(Debug, Clone, Copy, Default)]
pub struct Fit {
    /// Of the table. 0, which is the table without plugins, also stands for "nobody has looked yet".
    generation: u64,
    /// A bit for each quirk in the order of the table, of which there are no more than bits.
    matching: u64,
}

const _: () = assert!(crate::domain::MAX_PLUGINS <= u64::BITS as usize);

/// What a frame has to pass.
pub enum ToPass {
    Nothing,
    Quirks(Chain),
    /// The plugins have changed: see [`Policies::fit`].
    Unknown,
}

/// The quirks of one station in order. Holding on to it holds on to their versions.
pub struct Chain(Vec<Arc<Plugin>>);

/// A frame that has passed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Passed {
    /// `None`: nobody has changed it.
    pub changed: Option<String>,
    /// Who did, with their versions, in order.
    pub by: Vec<(PluginName, String)>,
}

impl Policies {
    /// One look at the table, whatever the number of stations and plugins.
    pub fn to_pass(&self, fit: Fit) -> ToPass {
        if self.host.generation() != fit.generation {
            return ToPass::Unknown;
        }
        if fit.matching == 0 {
            return ToPass::Nothing;
        }
        let (generation, quirks) = self.host.quirks();
        if generation != fit.generation {
            return ToPass::Unknown;
        }
        let matching = quirks.iter().enumerate().filter(|(n, _)| fit.matching & (1 << n) != 0);
        ToPass::Quirks(Chain(matching.map(|(_, plugin)| Arc::clone(plugin)).collect()))
    }

    /// The quirks that the station matches; it is looked up only if there are any to match.
    pub fn fit<E>(
        &self,
        station: impl FnOnce() -> Result<Arc<AskedStation>, E>,
    ) -> Result<(Fit, Option<Arc<AskedStation>>), E> {
        let (generation, quirks) = self.host.quirks();
        if quirks.is_empty() {
            return Ok((Fit { generation, matching: 0 }, None));
        }
        let station = station()?;
        let admits = |plugin: &Arc<Plugin>| plugin.manifest().filters.admit(&station);
        let bits = quirks.iter().enumerate().filter(|(_, plugin)| admits(plugin));
        let matching = bits.fold(0, |bits, (n, _)| bits | 1 << n);
        Ok((Fit { generation, matching }, (matching != 0).then_some(station)))
    }
}

impl Chain {
    /// Has a frame mended by all of them, before the one `deadline`. Who fails leaves it as it was, which the plugin's
    /// status and journal tell.
    pub async fn pass(&self, passing: Passing<'_>, deadline: Instant) -> Passed {
        let mut passed = Passed::default();
        for plugin in &self.0 {
            let text = passed.changed.as_deref().unwrap_or(passing.text);
            if let Ok(Some(mended)) = plugin.mend(Passing { text, ..passing }, deadline).await {
                passed.changed = Some(mended);
                passed.by.push((plugin.name().clone(), plugin.version().version.clone()));
            }
        }
        passed
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::plugins::guests::{PASSES, authorizer, host, name};
    use crate::policy::Defaults;

    #[tokio::test]
    async fn without_quirks_a_frame_costs_one_look_and_no_station_is_looked_up() {
        let (host, _dir) = host(|_| {});
        let policies = Policies::new(Arc::clone(&host), Defaults::default());
        let nobody_looks = || -> Result<Arc<AskedStation>, Infallible> { unreachable!() };
        assert!(matches!(policies.to_pass(Fit::default()), ToPass::Nothing), "no plugin at all");

        let wasm = authorizer(PASSES);
        host.publish(host.prepare(&name("other"), wasm, "").await.unwrap());
        assert!(matches!(policies.to_pass(Fit::default()), ToPass::Unknown));
        let (fit, station) = policies.fit(nobody_looks).unwrap();
        assert_eq!(station, None);
        assert!(matches!(policies.to_pass(fit), ToPass::Nothing));

        host.retire(&name("other"));
        assert!(matches!(policies.to_pass(fit), ToPass::Unknown), "another table");
        assert!(size_of::<Fit>() <= 16, "every station keeps one");
    }
}
