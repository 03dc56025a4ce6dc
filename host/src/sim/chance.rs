//! Seeded chance: the same seed tells the same story. Knows no entropy source and is not fit for secrets.

use std::ops::Range;
use std::time::Duration;

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
