//! Which plugins answer which question, in what order, and how answers combine. Knows no OCPP and no wasm.

mod combine;
mod quirks;
mod responder;
mod tariff;

use std::sync::Arc;

use tokio::time::Instant;

use crate::domain::{AuthorizeAsk, Decision, Effects, Opinion, Permit, Refusal, Verdict};
use crate::plugins::{CallError, Host, OnFailure, Plugin, Timed};

use combine::combine;

pub use quirks::{Chain, Fit, Passed, Passing, ToPass};

/// Why a plugin that failed refuses, where its failure policy says so.
const FAILED: &str = "policy-failed";

/// What is said when no plugin says anything.
#[derive(Debug, Clone)]
pub struct Defaults {
    /// For tokens about which no authoriser has an opinion. [`Verdict::Pass`] counts as a refusal.
    pub authorize: Verdict,
}

impl Default for Defaults {
    fn default() -> Self {
        Self { authorize: Verdict::Refuse(Refusal::Unknown) }
    }
}

/// Answers the core's questions by asking the plugins in service.
pub struct Policies {
    host: Arc<Host>,
    defaults: Defaults,
}

impl Policies {
    pub fn new(host: Arc<Host>, defaults: Defaults) -> Self {
        Self { host, defaults }
    }

    /// May this token charge? There always is an answer: failures become what the plugin's failure policy says.
    ///
    /// A plugin whose manifest filters this station out is not asked, and has no opinion.
    ///
    /// The authorisers are asked one after the other, all before the one `deadline`. A refusal ends the round, since
    /// nothing could change it. The effects are those of all calls that went well; they belong into the commit of the
    /// fact that this decision becomes part of.
    pub async fn authorize(&self, ask: &AuthorizeAsk, deadline: Instant) -> (Decision, Effects) {
        let authorizers = self.host.authorizers();
        let mut opinions = Vec::with_capacity(authorizers.len());
        let mut effects = Effects::default();
        for plugin in
            authorizers.iter().filter(|plugin| plugin.manifest().filters.admit(&ask.station))
        {
            let Timed { result, micros } = plugin.authorize(ask, deadline).await;
            let (verdict, failure) = match result {
                Ok((verdict, more)) => {
                    effects.extend(more);
                    (verdict, None)
                }
                Err(error) => failed(plugin, &error),
            };
            let refused = matches!(verdict, Verdict::Refuse(_));
            opinions.push(Opinion {
                plugin: plugin.name().clone(),
                version: plugin.version().version.clone(),
                verdict,
                failure,
                took_micros: micros,
            });
            if refused {
                break;
            }
        }
        (combine(opinions, ask.place, &self.defaults.authorize), effects)
    }
}

fn failed(plugin: &Plugin, error: &CallError) -> (Verdict, Option<String>) {
    let verdict = match plugin.manifest().hooks.authorizer.on_failure {
        OnFailure::Refuse => Verdict::Refuse(Refusal::Other(FAILED.to_owned())),
        OnFailure::Pass => Verdict::Pass,
        OnFailure::Permit => Verdict::Permit(Permit::default()),
    };
    (verdict, Some(error.to_string()))
}

#[cfg(test)]
mod tests;
