//! OCPP 2.0.1 and 2.1 as a simulated station writes and reads them. Knows no state.
//!
//! Connector n of the station is the only connector of EVSE n. A charge is told by TransactionEvents that the station
//! numbers and under a name that the station gives.

use std::time::Duration;

use serde_json::{Value, json};

use super::bay::Condition;
use super::message::{Body, Command, Ending, Limit, Outcome, Reply, Response, Wanted, Writing};
use super::settings::{Setting, Topic};
use super::stream::Part;
use super::wire::{Wire, count, number, text};
use crate::domain::{IdToken, Millis};
use crate::ocpp::catalogue::{V21, V201};
use crate::ocpp::frame::{CALLS, CALLS_AND_SENDS};

pub(super) static WIRE_201: Wire = Wire {
    subprotocol: "ocpp2.0.1",
    message_types: CALLS,
    catalogue: &V201,
    action,
    payload,
    reply,
    command,
    response,
    name: |power_on, charge| Some(format!("{:x}-{charge}", power_on.0)),
    stream: None,
    settings: SETTINGS,
};

pub(super) static WIRE_21: Wire = Wire {
    subprotocol: "ocpp2.1",
    message_types: CALLS_AND_SENDS,
    command: |action, payload| stream_command(action, payload).or_else(|| command(action, payload)),
    stream: Some(part),
    catalogue: &V21,
    ..WIRE_201
};

const SETTINGS: &[(Topic, &str)] = &[
    (Topic::AskFirst, "AuthCtrlr.AuthorizeRemoteStart"),
    (Topic::Heartbeat, "OCPPCommCtrlr.HeartbeatInterval"),
    (Topic::Sampling, "SampledDataCtrlr.TxUpdatedInterval"),
    (Topic::StopRefused, "TxCtrlr.StopTxOnInvalidId"),
];

/// What cards are, in the words of IdTokenEnumType.
const CARD: &str = "ISO14443";

/// The stream of the station's power, and the monitor that it comes from.
const STREAM: u32 = 1;
const MONITOR: u32 = 1;

/// The only connector of every EVSE.
const CONNECTOR: u32 = 1;

const fn action(body: &Body) -> &'static str {
    match body {
        Body::Boot => "BootNotification",
        Body::Heartbeat => "Heartbeat",
        Body::Status { .. } => "StatusNotification",
        Body::Authorize { .. } => "Authorize",
        Body::Start { .. } | Body::Meter { .. } | Body::Stop { .. } => "TransactionEvent",
        Body::Report { .. } => "NotifyReport",
        Body::OpenStream { .. } => "OpenPeriodicEventStream",
        Body::FollowUp { action, .. } => action,
    }
}

