//! What stations are told when nobody has an answer of their own, and what must last. Knows no request.
//!
//! A stock reply promises nothing: where an answer would commit somebody to something, it declines.

/// Security events must not be lost (OCPP 1.6 security extension and 2.x, use case A04), nor must money.
pub(super) const LASTING: &[&str] =
    &["SecurityEventNotification", "NotifySettlement", "BatterySwap", "NotifyDERAlarm"];

/// Calls of stations whose answer says something that the core does not know, in whichever versions have them. Reports
/// that are only acknowledged are not among them: observers are told of those.
pub(super) const OPEN: &[&str] = &[
    "DataTransfer",
    // Contracts and certificates of cars.
    "Get15118EVCertificate",
    "GetCertificateStatus",
    "GetCertificateChainStatus",
    // How a car is to be charged.
    "NotifyEVChargingNeeds",
    "NotifyEVChargingSchedule",
    "PullDynamicScheduleUpdate",
    // Money.
    "NotifySettlement",
    "VatNumberValidation",
];

/// The payload of the CALLRESULT; `None` where an answer needs somebody who knows it, or has no answer.
pub(super) fn reply(action: &str) -> Option<&'static str> {
    Some(match action {
        "DataTransfer" => r#"{"status":"UnknownVendorId"}"#,
        "SignCertificate" | "NotifyEVChargingNeeds" | "PullDynamicScheduleUpdate" => {
            r#"{"status":"Rejected"}"#
        }
        // What streams bring is kept like everything else.
        "NotifyEVChargingSchedule" | "OpenPeriodicEventStream" => r#"{"status":"Accepted"}"#,
        "Get15118EVCertificate" => r#"{"status":"Failed","exiResponse":""}"#,
        "GetCertificateStatus" => r#"{"status":"Failed"}"#,
        "Authorize"
        | "BootNotification"
        | "Heartbeat"
        | "StartTransaction"
        | "GetCertificateChainStatus"
        | "VatNumberValidation"
        | "NotifyPeriodicEventStream" => return None,
        _ => "{}",
    })
}
