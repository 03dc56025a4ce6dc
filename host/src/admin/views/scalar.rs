//! Times and energies in the spelling of the API. Knows nothing of what they measure.

use std::fmt;
use std::str::FromStr;

use chrono::DateTime;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::domain::{Millis, MilliwattHours};

/// A moment: RFC 3339 in UTC with milliseconds when written, any offset when read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub Millis);

/// The text is not a moment that can be kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not an RFC 3339 time from 1970 on, such as 2026-01-31T18:00:00Z")]
pub struct InvalidTimestamp(String);

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    fn from_str(text: &str) -> Result<Self, InvalidTimestamp> {
        DateTime::parse_from_rfc3339(text)
            .ok()
            .and_then(|time| Millis::from_utc(time.to_utc()))
            .map(Self)
            .ok_or_else(|| InvalidTimestamp(text.to_owned()))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.rfc3339())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// Energy as a JSON number of watt-hours: whole where it can be, else with up to three decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WattHours(pub MilliwattHours);

impl Serialize for WattHours {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mwh = self.0.0;
        if mwh % 1000 == 0 {
            serializer.serialize_i64(mwh / 1000)
        } else {
            // Exact to the last decimal up to 2^53 mWh, nine terawatt-hours.
            serializer.serialize_f64(mwh as f64 / 1000.0)
        }
    }
}

impl<'de> Deserialize<'de> for WattHours {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wh = f64::deserialize(deserializer)?;
        Ok(Self(MilliwattHours((wh * 1000.0).round() as i64)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn energy_is_whole_watt_hours_where_it_can_be() {
        for (mwh, text) in [(12_345_000, "12345"), (1_500, "1.5"), (-20, "-0.02"), (0, "0")] {
            let energy = WattHours(MilliwattHours(mwh));
            assert_eq!(serde_json::to_string(&energy).unwrap(), text);
            assert_eq!(serde_json::from_str::<WattHours>(text).unwrap(), energy);
        }
    }

    #[test]
    fn a_time_is_read_with_any_offset_and_written_in_utc() {
        let time: Timestamp = "2026-01-31T18:00:00.5+01:00".parse().unwrap();
        assert_eq!(time.to_string(), "2026-01-31T17:00:00.500Z");
        assert!("1969-12-31T23:59:59Z".parse::<Timestamp>().is_err());
        assert!("tomorrow".parse::<Timestamp>().is_err());
    }
}
