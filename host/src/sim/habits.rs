//! What stations of the field say that they should not, and how they knock. Pure: knows no socket and no state.
//!
//! Each habit stands for a complaint in docs/field-notes.md. None of them changes what was charged: a server that puts up
//! with them has the same sessions as of a station without them.

use serde_json::{Value, json};

use super::{Misdeed, Protocol};
use crate::ocpp::MessageId;
use crate::ocpp::frame::Frame;

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Habit {
    /// Names no subprotocol.
    NoSubprotocol,
    /// Names one that nobody knows.
    OddSubprotocol,
    /// Doubles slashes, puts a segment of its own before its id and a slash behind it.
    OddPath,
    /// Sends empty and unnumbered values, units that are none, and readings without a sample.
    OddSamples,
    /// Sends the same start and the same end three times under one message id, before the answer.
    Repeats,
    /// Ends a charge a second time, with another register.
    Contradicts,
    /// Sends readings of connector 0 and of no transaction.
    Strays,
    /// Sends what is no JSON, or no message.
    Babbles,
}

impl Habit {
    pub const ALL: [Self; 8] = [
        Self::NoSubprotocol,
        Self::OddSubprotocol,
        Self::OddPath,
        Self::OddSamples,
        Self::Repeats,
        Self::Contradicts,
        Self::Strays,
        Self::Babbles,
    ];
}

/// Sent again beside the first.
const COPIES: usize = 2;

/// What a register jumps by when a station contradicts itself, in watt-hours.
const CONTRADICTION: u64 = 77_000;

/// None of this is a message.
const BABBLE: [&str; 4] = [
    r#"[2,"b1","MeterValues",{"connectorId":1,"transactionId":,"meterValue":[]}]"#,
    r#",[2,"b2","Heartbeat",{}]"#,
    r#"[1,"b3","Heartbeat",{}]"#,
    r#"[3,"b4",{"configurationKey":[]"#,
];

/// The texts by which a call is made, and what is wrong with each.
pub(super) fn say(
    habits: &[Habit],
    id: &str,
    action: &str,
    payload: Value,
) -> Vec<(String, Option<Misdeed>)> {
    let has = |habit| habits.contains(&habit);
    let mut payload = payload;
    let mut said = Vec::new();
    let is_odd = has(Habit::OddSamples) && spoil(action, &mut payload);
    let text = call(id, action, &payload);
    let is_end = action == "StopTransaction" || payload["eventType"] == "Ended";
    let is_start = action == "StartTransaction" || payload["eventType"] == "Started";
    said.push((text.clone(), is_odd.then_some(Misdeed::SpoiltSamples)));
    if has(Habit::Repeats) && (is_start || is_end) {
        let copy = (text, Some(Misdeed::Repeated));
        said.extend(std::iter::repeat_n(copy, COPIES));
    }
    if has(Habit::Contradicts) && is_end {
        contradict(&mut payload);
        let text = call(&format!("{id}-c"), action, &payload);
        said.push((text, Some(Misdeed::Contradicted)));
    }
    if has(Habit::Strays) && (action == "MeterValues" || payload["eventType"] == "Updated") {
        let text = call(&format!("{id}-s"), "MeterValues", &stray(&payload));
        said.push((text, Some(Misdeed::Strayed)));
    }
    if has(Habit::Babbles) && matches!(action, "Heartbeat" | "StatusNotification") {
        said.extend(BABBLE.map(|text| (text.to_owned(), Some(Misdeed::Babbled))));
    }
    said
}

/// The subprotocol that a station names.
pub(super) fn offer(habits: &[Habit], protocol: Protocol) -> Option<String> {
    let name = protocol.subprotocol();
    if habits.contains(&Habit::NoSubprotocol) {
        None
    } else if habits.contains(&Habit::OddSubprotocol) {
        Some(format!("{name}.1"))
    } else {
        Some(name.to_owned())
    }
}

