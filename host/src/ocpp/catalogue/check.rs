//! Whether a payload is what its table says. Knows no message and no mercy: what to do about a finding is the caller's.
//!
//! It reads the text in place and builds nothing: a payload without a finding costs no copy of any of its values.
//! Findings never repeat a value, which may be somebody's id token.

use std::fmt;
use std::ops::ControlFlow;

use chrono::DateTime;
use rust_decimal::Decimal;
use serde_json::value::RawValue;

use super::value::{Text, Value, is_readable};
use super::{Catalogue, Kind, Member, Range, Shape};
use crate::ocpp::{ErrorCode, Fault};

/// Findings of one message that are told. A message with more is told to have more.
pub const MAX_FINDINGS: usize = 8;

/// How much of a place is told, in characters: with a remark it fits into a CALLERROR (OCPP-J 1.6 §4.2.3: 255).
const LONGEST_PLACE: usize = 150;

/// Members of one object, of which a bit each is kept; a table with larger ones does not load.
pub(super) const MAX_MEMBERS: usize = 64;

/// One thing that is not as the table says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// For example `meterValue[0].sampledValue[2].unit`; empty for the payload itself.
    pub place: String,
    pub broken: Broken,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    NotAnObject,
    Missing,
    Unknown,
    /// What it has to be.
    NotA(&'static str),
    TooLong(usize),
    NotAWord,
    TooFew(usize),
    TooMany(usize),
    OutOfRange,
    NotAMultiple,
    NotATime,
    NotAUri,
    /// The same member twice, an escape that stands for no character, or too many levels.
    Garbled,
}

impl Broken {
    /// OCPP-J 1.6 table 7, OCPP-J 2.0.1 and 2.1 §4.3.
    pub fn code(self) -> ErrorCode {
        match self {
            Self::NotAnObject | Self::Unknown | Self::Garbled => ErrorCode::FormatViolation,
            Self::Missing | Self::TooFew(_) | Self::TooMany(_) => {
                ErrorCode::OccurrenceConstraintViolation
            }
            Self::NotA(_) => ErrorCode::TypeConstraintViolation,
            Self::TooLong(_)
            | Self::NotAWord
            | Self::OutOfRange
            | Self::NotAMultiple
            | Self::NotATime
            | Self::NotAUri => ErrorCode::PropertyConstraintViolation,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, broken } = self;
        match broken {
            Broken::NotAnObject => write!(f, "the payload is not a JSON object"),
            Broken::Missing => write!(f, "`{place}` is missing"),
            Broken::Unknown => write!(f, "`{place}` is no member of this message"),
            Broken::NotA(kind) => write!(f, "`{place}` is not {kind}"),
            Broken::TooLong(longest) => write!(f, "`{place}` has more than {longest} characters"),
            Broken::NotAWord => write!(f, "`{place}` is none of the words that are allowed there"),
            Broken::TooFew(fewest) => write!(f, "`{place}` has fewer than {fewest} elements"),
            Broken::TooMany(most) => write!(f, "`{place}` has more than {most} elements"),
            Broken::OutOfRange => write!(f, "`{place}` is out of its range"),
            Broken::NotAMultiple => write!(f, "`{place}` has too many decimals"),
            Broken::NotATime => write!(f, "`{place}` is not a date and time with an offset"),
            Broken::NotAUri => write!(f, "`{place}` is not a URI"),
            Broken::Garbled if place.is_empty() => write!(f, "the payload has a member twice"),
            Broken::Garbled => {
                write!(f, "`{place}` is garbled, nested too deeply, or has a member twice")
            }
        }
    }
}

impl From<Finding> for Fault {
    fn from(finding: Finding) -> Self {
        Self::new(finding.broken.code(), finding.to_string())
    }
}

impl Catalogue {
    /// The first thing that is wrong with a payload.
    pub fn first_finding(&self, shape: &Shape, payload: &RawValue) -> Option<Finding> {
        let mut first = None;
        let mut report = |finding| {
            first = Some(finding);
            ControlFlow::Break(())
        };
        let _ = Check { catalogue: self, report: &mut report }.payload(shape, payload);
        first
    }

