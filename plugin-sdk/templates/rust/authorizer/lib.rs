//! Permits the cards on the operator's list. Knows nothing of prices.

use plugpoint_sdk::{Ask, Authorizer, Lifecycle, Purpose, Token, Verdict, tokens};
use serde::Deserialize;

/// What the operator may set, as JSON.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Only stations with this tag are its business; all of them, when left out.
    tag: Option<String>,
}

pub struct Policy {
    settings: Settings,
}

plugpoint_sdk::export!(Policy: Authorizer);

impl Lifecycle for Policy {
    type Settings = Settings;

    /// An error refuses the settings, and what ran before goes on.
    fn configure(settings: Settings) -> Result<Self, String> {
        Ok(Self { settings })
    }
}

impl Authorizer for Policy {
    fn authorize(&self, ask: &Ask, _: Purpose, token: &Token) -> Result<Verdict, String> {
        let tag = self.settings.tag.as_ref();
        if tag.is_some_and(|tag| !ask.station.tags.contains(tag)) {
            return Ok(Verdict::Pass);
        }
        Ok(match tokens::get(&token.value)? {
            Some(entry) if entry.blocked => Verdict::refuse("blocked"),
            Some(_) => Verdict::permit(),
            None => Verdict::refuse("unknown"),
        })
    }
}

#[cfg(test)]
mod tests;
