//! The operator's list of answers.

use serde::Deserialize;
use serde_json::Value;

/// Longest `vendor` and `message` together, in bytes: they are part of a key of the state, which may have 256, as is
/// the station's id.
const MAX_NAMES: usize = 160;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    pub(crate) answers: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    pub(crate) vendor: String,
    /// None: any message of this vendor, also none.
    pub(crate) message: Option<String>,
    #[serde(default)]
    pub(crate) status: Status,
    pub(crate) data: Option<Value>,
    /// A code of OCPP, in place of an answer.
    pub(crate) refuse: Option<String>,
}

/// The words that OCPP has for it.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(crate) enum Status {
    #[default]
    Accepted,
    Rejected,
    UnknownMessageId,
    UnknownVendorId,
}

impl Status {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "Accepted",
            Self::Rejected => "Rejected",
            Self::UnknownMessageId => "UnknownMessageId",
            Self::UnknownVendorId => "UnknownVendorId",
        }
    }
}

impl Settings {
    pub(crate) fn check(&self) -> Result<(), String> {
        for entry in &self.answers {
            if entry.name().len() > MAX_NAMES {
                let vendor = &entry.vendor;
                return Err(format!(
                    "{vendor}: vendor and message may have {MAX_NAMES} bytes together"
                ));
            }
            if entry.refuse.is_some() && entry.data.is_some() {
                return Err(format!("{}: a refusal has no data", entry.name()));
            }
        }
        Ok(())
    }
}

impl Entry {
    /// For people.
    pub(crate) fn name(&self) -> String {
        format!("{}/{}", self.vendor, self.message.as_deref().unwrap_or("*"))
    }

    pub(crate) fn covers(&self, vendor: &str, message: Option<&str>) -> bool {
        self.vendor == vendor && (self.message.is_none() || self.message.as_deref() == message)
    }
}
