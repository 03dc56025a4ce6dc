//! A call to a station and its answer. Knows no registry.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Timestamp;
use crate::domain::PluginName;

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

/// `GET /v1/stations/{id}/commands`: what plugins want the station to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WaitingCommandsPage {
    /// Oldest first.
    pub commands: Vec<WaitingCommandView>,
    /// Always `null`: few enough may wait to show them all.
    pub next: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WaitingCommandView {
    /// By which the plugin knows it.
    pub id: String,
    pub plugin: PluginName,
    pub action: String,
    pub payload: Box<RawValue>,
    pub queued: Timestamp,
    /// Not to be sent any more from then on.
    pub expires: Timestamp,
    /// `null` until it is sent; then it waits for the station's answer.
    pub sent: Option<Timestamp>,
}
