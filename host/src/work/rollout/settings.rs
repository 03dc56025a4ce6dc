//! Settings as an operator changes them one by one. Pure.

use serde_json::{Map, Value};

/// The settings with a merge patch applied (RFC 7396), as JSON text.
pub(super) fn merged(
    settings: &str,
    patch: Map<String, Value>,
) -> Result<String, serde_json::Error> {
    let mut settings: Map<String, Value> = serde_json::from_str(settings)?;
    apply(&mut settings, patch);
    serde_json::to_string(&settings)
}

fn apply(target: &mut Map<String, Value>, patch: Map<String, Value>) {
    for (name, change) in patch {
        match change {
            Value::Null => drop(target.remove(&name)),
            Value::Object(inner) => match target.get_mut(&name) {
                Some(Value::Object(existing)) => apply(existing, inner),
                _ => {
                    let mut fresh = Map::new();
                    apply(&mut fresh, inner);
                    target.insert(name, Value::Object(fresh));
                }
            },
            value => drop(target.insert(name, value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_changes_what_it_names_and_removes_what_it_nulls() {
        let settings = r#"{"id":"a","rates":{"vat":"19","base":1.10},"list":[1,2]}"#;
        let patch = r#"{"rates":{"vat":null,"night":{"on":true,"off":null}},"list":[3],"id":7}"#;
        let merged = merged(settings, serde_json::from_str(patch).unwrap()).unwrap();
        let told = r#"{"id":7,"list":[3],"rates":{"base":1.10,"night":{"on":true}}}"#;
        assert_eq!(merged, told, "numbers stay as they were written");
    }
}