    /// Everything that is wrong with a payload, as far as [`MAX_FINDINGS`].
    pub fn findings(&self, shape: &Shape, payload: &RawValue) -> Vec<Finding> {
        let mut all = Vec::new();
        let mut report = |finding| {
            all.push(finding);
            if all.len() < MAX_FINDINGS {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        };
        let _ = Check { catalogue: self, report: &mut report }.payload(shape, payload);
        all
    }
}

type Go = ControlFlow<()>;

struct Check<'a> {
    catalogue: &'a Catalogue,
    report: &'a mut dyn FnMut(Finding) -> Go,
}

/// Where the check is. Becomes text only when there is something to say.
#[derive(Clone, Copy)]
enum Path<'a> {
    Payload,
    Member(&'a Self, &'a str),
    Element(&'a Self, usize),
}

impl Path<'_> {
    /// Names of members are the sender's, and may be as long as his message: the end says most.
    fn told(&self) -> String {
        let place = self.to_string();
        match place.char_indices().rev().nth(LONGEST_PLACE) {
            Some((at, letter)) => format!("…{}", &place[at + letter.len_utf8()..]),
            None => place,
        }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Payload => Ok(()),
            Self::Member(Self::Payload, name) => f.write_str(name),
            Self::Member(object, name) => write!(f, "{object}.{name}"),
            Self::Element(list, index) => write!(f, "{list}[{index}]"),
        }
    }
}

impl Check<'_> {
    fn payload(&mut self, shape: &Shape, payload: &RawValue) -> Go {
        match Value::of(payload) {
            Value::Object(members) => self.members(&Path::Payload, shape, &members),
            Value::Broken => self.say(&Path::Payload, Broken::Garbled),
            _ => self.say(&Path::Payload, Broken::NotAnObject),
        }
    }

    fn say(&mut self, at: &Path<'_>, broken: Broken) -> Go {
        (self.report)(Finding { place: at.told(), broken })
    }

    fn members(
        &mut self,
        at: &Path<'_>,
        shape: &Shape,
        members: &[(std::borrow::Cow<'_, str>, &RawValue)],
    ) -> Go {
        let mut seen = 0_u64;
        for (name, value) in members {
            let here = Path::Member(at, name);
            match shape.members.iter().position(|member| member.name == name.as_ref()) {
                Some(index) => {
                    seen |= 1 << index;
                    self.member(&here, &shape.members[index], value)?;
                }
                None if shape.is_open => self.unlisted(&here, value)?,
                None => self.say(&here, Broken::Unknown)?,
            }
        }
        for (index, member) in shape.members.iter().enumerate() {
            if member.is_required && seen & (1 << index) == 0 {
                self.say(&Path::Member(at, member.name), Broken::Missing)?;
            }
        }
        Go::Continue(())
    }

    /// No table says what it may be; but whoever reads the record, or is told of it, has to be able to read it.
    fn unlisted(&mut self, at: &Path<'_>, value: &RawValue) -> Go {
        if is_readable(value) { Go::Continue(()) } else { self.say(at, Broken::Garbled) }
    }

    fn member(&mut self, at: &Path<'_>, member: &Member, value: &RawValue) -> Go {
        let Some(count) = member.list else { return self.value(at, member.kind, value) };
        let Value::List(elements) = Value::of(value) else {
            return self.say(at, Broken::NotA("a list"));
        };
        if elements.len() < count.low {
            self.say(at, Broken::TooFew(count.low))?;
        }
        if let Some(most) = count.high.filter(|most| elements.len() > *most) {
            return self.say(at, Broken::TooMany(most));
        }
        for (index, element) in elements.iter().enumerate() {
            self.value(&Path::Element(at, index), member.kind, element)?;
        }
        Go::Continue(())
    }

    fn value(&mut self, at: &Path<'_>, kind: Kind, value: &RawValue) -> Go {
        let value = match (kind, Value::of(value)) {
            (Kind::Boolean, Value::Boolean) => return Go::Continue(()),
            (Kind::Any, _) => return self.unlisted(at, value),
            (Kind::Object(id), Value::Object(members)) => {
                return self.members(at, self.catalogue.shape(id), &members);
            }
            (Kind::Object(_), Value::Broken) => return self.say(at, Broken::Garbled),
            (_, value) => value,
        };
        match self.leaf(kind, value) {
            None => Go::Continue(()),
            Some(broken) => self.say(at, broken),
        }
    }

    /// What is wrong with a value that has no parts.
    fn leaf(&self, kind: Kind, value: Value<'_>) -> Option<Broken> {
        match (kind, value) {
            (Kind::Integer(range), Value::Number(digits)) => integer(range, digits),
            (Kind::Number { range, step }, Value::Number(digits)) => number(range, step, digits),
            (Kind::Text(_) | Kind::Time | Kind::Uri | Kind::Word(_), Value::Text(text)) => {
                self.text(kind, text)
            }
            (kind, _) => Some(Broken::NotA(match kind {
                Kind::Any | Kind::Object(_) => "an object",
                Kind::Boolean => "true or false",
                Kind::Text(_) | Kind::Time | Kind::Uri | Kind::Word(_) => "a text",
                Kind::Integer(_) | Kind::Number { .. } => "a number",
            })),
        }
    }

    fn text(&self, kind: Kind, text: Text<'_>) -> Option<Broken> {
        let Some(text) = text.read() else { return Some(Broken::Garbled) };
        match kind {
            Kind::Text(Some(longest)) => {
                let fits = text.len() <= longest || text.chars().count() <= longest;
                (!fits).then_some(Broken::TooLong(longest))
            }
            Kind::Word(id) => {
                let is_known = self.catalogue.words(id).words.contains(&text.as_ref());
                (!is_known).then_some(Broken::NotAWord)
            }
            Kind::Time => {
                let is_time =
                    text.contains(['T', 't']) && DateTime::parse_from_rfc3339(&text).is_ok();
                (!is_time).then_some(Broken::NotATime)
            }
            Kind::Uri => (!is_uri(&text)).then_some(Broken::NotAUri),
            _ => None,
        }
    }
}

/// A scheme, a colon, and nothing that may not stand in a URI (RFC 3986 §2 and §3.1).
fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let mut letters = scheme.bytes();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic())
        && letters.all(|it| it.is_ascii_alphanumeric() || b"+-.".contains(&it))
        && rest.bytes().all(|it| it.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&it))
}

