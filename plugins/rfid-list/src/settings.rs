//! What the operator may set. Every field has a default: without settings the operator's own list decides alone.

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
    tokens: Vec<Listed>,
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

impl Settings {
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.tokens.len() > MAX_TOKENS {
            return Err(format!("tokens: more than {MAX_TOKENS}; use the operator's list"));
        }
        let mut seen: Vec<_> = self.tokens.iter().map(|t| t.token.to_ascii_uppercase()).collect();
        seen.sort_unstable();
        match seen.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(twice) => Err(format!("tokens: {} is listed twice", twice[0])),
            None if seen.first().is_some_and(String::is_empty) => {
                Err("tokens: a token is empty".to_owned())
            }
            None => Ok(()),
        }
    }

    pub(crate) fn find(&self, value: &str) -> Option<&Listed> {
        self.tokens.iter().find(|listed| listed.token.eq_ignore_ascii_case(value))
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
