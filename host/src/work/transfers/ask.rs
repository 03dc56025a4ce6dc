//! What a station is told when it shall fetch or send a file, in the words of its version. Pure.

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::domain::{FirmwareSignature, Millis, TransferKind};
use crate::work::is_first_family;

/// How often a station shall try again by itself, and after how many seconds.
const RETRIES: u32 = 3;
const RETRY_SECONDS: u32 = 60;

/// The actions that ask for a file to be fetched or sent.
const ACTIONS: [&str; 4] = ["UpdateFirmware", "SignedUpdateFirmware", "GetDiagnostics", "GetLog"];

/// Whether an action may belong to a transfer.
pub(in crate::work) fn is_ask(action: &str) -> bool {
    ACTIONS.contains(&action)
}

/// Between two times; what is not said is open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    pub from: Option<Millis>,
    pub until: Option<Millis>,
}

/// One file on its way, as far as the station has to know.
#[derive(Debug)]
pub(super) struct Errand<'a> {
    pub(super) kind: TransferKind,
    pub(super) url: String,
    /// Under which the station shall tell of it.
    pub(super) request: u32,
    /// Of a firmware: when to fetch it and when to install it. Of a log: what it shall hold.
    pub(super) span: Span,
    pub(super) signature: Option<&'a FirmwareSignature>,
    pub(super) now: Millis,
}

/// A call, and whether it names the request.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) action: &'static str,
    pub(super) payload: Box<RawValue>,
    pub(super) names_request: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UpdateFirmware16<'a> {
    location: &'a str,
    retrieve_date: String,
    retries: u32,
    retry_interval: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GetDiagnostics<'a> {
    location: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_time: Option<String>,
    retries: u32,
    retry_interval: u32,
}

/// Of 2.x, and of 1.6 under the name `SignedUpdateFirmware`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UpdateFirmware<'a> {
    request_id: u32,
    retries: u32,
    retry_interval: u32,
    firmware: Firmware<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Firmware<'a> {
    location: &'a str,
    retrieve_date_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    install_date_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signing_certificate: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GetLog<'a> {
    request_id: u32,
    log_type: &'static str,
    retries: u32,
    retry_interval: u32,
    log: Log<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Log<'a> {
    remote_location: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest_timestamp: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    latest_timestamp: Option<String>,
}

impl Errand<'_> {
    /// The call of that version.
    pub(super) fn ask(&self, protocol: &str) -> Result<Ask, serde_json::Error> {
        match (self.kind, is_first_family(protocol)) {
            (TransferKind::Firmware, true) if self.signature.is_none() => Ok(Ask {
                action: "UpdateFirmware",
                payload: to_raw_value(&UpdateFirmware16 {
                    location: &self.url,
                    retrieve_date: self.retrieve(),
                    retries: RETRIES,
                    retry_interval: RETRY_SECONDS,
                })?,
                names_request: false,
            }),
            (TransferKind::Firmware, is_first) => {
                let action = if is_first { "SignedUpdateFirmware" } else { "UpdateFirmware" };
                Ok(Ask { action, payload: self.firmware()?, names_request: true })
            }
            (TransferKind::Diagnostics, true) => Ok(Ask {
                action: "GetDiagnostics",
                payload: to_raw_value(&GetDiagnostics {
                    location: &self.url,
                    start_time: self.span.from.map(Millis::rfc3339),
                    stop_time: self.span.until.map(Millis::rfc3339),
                    retries: RETRIES,
                    retry_interval: RETRY_SECONDS,
                })?,
                names_request: false,
            }),
            (TransferKind::Diagnostics, false) => self.get_log("DiagnosticsLog"),
            (TransferKind::SecurityLog, _) => self.get_log("SecurityLog"),
        }
    }

    fn retrieve(&self) -> String {
        self.span.from.unwrap_or(self.now).rfc3339()
    }

    fn firmware(&self) -> Result<Box<RawValue>, serde_json::Error> {
        to_raw_value(&UpdateFirmware {
            request_id: self.request,
            retries: RETRIES,
            retry_interval: RETRY_SECONDS,
            firmware: Firmware {
                location: &self.url,
                retrieve_date_time: self.retrieve(),
                install_date_time: self.span.until.map(Millis::rfc3339),
                signing_certificate: self.signature.map(|it| it.certificate.as_str()),
                signature: self.signature.map(|it| it.signature.as_str()),
            },
        })
    }

    fn get_log(&self, log_type: &'static str) -> Result<Ask, serde_json::Error> {
        let payload = to_raw_value(&GetLog {
            request_id: self.request,
            log_type,
            retries: RETRIES,
            retry_interval: RETRY_SECONDS,
            log: Log {
                remote_location: &self.url,
                oldest_timestamp: self.span.from.map(Millis::rfc3339),
                latest_timestamp: self.span.until.map(Millis::rfc3339),
            },
        })?;
        Ok(Ask { action: "GetLog", payload, names_request: true })
    }
}
