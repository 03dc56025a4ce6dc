//! Names of things. Knows nothing of what they name.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Longest station id that is accepted, in bytes. OCPP 2.0.1 allows 48 characters (part 2, `identifierString`);
/// field installations on 1.6 use a little more.
pub const MAX_STATION_ID: usize = 64;

/// Longest plugin name, in bytes.
pub const MAX_PLUGIN_NAME: usize = 64;

/// A name that breaks the rules of its kind. The text is safe to show to whoever sent the name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} must be {rule}")]
pub struct InvalidName {
    pub(super) kind: &'static str,
    pub(super) rule: &'static str,
}

/// The identity of a charging station: the last segment of its connection URL (OCPP-J 1.6 §3.1.1).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StationId(Arc<str>);

impl StationId {
    /// Checks and takes a name: 1 to [`MAX_STATION_ID`] bytes, no control character, no slash.
    pub fn new(name: &str) -> Result<Self, InvalidName> {
        let fits = !name.is_empty() && name.len() <= MAX_STATION_ID;
        let clean = !name.chars().any(|c| c.is_control() || c == '/');
        if fits && clean {
            Ok(Self(name.into()))
        } else {
            Err(InvalidName {
                kind: "a station id",
                rule: "1 to 64 bytes without control characters and slashes",
            })
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The name under which an operator loaded a plugin.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PluginName(Arc<str>);

impl PluginName {
    /// Checks and takes a name: 1 to [`MAX_PLUGIN_NAME`] of `a-z`, `0-9` and `-`, starting with a letter.
    pub fn new(name: &str) -> Result<Self, InvalidName> {
        let fits = !name.is_empty() && name.len() <= MAX_PLUGIN_NAME;
        let starts = name.starts_with(|c: char| c.is_ascii_lowercase());
        let clean = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if fits && starts && clean {
            Ok(Self(name.into()))
        } else {
            Err(InvalidName {
                kind: "a plugin name",
                rule: "1 to 64 of a-z, 0-9 and '-', starting with a letter",
            })
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

macro_rules! text_name {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl TryFrom<String> for $name {
            type Error = InvalidName;
            fn try_from(text: String) -> Result<Self, InvalidName> {
                Self::new(&text)
            }
        }
        impl FromStr for $name {
            type Err = InvalidName;
            fn from_str(text: &str) -> Result<Self, InvalidName> {
                Self::new(text)
            }
        }
        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.as_ref().to_owned()
            }
        }
    };
}

text_name!(StationId);
text_name!(PluginName);

/// A charging session of this deployment. Positive, unique for ever, never reused; on OCPP 1.6 it is also the
/// `transactionId`, which is why it fits an `i32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(u32);

impl SessionId {
    /// The largest id: OCPP 1.6 transaction ids are signed 32-bit integers.
    pub const MAX: u32 = i32::MAX as u32;

    /// `None` for 0 and for what does not fit an OCPP 1.6 `transactionId`.
    pub const fn new(id: u32) -> Option<Self> {
        if id == 0 || id > Self::MAX { None } else { Some(Self(id)) }
    }

    /// From the wire of OCPP 1.6, where `-1` and `0` stand for "the station does not know".
    pub fn from_wire(id: i64) -> Option<Self> {
        u32::try_from(id).ok().and_then(Self::new)
    }

    pub const fn get(self) -> u32 {
        self.0
    }
}

impl FromStr for SessionId {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let rule = "a number from 1 to 2147483647";
        let id = text.parse().ok().and_then(Self::new);
        id.ok_or(InvalidName { kind: "a session id", rule })
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where at a station. OCPP 1.6 counts connectors, of which 0 is the station as a whole; OCPP 2.x counts EVSEs and,
/// within each, connectors. What a message did not say is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    pub evse: Option<u32>,
    pub connector: Option<u32>,
}

impl Place {
    /// As OCPP 1.6 says it.
    pub const fn connector(number: u32) -> Self {
        Self { evse: None, connector: Some(number) }
    }

    /// As OCPP 2.x says it.
    pub const fn evse(evse: u32, connector: Option<u32>) -> Self {
        Self { evse: Some(evse), connector }
    }

    /// The EVSE, or what comes nearest where a protocol knows only connectors.
    pub fn outlet(self) -> Option<u32> {
        self.evse.or(self.connector)
    }

    /// Not the station as a whole.
    pub fn is_outlet(self) -> bool {
        self.outlet().is_some_and(|number| number > 0)
    }
}

impl fmt::Display for Place {
    /// `1` for connector 1 of OCPP 1.6 and for EVSE 1, `1.2` for connector 2 of EVSE 1.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.evse, self.connector) {
            (Some(evse), Some(connector)) => write!(f, "{evse}.{connector}"),
            (Some(number), None) | (None, Some(number)) => number.fmt(f),
            (None, None) => f.write_str("-"),
        }
    }
}

/// The place of a fact in the log. Handed out by the committer, in commit order, without gaps.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Seq(pub u64);

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_station_id_keeps_slashes_and_control_characters_out() {
        assert!(StationId::new("CS-1:é").is_ok());
        for bad in ["", "a/b", "a\0b", "a\nb", &"x".repeat(65)] {
            assert!(StationId::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn transaction_ids_of_stations_that_do_not_know_are_no_session() {
        assert_eq!(SessionId::from_wire(-1), None);
        assert_eq!(SessionId::from_wire(0), None);
        assert_eq!(SessionId::from_wire(1 << 31), None);
        assert_eq!(SessionId::from_wire(7), SessionId::new(7));
    }
}
