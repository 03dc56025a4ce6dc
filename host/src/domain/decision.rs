//! What was asked of the policies and what they said. Knows no plugin's inside and no protocol's spelling.

use serde::{Deserialize, Serialize};

use super::{AskedStation, IdToken, Millis, Place, PluginName, SessionId, Stamp};

/// Why somebody asks whether a token may charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// The driver showed the token; nothing runs yet.
    Authorize,
    /// A session starts, or has started while the station was offline.
    Start,
}

impl Purpose {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Authorize => "authorize",
            Self::Start => "start",
        }
    }
}

/// One question to the authorisers. Becomes `ask` + `purpose` + `token` of the plugin contract.
#[derive(Debug, Clone)]
pub struct AuthorizeAsk {
    pub station: AskedStation,
    pub place: Option<Place>,
    pub session: Option<SessionId>,
    pub stamp: Stamp,
    /// The station says that this happened while it had no connection.
    pub offline: bool,
    pub purpose: Purpose,
    pub token: IdToken,
    /// The protocol's word for the kind of token, for example `ISO14443`; `None` where it has only one.
    pub token_kind: Option<String>,
}

/// What one authoriser may say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Not mine to say.
    Pass,
    Permit(Permit),
    Refuse(Refusal),
}

/// Leave to charge, within limits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permit {
    /// Who pays, in the plugin's terms.
    pub account: Option<String>,
    /// Tokens of one group may stop each other's sessions.
    pub group: Option<String>,
    /// Until when the station may remember this answer.
    pub expires: Option<Millis>,
    pub limits: Limits,
}

/// How far a permit reaches. `None` and the empty list say "no limit".
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    pub max_mwh: Option<u64>,
    pub max_seconds: Option<u64>,
    /// Millionths of the session's currency.
    pub max_cost_micros: Option<i64>,
    /// EVSEs on which the token may charge; empty for all.
    pub evses: Vec<u32>,
}

/// Why not. The first four have names of their own in OCPP; stations show them differently.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    Blocked,
    Expired,
    Unknown,
    Concurrent,
    /// In a plugin's own words.
    Other(String),
}

impl Refusal {
    /// From the text of the contract's `refuse`: the known words, else the text itself.
    pub fn from_text(text: &str) -> Self {
        match text {
            "blocked" => Self::Blocked,
            "expired" => Self::Expired,
            "unknown" => Self::Unknown,
            "concurrent" => Self::Concurrent,
            other => Self::Other(other.to_owned()),
        }
    }

    pub fn as_str(&self) -> &str {
        match self {
            Self::Blocked => "blocked",
            Self::Expired => "expired",
            Self::Unknown => "unknown",
            Self::Concurrent => "concurrent",
            Self::Other(text) => text,
        }
    }
}

/// What one plugin said or failed to say, as it goes into the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opinion {
    pub plugin: PluginName,
    /// `version` of the plugin's manifest.
    pub version: String,
    /// After the failure policy was applied, when there was a failure.
    pub verdict: Verdict,
    /// The failure in words, for example `trapped` or `took longer than 20 ms of CPU`.
    pub failure: Option<String>,
    pub took_micros: u64,
}

/// The combined answer of all authorisers, and who said what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Never [`Verdict::Pass`]: nobody's word becomes the configured default.
    pub verdict: Verdict,
    /// The plugin whose word decided; `None` when the configured default did.
    pub decided_by: Option<PluginName>,
    /// One short sentence for people.
    pub why: String,
    pub opinions: Vec<Opinion>,
}

impl Decision {
    pub fn permit(&self) -> Option<&Permit> {
        match &self.verdict {
            Verdict::Permit(permit) => Some(permit),
            Verdict::Pass | Verdict::Refuse(_) => None,
        }
    }
}
