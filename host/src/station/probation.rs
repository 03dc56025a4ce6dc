//! What a station may say and be told that has not been accepted. Knows no frame and no record.
//!
//! OCPP 1.6 §4.2, OCPP 2.0.1 use cases B02 and B03: a pending station says what it is asked for, a rejected one nothing;
//! whatever else it calls is refused as a SecurityError.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::domain::Acceptance;
use crate::ocpp::{ErrorCode, Fault};

/// Kinds of message that a pending station may be asked for on one connection; each is remembered by name.
const MAX_ASKED_FOR: usize = 16;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Probation {
    acceptance: Acceptance,
    asked_for: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Trigger {
    requested_message: String,
}

impl Probation {
    /// Of a connection that begins.
    pub(super) fn of(acceptance: Acceptance) -> Self {
        Self { acceptance, asked_for: Vec::new() }
    }

    pub(super) fn acceptance(&self) -> Acceptance {
        self.acceptance
    }

    /// Whether the station may send this.
    pub(super) fn hears(&self, action: &str) -> Result<(), Fault> {
        let may = match self.acceptance {
            Acceptance::Accepted => true,
            Acceptance::Pending => self.asked_for.iter().any(|asked| asked == action),
            Acceptance::Rejected => false,
        };
        if may || action == "BootNotification" {
            return Ok(());
        }
        let why = "the station is not accepted yet: nothing but BootNotification, and what it is asked for";
        Err(Fault::new(ErrorCode::SecurityError, why))
    }

    /// Whether the station may be told this. What it then sends because of it, it may send.
    pub(super) fn tells(&mut self, action: &str, payload: &RawValue) -> Result<(), Fault> {
        match self.acceptance {
            Acceptance::Accepted => Ok(()),
            Acceptance::Rejected => {
                let why = "the station is rejected: set it to pending or accepted first";
                Err(Fault::new(ErrorCode::SecurityError, why))
            }
            Acceptance::Pending => {
                let provoked = provoked(action, payload);
                let is_new = |name: &String| !self.asked_for.contains(name);
                if let Some(name) = provoked.filter(is_new)
                    && self.asked_for.len() < MAX_ASKED_FOR
                {
                    self.asked_for.push(name);
                }
                Ok(())
            }
        }
    }
}

/// The message that a station sends because of a call of ours.
fn provoked(action: &str, payload: &RawValue) -> Option<String> {
    let name = match action {
        "TriggerMessage" | "ExtendedTriggerMessage" => {
            let Trigger { requested_message } = serde_json::from_str(payload.get()).ok()?;
            match requested_message.as_str() {
                // Names of a purpose, where the others are names of a message.
                "SignChargePointCertificate"
                | "SignChargingStationCertificate"
                | "SignV2GCertificate"
                | "SignV2G20Certificate"
                | "SignCombinedCertificate" => "SignCertificate",
                _ => return Some(requested_message),
            }
        }
        "GetBaseReport" | "GetReport" => "NotifyReport",
        "GetMonitoringReport" => "NotifyMonitoringReport",
        "GetLog" => "LogStatusNotification",
        "GetDiagnostics" => "DiagnosticsStatusNotification",
        "UpdateFirmware" => "FirmwareStatusNotification",
        "SignedUpdateFirmware" => "SignedFirmwareStatusNotification",
        _ => return None,
    };
    Some(name.to_owned())
}
