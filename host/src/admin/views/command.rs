//! A call to a station and its answer. Knows no registry.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// `POST /v1/stations/{id}/commands`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandRequest {
    /// Name of an OCPP action, for example `RemoteStartTransaction`.
    pub action: String,
    /// Its payload, a JSON object; empty when left out. Sent to the station as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Box<RawValue>>,
    /// How long the station may take, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CommandResponse {
    pub status: Answered,
    /// The payload of the station's CALLRESULT, as it sent it.
    pub response: Box<RawValue>,
}

/// The only status of a success. Failures are errors, see [`super::ErrorView`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answered {
    Answered,
}
