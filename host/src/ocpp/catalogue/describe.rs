//! A message's members for people, as an outline. Knows no terminal.

use super::{Catalogue, Kind, Member, Range, Shape};

/// One member, indented by how deep it is in the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub depth: usize,
    pub name: &'static str,
    pub is_required: bool,
    /// For example `text, at most 36 characters` or `list of 1 to 4 objects`.
    pub what: String,
}

impl Catalogue {
    /// Every member of a message, the members of its members below them.
    pub fn outline(&self, shape: &Shape) -> Vec<Line> {
        let mut lines = Vec::new();
        self.outline_into(shape, 0, &mut lines);
        lines
    }

    fn outline_into(&self, shape: &Shape, depth: usize, lines: &mut Vec<Line>) {
        for member in &shape.members {
            let Member { name, is_required, .. } = *member;
            lines.push(Line { depth, name, is_required, what: self.what(member) });
            if let Kind::Object(id) = member.kind {
                self.outline_into(self.shape(id), depth + 1, lines);
            }
        }
    }

    fn what(&self, member: &Member) -> String {
        let one = match member.kind {
            Kind::Any => "any JSON".to_owned(),
            Kind::Boolean => "true or false".to_owned(),
            Kind::Text(None) => "text".to_owned(),
            Kind::Text(Some(longest)) => format!("text, at most {longest} characters"),
            Kind::Time => "date and time, RFC 3339".to_owned(),
            Kind::Uri => "URI".to_owned(),
            Kind::Integer(range) => format!("integer{}", between(range)),
            Kind::Number { range, step: None } => format!("number{}", between(range)),
            Kind::Number { range, step: Some(step) } => {
                format!("number{}, in steps of {step}", between(range))
            }
            Kind::Word(id) => self.words(id).words.join(" | "),
            Kind::Object(id) if self.shape(id).is_open => "object, other members too".to_owned(),
            Kind::Object(_) => "object".to_owned(),
        };
        match member.list {
            None => one,
            Some(count) => match count.high {
                Some(most) => format!("list of {} to {most}: {one}", count.low),
                None => format!("list of {} or more: {one}", count.low),
            },
        }
    }
}

fn between(range: Range) -> String {
    match (range.low, range.high) {
        (None, None) => String::new(),
        (Some(low), None) => format!(" from {low}"),
        (None, Some(high)) => format!(" up to {high}"),
        (Some(low), Some(high)) => format!(" from {low} to {high}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::V16;

    #[test]
    fn an_outline_tells_what_a_message_takes() {
        let lines = V16.outline(&V16.action("SetChargingProfile").unwrap().request);
        let told: Vec<_> = lines
            .iter()
            .map(|line| {
                let mark = if line.is_required { "!" } else { "" };
                format!("{}{}{mark} {}", "  ".repeat(line.depth), line.name, line.what)
            })
            .collect();
        let expected = [
            "connectorId! integer",
            "csChargingProfiles! object",
            "  chargingProfileId! integer",
            "  transactionId integer",
            "  stackLevel! integer",
            "  chargingProfilePurpose! ChargePointMaxProfile | TxDefaultProfile | TxProfile",
        ];
        assert_eq!(told[..6], expected);
        assert!(told.contains(&"      limit! number, in steps of 0.1".to_owned()), "{told:#?}");
    }
}
