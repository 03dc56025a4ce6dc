//! What stations say over OCPP 2.x. Knows no state.
//!
//! As in `v16`, what is read has types of our own, because words that no schema lists, fractions and customData must not
//! cost anybody a transaction: see ADR 1.

use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use super::super::meter::{Readings, time_if_any};
use super::super::reading::read;
use super::super::{
    Action, Boot, ErrorCode, Fault, Request, Shown, StationTime, Status, TransactionEvent,
};
use super::super::{security, transfer};
use super::Edition;
use crate::domain::{IdToken, Phase, Place, TransferTopic, hex};

/// Longest `transactionId`, in characters (part 2, TransactionType).
const MAX_TRANSACTION: usize = 36;

/// The kind of token that stands for "nobody was asked" (part 2, IdTokenEnumType).
const NO_AUTHORIZATION: &str = "NoAuthorization";

pub(super) fn decode(
    edition: &Edition,
    action: &'static Action,
    payload: &RawValue,
) -> Result<Request, Fault> {
    let version = edition.name;
    Ok(match action.name {
        "BootNotification" => {
            let station = read::<BootNotification>(payload, version)?.charging_station;
            Request::Boot(Boot {
                vendor: station.vendor_name,
                model: station.model,
                serial: station.serial_number,
                firmware: station.firmware_version,
            })
        }
        "Heartbeat" => Request::Heartbeat,
        "StatusNotification" => {
            let status: StatusNotification = read(payload, version)?;
            Request::Status(Status {
                place: Place::evse(status.evse_id, Some(status.connector_id)),
                status: status.connector_status,
                error: None,
                info: None,
                at: status.timestamp,
            })
        }
        "Authorize" => {
            let ask: Authorize = read(payload, version)?;
            match shown(edition, ask.id_token)? {
                Some(shown) => Request::Authorize { shown },
                None => Request::AuthorizeNobody,
            }
        }
        "MeterValues" => {
            let values: MeterValues = read(payload, version)?;
            Request::Meter {
                place: Place::evse(values.evse_id, None),
                session: None,
                readings: values.meter_value.0,
            }
        }
        "TransactionEvent" => {
            Request::Event(event(edition, read(payload, version)?, digest(payload))?)
        }
        "SignCertificate" => security::sign(payload, version)?,
        "SecurityEventNotification" => security::event(payload, version)?,
        "FirmwareStatusNotification" => transfer::word(TransferTopic::Firmware, payload, version)?,
        "LogStatusNotification" => transfer::word(TransferTopic::Log, payload, version)?,
        _ => Request::Other,
    })
}

fn event(edition: &Edition, wire: Event, digest: String) -> Result<TransactionEvent, Fault> {
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
        shown: wire.id_token.map(|token| shown(edition, token)).transpose()?.flatten(),
        readings: wire.meter_value.0,
    })
}

/// The first 64 bits of the payload's SHA-256, hexadecimal.
fn digest(payload: &RawValue) -> String {
    hex(&Sha256::digest(payload.get())[..8])
}

/// `None` for the token that says that there is none.
fn shown(edition: &Edition, wire: Token) -> Result<Option<Shown>, Fault> {
    if wire.kind == NO_AUTHORIZATION {
        return Ok(None);
    }
    let most = edition.max_id_token;
    let is_short = wire.id_token.chars().count() <= most;
    let token = IdToken::new(&wire.id_token).ok().filter(|_| is_short).ok_or_else(|| {
        let rule = format!("`idToken` must be 1 to {most} characters without control characters");
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