/// The path at which a station knocks: the server's, and the id behind it.
pub(super) fn path(habits: &[Habit], below: &str, id: &str) -> String {
    if habits.contains(&Habit::OddPath) {
        format!("/{below}//site%201///{id}/")
    } else {
        format!("{below}/{id}")
    }
}

fn call(id: &str, action: &str, payload: &Value) -> String {
    let id = MessageId::new(id).unwrap_or_else(MessageId::unreadable);
    Frame::Call { id, action: action.to_owned(), payload: super::link::raw(payload) }.write()
}

/// Adds to readings what costs a strict server all of them.
fn spoil(action: &str, payload: &mut Value) -> bool {
    let is_reading = action == "MeterValues" || payload["eventType"] == "Updated";
    let readings = payload.get_mut("meterValue").and_then(Value::as_array_mut);
    let Some(readings) = readings.filter(|_| is_reading) else { return false };
    let at = readings.first().map(|reading| reading["timestamp"].clone()).unwrap_or_default();
    for reading in readings.iter_mut() {
        if let Some(samples) = reading["sampledValue"].as_array_mut() {
            samples.push(json!({ "value": "", "measurand": "Temperature" }));
            samples.push(json!({ "value": 50, "measurand": "Frequency", "unit": "Hertz" }));
        }
    }
    readings.push(json!({ "timestamp": at, "sampledValue": [] }));
    true
}

fn contradict(payload: &mut Value) {
    if let Some(meter) = payload["meterStop"].as_u64() {
        payload["meterStop"] = json!(meter + CONTRADICTION);
    }
    let register = payload.pointer_mut("/meterValue/0/sampledValue/0/value");
    if let Some(register) = register
        && let Some(meter) = register.as_u64()
    {
        *register = json!(meter + CONTRADICTION);
    }
}

/// The readings of a message about a charge, as those of nothing.
fn stray(payload: &Value) -> Value {
    let readings = &payload["meterValue"];
    if payload.get("eventType").is_some() {
        json!({ "evseId": 0, "meterValue": readings })
    } else {
        json!({ "connectorId": 0, "transactionId": 0, "meterValue": readings })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meter() -> Value {
        json!({ "connectorId": 1, "transactionId": 7, "meterValue": [
            { "timestamp": "2026-01-01T00:00:00Z", "sampledValue": [{ "value": "1" }] },
        ] })
    }

    #[test]
    fn a_station_without_habits_says_what_it_has_to_say_once() {
        let said = say(&[], "1", "MeterValues", meter());
        assert_eq!(said, [(call("1", "MeterValues", &meter()), None)]);
    }

    #[test]
    fn every_habit_of_speech_is_told_and_leaves_the_message_itself_alone() {
        let stop = json!({ "transactionId": 7, "meterStop": 5000 });
        let said = say(&Habit::ALL, "1", "StopTransaction", stop.clone());
        let wrong: Vec<_> = said.iter().map(|(_, misdeed)| *misdeed).collect();
        let (again, against) = (Some(Misdeed::Repeated), Some(Misdeed::Contradicted));
        assert_eq!(wrong, [None, again, again, against]);
        assert_eq!(said[0].0, call("1", "StopTransaction", &stop));
        assert!(said[3].0.contains("82000"), "{}", said[3].0);

        let said = say(&Habit::ALL, "2", "MeterValues", meter());
        assert!(said[0].0.contains(r#"{"value":"1"}"#), "{}", said[0].0);
        assert!(said[1].0.contains(r#""connectorId":0"#), "{}", said[1].0);
    }

    #[test]
    fn an_odd_knock_still_says_who_is_there() {
        assert_eq!(path(&Habit::ALL, "/ocpp", "CS1"), "//ocpp//site%201///CS1/");
        assert_eq!(offer(&[Habit::OddSubprotocol], Protocol::Ocpp201).unwrap(), "ocpp2.0.1.1");
        assert_eq!(offer(&Habit::ALL, Protocol::Ocpp16), None);
    }
}
