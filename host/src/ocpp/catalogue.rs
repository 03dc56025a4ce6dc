//! Every action as data: name, direction, members that a request must have. Knows no type and no meaning.
//!
//! Source: the published JSON schemas of OCPP 1.6 edition 2 with the security extension, edition 3.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

use super::{ErrorCode, Fault};

/// Who may send an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    FromStation,
    ToStation,
    Both,
}

/// One action of one version.
#[derive(Debug)]
pub struct Action {
    pub name: &'static str,
    pub direction: Direction,
    /// Members that a request cannot do without.
    pub required: &'static [&'static str],
    /// What a station is told when neither the core nor a plugin has an answer of its own.
    pub reply: &'static str,
}

impl Action {
    /// An object that has every required member.
    pub fn check(&self, payload: &RawValue) -> Result<(), Fault> {
        // Keys only: values are skipped, not built.
        let mut json = serde_json::Deserializer::from_str(payload.get());
        let Ok(members) = BTreeMap::<String, IgnoredAny>::deserialize(&mut json) else {
            let why = "the payload is not a JSON object";
            return Err(Fault::new(ErrorCode::FormatViolation, why));
        };
        match self.required.iter().find(|name| !members.contains_key(**name)) {
            None => Ok(()),
            Some(name) => Err(Fault::new(
                ErrorCode::OccurrenceConstraintViolation,
                format!("`{name}` is missing"),
            )),
        }
    }
}

const fn from_station(
    name: &'static str,
    required: &'static [&'static str],
    reply: &'static str,
) -> Action {
    Action { name, direction: Direction::FromStation, required, reply }
}

const fn to_station(name: &'static str, required: &'static [&'static str]) -> Action {
    Action { name, direction: Direction::ToStation, required, reply: "{}" }
}

/// OCPP 1.6J with the security extension: 39 actions.
pub static V16_ACTIONS: &[Action] = &[
    from_station("Authorize", &["idTag"], "{}"),
    from_station("BootNotification", &["chargePointVendor", "chargePointModel"], "{}"),
    to_station("ChangeAvailability", &["connectorId", "type"]),
    to_station("ChangeConfiguration", &["key", "value"]),
    to_station("ClearCache", &[]),
    Action {
        name: "DataTransfer",
        direction: Direction::Both,
        required: &["vendorId"],
        reply: r#"{"status":"UnknownVendorId"}"#,
    },
    to_station("GetConfiguration", &[]),
    from_station("Heartbeat", &[], "{}"),
    from_station("MeterValues", &["connectorId", "meterValue"], "{}"),
    to_station("RemoteStartTransaction", &["idTag"]),
    to_station("RemoteStopTransaction", &["transactionId"]),
    to_station("Reset", &["type"]),
    from_station("StartTransaction", &["connectorId", "idTag", "meterStart", "timestamp"], "{}"),
    from_station("StatusNotification", &["connectorId", "errorCode", "status"], "{}"),
    from_station("StopTransaction", &["transactionId", "timestamp", "meterStop"], "{}"),
    to_station("UnlockConnector", &["connectorId"]),
    to_station("GetDiagnostics", &["location"]),
    from_station("DiagnosticsStatusNotification", &["status"], "{}"),
    from_station("FirmwareStatusNotification", &["status"], "{}"),
    to_station("UpdateFirmware", &["location", "retrieveDate"]),
    to_station("GetLocalListVersion", &[]),
    to_station("SendLocalList", &["listVersion", "updateType"]),
    to_station("ReserveNow", &["connectorId", "expiryDate", "idTag", "reservationId"]),
    to_station("CancelReservation", &["reservationId"]),
    to_station("SetChargingProfile", &["connectorId", "csChargingProfiles"]),
    to_station("ClearChargingProfile", &[]),
    to_station("GetCompositeSchedule", &["connectorId", "duration"]),
    to_station("TriggerMessage", &["requestedMessage"]),
    to_station("CertificateSigned", &["certificateChain"]),
    to_station("DeleteCertificate", &["certificateHashData"]),
    to_station("ExtendedTriggerMessage", &["requestedMessage"]),
    to_station("GetInstalledCertificateIds", &["certificateType"]),
    to_station("GetLog", &["logType", "requestId", "log"]),
    to_station("InstallCertificate", &["certificateType", "certificate"]),
    from_station("LogStatusNotification", &["status"], "{}"),
    from_station("SecurityEventNotification", &["type", "timestamp"], "{}"),
    from_station("SignCertificate", &["csr"], r#"{"status":"Rejected"}"#),
    from_station("SignedFirmwareStatusNotification", &["status"], "{}"),
    to_station("SignedUpdateFirmware", &["requestId", "firmware"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_every_action_of_the_version_once() {
        let mut names: Vec<_> = V16_ACTIONS.iter().map(|a| a.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 39);
        let count = |d| V16_ACTIONS.iter().filter(|a| a.direction == d).count();
        assert_eq!(count(Direction::FromStation), 13);
        assert_eq!(count(Direction::ToStation), 25);
        assert_eq!(count(Direction::Both), 1);
    }
}
