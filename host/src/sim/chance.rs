//! Seeded chance: the same seed tells the same story. Knows no entropy source and is not fit for secrets.

use std::ops::Range;
use std::str::FromStr;
use std::time::Duration;

/// How often something happens: in so many millionths of the occasions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Odds(u32);

/// A text that says no odds.
#[derive(Debug, thiserror::Error)]
#[error("{0} is neither a number from 0 to 1, such as 0.02, nor a percentage, such as 2%")]
pub struct BadOdds(String);

impl Odds {
    const ALWAYS: u32 = 1_000_000;

    pub const NEVER: Self = Self(0);

    /// Whether one of many is hit: which one it is, its seed says.
    pub fn falls_on(self, seed: u64) -> bool {
        Chance::new(seed).happens(self)
    }

    /// At most always.
    pub const fn percent(percent: u32) -> Self {
        Self(if percent >= 100 { Self::ALWAYS } else { percent * (Self::ALWAYS / 100) })
    }
}

impl FromStr for Odds {
    type Err = BadOdds;

    fn from_str(text: &str) -> Result<Self, BadOdds> {
        let (number, whole) = match text.strip_suffix('%') {
            Some(number) => (number, 100.0),
            None => (text, 1.0),
        };
        let share = number.trim().parse::<f64>().ok().map(|number| number / whole);
        let share = share.filter(|share| (0.0..=1.0).contains(share));
        let share = share.ok_or_else(|| BadOdds(text.to_owned()))?;
        // Within the range of an u32: the share is at most 1.
        Ok(Self((share * f64::from(Self::ALWAYS)).round() as u32))
    }
}

/// SplitMix64: one word of state, full period, and short enough to be read.
#[derive(Debug, Clone)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `bound`; 0 when the bound is 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next().checked_rem(bound).unwrap_or(0)
    }

    /// Draws only if it may happen, so that odds of nothing leave every other story as it is.
    pub(super) fn happens(&mut self, odds: Odds) -> bool {
        odds > Odds::NEVER && self.below(Odds::ALWAYS.into()) < odds.0.into()
    }

    /// A duration of the range, in whole milliseconds; its start when it is empty.
    pub(crate) fn within(&mut self, range: &Range<Duration>) -> Duration {
        let width = range.end.saturating_sub(range.start).as_millis();
        range.start + Duration::from_millis(self.below(u64::try_from(width).unwrap_or(u64::MAX)))
    }

    /// Between half of `middle` and one and a half of it: what keeps a fleet from coming back in step.
    pub(crate) fn around(&mut self, middle: Duration) -> Duration {
        self.within(&(middle / 2..middle + middle / 2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odds_are_read_as_shares_and_as_percentages() {
        let read = |text: &str| text.parse::<Odds>().ok();
        assert_eq!(read("2%"), Some(Odds::percent(2)));
        assert_eq!(read("0.02"), Some(Odds::percent(2)));
        assert_eq!(read("1"), Some(Odds::percent(100)));
        for bad in ["", "2", "-1%", "often", "NaN"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_happens_in_one_of_ten_cases_happens_about_so_often() {
        let mut chance = Chance::new(1);
        let count = (0..10_000).filter(|_| chance.happens(Odds::percent(10))).count();
        assert!((900..1100).contains(&count), "{count}");
    }
}
