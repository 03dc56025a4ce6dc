//! What can be read and set of a station: OCPP 1.6's configuration keys and 2.x's variables, under one kind of name.
//! Pure; knows no server.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use serde_json::{Value, json};

use super::tongue::Tongue;

/// A 1.6 key, or `COMPONENT.VARIABLE` of 2.x, either with `/INSTANCE` behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name(String);

impl FromStr for Name {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_name =
            !text.is_empty() && !text.contains('=') && !text.chars().any(char::is_control);
        if is_name { Ok(Self(text.to_owned())) } else { Err("a name, without '='") }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What to set: `NAME=VALUE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) name: Name,
    pub(super) value: String,
}

impl FromStr for Setting {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, value) = text.split_once('=').ok_or("NAME=VALUE")?;
        Ok(Self { name: name.parse()?, value: value.to_owned() })
    }
}

/// Where in the station, and which of a variable's values (2.x only).
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Whereabouts {
    /// Of this EVSE's component (2.x)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    evse: Option<u32>,
    /// Of this connector's component (2.x)
    #[arg(long, value_name = "N", requires = "evse", value_parser = clap::value_parser!(u32).range(1..))]
    connector: Option<u32>,
    /// Which of the variable's values (2.x) [default: Actual]
    #[arg(long, value_parser = ["Actual", "Target", "MinSet", "MaxSet"])]
    attribute: Option<String>,
}

impl Whereabouts {
    /// Why these names cannot be sent to a station that speaks so, if they cannot.
    pub(super) fn check<'n>(
        &self,
        tongue: Tongue,
        mut names: impl Iterator<Item = &'n Name>,
    ) -> Result<(), String> {
        let is_given = self.evse.is_some() || self.attribute.is_some();
        match tongue {
            Tongue::V1 if is_given => {
                Err("OCPP 1.6 has no components: --evse, --connector and --attribute mean nothing"
                    .into())
            }
            Tongue::V1 => Ok(()),
            Tongue::V2 => match names.find(|name| component(name).is_none()) {
                None => Ok(()),
                Some(name) => Err(format!("'{name}' is not COMPONENT.VARIABLE")),
            },
        }
    }

    /// The name as the server keeps it, with the place in front and the attribute behind.
    pub(super) fn key(&self, name: &Name) -> String {
        let place = match (self.evse, self.connector) {
            (Some(evse), Some(connector)) => format!("[{evse}.{connector}] "),
            (Some(evse), None) => format!("[{evse}] "),
            (None, _) => String::new(),
        };
        let attribute = self.attribute.as_ref().map(|it| format!(" {it}")).unwrap_or_default();
        format!("{place}{name}{attribute}")
    }

    /// The members by which 2.x names a variable, for requests to get or set it.
    pub(super) fn named(&self, name: &Name) -> Value {
        let (component, variable) = component(name).unwrap_or((name.0.as_str(), ""));
        let mut named = json!({ "component": instance(component), "variable": instance(variable) });
        if let Some(evse) = self.evse {
            named["component"]["evse"] = json!({ "id": evse });
        }
        if let Some(connector) = self.connector {
            named["component"]["evse"]["connectorId"] = connector.into();
        }
        if let Some(attribute) = &self.attribute {
            named["attributeType"] = attribute.as_str().into();
        }
        named
    }
}

fn component(name: &Name) -> Option<(&str, &str)> {
    let (component, variable) = name.0.split_once('.')?;
    (!component.is_empty() && !variable.is_empty()).then_some((component, variable))
}

fn instance(name: &str) -> Value {
    match name.split_once('/') {
        Some((name, instance)) => json!({ "name": name, "instance": instance }),
        None => json!({ "name": name }),
    }
}

/// What a station says of one key or variable, in the same shape for both families.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Row {
    pub(super) name: String,
    /// `null` for the usual one.
    pub(super) attribute: Option<String>,
    pub(super) value: Option<String>,
    /// The station's word for whether it did what was asked, or may be asked.
    pub(super) status: String,
}

/// The answer to GetConfiguration.
pub(super) fn keys(answer: &Value) -> Vec<Row> {
    let listed = |member: &str| answer[member].as_array().cloned().unwrap_or_default();
    let known = listed("configurationKey").into_iter().map(|key| Row {
        name: text(&key["key"]).unwrap_or_default(),
        attribute: None,
        value: text(&key["value"]),
        status: if key["readonly"] == true { "ReadOnly" } else { "ReadWrite" }.to_owned(),
    });
    let unknown = listed("unknownKey").into_iter().map(|key| Row {
        name: text(&key).unwrap_or_default(),
        attribute: None,
        value: None,
        status: "UnknownKey".to_owned(),
    });
    known.chain(unknown).collect()
}

/// The results of GetVariables or SetVariables.
pub(super) fn results(list: &Value) -> Vec<Row> {
    let results = list.as_array().map(Vec::as_slice).unwrap_or_default();
    let row = |result: &Value| {
        let reason = text(&result["attributeStatusInfo"]["reasonCode"]);
        let status = text(&result["attributeStatus"]).unwrap_or_default();
        Row {
            name: name_of(result),
            attribute: text(&result["attributeType"]),
            value: text(&result["attributeValue"]),
            status: reason.map_or_else(|| status.clone(), |reason| format!("{status} ({reason})")),
        }
    };
    results.iter().map(row).collect()
}

/// One part of a report: a row for each value of each variable.
pub(super) fn reported(data: &Value) -> Vec<Row> {
    let variables = data.as_array().map(Vec::as_slice).unwrap_or_default();
    let rows = variables.iter().flat_map(|variable| {
        let attributes = variable["variableAttribute"].as_array().cloned().unwrap_or_default();
        attributes.into_iter().map(|attribute| Row {
            name: name_of(variable),
            attribute: text(&attribute["type"]),
            value: text(&attribute["value"]),
            status: text(&attribute["mutability"]).unwrap_or_else(|| "ReadWrite".to_owned()),
        })
    });
    rows.collect()
}

/// As it can be typed, with the EVSE in front where there is one.
fn name_of(result: &Value) -> String {
    let part = |part: &Value| {
        let instance = text(&part["instance"]).map(|instance| format!("/{instance}"));
        format!("{}{}", text(&part["name"]).unwrap_or_default(), instance.unwrap_or_default())
    };
    let evse = &result["component"]["evse"];
    let place = match (text(&evse["id"]), text(&evse["connectorId"])) {
        (Some(evse), Some(connector)) => format!("[{evse}.{connector}] "),
        (Some(evse), None) => format!("[{evse}] "),
        (None, _) => String::new(),
    };
    format!("{place}{}.{}", part(&result["component"]), part(&result["variable"]))
}

/// Some stations write numbers and truth values where the protocol wants text.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_the_second_family_becomes_a_component_and_a_variable() {
        let places =
            Whereabouts { evse: Some(1), connector: Some(2), attribute: Some("Target".into()) };
        let name: Name = "DeviceDataCtrlr.ItemsPerMessage/GetReport".parse().unwrap();
        assert_eq!(
            places.named(&name),
            json!({
                "component": { "name": "DeviceDataCtrlr", "evse": { "id": 1, "connectorId": 2 } },
                "variable": { "name": "ItemsPerMessage", "instance": "GetReport" },
                "attributeType": "Target",
            })
        );
        let check = |tongue, name: &str| {
            Whereabouts::default().check(tongue, [name.parse().unwrap()].iter())
        };
        assert!(check(Tongue::V1, "HeartbeatInterval").is_ok());
        assert!(check(Tongue::V2, "HeartbeatInterval").unwrap_err().contains("COMPONENT.VARIABLE"));
        assert!(places.check(Tongue::V1, std::iter::empty()).is_err());
        assert!("A=B".parse::<Name>().is_err() && "A".parse::<Setting>().is_err());
    }

    #[test]
    fn answers_of_both_families_become_the_same_rows() {
        let answer = json!({
            "configurationKey": [{ "key": "HeartbeatInterval", "readonly": false, "value": 300 }],
            "unknownKey": ["Colour"],
        });
        let row = |name: &str, value: Option<&str>, status: &str| Row {
            name: name.into(),
            attribute: None,
            value: value.map(Into::into),
            status: status.into(),
        };
        assert_eq!(
            keys(&answer),
            [row("HeartbeatInterval", Some("300"), "ReadWrite"), row("Colour", None, "UnknownKey")]
        );
        let answer = json!([
            { "component": { "name": "EVSE", "evse": { "id": 1 } }, "variable": { "name": "Power" },
              "attributeStatus": "Rejected", "attributeStatusInfo": { "reasonCode": "WriteOnly" } },
            { "component": { "name": "C" }, "variable": { "name": "V", "instance": "i" },
              "attributeStatus": "Accepted", "attributeValue": "7" },
        ]);
        assert_eq!(
            results(&answer),
            [
                row("[1] EVSE.Power", None, "Rejected (WriteOnly)"),
                row("C.V/i", Some("7"), "Accepted")
            ]
        );
        assert_eq!(reported(&json!("odd")), []);
    }
}
