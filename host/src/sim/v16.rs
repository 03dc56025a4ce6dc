//! OCPP 1.6 as a simulated station writes and reads it. Knows no state.

use std::time::Duration;

use serde_json::{Value, json};

use super::bay::Condition;
use super::message::{Body, Command, Ending, Limit, Outcome, Reply, Response, Wanted, Writing};
use super::settings::{Setting, Topic};
use super::wire::{Wire, count, number, text};
use crate::domain::IdToken;
use crate::ocpp::catalogue::V16;
use crate::ocpp::frame::CALLS;

pub(super) static WIRE: Wire = Wire {
    subprotocol: "ocpp1.6",
    message_types: CALLS,
    catalogue: &V16,
    action,
    payload,
    reply,
    command,
    response,
    // The server names transactions.
    name: |_, _| None,
    stream: None,
    settings: &[
        (Topic::AskFirst, "AuthorizeRemoteTxRequests"),
        (Topic::Heartbeat, "HeartbeatInterval"),
        (Topic::Sampling, "MeterValueSampleInterval"),
        (Topic::Connectors, "NumberOfConnectors"),
        (Topic::StopRefused, "StopTransactionOnInvalidId"),
        (Topic::Profiles, "SupportedFeatureProfiles"),
    ],
};

/// Who speaks of costs by DataTransfer (Open Charge Alliance, "OCPP & California Pricing Requirements").
const COST_VENDOR: &str = "org.openchargealliance.costmsg";

/// Where a station does not know the transaction (OCPP 1.6 errata).
const UNKNOWN_TRANSACTION: i64 = -1;

const fn action(body: &Body) -> &'static str {
    match body {
        Body::Boot => "BootNotification",
        Body::Heartbeat => "Heartbeat",
        Body::Status { .. } => "StatusNotification",
        Body::Authorize { .. } => "Authorize",
        Body::Start { .. } => "StartTransaction",
        Body::Meter { .. } => "MeterValues",
        Body::Stop { .. } => "StopTransaction",
        Body::FollowUp { action, .. } => action,
        Body::Report { .. } | Body::OpenStream { .. } => "DataTransfer",
    }
}

fn payload(body: &Body, writing: &Writing<'_>) -> Value {
    let transaction = writing.transaction.and_then(|name| name.parse().ok());
    let transaction: i64 = transaction.unwrap_or(UNKNOWN_TRANSACTION);
    match body {
        Body::Boot => json!({
            "chargePointVendor": writing.vendor, "chargePointModel": writing.model,
            "chargePointSerialNumber": writing.serial, "firmwareVersion": writing.firmware,
        }),
        Body::Heartbeat => json!({}),
        Body::Status { connector, condition, at } => json!({
            "connectorId": connector, "errorCode": "NoError", "status": status(*condition), "timestamp": writing.time(*at),
        }),
        Body::Authorize { card, .. } => json!({ "idTag": card.reveal() }),
        Body::Start { connector, card, meter_wh, at, .. } => json!({
            "connectorId": connector, "idTag": card.reveal(), "meterStart": meter_wh, "timestamp": writing.time(*at),
        }),
        Body::Meter { connector, meter_wh, power_w, asked, at, .. } => {
            let context = if *asked { "Trigger" } else { "Sample.Periodic" };
            json!({
                "connectorId": connector, "transactionId": transaction, "meterValue": [{
                    "timestamp": writing.time(*at),
                    "sampledValue": [
                        { "value": meter_wh.to_string(), "measurand": "Energy.Active.Import.Register", "unit": "Wh", "context": context },
                        { "value": power_w.to_string(), "measurand": "Power.Active.Import", "unit": "W", "context": context },
                    ],
                }],
            })
        }
        Body::Stop { card, meter_wh, why, at, .. } => json!({
            "transactionId": transaction, "idTag": card.reveal(), "meterStop": meter_wh, "timestamp": writing.time(*at),
            "reason": reason(*why),
        }),
        // OCPP 1.6 has no streams, and no command that asks for a report.
        Body::FollowUp { payload, .. } => payload.clone(),
        Body::Report { .. } | Body::OpenStream { .. } => json!({ "vendorId": writing.vendor }),
    }
}

const fn status(condition: Condition) -> &'static str {
    match condition {
        Condition::Free => "Available",
        Condition::Preparing => "Preparing",
        Condition::Charging => "Charging",
        Condition::Closed => "Unavailable",
    }
}

pub(super) const fn reason(why: Ending) -> &'static str {
    match why {
        Ending::Unplugged => "EVDisconnected",
        Ending::Local => "Local",
        Ending::Remote => "Remote",
        Ending::Refused => "DeAuthorized",
        Ending::Unlocked => "UnlockCommand",
        Ending::SoftReset => "SoftReset",
        Ending::HardReset => "HardReset",
        Ending::EnergyLimit | Ending::TimeLimit => "Other",
    }
}

