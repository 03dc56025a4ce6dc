//! Firmware that stations may fetch from the house. Knows no disk: where the file lies is told by its digest.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{InvalidName, Millis};

/// Longest name of a firmware file, in bytes.
const MAX_NAME: usize = 64;

/// The name under which an operator keeps a firmware file. It is the last part of the link that stations get, and some look
/// at its ending.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FirmwareName(String);

impl FirmwareName {
    /// Checks and takes a name: 1 to 64 of letters, digits, `.`, `_` and `-`, and no dot in front.
    pub fn new(name: &str) -> Result<Self, InvalidName> {
        let fits = !name.is_empty() && name.len() <= MAX_NAME && !name.starts_with('.');
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if fits && name.bytes().all(is_part) {
            Ok(Self(name.to_owned()))
        } else {
            Err(InvalidName {
                kind: "a firmware's name",
                rule: "1 to 64 of letters, digits, '.', '_' and '-', with no dot in front",
            })
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FirmwareName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for FirmwareName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        Self::new(text)
    }
}

impl TryFrom<String> for FirmwareName {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        Self::new(&text)
    }
}

impl From<FirmwareName> for String {
    fn from(name: FirmwareName) -> Self {
        name.0
    }
}

/// A firmware file in the house.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Firmware {
    /// In the operator's words.
    #[serde(default)]
    pub version: Option<String>,
    /// SHA-256, in hexadecimal; also the file's name on the disk.
    pub sha256: String,
    pub bytes: u64,
    pub added: Millis,
    #[serde(default)]
    pub signature: Option<FirmwareSignature>,
}

/// By which a station knows that a firmware is its vendor's. Handed on as it is: whether it is good is the station's to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirmwareSignature {
    /// PEM.
    pub certificate: String,
    /// Base64.
    pub signature: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_stand_in_a_link_and_is_no_path() {
        for good in ["acme-2.0.1.bin", "A_1", "x"] {
            assert!(FirmwareName::new(good).is_ok(), "{good}");
        }
        for bad in ["", "..", ".hidden", "a/b", "a b", "ä", &"x".repeat(65)] {
            assert!(FirmwareName::new(bad).is_err(), "{bad:?}");
        }
    }
}
