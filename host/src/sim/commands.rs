//! How a simulated station answers the server's calls. Knows no socket.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::Event;
use super::backlog::Body;
use super::bay::Doing;
use super::charger::{Charger, Output};
use crate::domain::{IdToken, Millis};

/// `HeartbeatInterval`, in seconds on the wire.
const HEARTBEAT: &str = "HeartbeatInterval";
/// Ask the server before a remote start, too.
const ASK_FIRST: &str = "AuthorizeRemoteTxRequests";

#[derive(Debug)]
struct Setting {
    value: String,
    readonly: bool,
}

/// The configuration keys of OCPP 1.6 chapter 9 that this station has.
#[derive(Debug)]
pub(super) struct Settings(BTreeMap<String, Setting>);

impl Settings {
    pub(super) fn new(connectors: u32, heartbeat: Duration) -> Self {
        let heartbeat = heartbeat.as_secs().to_string();
        let keys = [
            (ASK_FIRST, "false", false),
            (HEARTBEAT, heartbeat.as_str(), false),
            ("MeterValueSampleInterval", "60", false),
            ("StopTransactionOnInvalidId", "true", true),
            ("SupportedFeatureProfiles", "Core,RemoteTrigger", true),
            ("NumberOfConnectors", &connectors.to_string(), true),
        ]
        .map(|(key, value, readonly)| {
            (key.to_owned(), Setting { value: value.to_owned(), readonly })
        });
        Self(keys.into_iter().collect())
    }

    pub(super) fn heartbeat(&self) -> Duration {
        let seconds = self.0.get(HEARTBEAT).and_then(|setting| setting.value.parse().ok());
        Duration::from_secs(seconds.unwrap_or(300).max(1))
    }

    pub(super) fn set_heartbeat(&mut self, interval: Duration) {
        if let Some(setting) = self.0.get_mut(HEARTBEAT) {
            setting.value = interval.as_secs().to_string();
        }
    }

    fn asks_first(&self) -> bool {
        self.0.get(ASK_FIRST).is_some_and(|setting| setting.value == "true")
    }

    fn change(&mut self, key: &str, value: &str) -> &'static str {
        match self.0.get_mut(key) {
            None => "NotSupported",
            Some(setting) if setting.readonly => "Rejected",
            Some(_) if key == HEARTBEAT && value.parse::<u32>().is_err() => "Rejected",
            Some(setting) => {
                setting.value = value.to_owned();
                "Accepted"
            }
        }
    }

    fn list(&self, wanted: &[&str]) -> Value {
        let known = self
            .0
            .iter()
            .filter(|(key, _)| wanted.is_empty() || wanted.contains(&key.as_str()))
            .map(|(key, s)| json!({ "key": key, "readonly": s.readonly, "value": s.value }));
        let unknown = wanted.iter().filter(|key| !self.0.contains_key(**key));
        json!({
            "configurationKey": known.collect::<Vec<_>>(),
            "unknownKey": unknown.collect::<Vec<_>>(),
        })
    }
}

impl Charger {
    /// Answers first, then does what was asked: a station that acts before it answers confuses every server.
    pub(super) fn commanded(
        &mut self,
        now: Millis,
        id: String,
        action: String,
        payload: &Value,
        out: &mut Vec<Output>,
    ) {
        let connector = number(payload, "connectorId").and_then(|n| u32::try_from(n).ok());
        let answer = match action.as_str() {
            "RemoteStartTransaction" => self.remote_start(now, connector, payload),
            "RemoteStopTransaction" => self.remote_stop(now, payload),
            "TriggerMessage" => self.trigger(now, connector, payload),
            "ChangeConfiguration" => self.change_configuration(now, payload),
            "UnlockConnector" => self.unlock(now, connector),
            "ChangeAvailability" => self.change_availability(now, connector, payload),
            "ClearCache" | "Reset" => "Accepted",
            "GetConfiguration" => {
                let keys = payload.get("key").and_then(Value::as_array);
                let keys = keys.into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>();
                out.push(Output::Answer { id, payload: self.settings.list(&keys) });
                out.push(Output::Report(Event::Commanded { action, answer: "listed" }));
                return;
            }
            _ => {
                let description = "this station does not know the action";
                out.push(Output::Refuse { id, code: "NotImplemented", description });
                out.push(Output::Report(Event::Commanded { action, answer: "NotImplemented" }));
                return;
            }
        };
        out.push(Output::Answer { id, payload: json!({ "status": answer }) });
        if action == "Reset" {
            let hard = text(payload, "type") == Some("Hard");
            let reason = if hard { "HardReset" } else { "SoftReset" };
            (0..self.bays.len()).for_each(|n| self.stop(now, n, reason));
            self.reboot(now, out);
        }
        out.push(Output::Report(Event::Commanded { action, answer }));
    }

