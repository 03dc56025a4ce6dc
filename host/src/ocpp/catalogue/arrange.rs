//! A payload in the order of its table, without spaces. Knows no validity: what the table does not name comes last.
//!
//! Some stations read JSON by looking for members in the order of the schema, and some choke on spaces.

use serde_json::value::RawValue;

use super::value::{Value, members};
use super::{Catalogue, Kind, Shape};

impl Catalogue {
    /// The same payload, member by member. What cannot be arranged stays as it is.
    pub fn arrange(&self, shape: &Shape, payload: &RawValue) -> Box<RawValue> {
        let mut text = String::with_capacity(payload.get().len());
        let arranged = self.object(shape, payload.get(), &mut text);
        let arranged = arranged.and_then(|()| RawValue::from_string(text).ok());
        arranged.unwrap_or_else(|| payload.to_owned())
    }

    fn object(&self, shape: &Shape, object: &str, to: &mut String) -> Option<()> {
        let given = members(object)?;
        let listed = shape.members.iter().filter_map(|member| {
            given.iter().find(|(name, _)| name == member.name).map(|given| (Some(member), given))
        });
        let others = given.iter().filter(|(name, _)| shape.members.iter().all(|m| m.name != name));
        let mut separator = "";
        to.push('{');
        for (member, (name, value)) in listed.chain(others.map(|given| (None, given))) {
            to.push_str(separator);
            separator = ",";
            to.push_str(&serde_json::to_string(name).ok()?);
            to.push(':');
            match member {
                Some(member) => self.value(member.kind, value, to)?,
                None => compact(value, to),
            }
        }
        to.push('}');
        Some(())
    }

    fn value(&self, kind: Kind, value: &RawValue, to: &mut String) -> Option<()> {
        match (kind, Value::of(value)) {
            (Kind::Object(id), Value::Object(_)) => self.object(self.shape(id), value.get(), to)?,
            (Kind::Object(_), Value::List(elements)) => {
                let mut separator = '[';
                for element in &elements {
                    to.push(separator);
                    separator = ',';
                    self.value(kind, element, to)?;
                }
                to.push_str(if elements.is_empty() { "[]" } else { "]" });
            }
            _ => compact(value, to),
        }
        Some(())
    }
}

/// Leaves out the spaces between the parts of a value.
fn compact(value: &RawValue, to: &mut String) {
    let mut in_text = false;
    let mut is_escaped = false;
    for letter in value.get().chars() {
        if in_text {
            in_text = is_escaped || letter != '"';
            is_escaped = letter == '\\' && !is_escaped;
        } else if letter == '"' {
            in_text = true;
        } else if letter.is_ascii_whitespace() {
            continue;
        }
        to.push(letter);
    }
}

#[cfg(test)]
mod tests {
    use super::super::V201;
    use super::*;

    #[test]
    fn members_come_in_the_order_of_the_table_and_nothing_is_lost() {
        let text = r#" { "chargingProfile" : { "stackLevel" : 0 , "id" : 1.50 , "chargingSchedule" : [ { "id" : 2 } , [ ] ] ,
            "odd \" \\" : " a  b " } , "evseId" : 1 , "customData" : { "x" : [ 1 , 2 ] , "vendorId" : "v" } } "#;
        let payload: Box<RawValue> = serde_json::from_str(text).unwrap();
        let shape = &V201.action("SetChargingProfile").unwrap().request;
        let arranged = V201.arrange(shape, &payload);
        let expected = r#"{"customData":{"vendorId":"v","x":[1,2]},"evseId":1,"chargingProfile":{"id":1.50,"stackLevel":0,"chargingSchedule":[{"id":2},[]],"odd \" \\":" a  b "}}"#;
        assert_eq!(arranged.get(), expected);
    }
}
