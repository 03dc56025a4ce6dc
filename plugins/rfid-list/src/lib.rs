//! Accepts the cards on the operator's list and on its own. Knows nothing of prices, limits and other plugins.

mod settings;

use plugpoint_sdk::{
    Ask, Authorizer, Lifecycle, Permit, Purpose, Token, Verdict, tokens, tokens::Entry,
};

use settings::{OwnList, Settings, Unknown};

/// The two lists and what to say of cards on neither.
pub struct RfidList {
    unknown: Unknown,
    core_tokens: bool,
    own: OwnList,
}

plugpoint_sdk::export!(RfidList: Authorizer);

impl Lifecycle for RfidList {
    type Settings = Settings;

    fn configure(settings: Settings) -> Result<Self, String> {
        let Settings { unknown, core_tokens, tokens } = settings;
        Ok(Self { unknown, core_tokens, own: OwnList::new(tokens)? })
    }
}

impl Authorizer for RfidList {
    /// Judged by the time at which the card was shown, so that a report from an offline station is judged fairly.
    /// The purpose makes no difference: stations remember the answer to any of them.
    fn authorize(&self, ask: &Ask, _: Purpose, token: &Token) -> Result<Verdict, String> {
        let Some(entry) = self.find(&token.value)? else {
            return Ok(match self.unknown {
                Unknown::Refuse => Verdict::refuse("unknown"),
                Unknown::Permit => Verdict::permit(),
                Unknown::Pass => Verdict::Pass,
            });
        };
        if entry.blocked || self.group_is_blocked(entry.group.as_deref())? {
            return Ok(Verdict::refuse("blocked"));
        }
        if entry.expires.is_some_and(|expires| expires <= ask.at) {
            return Ok(Verdict::refuse("expired"));
        }
        Ok(Verdict::Permit(Permit {
            account: entry.account,
            group: entry.group,
            expires: entry.expires,
            ..Permit::default()
        }))
    }
}

impl RfidList {
    /// The plugin's own entry goes before the operator's, but a block on either list stands.
    fn find(&self, value: &str) -> Result<Option<Entry>, String> {
        let core = if self.core_tokens { tokens::get(value)? } else { None };
        let Some(own) = self.own.find(value) else { return Ok(core) };
        let blocked = own.blocked || core.is_some_and(|entry| entry.blocked);
        Ok(Some(Entry { blocked, ..own.entry() }))
    }

    /// A group is named by a token (OCPP: `parentIdTag`). Blocking that token blocks its whole group.
    fn group_is_blocked(&self, group: Option<&str>) -> Result<bool, String> {
        let Some(group) = group else { return Ok(false) };
        Ok(self.find(group)?.is_some_and(|entry| entry.blocked))
    }
}

#[cfg(test)]
mod tests;
