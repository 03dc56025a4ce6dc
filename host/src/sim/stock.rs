//! What a simulated station says where it has no behaviour of its own: the smallest message that its version allows, in
//! the most willing words. Knows no state.

use serde_json::{Map, Value, json};

use super::message::Body;
use crate::ocpp::catalogue::{Action, Catalogue, Kind, Member, Shape};

/// What somebody says who does as he is told. Where none of them may be said, the first word that may.
const WILLING: [&str; 4] = ["Accepted", "Unlocked", "Installed", "Unpublished"];

/// What says the most of an answer that has no status.
const ANSWERED: &str = "answered";

/// What a station that has accepted a call tells later on: which message, and the statuses that it goes through.
struct FollowUp {
    to: &'static str,
    told: &'static str,
    statuses: &'static [&'static str],
}

const UPLOAD: &[&str] = &["Uploading", "Uploaded"];
const INSTALLATION: &[&str] = &["Downloading", "Downloaded", "Installing", "Installed"];

const FOLLOW_UPS: [FollowUp; 8] = [
    FollowUp { to: "GetDiagnostics", told: "DiagnosticsStatusNotification", statuses: UPLOAD },
    FollowUp { to: "GetLog", told: "LogStatusNotification", statuses: UPLOAD },
    FollowUp { to: "UpdateFirmware", told: "FirmwareStatusNotification", statuses: INSTALLATION },
    FollowUp {
        to: "SignedUpdateFirmware",
        told: "SignedFirmwareStatusNotification",
        statuses: INSTALLATION,
    },
    FollowUp { to: "GetReport", told: "NotifyReport", statuses: &[] },
    FollowUp { to: "GetMonitoringReport", told: "NotifyMonitoringReport", statuses: &[] },
    FollowUp { to: "CustomerInformation", told: "NotifyCustomerInformation", statuses: &[] },
    FollowUp { to: "GetDisplayMessages", told: "NotifyDisplayMessages", statuses: &[] },
];

/// One version at one moment.
pub(super) struct Stock<'a> {
    pub(super) catalogue: &'static Catalogue,
    /// As the station's clock writes it.
    pub(super) now: &'a str,
}

impl Stock<'_> {
    /// The answer to a call, and the word of it that tells the most; `None` when stations of this version do not know it.
    pub(super) fn answer(&self, action: &str) -> Option<(Value, &'static str)> {
        let action = self.to_station(action)?;
        let response = action.response.as_ref()?;
        let status = response.members.iter().find(|member| member.name == "status");
        let word = match status.map(|member| member.kind) {
            Some(Kind::Word(words)) => willing(&self.catalogue.words(words).words),
            _ => ANSWERED,
        };
        Some((self.message(response, &Map::new()), word))
    }

    /// What the call leads to.
    pub(super) fn follow_ups(&self, action: &str, payload: &Value) -> Vec<Body> {
        let rows = FOLLOW_UPS.iter().filter(|row| row.to == action);
        rows.flat_map(|row| self.follow_up(row, payload)).collect()
    }

    fn follow_up(&self, row: &FollowUp, payload: &Value) -> Vec<Body> {
        let Some(told) = self.catalogue.action(row.told) else { return Vec::new() };
        let mut said = Map::new();
        if let Some(request) = payload.get("requestId") {
            said.insert("requestId".to_owned(), request.clone());
        }
        let mut tell = |status: Option<&str>| {
            said.extend(status.map(|status| ("status".to_owned(), json!(status))));
            Body::FollowUp { action: told.name, payload: self.message(&told.request, &said) }
        };
        match row.statuses {
            [] => vec![tell(None)],
            statuses => statuses.iter().map(|status| tell(Some(status))).collect(),
        }
    }

    fn to_station(&self, action: &str) -> Option<&'static Action> {
        self.catalogue.action(action).filter(|action| action.direction.is_to_station())
    }

    /// What has to be there, and what is said of it.
    fn message(&self, shape: &Shape, said: &Map<String, Value>) -> Value {
        let members = shape.members.iter().filter_map(|member| {
            let value = match said.get(member.name) {
                Some(value) => value.clone(),
                None if member.is_required => self.member(member),
                None => return None,
            };
            Some((member.name.to_owned(), value))
        });
        Value::Object(members.collect())
    }

    fn member(&self, member: &Member) -> Value {
        match member.list {
            Some(count) => (0..count.low).map(|_| self.value(member.kind)).collect(),
            None => self.value(member.kind),
        }
    }

    fn value(&self, kind: Kind) -> Value {
        match kind {
            Kind::Any => json!({}),
            Kind::Boolean => json!(true),
            Kind::Text(longest) => json!(if longest == Some(0) { "" } else { "-" }),
            Kind::Time => json!(self.now),
            Kind::Uri => json!("https://station.example/"),
            Kind::Integer(range) | Kind::Number { range, .. } => {
                json!(range.low.unwrap_or_else(|| range.high.unwrap_or(0).min(0)))
            }
            Kind::Word(words) => json!(willing(&self.catalogue.words(words).words)),
            Kind::Object(shape) => self.message(self.catalogue.shape(shape), &Map::new()),
        }
    }
}

fn willing(words: &[&'static str]) -> &'static str {
    let found = WILLING.into_iter().find(|word| words.contains(word));
    found.or_else(|| words.first().copied()).unwrap_or(ANSWERED)
}

#[cfg(test)]
mod tests {
    use serde_json::value::to_raw_value;

    use super::*;
    use crate::ocpp::catalogue::{V16, V21, V201};

    #[test]
    fn every_answer_and_every_follow_up_is_what_its_version_allows() {
        for catalogue in [&*V16, &*V201, &*V21] {
            let stock = Stock { catalogue, now: "2026-01-01T00:00:00Z" };
            let to_station = catalogue.actions().iter().filter(|it| it.direction.is_to_station());
            let mut followed = 0;
            for action in to_station {
                let (answer, word) = stock.answer(action.name).unwrap();
                let answer = to_raw_value(&answer).unwrap();
                let shape = action.response.as_ref().unwrap();
                assert_eq!(catalogue.first_finding(shape, &answer), None, "{} {word}", action.name);
                for body in stock.follow_ups(action.name, &json!({ "requestId": 7 })) {
                    let Body::FollowUp { action, payload } = body else { panic!("{body:?}") };
                    let told = catalogue.action(action).unwrap();
                    assert!(told.direction.is_from_station());
                    let raw = to_raw_value(&payload).unwrap();
                    assert_eq!(catalogue.first_finding(&told.request, &raw), None, "{action}");
                    assert!(payload.get("requestId").is_none_or(|id| *id == 7), "{payload}");
                    followed += 1;
                }
            }
            assert!(followed >= 9, "OCPP {}: {followed} follow-ups", catalogue.version);
        }
    }
}