fn payload(body: &Body, writing: &Writing<'_>) -> Value {
    match body {
        Body::Boot => json!({
            "reason": "PowerUp",
            "chargingStation": {
                "vendorName": writing.vendor, "model": writing.model, "serialNumber": writing.serial,
                "firmwareVersion": writing.firmware,
            },
        }),
        Body::Heartbeat => json!({}),
        Body::Status { connector, condition, at } => json!({
            "timestamp": writing.time(*at), "connectorStatus": status(*condition), "evseId": connector,
            "connectorId": CONNECTOR,
        }),
        Body::Authorize { card, .. } => json!({ "idToken": token(card) }),
        Body::Start { connector, card, meter_wh, order, at, .. } => {
            let trigger = if order.is_some() { "RemoteStart" } else { "Authorized" };
            let mut event = event("Started", trigger, 0, *at, writing);
            event["transactionInfo"]["chargingState"] = json!("Charging");
            if let Some(order) = order {
                event["transactionInfo"]["remoteStartId"] = json!(order);
            }
            event["evse"] = json!({ "id": connector, "connectorId": CONNECTOR });
            event["idToken"] = token(card);
            event["meterValue"] =
                json!([reading(&writing.time(*at), "Transaction.Begin", *meter_wh, None)]);
            event
        }
        Body::Meter { number, meter_wh, power_w, asked, at, .. } => {
            let (trigger, context) = if *asked {
                ("Trigger", "Trigger")
            } else {
                ("MeterValuePeriodic", "Sample.Periodic")
            };
            let mut event = event("Updated", trigger, *number, *at, writing);
            event["transactionInfo"]["chargingState"] = json!("Charging");
            event["meterValue"] =
                json!([reading(&writing.time(*at), context, *meter_wh, Some(*power_w))]);
            event
        }
        Body::Stop { number, card, meter_wh, why, at, .. } => {
            let (trigger, reason) = ending(*why);
            let mut event = event("Ended", trigger, *number, *at, writing);
            event["transactionInfo"]["chargingState"] = json!("Idle");
            event["transactionInfo"]["stoppedReason"] = json!(reason);
            event["meterValue"] =
                json!([reading(&writing.time(*at), "Transaction.End", *meter_wh, None)]);
            if *why == Ending::Local {
                event["idToken"] = token(card);
            }
            event
        }
        Body::Report { request, settings, at } => {
            let data = settings.iter().map(described).collect::<Vec<_>>();
            json!({
                "requestId": request, "generatedAt": writing.time(*at), "seqNo": 0, "tbc": false, "reportData": data,
            })
        }
        Body::FollowUp { payload, .. } => payload.clone(),
        Body::OpenStream { interval } => json!({ "constantStreamData": stream(*interval) }),
    }
}

fn stream(interval: Duration) -> Value {
    json!({ "id": STREAM, "variableMonitoringId": MONITOR, "params": { "interval": interval.as_secs(), "values": 1 } })
}

/// A part of the stream, for a SEND.
fn part(part: &Part) -> (&'static str, Value) {
    let value = json!({ "t": 0, "v": part.power_w.to_string() });
    let part =
        json!({ "id": STREAM, "pending": 0, "basetime": part.at.rfc3339(), "data": [value] });
    ("NotifyPeriodicEventStream", part)
}

fn event(kind: &str, trigger: &str, number: u32, at: Millis, writing: &Writing<'_>) -> Value {
    let mut event = json!({
        "eventType": kind, "timestamp": writing.time(at), "triggerReason": trigger, "seqNo": number,
        "transactionInfo": { "transactionId": writing.transaction },
    });
    if writing.offline {
        event["offline"] = json!(true);
    }
    event
}

fn token(card: &IdToken) -> Value {
    json!({ "idToken": card.reveal(), "type": CARD })
}

fn reading(at: &str, context: &str, meter_wh: u64, power_w: Option<u32>) -> Value {
    let sample = |measurand: &str, value: Value, unit: &str| {
        json!({
            "value": value, "measurand": measurand, "context": context, "unitOfMeasure": { "unit": unit },
        })
    };
    let mut samples = vec![sample("Energy.Active.Import.Register", json!(meter_wh), "Wh")];
    samples.extend(power_w.map(|power_w| sample("Power.Active.Import", json!(power_w), "W")));
    json!({ "timestamp": at, "sampledValue": samples })
}

/// What shows: OCPP 2.x tells the rest with the transaction.
const fn status(condition: Condition) -> &'static str {
    match condition {
        Condition::Free => "Available",
        Condition::Preparing | Condition::Charging => "Occupied",
        Condition::Closed => "Unavailable",
    }
}

/// `triggerReason` and `stoppedReason`.
const fn ending(why: Ending) -> (&'static str, &'static str) {
    match why {
        Ending::Unplugged => ("EVDeparted", "EVDisconnected"),
        Ending::Local => ("StopAuthorized", "Local"),
        Ending::Remote => ("RemoteStop", "Remote"),
        Ending::Refused => ("Deauthorized", "DeAuthorized"),
        Ending::Unlocked => ("UnlockCommand", "Other"),
        Ending::SoftReset => ("ResetCommand", "Reboot"),
        Ending::HardReset => ("ResetCommand", "ImmediateReset"),
        Ending::EnergyLimit => ("EnergyLimitReached", "EnergyLimitReached"),
        Ending::TimeLimit => ("TimeLimitReached", "TimeLimitReached"),
    }
}

