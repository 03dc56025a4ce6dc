//! OCPP 1.6J: payloads ⇄ requests and answers. Knows no state: a `transactionId` is a number here, whatever it names.
//!
//! `rust_ocpp` gives the types of what the core writes and of what it reads word for word. Where the field needs
//! more room than its types give (free words in enumerations, times without an offset) the types are our own and
//! name only the members that the core reads: see ADR 1.

use rust_decimal::Decimal;
use rust_ocpp::v1_6::messages::{
    authorize::{AuthorizeRequest, AuthorizeResponse},
    boot_notification::{BootNotificationRequest, BootNotificationResponse},
    data_transfer::DataTransferRequest,
    heart_beat::HeartbeatResponse,
    start_transaction::StartTransactionResponse,
};
use rust_ocpp::v1_6::types::{AuthorizationStatus, IdTagInfo, RegistrationStatus};
use serde::{Deserialize, Serialize};
use serde_json::Number;
use serde_json::value::{RawValue, to_raw_value};

use super::catalogue::V16;
use super::frame::{CALLS, empty_object};
use super::meter::{Readings, time_if_any};
use super::reading::read;
use super::{
    Action, Answer, Boot, CostToShow, Dialect, ErrorCode, Fault, MeterAt, OwnCall, Request, Shown,
    Start, StationTime, Status, Stop,
};
use super::{security, transfer};
use crate::domain::{
    Acceptance, IdToken, Millis, MilliwattHours, Place, Refusal, SessionId, TransferTopic, Verdict,
};

/// OCPP 1.6J as the house sees it.
pub static DIALECT: Dialect = Dialect {
    subprotocol: "ocpp1.6",
    message_types: CALLS,
    catalogue: &V16,
    decode,
    encode,
    show_cost,
    spell,
};

/// For people.
const VERSION: &str = "OCPP 1.6";

/// Longest `idTag`, in characters (OCPP 1.6 §7.28, `CiString20Type`).
const MAX_ID_TAG: usize = 20;

/// Whose DataTransfer messages tell what a session costs.
const COST_VENDOR: &str = "org.openchargealliance.costmsg";

fn decode(action: &'static Action, payload: &RawValue) -> Result<Request, Fault> {
    Ok(match action.name {
        "BootNotification" => {
            let boot: BootNotificationRequest = read(payload, VERSION)?;
            Request::Boot(Boot {
                vendor: boot.charge_point_vendor,
                model: boot.charge_point_model,
                serial: boot.charge_point_serial_number.or(boot.charge_box_serial_number),
                firmware: boot.firmware_version,
            })
        }
        "Heartbeat" => Request::Heartbeat,
        "StatusNotification" => {
            Request::Status(read::<StatusNotification>(payload, VERSION)?.into())
        }
        "Authorize" => {
            let ask: AuthorizeRequest = read(payload, VERSION)?;
            Request::Authorize { shown: shown(&ask.id_tag)? }
        }
        "StartTransaction" => {
            let start: StartTransaction = read(payload, VERSION)?;
            Request::Start(Start {
                place: Place::connector(start.connector_id),
                shown: shown(&start.id_tag)?,
                meter: watt_hours(&start.meter_start, "meterStart")?,
                at: start.timestamp,
            })
        }
        "MeterValues" => {
            let values: MeterValues = read(payload, VERSION)?;
            Request::Meter {
                place: Place::connector(values.connector_id),
                session: values.transaction_id.and_then(SessionId::from_wire),
                readings: values.meter_value.0,
            }
        }
        "StopTransaction" => {
            let stop: StopTransaction = read(payload, VERSION)?;
            Request::Stop(Stop {
                transaction: stop.transaction_id.to_string(),
                session: SessionId::from_wire(stop.transaction_id),
                meter: watt_hours(&stop.meter_stop, "meterStop")?,
                at: stop.timestamp,
                reason: stop.reason,
                token: stop.id_tag.map(|tag| id_tag(&tag)).transpose()?,
                readings: stop.transaction_data.0,
            })
        }
        "SignCertificate" => security::sign(payload, VERSION)?,
        "SecurityEventNotification" => security::event(payload, VERSION)?,
        "FirmwareStatusNotification" | "SignedFirmwareStatusNotification" => {
            transfer::word(TransferTopic::Firmware, payload, VERSION)?
        }
        "DiagnosticsStatusNotification" | "LogStatusNotification" => {
            transfer::word(TransferTopic::Log, payload, VERSION)?
        }
        _ => Request::Other,
    })
}

