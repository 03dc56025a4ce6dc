//! A call to a station and its answer. Knows no registry.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Timestamp;
use crate::domain::{CommandOutcome, PluginName};

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
    /// Do not wait for the answer: send it as soon as the station can be called, within so many milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_ms: Option<u64>,
}

/// What came of a call whose answer was waited for. One that is queued is answered with its [`CommandView`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CommandResponse {
    pub status: Answered,
    /// Under which it is on record; `null` when nothing can be written down at the moment.
    pub id: Option<String>,
    /// The payload of the station's CALLRESULT, as it sent it.
    pub response: Box<RawValue>,
}

/// The only status of a success. Failures are errors, see [`super::ErrorView`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answered {
    Answered,
}

/// `GET /v1/stations/{id}/commands`: what operators and plugins want the station to do, and with `all`, what became of
/// operators' commands.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CommandsPage {
    /// Oldest first; with `all`, newest first.
    pub commands: Vec<CommandView>,
    /// The `after` that continues the list. Always `null` without `all`: few enough may wait to show them all.
    pub next: Option<String>,
}

/// `GET /v1/stations/{id}/commands/{command}`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CommandView {
    /// The number of an operator's command, or by which its plugin knows it.
    pub id: String,
    /// Whose it is; `null` for an operator's.
    pub plugin: Option<PluginName>,
    pub action: String,
    /// `null` where it is too long to be kept, or may hold a password.
    pub payload: Option<Box<RawValue>>,
    pub queued: Timestamp,
    /// Not to be sent any more from then on.
    pub expires: Timestamp,
    /// `null` until it is sent; then it waits for the station's answer.
    pub sent: Option<Timestamp>,
    /// `null` until its end; so is all below.
    pub ended: Option<Timestamp>,
    pub outcome: Option<CommandOutcome>,
    /// The station's word for what it made of it, where its answer has one.
    pub status: Option<String>,
    /// The payload of the station's answer; `null` where there is none, or one that is too long to be kept.
    pub response: Option<Box<RawValue>>,
    /// What the station said of its error, or what is wrong with the call or its answer.
    pub why: Option<String>,
}
