//! Lines that a plugin writes, and that the host writes about it. Knows no plugin's inside and no file.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{InvalidName, Millis};

/// How much a line matters. In order: a reader of one level sees those above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LineLevel {
    Debug,
    Info,
    Warn,
    Error,
}

impl LineLevel {
    pub const ALL: [Self; 4] = [Self::Debug, Self::Info, Self::Warn, Self::Error];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for LineLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for LineLevel {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let found = Self::ALL.into_iter().find(|level| level.as_str() == text);
        found.ok_or(InvalidName { kind: "a level", rule: "debug, info, warn or error" })
    }
}

/// Whose words a line holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Speaker {
    Plugin,
    Host,
}

/// One line of a plugin's journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalLine {
    /// When it was written, in microseconds since 1970; later lines have greater numbers, also after a restart.
    pub number: u64,
    pub level: LineLevel,
    pub by: Speaker,
    /// The version of the plugin that wrote it or that it is about.
    pub version: String,
    pub text: String,
}

impl JournalLine {
    pub const fn at(&self) -> Millis {
        Millis(self.number / 1000)
    }
}