fn reply(body: &Body, answer: &Value) -> Reply {
    let card = || text(answer, "/idTokenInfo/status").unwrap_or_default().to_owned();
    match body {
        Body::Boot => Reply::Boot {
            status: text(answer, "/status").unwrap_or_default().to_owned(),
            interval: Duration::from_secs(count(answer, "/interval").unwrap_or(0).into()),
        },
        Body::Authorize { .. } => Reply::Card { status: card() },
        Body::Start { .. } => {
            let accepted = card() == "Accepted";
            Reply::Started { transaction: None, accepted, limit: limit(answer) }
        }
        Body::Meter { .. } | Body::Stop { .. } => {
            Reply::Noted { cost: answer.get("totalCost").map(Value::to_string) }
        }
        Body::OpenStream { .. } => {
            Reply::Stream { accepted: text(answer, "/status") == Some("Accepted") }
        }
        Body::Heartbeat | Body::Status { .. } | Body::Report { .. } | Body::FollowUp { .. } => {
            Reply::Noted { cost: None }
        }
    }
}

/// Only OCPP 2.1 has any.
fn limit(answer: &Value) -> Limit {
    let energy = answer.pointer("/transactionLimit/maxEnergy").and_then(Value::as_f64);
    let seconds = count(answer, "/transactionLimit/maxTime");
    Limit {
        // Registers count whole watt-hours.
        energy_wh: energy.map(|wh| wh.max(0.0) as u64),
        time: seconds.map(|seconds| Duration::from_secs(seconds.into())),
    }
}

fn command(action: &str, payload: &Value) -> Option<Command> {
    let connector = count(payload, "/evse/id");
    let transaction = || text(payload, "/transactionId").map(ToOwned::to_owned);
    let known = match action {
        "RequestStartTransaction" => {
            let card = text(payload, "/idToken/idToken").and_then(|card| IdToken::new(card).ok());
            card.map(|card| Command::Start {
                connector: count(payload, "/evseId"),
                card,
                order: number(payload, "/remoteStartId"),
            })
        }
        "RequestStopTransaction" => transaction().map(|transaction| Command::Stop { transaction }),
        "TriggerMessage" => {
            let wanted = match text(payload, "/requestedMessage") {
                Some("BootNotification") => Wanted::Boot,
                Some("Heartbeat") => Wanted::Heartbeat,
                Some("StatusNotification") => Wanted::Status,
                Some("TransactionEvent") => Wanted::Meter,
                _ => Wanted::Other,
            };
            Some(Command::Trigger { wanted, connector })
        }
        "UnlockConnector" => Some(Command::Unlock { connector: count(payload, "/evseId") }),
        "ChangeAvailability" => match text(payload, "/operationalStatus") {
            Some(word @ ("Inoperative" | "Operative")) => {
                Some(Command::Availability { connector, closing: word == "Inoperative" })
            }
            _ => None,
        },
        "Reset" => {
            let at_once = text(payload, "/type") == Some("Immediate");
            Some(Command::Reset { at_once: at_once.then_some(Ending::HardReset) })
        }
        "ClearCache" => Some(Command::ClearCache),
        "GetVariables" => {
            let asked = payload.get("getVariableData").and_then(Value::as_array);
            let keys = asked.map(|asked| asked.iter().filter_map(key).collect::<Vec<_>>());
            keys.filter(|keys| !keys.is_empty()).map(|keys| Command::ReadSettings { keys })
        }
        "SetVariables" => {
            let asked = payload.get("setVariableData").and_then(Value::as_array);
            let changes = asked.into_iter().flatten().filter_map(|asked| {
                Some((key(asked)?, text(asked, "/attributeValue")?.to_owned()))
            });
            Some(Command::ChangeSettings(changes.collect()))
        }
        "GetBaseReport" => number(payload, "/requestId").map(|request| Command::Report { request }),
        "GetTransactionStatus" => Some(Command::TransactionStatus { transaction: transaction() }),
        "CostUpdated" => transaction()
            .zip(payload.get("totalCost"))
            .map(|(transaction, cost)| Command::ShowCost { transaction, cost: cost.to_string() }),
        "DataTransfer" => Some(Command::Foreign),
        _ => return None,
    };
    Some(known.unwrap_or(Command::Senseless))
}