fn integer(range: Range, digits: &str) -> Option<Broken> {
    let whole = match digits.split_once('.') {
        // 5.0 is an integer (JSON Schema draft 6, §6.1.1).
        Some((whole, zeros)) if zeros.bytes().all(|digit| digit == b'0') => whole,
        Some(_) => return Some(Broken::NotA("an integer")),
        None => digits,
    };
    match whole.parse::<i64>() {
        Ok(number) if range.holds(Decimal::from(number)) => None,
        Ok(_) => Some(Broken::OutOfRange),
        Err(_) if whole.contains(['e', 'E']) => number(range, Some(Decimal::ONE), digits),
        // Larger than any counter.
        Err(_) => Some(Broken::OutOfRange),
    }
}

fn number(range: Range, step: Option<Decimal>, digits: &str) -> Option<Broken> {
    let number = digits.parse::<Decimal>().or_else(|_| Decimal::from_scientific(digits));
    match (number, step) {
        (Ok(number), _) if !range.holds(number) => Some(Broken::OutOfRange),
        (Ok(number), Some(step)) if !(number % step).is_zero() => Some(Broken::NotAMultiple),
        (Err(_), Some(_)) => Some(Broken::NotAMultiple),
        (Err(_), None) if range != Range::default() => Some(Broken::OutOfRange),
        _ => None,
    }
}

