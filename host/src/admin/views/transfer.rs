//! Firmware in the house, and files on their way to and from stations. Knows no disk; has no secret of a link.

use serde::{Deserialize, Serialize};

use super::Timestamp;
use crate::domain::{
    CommandNo, Firmware, FirmwareName, StationId, Transfer, TransferKind, TransferNo, TransferStep,
};

/// `GET /v1/firmware`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FirmwarePage {
    pub firmware: Vec<FirmwareView>,
    /// The `after` that continues the list; `null` at its end.
    pub next: Option<String>,
}

/// `PUT /v1/firmware/{name}`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FirmwareView {
    pub name: FirmwareName,
    pub version: Option<String>,
    pub sha256: String,
    pub bytes: u64,
    pub added: Timestamp,
    /// It goes out with a signature and the certificate that it was made with.
    pub signed: bool,
}

/// `PUT /v1/firmware/{name}/signature`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignatureBody {
    /// PEM.
    pub signing_certificate: String,
    /// Base64.
    pub signature: String,
}

/// `POST /v1/stations/{id}/transfers`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransferRequest {
    pub kind: TransferKind,
    /// Only of the kind `firmware`, and there it has to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firmware: Option<FirmwareName>,
    /// Of firmware: when to fetch it. Of a log: its oldest entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Of firmware: when to install it. Of a log: its newest entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// How long the station may take to answer, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Do not call it now: as soon as it can be called, within so many milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_ms: Option<u64>,
}

/// `GET /v1/stations/{id}/transfers`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TransfersPage {
    /// Newest first.
    pub transfers: Vec<TransferView>,
    /// Always `null`: few enough are kept to show them all.
    pub next: Option<String>,
}

/// `GET /v1/stations/{id}/transfers/{transfer}`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TransferView {
    pub id: TransferNo,
    pub station: StationId,
    pub kind: TransferKind,
    /// What goes out; `null` for what comes in.
    pub firmware: Option<OutgoingView>,
    /// `requestId` of the call; `null` where it has none.
    pub request: Option<u32>,
    /// The operator's command that asks for it.
    pub command: Option<CommandNo>,
    pub begun: Timestamp,
    pub expires: Timestamp,
    /// What the station said, oldest first.
    pub told: Vec<ToldView>,
    /// How often the link was followed.
    pub tries: u32,
    /// How far into the file it came; while a request is under way, how far that one is.
    pub bytes: u64,
    /// Of the whole file, where that is known.
    pub size: Option<u64>,
    /// What came in whole.
    pub received: Option<ReceivedView>,
    /// `null` until its end.
    pub ended: Option<TransferEndedView>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OutgoingView {
    pub name: FirmwareName,
    pub version: Option<String>,
    pub sha256: String,
    pub bytes: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ToldView {
    pub at: Timestamp,
    pub status: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReceivedView {
    pub at: Timestamp,
    pub bytes: u64,
    pub sha256: String,
    /// Whether `GET …/file` still has it.
    pub kept: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TransferEndedView {
    pub at: Timestamp,
    /// One of `done`, `failed`, `refused`, `expired` and `revoked`.
    pub outcome: TransferStep,
    pub why: Option<String>,
}

impl FirmwareView {
    pub fn of(name: FirmwareName, firmware: Firmware) -> Self {
        let Firmware { version, sha256, bytes, added, signature } = firmware;
        Self { name, version, sha256, bytes, added: Timestamp(added), signed: signature.is_some() }
    }
}

impl TransferView {
    /// `kept` says whether the file that came in is still there.
    pub fn of(station: StationId, id: TransferNo, transfer: Transfer, kept: bool) -> Self {
        let size = transfer.size();
        Self {
            id,
            station,
            kind: transfer.kind,
            firmware: transfer.firmware.map(|firmware| OutgoingView {
                name: firmware.name,
                version: firmware.version,
                sha256: firmware.sha256,
                bytes: firmware.bytes,
            }),
            request: transfer.request,
            command: transfer.command,
            begun: Timestamp(transfer.begun),
            expires: Timestamp(transfer.expires),
            told: transfer
                .told
                .into_iter()
                .map(|told| ToldView { at: Timestamp(told.at), status: told.status })
                .collect(),
            tries: transfer.tries,
            bytes: transfer.bytes,
            size,
            received: transfer.received.map(|received| ReceivedView {
                at: Timestamp(received.at),
                bytes: received.bytes,
                sha256: received.sha256,
                kept,
            }),
            ended: transfer.ended.map(|ended| TransferEndedView {
                at: Timestamp(ended.at),
                outcome: ended.end.step(),
                why: ended.end.why().map(str::to_owned),
            }),
        }
    }
}
