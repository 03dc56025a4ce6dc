//! How a thing is called among others of its kind, and what of it may be kept. Knows no shelf.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::bench::Bench;
use super::path::Spot;
use super::table::{Kept, Key, Mark, Things};
use crate::domain::{Content, IdToken, MAX_MARK, hex};
use crate::tls::RootHashes;

/// Members whose texts are id tokens, or stand for a person as much.
const TOKENS: [&str; 7] = [
    "idTag",
    "parentIdTag",
    "idToken",
    "idTokens",
    "groupIdToken",
    "additionalIdToken",
    "customerIdentifier",
];

/// The usual attribute of a variable, which nobody writes.
const ACTUAL: &str = "Actual";

/// The key of a variable of the device model, for whoever looks one up: `[1.2] Component/instance.Variable/instance`, and
/// the attribute behind it if that is not the usual one. The key of a 1.6 setting is its name.
pub fn variable(component: &Value, variable: &Value, attribute: Option<&str>) -> Option<String> {
    let part = |value: &Value| {
        let name = value.get("name")?.as_str()?;
        let instance = value.get("instance").and_then(Value::as_str);
        Some(instance.map_or_else(|| name.to_owned(), |instance| format!("{name}/{instance}")))
    };
    let number = |path: &str| component.pointer(path).map(Value::to_string);
    let place = match (number("/evse/id"), number("/evse/connectorId")) {
        (Some(evse), Some(connector)) => format!("[{evse}.{connector}] "),
        (Some(evse), None) => format!("[{evse}] "),
        (None, _) => String::new(),
    };
    let attribute = attribute.filter(|attribute| *attribute != ACTUAL);
    let attribute = attribute.map(|attribute| format!(" {attribute}")).unwrap_or_default();
    Some(format!("{place}{}.{}{attribute}", part(component)?, part(variable)?))
}

impl Key {
    /// `None` when the message does not say it.
    pub(super) fn of(&self, spot: &Spot<'_>, bench: &Bench<'_>) -> Option<String> {
        let key = match self {
            Self::Only(name) => (*name).to_owned(),
            Self::Of(paths) => {
                let words: Vec<_> = paths.iter().filter_map(|path| spot.text(path)).collect();
                if words.is_empty() {
                    return None;
                }
                words.join("/")
            }
            Self::Or(path, other) => spot.text(path).unwrap_or_else(|| (*other).to_owned()),
            Self::Place { evse, connector } => place(spot.text(evse), spot.text(connector)),
            Self::Variable { component, variable: of, attribute } => {
                let attribute = spot.text(attribute);
                variable(spot.value(component)?, spot.value(of)?, attribute.as_deref())?
            }
            Self::Token(path) => {
                let token = IdToken::new(&spot.text(path)?).ok()?;
                bench.token_name(&token).0
            }
            Self::Hashes(path) => hashes(spot.value(path)?)?,
            Self::Certificate(path) => certificate(spot.text(path)?.trim()),
        };
        Some(key.chars().map(|c| if c.is_control() { ' ' } else { c }).collect())
    }
}

fn place(evse: Option<String>, connector: Option<String>) -> String {
    let evse = evse.filter(|evse| evse != "0").map(|evse| format!("evse {evse}"));
    let connector = connector.filter(|n| n != "0").map(|n| format!("connector {n}"));
    match (evse, connector) {
        (None, None) => "station".to_owned(),
        (Some(one), None) | (None, Some(one)) => one,
        (Some(evse), Some(connector)) => format!("{evse} {connector}"),
    }
}

/// A root certificate as OCPP names it, and one of which that cannot be said by its text.
fn certificate(pem: &str) -> String {
    match RootHashes::read(pem) {
        Some(root) => named("sha256", &root.serial, &root.issuer_name, &root.issuer_key),
        None => format!("pem:{}", hex(&Sha256::digest(pem))),
    }
}

/// As OCPP tells certificates apart.
fn hashes(hashes: &Value) -> Option<String> {
    let word = |name: &str| hashes.get(name).and_then(Value::as_str);
    let [issuer, key] = [word("issuerNameHash")?, word("issuerKeyHash")?];
    Some(named(word("hashAlgorithm")?, word("serialNumber")?, issuer, key))
}

fn named(algorithm: &str, serial: &str, issuer: &str, key: &str) -> String {
    let serial = serial.trim_start_matches('0');
    format!("{algorithm}:{serial}:{issuer}:{key}").to_ascii_lowercase()
}

impl Mark {
    pub(super) fn of(&self, spot: &Spot<'_>) -> Option<(String, String)> {
        let text = spot.text(self.at)?;
        let text = match self.words.iter().find(|(word, _)| *word == text) {
            Some((_, instead)) => (*instead).to_owned(),
            None => text.chars().take(MAX_MARK).collect(),
        };
        Some((self.name.to_owned(), text))
    }
}

impl Things {
    /// What of the thing at `spot` is kept, under this key.
    pub(super) fn content(&self, key: &str, spot: &Spot<'_>) -> Content {
        let whole = spot.value("");
        let value = match self.content {
            Kept::Whole | Kept::Mention => whole.cloned(),
            Kept::First(paths) => paths.iter().find_map(|path| spot.value(path)).cloned(),
            Kept::Pick(members) => {
                let picked = members
                    .iter()
                    .filter_map(|name| Some(((*name).to_owned(), whole?.get(*name)?.clone())));
                Some(Value::Object(picked.collect()))
            }
        };
        let mut value = value.unwrap_or_default();
        veil(&mut value);
        Content::new(key, value.to_string())
    }

    /// It only tells that the thing is there. So does one without a value: of what can be written only, or is not set.
    pub(super) fn is_mention(&self, spot: &Spot<'_>) -> bool {
        match self.content {
            Kept::Mention => true,
            Kept::First(paths) => paths.iter().all(|path| spot.value(path).is_none()),
            Kept::Whole | Kept::Pick(_) => false,
        }
    }
}

/// No more of an id token than a log would show.
fn veil(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                if TOKENS.contains(&name.as_str()) {
                    veil_texts(value);
                }
                veil(value);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(veil),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn veil_texts(value: &mut Value) {
    match value {
        Value::String(text) => {
            *text = IdToken::new(text).map_or_else(|_| "…".to_owned(), |token| token.to_string());
        }
        Value::Array(items) => items.iter_mut().for_each(veil_texts),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_variable_is_called_as_it_can_be_typed() {
        let component = json!({ "name": "Connector", "evse": { "id": 1, "connectorId": 2 } });
        let of = json!({ "name": "Available", "instance": "x" });
        let key = |attribute| variable(&component, &of, attribute).unwrap();
        assert_eq!(key(None), "[1.2] Connector.Available/x");
        assert_eq!(key(Some("Actual")), "[1.2] Connector.Available/x");
        assert_eq!(key(Some("Target")), "[1.2] Connector.Available/x Target");
        assert_eq!(variable(&json!({}), &of, None), None);
    }

    #[test]
    fn no_token_is_kept_in_clear() {
        let mut value = json!({
            "idTag": "04A2B3C4D5E6F7",
            "idToken": { "idToken": "04A2B3C4D5E6F7", "type": "ISO14443",
                         "additionalInfo": [{ "additionalIdToken": "04A2B3C4D5E6F7", "type": "x" }] },
            "list": [{ "idTokens": ["04A2B3C4D5E6F7"] }],
        });
        veil(&mut value);
        let text = value.to_string();
        assert!(!text.contains("04A2") && text.matches("…E6F7").count() == 4, "{text}");
        assert!(text.contains("ISO14443"));
    }
}
