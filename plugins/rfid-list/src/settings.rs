//! What the operator may set. Every field has a default: without settings the operator's own list decides alone.
//! Knows no token that is asked about.

use std::collections::BTreeMap;

use chrono::DateTime;
use plugpoint_sdk::{Millis, tokens::Entry};
use serde::Deserialize;

/// More entries belong into the operator's list, which is not copied into every instance.
const MAX_TOKENS: usize = 10_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// What to say of a card on no list.
    pub(crate) unknown: Unknown,
    /// Look at the operator's list (`/v1/tokens`) too.
    pub(crate) core_tokens: bool,
    /// The plugin's own list.
    pub(crate) tokens: Vec<Listed>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Unknown {
    #[default]
    Refuse,
    /// Everybody may charge, except whom a list blocks.
    Permit,
    /// Leave it to the next authoriser.
    Pass,
}

/// A card on the plugin's own list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listed {
    token: String,
    #[serde(default)]
    pub(crate) blocked: bool,
    #[serde(default)]
    expires: Option<Expiry>,
    #[serde(default)]
    group: Option<String>,
    #[serde(default)]
    account: Option<String>,
}

/// Written as RFC 3339, for example `2026-12-31T23:00:00Z`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
struct Expiry(Millis);

impl TryFrom<String> for Expiry {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let time = DateTime::parse_from_rfc3339(&text).map_err(|error| {
            format!("{text:?} is not a time like 2026-12-31T23:00:00Z: {error}")
        })?;
        let ms = Millis::try_from(time.timestamp_millis())
            .map_err(|_| format!("{text:?} lies before 1970"))?;
        Ok(Self(ms))
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self { unknown: Unknown::default(), core_tokens: true, tokens: Vec::new() }
    }
}

/// The plugin's own list, by token in capitals: tokens are compared without regard to case.
#[derive(Debug)]
pub(crate) struct OwnList(BTreeMap<String, Listed>);

impl OwnList {
    pub(crate) fn new(tokens: Vec<Listed>) -> Result<Self, String> {
        if tokens.len() > MAX_TOKENS {
            return Err(format!("tokens: more than {MAX_TOKENS}; use the operator's list"));
        }
        let mut list = BTreeMap::new();
        for listed in tokens {
            if listed.token.is_empty() {
                return Err("tokens: a token is empty".to_owned());
            }
            if let Some(twice) = list.insert(listed.token.to_ascii_uppercase(), listed) {
                return Err(format!("tokens: {} is listed twice", twice.token));
            }
        }
        Ok(Self(list))
    }

    pub(crate) fn find(&self, value: &str) -> Option<&Listed> {
        self.0.get(&value.to_ascii_uppercase())
    }
}

impl Listed {
    pub(crate) fn entry(&self) -> Entry {
        Entry {
            blocked: self.blocked,
            expires: self.expires.map(|expiry| expiry.0),
            group: self.group.clone(),
            account: self.account.clone(),
        }
    }
}