    fn remote_start(&mut self, now: Millis, wanted: Option<u32>, payload: &Value) -> &'static str {
        let Some(card) = text(payload, "idTag").and_then(|tag| IdToken::new(tag).ok()) else {
            return "Rejected";
        };
        let fits = |connector| wanted.is_none_or(|wanted| wanted == connector);
        match self.bays.iter().position(|bay| bay.is_free() && fits(bay.connector)) {
            None => "Rejected",
            Some(n) if self.settings.asks_first() => {
                self.ask(now, n, card);
                "Accepted"
            }
            Some(n) => {
                self.start(now, n, card);
                "Accepted"
            }
        }
    }

    fn remote_stop(&mut self, now: Millis, payload: &Value) -> &'static str {
        let transaction = number(payload, "transactionId");
        match transaction.and_then(|transaction| self.bay_of_transaction(transaction)) {
            None => "Rejected",
            Some(n) => {
                self.stop(now, n, "Remote");
                "Accepted"
            }
        }
    }

    fn trigger(&mut self, now: Millis, connector: Option<u32>, payload: &Value) -> &'static str {
        let bay = connector.map(|connector| self.bay_at(connector));
        match (text(payload, "requestedMessage"), bay) {
            (Some("StatusNotification" | "MeterValues"), Some(None)) => return "Rejected",
            (Some("BootNotification"), _) => self.boot_again(now),
            (Some("Heartbeat"), _) => self.say(Body::Heartbeat),
            (Some("StatusNotification"), Some(Some(n))) => self.tell_status(now, n),
            (Some("StatusNotification"), None) => self.tell_all_statuses(now),
            (Some("MeterValues"), Some(Some(n))) => self.read_meter(now, n),
            (Some("MeterValues"), None) => {
                (0..self.bays.len()).for_each(|n| self.read_meter(now, n));
            }
            _ => return "NotImplemented",
        }
        "Accepted"
    }

    fn change_configuration(&mut self, now: Millis, payload: &Value) -> &'static str {
        let (Some(key), Some(value)) = (text(payload, "key"), text(payload, "value")) else {
            return "Rejected";
        };
        let answer = self.settings.change(key, value);
        if key == HEARTBEAT {
            self.heartbeat_from(now);
        }
        answer
    }

    fn unlock(&mut self, now: Millis, connector: Option<u32>) -> &'static str {
        match connector.and_then(|connector| self.bay_at(connector)) {
            None => "NotSupported",
            Some(n) => {
                self.stop(now, n, "UnlockCommand");
                "Unlocked"
            }
        }
    }

    /// Connector 0 is the whole station. Running charges end first.
    fn change_availability(
        &mut self,
        now: Millis,
        connector: Option<u32>,
        payload: &Value,
    ) -> &'static str {
        let closing = match text(payload, "type") {
            Some("Inoperative") => true,
            Some("Operative") => false,
            _ => return "Rejected",
        };
        let mut answer = "Rejected";
        for n in 0..self.bays.len() {
            let bay = &mut self.bays[n];
            if !matches!(connector, Some(0)) && connector != Some(bay.connector) {
                continue;
            }
            bay.closing = closing;
            match (&bay.doing, closing) {
                (Doing::Charging(_) | Doing::Asking, true) => {
                    answer = "Scheduled";
                    continue;
                }
                (_, true) => bay.doing = Doing::Closed,
                (Doing::Closed, false) => bay.doing = Doing::Waiting { until: now },
                (_, false) => {}
            }
            if answer == "Rejected" {
                answer = "Accepted";
            }
            self.tell_status(now, n);
        }
        answer
    }
}

fn text<'a>(payload: &'a Value, key: &str) -> Option<&'a str> {
    payload.get(key).and_then(Value::as_str)
}

fn number(payload: &Value, key: &str) -> Option<i64> {
    payload.get(key).and_then(Value::as_i64)
}
