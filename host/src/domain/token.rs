//! Id tokens: what a driver shows to a station. Knows no list and no policy; never prints a token in full.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Millis;

/// Longest token value, in characters. OCPP 1.6 allows 20 characters, 2.0.1 allows 36, 2.1 allows 255.
pub const MAX_TOKEN: usize = 255;

/// The token is empty, too long or has control characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an id token must be 1 to 255 characters without control characters")]
pub struct InvalidToken;

/// The value that a card, an app or a car sent. Compared without regard to ASCII case, as OCPP's `CiString`
/// demands. `Debug` and `Display` show the last four characters at most.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IdToken(Arc<str>);

impl IdToken {
    pub fn new(value: &str) -> Result<Self, InvalidToken> {
        let fits = !value.is_empty() && value.chars().count() <= MAX_TOKEN;
        if fits && !value.chars().any(char::is_control) {
            Ok(Self(value.into()))
        } else {
            Err(InvalidToken)
        }
    }

    /// The whole value as the station wrote it. For plugins, wires and the operator's own list; never for a log.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The form under which tokens are compared and stored.
    pub fn canonical(&self) -> String {
        self.0.to_ascii_uppercase()
    }
}

impl PartialEq for IdToken {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for IdToken {}

impl fmt::Display for IdToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let chars = self.0.chars().count();
        let shown = chars.saturating_sub(4).max(chars.div_ceil(2));
        f.write_str("…")?;
        self.0.chars().skip(shown).try_for_each(|c| write!(f, "{c}"))
    }
}

impl fmt::Debug for IdToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IdToken({self})")
    }
}

impl TryFrom<String> for IdToken {
    type Error = InvalidToken;
    fn try_from(text: String) -> Result<Self, InvalidToken> {
        Self::new(&text)
    }
}

impl FromStr for IdToken {
    type Err = InvalidToken;
    fn from_str(text: &str) -> Result<Self, InvalidToken> {
        Self::new(text)
    }
}

impl From<IdToken> for String {
    fn from(token: IdToken) -> Self {
        token.0.as_ref().to_owned()
    }
}

/// The name by which facts and sessions know a token: a keyed digest, hexadecimal, 32 characters. The way back is
/// one record per token, so that a person can be forgotten while the facts stay.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pseudonym(pub String);

impl fmt::Display for Pseudonym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the operator says of a token (`PUT /v1/tokens/{id token}`). The core keeps it; plugins decide by it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TokenRecord {
    /// Not to be charged, whatever else is said.
    pub blocked: bool,
    /// From this moment on the token is no longer good.
    pub expires: Option<Millis>,
    /// Drivers of one group may stop each other's sessions (OCPP 1.6 `parentIdTag`).
    pub group: Option<String>,
    /// Who pays, in the operator's own terms.
    pub account: Option<String>,
    /// For people.
    pub note: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_never_shows_more_than_its_tail() {
        let token = IdToken::new("04A2B3C4D5E6F7").unwrap();
        assert_eq!(token.to_string(), "…E6F7");
        assert_eq!(format!("{token:?}"), "IdToken(…E6F7)");
        assert_eq!(IdToken::new("AB").unwrap().to_string(), "…B");
    }

    #[test]
    fn tokens_are_compared_without_case() {
        assert_eq!(IdToken::new("abC").unwrap(), IdToken::new("ABc").unwrap());
    }
}
