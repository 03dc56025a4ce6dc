//! Times as stations write them. Knows no clock of ours: it cannot tell whether a time is right.

use chrono::{DateTime, NaiveDateTime};
use serde::{Deserialize, Deserializer};

use crate::domain::{Millis, Stamp};
/// A time from the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StationTime {
    /// `None` for times before 1970.
    pub millis: Option<Millis>,
    /// The station said which offset it uses; without one, UTC is assumed and the time is not to be trusted.
    pub has_offset: bool,
}

impl StationTime {
    /// RFC 3339, and what the field sends instead: no offset, or an offset without minutes.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let exact = DateTime::parse_from_rfc3339(text)
            .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%#z"));
        if let Ok(time) = exact {
            return Some(Self { millis: Millis::from_utc(time.to_utc()), has_offset: true });
        }
        let naive = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok()?;
        Some(Self { millis: Millis::from_utc(naive.and_utc()), has_offset: false })
    }

    /// The stamp of something that reached us at `received` and happened then, or long before if it was kept offline.
    pub fn stamp(self, received: Millis) -> Stamp {
        let is_plausible = self.millis.is_some_and(|at| at.is_plausible_at(received));
        Stamp { station: self.millis, received, clock_ok: self.has_offset && is_plausible }
    }
}

impl<'de> Deserialize<'de> for StationTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not a date and time"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_the_field_are_read() {
        let at = |text| StationTime::parse(text).unwrap();
        let utc = at("2023-10-19T15:28:07Z");
        assert_eq!(at("2023-10-19T17:28:07+02:00"), utc);
        assert_eq!(at("2023-10-19T17:28:07+02"), utc);
        assert_eq!(at("2023-10-19T15:28:07.000000000Z"), utc);
        assert!(!at("2023-10-19T15:28:07").has_offset);
        assert_eq!(at("0001-01-01T00:00:00Z").millis, None);
        assert_eq!(StationTime::parse(""), None);
        assert_eq!(StationTime::parse("yesterday"), None);
    }

    #[test]
    fn a_clock_that_was_never_set_or_runs_ahead_is_not_trusted() {
        let received = Millis(1_700_000_000_000);
        let ok = |text| StationTime::parse(text).unwrap().stamp(received).clock_ok;
        assert!(ok("2023-11-14T22:13:20Z"));
        assert!(ok("2023-11-01T00:00:00Z"), "an offline session comes late");
        assert!(!ok("1970-01-01T00:00:05Z"));
        assert!(!ok("2023-11-15T22:13:20Z"));
        assert!(!ok("2023-11-14T22:13:20"));
    }
}
