//! Quantities with their unit in the type. Knows no clock: a time is a number that somebody passed in.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// Before this a clock has not been set: no station spoke OCPP over JSON then (2015-01-01).
const CLOCK_WAS_SET: Millis = Millis(1_420_070_400_000);

/// A station's clock may be this far ahead of ours.
const MAX_AHEAD: Duration = Duration::from_secs(300);

/// Milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Millis(pub u64);

impl Millis {
    /// The time that a clock of this process shows; before 1970 it is 1970.
    pub fn of(time: SystemTime) -> Self {
        Self(0) + time.duration_since(UNIX_EPOCH).unwrap_or_default()
    }

    /// How long after `earlier` this is; zero when it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// Whether a station may have meant this when something reached us at `received`: its clock was set once, and does
    /// not run far ahead. Long before is fine: what happened offline is told later.
    pub fn is_plausible_at(self, received: Self) -> bool {
        self >= CLOCK_WAS_SET && self <= received + MAX_AHEAD
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

/// More digits than any register has, in milliwatt-hours.
const MAX_DIGITS: usize = 24;

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

    /// A decimal number times 10^`shift`, further digits cut off. Exact: a register of 2^53 does not fit a float.
    pub fn from_decimal(text: &str, shift: i32) -> Option<Self> {
        let text = text.trim();
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (negative, digits) = match mantissa.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) {
            return None;
        }
        // Where the decimal point lands in the digits written without one.
        let point = i64::from(shift) + i64::from(exponent.parse::<i16>().ok()?);
        let point = usize::try_from(i64::try_from(whole.len()).ok()? + point).unwrap_or(0);
        let digits = || whole.bytes().chain(fraction.bytes());
        if point > MAX_DIGITS {
            return digits().all(|digit| digit == b'0').then_some(Self(0));
        }
        let mut kept = digits().chain(std::iter::repeat(b'0')).take(point);
        let number = kept.try_fold(0i64, |number, digit| {
            number.checked_mul(10)?.checked_add(i64::from(digit - b'0'))
        })?;
        Some(Self(if negative { -number } else { number }))
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

    #[test]
    fn values_are_scaled_without_a_float() {
        for (text, shift, value) in [
            ("1200", 3, Some(1_200_000)),
            ("1.2345", 3, Some(1_234)),
            ("12.5", 6, Some(12_500_000)),
            ("-3", 3, Some(-3_000)),
            ("9007199254740.993", 3, Some(9_007_199_254_740_993)),
            ("", 3, None),
            ("1e3", 3, Some(1_000_000)),
            ("1.5E-1", 3, Some(150)),
            ("7", -2, Some(0)),
            ("1234", -2, Some(12)),
            ("1e300", 3, None),
            ("0e300", 3, Some(0)),
            (".5", 3, None),
            ("99999999999999999999", 3, None),
        ] {
            let energy = MilliwattHours::from_decimal(text, shift);
            assert_eq!(energy, value.map(MilliwattHours), "{text}");
        }
    }
}
