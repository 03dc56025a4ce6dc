//! Places in messages, as the table writes them. Knows no message.
//!
//! ```text
//! status                 a member
//! component.evse.id      a member of a member
//! reportData[]           each of a list
//! ^component.name        from what the list stands in, one step up for each ^
//! /evseId                from the message itself
//! @duration              from the call that is answered
//! ```

use serde_json::Value;

/// Where paths start: an object of a list, what stands around it, its message, and the call that this answers.
#[derive(Debug, Clone)]
pub(super) struct Spot<'a> {
    /// From the message to the object.
    way: Vec<&'a Value>,
    call: &'a Value,
}

impl<'a> Spot<'a> {
    pub(super) fn new(message: &'a Value, call: &'a Value) -> Self {
        Self { way: vec![message], call }
    }

    /// Every object at `path`, which may go through lists. None where a member is missing.
    pub(super) fn each(&self, path: &str) -> Vec<Self> {
        let mut spots = vec![self.clone()];
        for list in path.split_inclusive("[]").map(|part| part.trim_start_matches('.')) {
            spots = spots.iter().flat_map(|spot| spot.step(list)).collect();
        }
        spots
    }

    fn step(&self, part: &str) -> Vec<Self> {
        let down = |value: &'a Value| {
            let mut spot = self.clone();
            spot.way.push(value);
            spot
        };
        match part.strip_suffix("[]") {
            None => self.value(part).map(down).into_iter().collect(),
            Some(path) => match self.value(path) {
                Some(Value::Array(items)) => items.iter().map(down).collect(),
                _ => Vec::new(),
            },
        }
    }

    pub(super) fn value(&self, path: &str) -> Option<&'a Value> {
        let up = path.len() - path.trim_start_matches('^').len();
        let (start, path) = match path.as_bytes().first() {
            Some(b'@') => (self.call, &path[1..]),
            Some(b'/') => (*self.way.first()?, &path[1..]),
            _ => (*self.way.get(self.way.len().checked_sub(1 + up)?)?, &path[up..]),
        };
        let mut members = path.split('.').filter(|member| !member.is_empty());
        members.try_fold(start, |value, member| value.get(member)).filter(|value| !value.is_null())
    }

    /// A text, a number or a truth value, as text.
    pub(super) fn text(&self, path: &str) -> Option<String> {
        self.value(path).and_then(text)
    }

    /// One text, or those of a list.
    pub(super) fn texts(&self, path: &str) -> Option<Vec<String>> {
        match self.value(path.trim_end_matches("[]"))? {
            Value::Array(items) => Some(items.iter().filter_map(text).collect()),
            one => Some(vec![text(one)?]),
        }
    }

    pub(super) fn number(&self, path: &str) -> Option<i64> {
        self.value(path).and_then(Value::as_i64)
    }
}

/// Some stations write numbers where texts are wanted, and texts where numbers are.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_finds_its_way_down_up_and_to_the_call() {
        let message =
            json!({ "n": 1, "list": [{ "name": "a", "of": [{ "v": true }, { "v": 2 }] }] });
        let call = json!({ "evse": { "id": 4 }, "ids": [1, 2] });
        let spot = Spot::new(&message, &call);
        let inner = spot.each("list[].of[]");
        assert_eq!(inner.len(), 2);
        let texts =
            ["v", "^name", "^^n", "/n", "@evse.id", "missing"].map(|path| inner[1].text(path));
        let said = [Some("2"), Some("a"), Some("1"), Some("1"), Some("4"), None];
        assert_eq!(texts, said.map(|text| text.map(str::to_owned)));
        assert_eq!(spot.texts("@ids[]"), Some(vec!["1".to_owned(), "2".to_owned()]));
        assert_eq!(spot.each("").len(), 1);
        assert!(spot.each("n[]").is_empty() && spot.each("none[].of[]").is_empty());
    }
}
