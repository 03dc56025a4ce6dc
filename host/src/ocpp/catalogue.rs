//! Every action as data: name, direction, members that a request must have. Knows no type and no meaning.
//!
//! Source: the published JSON schemas of OCPP 1.6 edition 2 with the security extension, edition 3, and of OCPP 2.0.1.

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
    /// To be on the disk before it is answered, although the core has no view of it: security events
    /// (OCPP 1.6 security extension and 2.0.1, use case A04) must not be lost.
    pub lasting: bool,
    /// Comes as a SEND, and there is no answer to it.
    pub is_unconfirmed: bool,
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
    let lasting = matches!(name.as_bytes(), b"SecurityEventNotification");
    Action {
        name,
        direction: Direction::FromStation,
        required,
        reply,
        lasting,
        is_unconfirmed: false,
    }
}

const fn to_station(name: &'static str, required: &'static [&'static str]) -> Action {
    Action {
        name,
        direction: Direction::ToStation,
        required,
        reply: "{}",
        lasting: false,
        is_unconfirmed: false,
    }
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
        lasting: false,
        is_unconfirmed: false,
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

/// OCPP 2.0.1: 64 actions.
pub static V201_ACTIONS: &[Action] = &[
    to_station("CertificateSigned", &["certificateChain"]),
    from_station("SignCertificate", &["csr"], r#"{"status":"Rejected"}"#),
    from_station("SecurityEventNotification", &["type", "timestamp"], "{}"),
    from_station("BootNotification", &["reason", "chargingStation"], "{}"),
    to_station("GetBaseReport", &["requestId", "reportBase"]),
    to_station("GetReport", &["requestId"]),
    to_station("GetVariables", &["getVariableData"]),
    to_station("SetVariables", &["setVariableData"]),
    to_station("SetNetworkProfile", &["configurationSlot", "connectionData"]),
    to_station("Reset", &["type"]),
    from_station("NotifyReport", &["requestId", "generatedAt", "seqNo"], "{}"),
    from_station("Authorize", &["idToken"], "{}"),
    to_station("ClearCache", &[]),
    to_station("GetLocalListVersion", &[]),
    to_station("SendLocalList", &["versionNumber", "updateType"]),
    from_station(
        "TransactionEvent",
        &["eventType", "timestamp", "triggerReason", "seqNo", "transactionInfo"],
        "{}",
    ),
    to_station("GetTransactionStatus", &[]),
    to_station("RequestStartTransaction", &["remoteStartId", "idToken"]),
    to_station("RequestStopTransaction", &["transactionId"]),
    to_station("UnlockConnector", &["evseId", "connectorId"]),
    to_station("TriggerMessage", &["requestedMessage"]),
    to_station("ChangeAvailability", &["operationalStatus"]),
    from_station(
        "StatusNotification",
        &["timestamp", "connectorStatus", "evseId", "connectorId"],
        "{}",
    ),
    from_station("Heartbeat", &[], "{}"),
    to_station("ReserveNow", &["id", "expiryDateTime", "idToken"]),
    to_station("CancelReservation", &["reservationId"]),
    from_station("ReservationStatusUpdate", &["reservationId", "reservationUpdateStatus"], "{}"),
    to_station("CostUpdated", &["totalCost", "transactionId"]),
    from_station("MeterValues", &["evseId", "meterValue"], "{}"),
    to_station("SetChargingProfile", &["evseId", "chargingProfile"]),
    to_station("GetChargingProfiles", &["requestId", "chargingProfile"]),
    to_station("ClearChargingProfile", &[]),
    to_station("GetCompositeSchedule", &["duration", "evseId"]),
    from_station(
        "ReportChargingProfiles",
        &["requestId", "chargingLimitSource", "evseId", "chargingProfile"],
        "{}",
    ),
    from_station("NotifyChargingLimit", &["chargingLimit"], "{}"),
    from_station("ClearedChargingLimit", &["chargingLimitSource"], "{}"),
    from_station("NotifyEVChargingNeeds", &["evseId", "chargingNeeds"], r#"{"status":"Rejected"}"#),
    from_station("NotifyEVChargingSchedule", &["timeBase", "evseId", "chargingSchedule"], "{}"),
    to_station("UpdateFirmware", &["requestId", "firmware"]),
    to_station("PublishFirmware", &["location", "checksum", "requestId"]),
    to_station("UnpublishFirmware", &["checksum"]),
    from_station("FirmwareStatusNotification", &["status"], "{}"),
    from_station("PublishFirmwareStatusNotification", &["status"], "{}"),
    from_station(
        "Get15118EVCertificate",
        &["iso15118SchemaVersion", "action", "exiRequest"],
        r#"{"status":"Failed","exiResponse":""}"#,
    ),
    from_station("GetCertificateStatus", &["ocspRequestData"], r#"{"status":"Failed"}"#),
    to_station("GetInstalledCertificateIds", &[]),
    to_station("InstallCertificate", &["certificateType", "certificate"]),
    to_station("DeleteCertificate", &["certificateHashData"]),
    to_station("GetLog", &["logType", "requestId", "log"]),
    from_station("LogStatusNotification", &["status"], "{}"),
    to_station("SetMonitoringBase", &["monitoringBase"]),
    to_station("SetMonitoringLevel", &["severity"]),
    to_station("SetVariableMonitoring", &["setMonitoringData"]),
    to_station("ClearVariableMonitoring", &["id"]),
    to_station("GetMonitoringReport", &["requestId"]),
    from_station("NotifyMonitoringReport", &["requestId", "seqNo", "generatedAt"], "{}"),
    from_station("NotifyEvent", &["generatedAt", "seqNo", "eventData"], "{}"),
    to_station("CustomerInformation", &["requestId", "report", "clear"]),
    from_station("NotifyCustomerInformation", &["data", "seqNo", "generatedAt", "requestId"], "{}"),
    to_station("SetDisplayMessage", &["message"]),
    to_station("GetDisplayMessages", &["requestId"]),
    to_station("ClearDisplayMessage", &["id"]),
    from_station("NotifyDisplayMessages", &["requestId"], "{}"),
    Action {
        name: "DataTransfer",
        direction: Direction::Both,
        required: &["vendorId"],
        reply: r#"{"status":"UnknownVendorId"}"#,
        lasting: false,
        is_unconfirmed: false,
    },
];

/// OCPP 2.1, as far as it is known.
pub static V21_ACTIONS: &[Action] = &[
    from_station("BootNotification", &["reason", "chargingStation"], "{}"),
    from_station("Authorize", &["idToken"], "{}"),
    from_station(
        "TransactionEvent",
        &["eventType", "timestamp", "triggerReason", "seqNo", "transactionInfo"],
        "{}",
    ),
    from_station(
        "StatusNotification",
        &["timestamp", "connectorStatus", "evseId", "connectorId"],
        "{}",
    ),
    from_station("Heartbeat", &[], "{}"),
    from_station("MeterValues", &["evseId", "meterValue"], "{}"),
    from_station("NotifySettlement", &["pspRef", "status"], "{}"),
    to_station("RequestStartTransaction", &["remoteStartId", "idToken"]),
    to_station("RequestStopTransaction", &["transactionId"]),
    to_station("ClearCache", &[]),
    from_station("OpenPeriodicEventStream", &["constantStreamData"], r#"{"status":"Accepted"}"#),
    Action {
        name: "NotifyPeriodicEventStream",
        direction: Direction::FromStation,
        required: &["data", "id", "pending", "basetime"],
        reply: "{}",
        lasting: false,
        is_unconfirmed: true,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Actions, of which stations send, of which we send, of which both do.
    fn census(actions: &[Action]) -> [usize; 4] {
        let mut names: Vec<_> = actions.iter().map(|a| a.name).collect();
        names.sort_unstable();
        names.dedup();
        let count = |d| actions.iter().filter(|a| a.direction == d).count();
        let [from, to, both] =
            [Direction::FromStation, Direction::ToStation, Direction::Both].map(count);
        [names.len(), from, to, both]
    }

    #[test]
    fn the_tables_have_every_action_of_their_version_once() {
        assert_eq!(census(V16_ACTIONS), [39, 13, 25, 1]);
        assert_eq!(census(V201_ACTIONS), [64, 24, 39, 1]);
    }

    #[test]
    fn every_stock_reply_is_a_json_object() {
        for action in V16_ACTIONS.iter().chain(V201_ACTIONS) {
            let reply: serde_json::Value = serde_json::from_str(action.reply).unwrap();
            assert!(reply.is_object(), "{}", action.name);
        }
    }
}
