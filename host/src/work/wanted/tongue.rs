//! How settings are asked for and set in each family of OCPP, and what the answers say of them. Pure.

use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use crate::domain::{Meaning, WishName};
use crate::holdings::variable;
use crate::work::is_first_family;

/// Longest configuration key of OCPP 1.6 (`CiString50`).
const MAX_KEY: usize = 50;

/// The values that a variable of 2.x may have beside its usual one.
const ATTRIBUTES: [&str; 4] = ["Actual", "Target", "MinSet", "MaxSet"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tongue {
    /// OCPP 1.6: configuration keys.
    First,
    /// OCPP 2.x: components with variables.
    Second,
}

/// A call to a station.
#[derive(Debug)]
pub(super) struct Say {
    pub(super) action: &'static str,
    pub(super) payload: Box<RawValue>,
}

/// What a station said of one setting.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Its value, which is on record with everything else that the station holds.
    Value,
    /// It has it and does not tell it.
    Withheld,
    Word {
        meaning: Meaning,
        status: String,
        reason: Option<String>,
    },
}

impl Tongue {
    pub(super) fn of(protocol: &str) -> Self {
        if is_first_family(protocol) { Self::First } else { Self::Second }
    }

    /// Whether this family can have a setting of that name.
    pub(super) fn has(self, name: &WishName) -> bool {
        match self {
            Self::First => {
                name.as_str().chars().count() <= MAX_KEY && !name.as_str().starts_with('[')
            }
            Self::Second => Variable::parse(name).is_some(),
        }
    }

    pub(super) fn read(self, names: &[WishName]) -> Result<Say, serde_json::Error> {
        let (action, payload) = match self {
            Self::First => ("GetConfiguration", json!({ "key": names })),
            Self::Second => {
                let named = names.iter().filter_map(Variable::parse).map(|it| it.named());
                ("GetVariables", json!({ "getVariableData": named.collect::<Vec<_>>() }))
            }
        };
        Ok(Say { action, payload: to_raw_value(&payload)? })
    }

    /// One message sets one key of 1.6, and several variables of 2.x.
    pub(super) fn set(self, wanted: &[(&WishName, &str)]) -> Result<Say, serde_json::Error> {
        let (action, payload) = match self {
            Self::First => {
                let (name, value) = wanted.first().copied().unzip();
                ("ChangeConfiguration", json!({ "key": name, "value": value }))
            }
            Self::Second => {
                let set = wanted.iter().filter_map(|(name, value)| {
                    let mut named = Variable::parse(name)?.named();
                    named["attributeValue"] = (*value).into();
                    Some(named)
                });
                ("SetVariables", json!({ "setVariableData": set.collect::<Vec<_>>() }))
            }
        };
        Ok(Say { action, payload: to_raw_value(&payload)? })
    }

    /// What the answer to a question says of one of those that were asked for.
    pub(super) fn heard_of(self, name: &WishName, answer: &Value) -> Heard {
        let absent = |status: &str| Heard::Word {
            meaning: Meaning::Absent,
            status: status.to_owned(),
            reason: None,
        };
        match self {
            Self::First => {
                let is_it = |key: &Value| key.as_str().is_some_and(|it| it == name.as_str());
                let is_unknown = list(&answer["unknownKey"]).iter().any(is_it);
                let found = list(&answer["configurationKey"]).iter().find(|it| is_it(&it["key"]));
                match found {
                    Some(key) if key.get("value").is_none_or(Value::is_null) => Heard::Withheld,
                    Some(_) => Heard::Value,
                    None if is_unknown => absent("UnknownKey"),
                    None => Heard::Withheld,
                }
            }
            Self::Second => {
                let result = result_for(name, &answer["getVariableResult"]);
                match result.and_then(|it| it["attributeStatus"].as_str()) {
                    Some("Accepted") => Heard::Value,
                    Some(status @ ("UnknownComponent" | "UnknownVariable")) => absent(status),
                    Some(status @ "NotSupportedAttributeType") => absent(status),
                    Some(_) | None => Heard::Withheld,
                }
            }
        }
    }

    /// What the station made of one setting that it was to take; `None` when its answer does not say.
    pub(super) fn verdict_on(self, name: &WishName, answer: &Value) -> Option<Heard> {
        let (status, reason) = match self {
            Self::First => (answer["status"].as_str()?, None),
            Self::Second => {
                let result = result_for(name, &answer["setVariableResult"])?;
                let info = &result["attributeStatusInfo"];
                let reason = info["additionalInfo"].as_str().or(info["reasonCode"].as_str());
                (result["attributeStatus"].as_str()?, reason)
            }
        };
        let meaning = match status {
            "Accepted" => Meaning::Taken,
            "RebootRequired" => Meaning::AfterReboot,
            "UnknownComponent" | "UnknownVariable" | "NotSupportedAttributeType" => Meaning::Absent,
            _ => Meaning::Refused,
        };
        let (status, reason) = (status.to_owned(), reason.map(str::to_owned));
        Some(Heard::Word { meaning, status, reason })
    }
}

