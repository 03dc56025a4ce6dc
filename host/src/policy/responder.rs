//! What a station is told that asks what the core does not know: the first responder whose reply can be used.

use tokio::time::Instant;

use super::Policies;
use crate::domain::{Effects, OpenAsk, Responded};
use crate::plugins::Fitting;

impl Policies {
    /// The responders whose manifest admits the station are asked in order, all before the one `deadline`. One that
    /// fails, or whose reply is not `fitting`, is passed over and told. The effects are those of all calls that went
    /// well.
    pub async fn respond<R>(
        &self,
        ask: &OpenAsk,
        fitting: Fitting<'_, R>,
        deadline: Instant,
    ) -> (Responded<R>, Effects) {
        let mut said = Responded::default();
        let mut effects = Effects::default();
        let responders = self.host.responders();
        let admitting = responders.iter().filter(|it| it.manifest().filters.admit(&ask.station));
        for plugin in admitting {
            said.is_asked = true;
            let version = &plugin.version().version;
            match plugin.respond(ask, fitting, deadline).await {
                Ok((reply, more)) => {
                    effects.extend(more);
                    if let Some(reply) = reply {
                        said.reply = Some((plugin.name().clone(), version.clone(), reply));
                        break;
                    }
                }
                Err(error) => said.failures.push(format!("{} {version} {error}", plugin.name())),
            }
        }
        (said, effects)
    }
}