impl Range {
    fn holds(self, number: Decimal) -> bool {
        self.low.is_none_or(|low| Decimal::from(low) <= number)
            && self.high.is_none_or(|high| number <= Decimal::from(high))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{V16, V21, V201};
    use super::*;

    fn found(catalogue: &Catalogue, action: &str, payload: &str) -> Vec<String> {
        let payload = RawValue::from_string(payload.to_owned()).unwrap();
        let shape = &catalogue.action(action).unwrap().request;
        catalogue.findings(shape, &payload).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_odd_value_is_found_at_its_place() {
        let text = r#"{"connectorId":"1","meterValue":[{"timestamp":"2026-01-01T00:00:00Z","sampledValue":[]},
            {"timestamp":"2026-01-01 00:00:00","sampledValue":[{"value":7},{"value":"8","unit":"Furlong","colour":1}]}]}"#;
        let expected = [
            "`connectorId` is not a number",
            "`meterValue[0].sampledValue` has fewer than 1 elements",
            "`meterValue[1].timestamp` is not a date and time with an offset",
            "`meterValue[1].sampledValue[0].value` is not a text",
            "`meterValue[1].sampledValue[1].unit` is none of the words that are allowed there",
            "`meterValue[1].sampledValue[1].colour` is no member of this message",
        ];
        assert_eq!(found(&V16, "MeterValues", text), expected);
    }

    #[test]
    fn a_message_that_is_as_it_should_be_has_no_finding() {
        let texts = [
            (
                &V16,
                "BootNotification",
                r#"{"chargePointVendor":"Ä","chargePointModel":"\u00e4\n"}"#,
            ),
            (&V201, "Heartbeat", r#"{"customData":{"vendorId":"x","more":[{"a":null}]}}"#),
            (&V21, "DataTransfer", r#"{"vendorId":"x","data":{"any":["thing"]}}"#),
        ];
        for (catalogue, action, text) in texts {
            assert_eq!(found(catalogue, action, text), Vec::<String>::new(), "{action}");
        }
    }

    #[test]
    fn numbers_are_compared_digit_by_digit() {
        let limit = |limit| {
            let text = format!(
                r#"{{"connectorId":1,"csChargingProfiles":{{"chargingProfileId":1,"stackLevel":0.0,
                "chargingProfilePurpose":"TxProfile","chargingProfileKind":"Relative","chargingSchedule":
                {{"chargingRateUnit":"A","chargingSchedulePeriod":[{{"startPeriod":0,"limit":{limit}}}]}}}}}}"#
            );
            found(&V16, "SetChargingProfile", &text).len()
        };
        assert_eq!(["16", "0.3", "1.6e1", "-8.1"].map(limit), [0; 4]);
        assert_eq!(["0.35", "1e-2", "1e99"].map(limit), [1; 3]);
    }

    #[test]
    fn more_findings_than_anybody_reads_are_not_told() {
        let members: Vec<_> = (0..100).map(|n| format!("\"m{n}\":0")).collect();
        let text = format!("{{{}}}", members.join(","));
        assert_eq!(found(&V16, "Heartbeat", &text).len(), MAX_FINDINGS);
    }

    #[test]
    fn what_is_no_object_or_has_a_member_twice_is_not_read_on() {
        for text in ["[]", "7", "null", "\"a\"", "true"] {
            assert_eq!(found(&V16, "Heartbeat", text), ["the payload is not a JSON object"]);
        }
        let twice = r#"{"idTag":"A","idTag":"B"}"#;
        assert_eq!(found(&V16, "Authorize", twice), ["the payload has a member twice"]);
    }

    #[test]
    fn what_no_table_lists_must_still_be_readable() {
        let custom = |value: &str| format!(r#"{{"customData":{{"vendorId":"x","more":{value}}}}}"#);
        let found = |value: &str| found(&V201, "Heartbeat", &custom(value)).len();
        let (shallow, deep) =
            ("[".repeat(50) + &"]".repeat(50), "[".repeat(500) + &"]".repeat(500));
        assert_eq!([r#""\ud834\udd1e""#, &shallow].map(found), [0; 2]);
        assert_eq!([r#""\ud834""#, &deep].map(found), [1; 2]);
    }

    #[test]
    fn a_name_as_long_as_its_message_is_told_by_its_end() {
        let text = format!("{{\"{}end\":0}}", "é".repeat(9000));
        let told = found(&V16, "Heartbeat", &text).remove(0);
        assert!(told.contains("ééend` is no member") && told.chars().count() < 255, "{told}");
    }
}