fn encode(answer: &Answer, now: Millis) -> Result<Box<RawValue>, serde_json::Error> {
    match answer {
        Answer::Boot { acceptance, interval } => to_raw_value(&BootNotificationResponse {
            current_time: now.to_utc(),
            interval: u32::try_from(interval.as_secs()).unwrap_or(u32::MAX),
            status: match acceptance {
                Acceptance::Accepted => RegistrationStatus::Accepted,
                Acceptance::Pending => RegistrationStatus::Pending,
                Acceptance::Rejected => RegistrationStatus::Rejected,
            },
        }),
        Answer::Heartbeat => to_raw_value(&HeartbeatResponse { current_time: now.to_utc() }),
        Answer::Noted => Ok(empty_object()),
        Answer::Authorize { verdict } => {
            to_raw_value(&AuthorizeResponse { id_tag_info: id_tag_info(verdict) })
        }
        Answer::Started { session, verdict } => to_raw_value(&StartTransactionResponse {
            id_tag_info: id_tag_info(verdict),
            transaction_id: i32::try_from(session.get()).unwrap_or(i32::MAX),
        }),
        // OCPP 1.6 has no numbered events, so none was decoded.
        Answer::Event { .. } => Ok(empty_object()),
        Answer::Signing { accepted } => security::status(*accepted),
        Answer::Stock(json) => RawValue::from_string((*json).to_owned()),
        Answer::Given(payload) => Ok(payload.clone()),
    }
}

/// The Open Charge Alliance's extension of 1.6 for stations that show prices ("OCPP & California Pricing Requirements",
/// §3). Unit prices are the tariff's own affair, so none are told: the station shows what it is told, and does not
/// reckon on by itself.
fn show_cost(cost: &CostToShow) -> Result<Option<OwnCall>, serde_json::Error> {
    let Ok(transaction_id) = cost.transaction.parse() else { return Ok(None) };
    let (message, data) = if cost.is_final {
        let price_text = &cost.price_text;
        let told = FinalCost { transaction_id, cost: cost.cost.into(), price_text };
        ("FinalCost", serde_json::to_string(&told)?)
    } else {
        let Some(MeterAt { at, register }) = cost.meter else { return Ok(None) };
        let told = RunningCost {
            transaction_id,
            timestamp: at.rfc3339(),
            meter_value: register.0 / 1000,
            cost: cost.cost.into(),
            state: if cost.is_charging { "Charging" } else { "Idle" },
            charging_price: UnitPrices {},
        };
        ("RunningCost", serde_json::to_string(&told)?)
    };
    let payload = to_raw_value(&DataTransferRequest {
        vendor_string: COST_VENDOR.to_owned(),
        message_id: Some(message.to_owned()),
        data: Some(data),
    })?;
    Ok(Some(OwnCall { action: "DataTransfer", payload }))
}

/// OCPP-J 1.6 table 7, whose two misspellings are the protocol.
fn spell(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::NotImplemented => "NotImplemented",
        ErrorCode::NotSupported => "NotSupported",
        ErrorCode::InternalError => "InternalError",
        // It has no codes of its own for what is no message.
        ErrorCode::FormatViolation
        | ErrorCode::RpcFramework
        | ErrorCode::MessageTypeNotSupported => "FormationViolation",
        ErrorCode::PropertyConstraintViolation => "PropertyConstraintViolation",
        ErrorCode::OccurrenceConstraintViolation => "OccurenceConstraintViolation",
        ErrorCode::TypeConstraintViolation => "TypeConstraintViolation",
        ErrorCode::SecurityError => "SecurityError",
        ErrorCode::GenericError => "GenericError",
    }
}

