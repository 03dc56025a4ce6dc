//! OCPP 2.0.1: payloads ⇄ requests and answers. Knows no state.
//!
//! As in `v16`, what is written is built from `rust_ocpp` types; what is read has types of our own, because words
//! that no schema lists, fractions and customData must not cost anybody a transaction: see ADR 1.

use rust_decimal::Decimal;
use rust_ocpp::v2_0_1::datatypes::id_token_info_type::IdTokenInfoType;
use rust_ocpp::v2_0_1::datatypes::id_token_type::IdTokenType;
use rust_ocpp::v2_0_1::enumerations::authorization_status_enum_type::AuthorizationStatusEnumType as Status201;
use rust_ocpp::v2_0_1::enumerations::id_token_enum_type::IdTokenEnumType;
use rust_ocpp::v2_0_1::enumerations::registration_status_enum_type::RegistrationStatusEnumType;
use rust_ocpp::v2_0_1::messages::authorize::AuthorizeResponse;
use rust_ocpp::v2_0_1::messages::boot_notification::BootNotificationResponse;
use rust_ocpp::v2_0_1::messages::cost_updated::CostUpdatedRequest;
use rust_ocpp::v2_0_1::messages::heartbeat::HeartbeatResponse;
use rust_ocpp::v2_0_1::messages::transaction_event::TransactionEventResponse;
use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};
use sha2::{Digest as _, Sha256};

use super::catalogue::V201;
use super::frame::empty_object;
use super::meter::{Readings, time_if_any};
use super::reading::read;
use super::{
    Action, Answer, Boot, CostToShow, Dialect, ErrorCode, Fault, OwnCall, Request, Shown,
    StationTime, Status, TransactionEvent,
};
use crate::domain::{Acceptance, IdToken, Millis, Phase, Place, Refusal, Verdict, hex};

/// OCPP 2.0.1 as the house sees it.
pub static DIALECT: Dialect =
    Dialect { subprotocol: "ocpp2.0.1", catalogue: &V201, decode, encode, show_cost, spell };

/// For people.
const VERSION: &str = "OCPP 2.0.1";

/// Longest `idToken`, in characters (OCPP 2.0.1 part 2, IdTokenType).
const MAX_ID_TOKEN: usize = 36;

/// Longest `transactionId`, in characters (OCPP 2.0.1 part 2, TransactionType).
const MAX_TRANSACTION: usize = 36;

/// The kind of token that stands for "nobody was asked" (OCPP 2.0.1 part 2, IdTokenEnumType).
const NO_AUTHORIZATION: &str = "NoAuthorization";

fn decode(action: &'static Action, payload: &RawValue) -> Result<Request, Fault> {
    Ok(match action.name {
        "BootNotification" => {
            let station = read::<BootNotification>(payload, VERSION)?.charging_station;
            Request::Boot(Boot {
                vendor: station.vendor_name,
                model: station.model,
                serial: station.serial_number,
                firmware: station.firmware_version,
            })
        }
        "Heartbeat" => Request::Heartbeat,
        "StatusNotification" => {
            let status: StatusNotification = read(payload, VERSION)?;
            Request::Status(Status {
                place: Place::evse(status.evse_id, Some(status.connector_id)),
                status: status.connector_status,
                error: None,
                info: None,
                at: status.timestamp,
            })
        }
        "Authorize" => {
            let ask: Authorize = read(payload, VERSION)?;
            match shown(ask.id_token)? {
                Some(shown) => Request::Authorize { shown },
                None => {
                    let why = "`idToken` of type NoAuthorization cannot be authorised";
                    return Err(Fault::new(ErrorCode::PropertyConstraintViolation, why));
                }
            }
        }
        "MeterValues" => {
            let values: MeterValues = read(payload, VERSION)?;
            Request::Meter {
                place: Place::evse(values.evse_id, None),
                session: None,
                readings: values.meter_value.0,
            }
        }
        "TransactionEvent" => Request::Event(event(read(payload, VERSION)?, digest(payload))?),
        _ => Request::Other,
    })
}

fn event(wire: Event, digest: String) -> Result<TransactionEvent, Fault> {
    let fault = |why| Fault::new(ErrorCode::PropertyConstraintViolation, why);
    let phase = match wire.event_type.as_str() {
        "Started" => Phase::Started,
        "Updated" => Phase::Updated,
        "Ended" => Phase::Ended,
        _ => return Err(fault("`eventType` must be Started, Updated or Ended")),
    };
    let info = wire.transaction_info;
    let length = info.transaction_id.chars().count();
    let is_clean = !info.transaction_id.chars().any(char::is_control);
    if !(1..=MAX_TRANSACTION).contains(&length) || !is_clean {
        return Err(fault("`transactionId` must be 1 to 36 characters without control characters"));
    }
    Ok(TransactionEvent {
        phase,
        transaction: info.transaction_id,
        number: wire.seq_no,
        digest,
        at: wire.timestamp,
        offline: wire.offline.unwrap_or(false),
        trigger: wire.trigger_reason,
        state: info.charging_state,
        reason: info.stopped_reason,
        place: wire.evse.map(|evse| Place::evse(evse.id, evse.connector_id)),
        shown: wire.id_token.map(shown).transpose()?.flatten(),
        readings: wire.meter_value.0,
    })
}