fn reply(body: &Body, answer: &Value) -> Reply {
    let card = || text(answer, "/idTagInfo/status").unwrap_or_default().to_owned();
    match body {
        Body::Boot => Reply::Boot {
            status: text(answer, "/status").unwrap_or_default().to_owned(),
            interval: Duration::from_secs(count(answer, "/interval").unwrap_or(0).into()),
        },
        Body::Authorize { .. } => Reply::Card { status: card() },
        Body::Start { .. } => Reply::Started {
            transaction: Some(number(answer, "/transactionId").unwrap_or(0).to_string()),
            accepted: card() == "Accepted",
            limit: Limit::default(),
        },
        Body::Heartbeat
        | Body::Status { .. }
        | Body::Meter { .. }
        | Body::Stop { .. }
        | Body::Report { .. }
        | Body::FollowUp { .. }
        | Body::OpenStream { .. } => Reply::Noted { cost: None },
    }
}

fn command(action: &str, payload: &Value) -> Option<Command> {
    let connector = count(payload, "/connectorId");
    let known = match action {
        "RemoteStartTransaction" => {
            let card = text(payload, "/idTag").and_then(|tag| IdToken::new(tag).ok());
            card.map(|card| Command::Start { connector, card, order: None })
        }
        "RemoteStopTransaction" => {
            let transaction = number(payload, "/transactionId");
            transaction.map(|number| Command::Stop { transaction: number.to_string() })
        }
        "TriggerMessage" => {
            let wanted = match text(payload, "/requestedMessage") {
                Some("BootNotification") => Wanted::Boot,
                Some("Heartbeat") => Wanted::Heartbeat,
                Some("StatusNotification") => Wanted::Status,
                Some("MeterValues") => Wanted::Meter,
                _ => Wanted::Other,
            };
            Some(Command::Trigger { wanted, connector })
        }
        "UnlockConnector" => Some(Command::Unlock { connector }),
        "ChangeAvailability" => match text(payload, "/type") {
            Some(word @ ("Inoperative" | "Operative")) => {
                let connector = connector.filter(|number| *number > 0);
                Some(Command::Availability { connector, closing: word == "Inoperative" })
            }
            _ => None,
        },
        "Reset" => {
            let hard = text(payload, "/type") == Some("Hard");
            let why = if hard { Ending::HardReset } else { Ending::SoftReset };
            Some(Command::Reset { at_once: Some(why) })
        }
        "ClearCache" => Some(Command::ClearCache),
        "GetConfiguration" => {
            let keys = payload.get("key").and_then(Value::as_array).into_iter().flatten();
            let keys = keys.filter_map(Value::as_str).map(ToOwned::to_owned).collect();
            Some(Command::ReadSettings { keys })
        }
        "ChangeConfiguration" => text(payload, "/key")
            .zip(text(payload, "/value"))
            .map(|(key, value)| Command::ChangeSettings(vec![(key.to_owned(), value.to_owned())])),
        "DataTransfer" => Some(transfer(payload)),
        _ => return None,
    };
    Some(known.unwrap_or(Command::Senseless))
}

/// The one kind of DataTransfer that is understood: what the driver is to be shown.
fn transfer(payload: &Value) -> Command {
    if text(payload, "/vendorId") != Some(COST_VENDOR) {
        return Command::Foreign;
    }
    let data = text(payload, "/data").and_then(|data| serde_json::from_str::<Value>(data).ok());
    let shown = data.as_ref().and_then(|data| {
        let transaction = data.get("transactionId").filter(|id| id.is_i64() || id.is_string())?;
        let cost = data.get("cost").filter(|cost| cost.is_number() || cost.is_string())?;
        let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Some(Command::ShowCost { transaction: word(transaction), cost: word(cost) })
    });
    shown.unwrap_or(Command::Senseless)
}

fn response(response: &Response) -> (Value, &'static str) {
    let did = |outcome| (json!({ "status": word(outcome) }), word(outcome));
    match response {
        Response::Did(outcome) => did(*outcome),
        Response::Changed(changes) => {
            did(changes.first().map_or(Outcome::Rejected, |(_, outcome)| *outcome))
        }
        Response::Settings { found, unknown } => {
            let key = |setting: &Setting| json!({ "key": setting.key, "readonly": setting.readonly, "value": setting.value });
            let known = found.iter().map(key).collect::<Vec<_>>();
            (json!({ "configurationKey": known, "unknownKey": unknown }), "listed")
        }
        // OCPP 1.6 shows costs by DataTransfer and asks for no transaction's status.
        Response::Noted | Response::TransactionStatus { .. } | Response::Streams(_) => {
            did(Outcome::Accepted)
        }
    }
}

const fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Accepted => "Accepted",
        Outcome::Rejected => "Rejected",
        Outcome::Scheduled => "Scheduled",
        Outcome::NotImplemented => "NotImplemented",
        Outcome::Unlocked => "Unlocked",
        Outcome::Unknown => "NotSupported",
        Outcome::UnknownVendor => "UnknownVendorId",
    }
}