/// As it is kept, if it names a variable of 2.x; else as it is.
pub(super) fn canonical(name: WishName) -> WishName {
    let variable = Variable::parse(&name).and_then(|it| it.key());
    variable.and_then(|key| WishName::new(&key).ok()).unwrap_or(name)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn result_for<'a>(name: &WishName, results: &'a Value) -> Option<&'a Value> {
    list(results).iter().find(|result| {
        let attribute = result["attributeType"].as_str();
        let key = variable(&result["component"], &result["variable"], attribute);
        key.is_some_and(|key| key == name.as_str())
    })
}

/// A name of 2.x, taken apart.
#[derive(Debug)]
struct Variable<'a> {
    evse: Option<(u32, Option<u32>)>,
    component: &'a str,
    variable: &'a str,
    attribute: Option<&'a str>,
}

impl<'a> Variable<'a> {
    fn parse(name: &'a WishName) -> Option<Self> {
        let (place, rest) = match name.as_str().strip_prefix('[') {
            Some(rest) => rest.split_once("] ").map(|(place, rest)| (Some(place), rest))?,
            None => (None, name.as_str()),
        };
        let evse = match place
            .map(|place| place.split_once('.').map_or((place, None), |(evse, it)| (evse, Some(it))))
        {
            Some((evse, connector)) => {
                Some((evse.parse().ok()?, connector.map(str::parse).transpose().ok()?))
            }
            None => None,
        };
        let (rest, attribute) = match rest.rsplit_once(' ') {
            Some((rest, attribute)) if ATTRIBUTES.contains(&attribute) => (rest, Some(attribute)),
            _ => (rest, None),
        };
        let (component, variable) = rest.split_once('.')?;
        let is_named = |part: &str| !part.is_empty() && !part.starts_with('/');
        (is_named(component) && is_named(variable)).then_some(Self {
            evse,
            component,
            variable,
            attribute,
        })
    }

    /// The members by which requests name it.
    fn named(&self) -> Value {
        let part = |text: &str| match text.split_once('/') {
            Some((name, instance)) => json!({ "name": name, "instance": instance }),
            None => json!({ "name": text }),
        };
        let mut named =
            json!({ "component": part(self.component), "variable": part(self.variable) });
        if let Some((evse, connector)) = self.evse {
            named["component"]["evse"] = json!({ "id": evse });
            if let Some(connector) = connector {
                named["component"]["evse"]["connectorId"] = connector.into();
            }
        }
        if let Some(attribute) = self.attribute {
            named["attributeType"] = attribute.into();
        }
        named
    }

    fn key(&self) -> Option<String> {
        let named = self.named();
        variable(&named["component"], &named["variable"], self.attribute)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> WishName {
        WishName::new(text).unwrap()
    }

    #[test]
    fn a_name_of_the_second_family_is_said_and_known_again() {
        for text in [
            "OCPPCommCtrlr.HeartbeatInterval",
            "[1] EVSE.Power Target",
            "[1.2] Connector/a.Available/b",
        ] {
            let said = Tongue::Second.read(&[name(text)]).unwrap();
            let said: Value = serde_json::from_str(said.payload.get()).unwrap();
            let mut result = said["getVariableData"][0].clone();
            result["attributeStatus"] = "Accepted".into();
            result["attributeValue"] = "7".into();
            let answer = json!({ "getVariableResult": [{}, result] });
            assert_eq!(Tongue::Second.heard_of(&name(text), &answer), Heard::Value, "{text}");
            assert_eq!(canonical(name(text)), name(text));
        }
        assert_eq!(canonical(name("A.B Actual")), name("A.B"));
        assert!(!Tongue::Second.has(&name("HeartbeatInterval")));
        assert!(!Tongue::Second.has(&name("[x] A.B")) && !Tongue::Second.has(&name(".B")));
        assert!(Tongue::First.has(&name("HeartbeatInterval")));
        assert!(!Tongue::First.has(&name(&"x".repeat(51))));
    }

    #[test]
    fn answers_say_of_each_setting_what_became_of_it() {
        let answer = json!({ "configurationKey": [{ "key": "A", "readonly": false, "value": "1" },
                             { "key": "B", "readonly": true }], "unknownKey": ["C"] });
        let heard = |text: &str| Tongue::First.heard_of(&name(text), &answer);
        assert_eq!((heard("A"), heard("B")), (Heard::Value, Heard::Withheld));
        assert!(matches!(heard("C"), Heard::Word { meaning: Meaning::Absent, .. }));
        let result = |variable: &str, status: &str| {
            json!({ "component": { "name": "X" }, "variable": { "name": variable },
                    "attributeStatus": status, "attributeStatusInfo": { "reasonCode": "Why" } })
        };
        let answer = json!({ "setVariableResult": [result("A", "RebootRequired"), result("B", "Rejected")] });
        let verdict = |text: &str| match Tongue::Second.verdict_on(&name(text), &answer) {
            Some(Heard::Word { meaning, reason, .. }) => (meaning, reason.unwrap()),
            other => panic!("{other:?}"),
        };
        assert_eq!(verdict("X.A"), (Meaning::AfterReboot, "Why".to_owned()));
        assert_eq!(verdict("X.B"), (Meaning::Refused, "Why".to_owned()));
        assert_eq!(Tongue::Second.verdict_on(&name("X.C"), &answer), None);
    }
}
