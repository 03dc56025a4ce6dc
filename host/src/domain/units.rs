//! Quantities with their unit in the type. Knows no clock: a time is a number that somebody passed in.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Millis(pub u64);

impl Millis {
    /// How long after `earlier` this is; zero when it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// RFC 3339 in UTC with milliseconds, as OCPP wants its `dateTime` (OCPP-J 1.6 §4.2.1 refers to RFC 3339).
    pub fn rfc3339(self) -> String {
        self.to_utc().to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
    }

    /// The calendar view. Times past the year 262142 become the last one that can be shown.
    pub fn to_utc(self) -> chrono::DateTime<chrono::Utc> {
        i64::try_from(self.0)
            .ok()
            .and_then(chrono::DateTime::from_timestamp_millis)
            .unwrap_or(chrono::DateTime::<chrono::Utc>::MAX_UTC)
    }

    /// `None` for times before 1970: a station that says so has no clock.
    pub fn from_utc(time: chrono::DateTime<chrono::Utc>) -> Option<Self> {
        u64::try_from(time.timestamp_millis()).ok().map(Self)
    }
}

impl Add<Duration> for Millis {
    type Output = Self;
    fn add(self, later: Duration) -> Self {
        let ms = u64::try_from(later.as_millis()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(ms))
    }
}

/// Energy in thousandths of a watt-hour, the unit of the plugin contract. Signed: registers can run backwards.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct MilliwattHours(pub i64);

impl MilliwattHours {
    pub const fn from_wh(wh: i64) -> Self {
        Self(wh.saturating_mul(1000))
    }
}

impl Sub for MilliwattHours {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl fmt::Display for MilliwattHours {
    /// Kilowatt-hours with three decimals, as drivers and bills see energy.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wh = self.0 / 1000;
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}{}.{:03} kWh", (wh / 1000).abs(), (wh % 1000).abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_ocpp_wants_them() {
        assert_eq!(Millis(1_700_000_000_123).rfc3339(), "2023-11-14T22:13:20.123Z");
    }

    #[test]
    fn energy_is_shown_in_kilowatt_hours() {
        assert_eq!(MilliwattHours::from_wh(12_345).to_string(), "12.345 kWh");
        assert_eq!(MilliwattHours::from_wh(-20).to_string(), "-0.020 kWh");
    }
}