fn id_tag_info(verdict: &Verdict) -> IdTagInfo {
    match verdict {
        Verdict::Permit(permit) => IdTagInfo {
            expiry_date: permit.expires.map(|at| at.to_utc()),
            parent_id_tag: permit.group.clone().filter(|g| g.chars().count() <= MAX_ID_TAG),
            status: AuthorizationStatus::Accepted,
        },
        Verdict::Refuse(refusal) => IdTagInfo {
            expiry_date: None,
            parent_id_tag: None,
            status: match refusal {
                Refusal::Blocked => AuthorizationStatus::Blocked,
                Refusal::Expired => AuthorizationStatus::Expired,
                Refusal::Concurrent => AuthorizationStatus::ConcurrentTx,
                Refusal::Unknown | Refusal::Other(_) => AuthorizationStatus::Invalid,
            },
        },
        Verdict::Pass => IdTagInfo {
            expiry_date: None,
            parent_id_tag: None,
            status: AuthorizationStatus::Invalid,
        },
    }
}

/// OCPP 1.6 says "integer"; some stations write `1234.0` or a fraction.
fn watt_hours(number: &Number, member: &str) -> Result<MilliwattHours, Fault> {
    MilliwattHours::from_decimal(&number.to_string(), 3).ok_or_else(|| {
        let why = format!("`{member}` is larger than any meter");
        Fault::new(ErrorCode::PropertyConstraintViolation, why)
    })
}

/// OCPP 1.6 has one kind of token.
fn shown(id_tag_text: &str) -> Result<Shown, Fault> {
    Ok(Shown { token: id_tag(id_tag_text)?, kind: None })
}

