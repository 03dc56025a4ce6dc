//! In what a station's own word differs from what it accepted. Knows no kind: everything is compared as JSON.
//!
//! A station may say more than it was sent, because it fills in what was left out. What it was sent has to be in there, a
//! number as a number and a time as a moment.

use chrono::DateTime;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Content, Gone, Holding, Why};

/// Differences that are told of one holding.
const MAX_DIFFERENCES: usize = 8;

/// Longest value in a difference, in characters. What is longer is cut.
const MAX_SHOWN: usize = 120;

/// One place where sent and reported are not the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// For example `chargingSchedule[0].duration`; empty for the whole.
    pub at: String,
    pub sent: Option<String>,
    pub reported: Option<String>,
}

impl Holding {
    /// In what the station's newest word differs from what it accepted before. Empty as well when it has not spoken since.
    pub fn differences(&self) -> Vec<Difference> {
        let Some(accepted) = self.in_force() else { return Vec::new() };
        if let Some(Gone { why, .. }) = &self.gone {
            let sent = Some(shown(&read(accepted).unwrap_or_default()));
            let lost = Difference { at: String::new(), sent, reported: None };
            return if *why == Why::Missing { vec![lost] } else { Vec::new() };
        }
        let told = self.reported.as_ref().filter(|told| {
            !told.is_mention && self.accepted_at().is_none_or(|since| since <= told.at)
        });
        let mut found = Vec::new();
        if let Some((told, accepted)) =
            told.and_then(|told| read(&told.content)).zip(read(accepted))
        {
            compare("", &accepted, &told, &mut found);
        }
        found
    }
}

fn read(content: &Content) -> Option<Value> {
    if content.withheld.is_some() {
        return None;
    }
    serde_json::from_str(&content.text).ok()
}

fn compare(at: &str, sent: &Value, reported: &Value, found: &mut Vec<Difference>) {
    if found.len() >= MAX_DIFFERENCES {
        return;
    }
    match (sent, reported) {
        (Value::Object(sent), Value::Object(reported)) => {
            for (name, value) in sent {
                let dot = if at.is_empty() { "" } else { "." };
                let at = format!("{at}{dot}{name}");
                compare(&at, value, reported.get(name).unwrap_or(&Value::Null), found);
            }
        }
        (Value::Array(sent), Value::Array(reported)) if sent.len() == reported.len() => {
            for (n, (sent, reported)) in sent.iter().zip(reported).enumerate() {
                compare(&format!("{at}[{n}]"), sent, reported, found);
            }
        }
        _ if is_same(sent, reported) => {}
        _ => found.push(Difference {
            at: at.to_owned(),
            sent: (!sent.is_null()).then(|| shown(sent)),
            reported: (!reported.is_null()).then(|| shown(reported)),
        }),
    }
}

fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            let number = |n: &serde_json::Number| n.to_string().parse::<Decimal>().ok();
            one == other || number(one).zip(number(other)).is_some_and(|(one, other)| one == other)
        }
        (Value::String(one), Value::String(other)) => {
            let moment = |text: &str| DateTime::parse_from_rfc3339(text).ok();
            one == other || moment(one).zip(moment(other)).is_some_and(|(one, other)| one == other)
        }
        _ => one == other,
    }
}

fn shown(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn places(sent: &Value, reported: &Value) -> Vec<String> {
        let mut found = Vec::new();
        compare("", sent, reported, &mut found);
        found.into_iter().map(|it| it.at).collect()
    }

    #[test]
    fn a_station_may_say_more_than_it_was_sent() {
        let sent = json!({ "id": 7, "validTo": "2026-01-01T00:00:00Z", "limit": 16 });
        let told =
            json!({ "id": 7, "validTo": "2026-01-01T01:00:00.000+01:00", "limit": 16.0, "x": 1 });
        assert_eq!(places(&sent, &told), [""; 0]);
    }

    #[test]
    fn what_is_not_the_same_is_named() {
        let sent = json!({ "schedule": [{ "limit": 16, "periods": [1, 2] }], "to": "x" });
        let told = json!({ "schedule": [{ "limit": 10, "periods": [1] }] });
        assert_eq!(places(&sent, &told), ["schedule[0].limit", "schedule[0].periods", "to"]);
    }
}
