//! A plugin as records and answers name it. Knows no wasm.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::InvalidName;

/// Plugins that a server runs at once.
pub const MAX_PLUGINS: usize = 64;

/// SHA-256 of a component file, hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(pub String);

impl Digest {
    /// Enough of it to tell two files apart in a table.
    pub fn short(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A hook whose plugins are asked one after the other, so that it matters who comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OrderedHook {
    Authorizer,
    Tariff,
    Quirks,
    Responder,
}

impl OrderedHook {
    pub const ALL: [Self; 4] = [Self::Authorizer, Self::Tariff, Self::Quirks, Self::Responder];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Authorizer => "authorizer",
            Self::Tariff => "tariff",
            Self::Quirks => "quirks",
            Self::Responder => "responder",
        }
    }
}

impl fmt::Display for OrderedHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for OrderedHook {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let rule = "authorizer, tariff, quirks or responder; plugins of other hooks are not asked in an order";
        let found = Self::ALL.into_iter().find(|hook| hook.as_str() == text);
        found.ok_or(InvalidName { kind: "a hook with an order", rule })
    }
}

/// One version of a plugin as it was loaded: what rollback returns to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginVersion {
    /// `version` of the manifest.
    pub version: String,
    pub digest: Digest,
    /// Settings as JSON text, as the operator gave them. Kept as JSON and not as a quoted text, which would be longer.
    #[serde(with = "json_text")]
    pub settings: String,
}

/// Text that is JSON, written as what it is.
pub(super) mod json_text {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use serde_json::value::RawValue;

    pub(in crate::domain) fn serialize<S: Serializer>(
        text: &str,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let json = RawValue::from_string(text.to_owned()).map_err(serde::ser::Error::custom)?;
        json.serialize(serializer)
    }

    pub(in crate::domain) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<String, D::Error> {
        Ok(Box::<RawValue>::deserialize(from)?.get().to_owned())
    }
}