fn id_tag(text: &str) -> Result<IdToken, Fault> {
    let fault = || {
        let rule = "`idTag` must be 1 to 20 characters without control characters";
        Fault::new(ErrorCode::PropertyConstraintViolation, rule)
    };
    if text.chars().count() > MAX_ID_TAG {
        return Err(fault());
    }
    IdToken::new(text).map_err(|_| fault())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RunningCost {
    transaction_id: u32,
    timestamp: String,
    /// Watt-hours.
    meter_value: i64,
    #[serde(with = "rust_decimal::serde::arbitrary_precision")]
    cost: Decimal,
    state: &'static str,
    charging_price: UnitPrices,
}

/// Has to be there; each price in it may be missing.
#[derive(Serialize)]
struct UnitPrices {}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FinalCost<'a> {
    transaction_id: u32,
    #[serde(with = "rust_decimal::serde::arbitrary_precision")]
    cost: Decimal,
    price_text: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StatusNotification {
    connector_id: u32,
    error_code: String,
    info: Option<String>,
    status: String,
    #[serde(default, deserialize_with = "time_if_any")]
    timestamp: Option<StationTime>,
    vendor_error_code: Option<String>,
}

impl From<StatusNotification> for Status {
    fn from(wire: StatusNotification) -> Self {
        let error = match (wire.error_code.as_str(), wire.vendor_error_code) {
            ("NoError", None) => None,
            ("NoError", Some(vendor)) => Some(vendor).filter(|v| !v.is_empty()),
            (code, None) => Some(code.to_owned()),
            (code, Some(vendor)) => Some(format!("{code} ({vendor})")),
        };
        Self {
            place: Place::connector(wire.connector_id),
            status: wire.status,
            error,
            info: wire.info,
            at: wire.timestamp,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StartTransaction {
    connector_id: u32,
    id_tag: String,
    meter_start: Number,
    timestamp: StationTime,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StopTransaction {
    transaction_id: i64,
    id_tag: Option<String>,
    meter_stop: Number,
    timestamp: StationTime,
    reason: Option<String>,
    #[serde(default)]
    transaction_data: Readings,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MeterValues {
    connector_id: u32,
    transaction_id: Option<i64>,
    meter_value: Readings,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Validation;

    fn call(action: &str, payload: &str) -> Result<Request, Fault> {
        let payload = RawValue::from_string(payload.to_owned()).unwrap();
        DIALECT.read_call(action, &payload, Validation::Strict).map(|call| call.request)
    }

    /// What is kept of an odd message, and how much of it is odd.
    fn odd_call(action: &str, payload: &str) -> (Request, usize) {
        let raw = RawValue::from_string(payload.to_owned()).unwrap();
        assert!(call(action, payload).is_err(), "a strict reader takes {payload}");
        let call = DIALECT.read_call(action, &raw, Validation::Lenient).unwrap();
        (call.request, call.oddities.len())
    }

    #[test]
    fn a_start_is_read_with_its_energy_in_milliwatt_hours() {
        let text = r#"{"connectorId":1,"idTag":"A1","meterStart":1200,"timestamp":"2026-01-01T10:00:00Z"}"#;
        let Ok(Request::Start(start)) = call("StartTransaction", text) else { panic!() };
        assert_eq!(start.meter, MilliwattHours(1_200_000));
        assert_eq!(start.at.millis, Some(Millis(1_767_261_600_000)));
    }

    #[test]
    fn a_stop_with_units_that_no_schema_lists_is_still_a_stop() {
        let text = r#"{"transactionId":7,"meterStop":5,"timestamp":"2026-01-01T10:00:00Z","reason":"Sunset",
            "transactionData":[{"timestamp":"2026-01-01T10:00:00Z","sampledValue":[{"value":"50","unit":"Hz"}]}]}"#;
        let (Request::Stop(stop), 2) = odd_call("StopTransaction", text) else { panic!() };
        assert_eq!(stop.session, SessionId::new(7));
        assert_eq!(stop.readings[0].samples[0].unit.as_deref(), Some("Hz"));
    }

    #[test]
    fn an_odd_status_time_and_a_stop_without_data_are_no_reason_to_refuse() {
        let text = r#"{"connectorId":1,"errorCode":"NoError","status":"Available","timestamp":""}"#;
        let (Request::Status(status), 1) = odd_call("StatusNotification", text) else { panic!() };
        assert_eq!(status.at, None);
        let text = r#"{"transactionId":7,"meterStop":5.0,"timestamp":"2026-01-01T10:00:00Z","transactionData":null}"#;
        let (Request::Stop(stop), 1) = odd_call("StopTransaction", text) else { panic!() };
        assert_eq!(stop.meter, MilliwattHours::from_wh(5));
    }

    #[test]
    fn faults_have_the_codes_of_the_protocol() {
        let code = |action, payload| spell(call(action, payload).unwrap_err().code);
        assert_eq!(code("Dance", "{}"), "NotImplemented");
        assert_eq!(code("Reset", r#"{"type":"Soft"}"#), "NotSupported");
        assert_eq!(code("Authorize", "{}"), "OccurenceConstraintViolation");
        assert_eq!(code("Authorize", r#"{"idTag":5}"#), "TypeConstraintViolation");
        assert_eq!(code("Authorize", "[]"), "FormationViolation");
        let long = r#"{"idTag":"123456789012345678901"}"#;
        assert_eq!(code("Authorize", long), "PropertyConstraintViolation");
    }

    #[test]
    fn a_fault_never_repeats_a_token() {
        let fault = call("Authorize", r#"{"idTag":["SECRETCARD"]}"#).unwrap_err();
        assert!(!fault.to_string().contains("SECRETCARD"), "{fault}");
    }

    #[test]
    fn refusals_keep_their_names_on_the_wire() {
        let status = |refusal| {
            let answer = Answer::Authorize { verdict: Verdict::Refuse(refusal) };
            encode(&answer, Millis(0)).unwrap().get().to_owned()
        };
        assert_eq!(status(Refusal::Blocked), r#"{"idTagInfo":{"status":"Blocked"}}"#);
        assert_eq!(status(Refusal::Unknown), r#"{"idTagInfo":{"status":"Invalid"}}"#);
    }
}