/// The first 64 bits of the payload's SHA-256, hexadecimal.
fn digest(payload: &RawValue) -> String {
    hex(&Sha256::digest(payload.get())[..8])
}

fn encode(answer: &Answer, now: Millis) -> Result<Box<RawValue>, serde_json::Error> {
    match answer {
        Answer::Boot { acceptance, interval } => to_raw_value(&BootNotificationResponse {
            current_time: now.to_utc(),
            interval: u16::try_from(interval.as_secs()).unwrap_or(u16::MAX),
            status: match acceptance {
                Acceptance::Accepted => RegistrationStatusEnumType::Accepted,
                Acceptance::Pending => RegistrationStatusEnumType::Pending,
                Acceptance::Rejected => RegistrationStatusEnumType::Rejected,
            },
            status_info: None,
        }),
        Answer::Heartbeat => to_raw_value(&HeartbeatResponse { current_time: now.to_utc() }),
        Answer::Authorize { verdict } => to_raw_value(&AuthorizeResponse {
            certificate_status: None,
            id_token_info: id_token_info(verdict),
        }),
        Answer::Event { verdict, cost } => to_raw_value(&TransactionEventResponse {
            id_token_info: verdict.as_ref().map(id_token_info),
            total_cost: cost.map(Decimal::from),
            ..TransactionEventResponse::default()
        }),
        // OCPP 2.0.1 has no StartTransaction, so none was decoded.
        Answer::Noted | Answer::Started { .. } => Ok(empty_object()),
        Answer::Stock(json) => RawValue::from_string((*json).to_owned()),
    }
}

/// Use case I02. What it costs in the end stands in the answer to the end, and only there: 2.0.1 wants no `totalCost`
/// in answers before it (its schema of TransactionEventResponse).
fn show_cost(cost: &CostToShow) -> Result<Option<OwnCall>, serde_json::Error> {
    if cost.is_final {
        return Ok(None);
    }
    let payload = to_raw_value(&CostUpdatedRequest {
        total_cost: cost.cost.into(),
        transaction_id: cost.transaction.clone(),
    })?;
    Ok(Some(OwnCall { action: "CostUpdated", payload }))
}

/// OCPP-J 2.0.1 §4.3.
fn spell(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::NotImplemented => "NotImplemented",
        ErrorCode::NotSupported => "NotSupported",
        ErrorCode::InternalError => "InternalError",
        ErrorCode::FormatViolation => "FormatViolation",
        ErrorCode::PropertyConstraintViolation => "PropertyConstraintViolation",
        ErrorCode::OccurrenceConstraintViolation => "OccurrenceConstraintViolation",
        ErrorCode::TypeConstraintViolation => "TypeConstraintViolation",
        ErrorCode::SecurityError => "SecurityError",
        ErrorCode::GenericError => "GenericError",
    }
}

fn id_token_info(verdict: &Verdict) -> IdTokenInfoType {
    match verdict {
        Verdict::Permit(permit) => IdTokenInfoType {
            status: Status201::Accepted,
            cache_expiry_date_time: permit.expires.map(Millis::to_utc),
            evse_id: evse_ids(&permit.limits.evses),
            group_id_token: permit.group.clone().map(|group| IdTokenType {
                id_token: group,
                kind: IdTokenEnumType::Central,
                additional_info: None,
            }),
            ..IdTokenInfoType::default()
        },
        Verdict::Refuse(refusal) => {
            IdTokenInfoType { status: status_of(refusal), ..Default::default() }
        }
        Verdict::Pass => IdTokenInfoType { status: Status201::Invalid, ..Default::default() },
    }
}

/// `None` for "on every EVSE".
fn evse_ids(evses: &[u32]) -> Option<Vec<i32>> {
    let ids: Vec<_> = evses.iter().filter_map(|id| i32::try_from(*id).ok()).collect();
    (!ids.is_empty()).then_some(ids)
}

fn status_of(refusal: &Refusal) -> Status201 {
    match refusal {
        Refusal::Blocked => Status201::Blocked,
        Refusal::Expired => Status201::Expired,
        Refusal::Unknown => Status201::Unknown,
        Refusal::Concurrent => Status201::ConcurrentTx,
        Refusal::Other(_) => Status201::Invalid,
    }
}