/// What OCPP 2.1 adds.
fn stream_command(action: &str, payload: &Value) -> Option<Command> {
    match action {
        "AdjustPeriodicEventStream" => {
            let is_ours = count(payload, "/id") == Some(STREAM);
            let seconds = count(payload, "/params/interval").filter(|_| is_ours);
            let adjust = |seconds: u32| Command::AdjustStream {
                interval: Duration::from_secs(seconds.into()),
            };
            Some(seconds.map_or(Command::Senseless, adjust))
        }
        "GetPeriodicEventStream" => Some(Command::ReadStreams),
        _ => None,
    }
}

/// `Component.Variable`, as the settings are named here.
fn key(asked: &Value) -> Option<String> {
    Some(format!("{}.{}", text(asked, "/component/name")?, text(asked, "/variable/name")?))
}

fn named(key: &str) -> Value {
    let (component, variable) = key.split_once('.').unwrap_or((key, ""));
    json!({ "component": { "name": component }, "variable": { "name": variable } })
}

fn described(setting: &Setting) -> Value {
    let mutability = if setting.readonly { "ReadOnly" } else { "ReadWrite" };
    let mut described = named(setting.key);
    described["variableAttribute"] = json!([{ "value": setting.value, "mutability": mutability }]);
    described
}

fn response(response: &Response) -> (Value, &'static str) {
    match response {
        Response::Did(outcome) => (json!({ "status": word(*outcome) }), word(*outcome)),
        Response::Settings { found, unknown } => {
            let known = found.iter().map(|setting| {
                let mut result = named(setting.key);
                result["attributeStatus"] = json!("Accepted");
                result["attributeValue"] = json!(setting.value);
                result
            });
            let unknown = unknown.iter().map(|key| {
                let mut result = named(key);
                result["attributeStatus"] = json!("UnknownVariable");
                result
            });
            (json!({ "getVariableResult": known.chain(unknown).collect::<Vec<_>>() }), "listed")
        }
        Response::Changed(changes) => {
            let results = changes.iter().map(|(key, outcome)| {
                let mut result = named(key);
                result["attributeStatus"] = json!(changed(*outcome));
                result
            });
            let results = results.collect::<Vec<_>>();
            let first = changes.first().map_or("Rejected", |(_, outcome)| changed(*outcome));
            (json!({ "setVariableResult": results }), first)
        }
        Response::TransactionStatus { ongoing, messages_wait } => {
            let mut status = json!({ "messagesInQueue": messages_wait });
            if let Some(ongoing) = ongoing {
                status["ongoingIndicator"] = json!(ongoing);
            }
            (status, "told")
        }
        Response::Streams(Some(interval)) => {
            (json!({ "constantStreamData": [stream(*interval)] }), "listed")
        }
        Response::Streams(None) => (json!({}), "listed"),
        Response::Noted => (json!({}), "noted"),
    }
}

const fn changed(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Unknown => "UnknownVariable",
        outcome => word(outcome),
    }
}

const fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Accepted => "Accepted",
        Outcome::Rejected => "Rejected",
        Outcome::Scheduled => "Scheduled",
        Outcome::NotImplemented => "NotImplemented",
        Outcome::Unlocked => "Unlocked",
        Outcome::Unknown => "UnknownConnector",
        Outcome::UnknownVendor => "UnknownVendorId",
    }
}