/// `None` for the token that says that there is none.
fn shown(wire: Token) -> Result<Option<Shown>, Fault> {
    if wire.kind == NO_AUTHORIZATION {
        return Ok(None);
    }
    let is_short = wire.id_token.chars().count() <= MAX_ID_TOKEN;
    let token = IdToken::new(&wire.id_token).ok().filter(|_| is_short).ok_or_else(|| {
        let rule = "`idToken` must be 1 to 36 characters without control characters";
        Fault::new(ErrorCode::PropertyConstraintViolation, rule)
    })?;
    Ok(Some(Shown { token, kind: Some(wire.kind) }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BootNotification {
    charging_station: ChargingStation,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ChargingStation {
    vendor_name: String,
    model: String,
    serial_number: Option<String>,
    firmware_version: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StatusNotification {
    #[serde(default, deserialize_with = "time_if_any")]
    timestamp: Option<StationTime>,
    connector_status: String,
    evse_id: u32,
    connector_id: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Authorize {
    id_token: Token,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Token {
    id_token: String,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MeterValues {
    evse_id: u32,
    meter_value: Readings,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    event_type: String,
    timestamp: StationTime,
    trigger_reason: String,
    seq_no: u32,
    offline: Option<bool>,
    transaction_info: Transaction,
    id_token: Option<Token>,
    evse: Option<Evse>,
    #[serde(default)]
    meter_value: Readings,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Transaction {
    transaction_id: String,
    charging_state: Option<String>,
    stopped_reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Evse {
    id: u32,
    connector_id: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::super::Cost;
    use super::*;
    use crate::domain::Validation;

    fn call(action: &str, payload: &str) -> Result<Request, Fault> {
        let payload = RawValue::from_string(payload.to_owned()).unwrap();
        DIALECT.read_call(action, &payload, Validation::Strict).map(|call| call.request)
    }

    #[test]
    fn an_event_is_read_with_its_place_its_token_and_every_digit() {
        let text = r#"{"eventType":"Updated","timestamp":"2026-01-01T10:00:00Z","triggerReason":"MeterValuePeriodic","seqNo":2147483648,
            "transactionInfo":{"transactionId":"t-1","chargingState":"Charging"},"evse":{"id":2,"connectorId":1},
            "idToken":{"idToken":"AB","type":"ISO14443","customData":{"vendorId":"x"}},
            "meterValue":[{"timestamp":"2026-01-01T10:00:00Z","sampledValue":[{"value":12345678.901,"unitOfMeasure":{"unit":"Wh","multiplier":3}}]}]}"#;
        let Ok(Request::Event(event)) = call("TransactionEvent", text) else { panic!() };
        assert_eq!((event.phase, event.number), (Phase::Updated, 2_147_483_648));
        assert_eq!(event.place, Some(Place::evse(2, Some(1))));
        assert_eq!(event.shown.unwrap().kind.as_deref(), Some("ISO14443"));
        let sample = &event.readings[0].samples[0];
        assert_eq!((sample.value.as_str(), sample.multiplier), ("12345678.901", Some(3)));
    }

    #[test]
    fn nobody_was_asked_is_no_token() {
        let text = r#"{"eventType":"Started","timestamp":"2026-01-01T10:00:00Z","triggerReason":"CablePluggedIn","seqNo":0,
            "transactionInfo":{"transactionId":"t-1"},"idToken":{"idToken":"","type":"NoAuthorization"}}"#;
        let Ok(Request::Event(event)) = call("TransactionEvent", text) else { panic!() };
        assert!(event.shown.is_none());
    }

    #[test]
    fn faults_have_the_codes_of_the_protocol() {
        let code = |action, payload| spell(call(action, payload).unwrap_err().code);
        assert_eq!(code("StartTransaction", "{}"), "NotImplemented");
        assert_eq!(code("GetVariables", "{}"), "NotSupported");
        assert_eq!(code("TransactionEvent", "{}"), "OccurrenceConstraintViolation");
        assert_eq!(code("Authorize", r#"{"idToken":"AB"}"#), "TypeConstraintViolation");
        assert_eq!(code("Authorize", "[]"), "FormatViolation");
    }

    #[test]
    fn verdicts_are_written_as_the_protocol_wants_them() {
        let permit = crate::domain::Permit { group: Some("fleet".into()), ..Default::default() };
        let answer = Answer::Event { verdict: Some(Verdict::Permit(permit)), cost: None };
        assert_eq!(
            encode(&answer, Millis(0)).unwrap().get(),
            r#"{"idTokenInfo":{"status":"Accepted","groupIdToken":{"idToken":"fleet","type":"Central"}}}"#
        );
        let mut answer = Answer::Event { verdict: None, cost: None };
        assert_eq!(encode(&answer, Millis(0)).unwrap().get(), "{}");
        for (minor, decimals, text) in [(1_230, 2, "12.30"), (0, 2, "0.00"), (980, 0, "980")] {
            answer = Answer::Event { verdict: None, cost: Some(Cost { minor, decimals }) };
            let expected = format!(r#"{{"totalCost":{text}}}"#);
            assert_eq!(encode(&answer, Millis(0)).unwrap().get(), expected);
        }
    }
}
