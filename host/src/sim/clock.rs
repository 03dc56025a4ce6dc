//! What the clock of a simulated station shows. The true time is an argument.

use std::time::Duration;

use crate::domain::Millis;

/// A station's clock. All but the first kind were seen in the field.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Clock {
    #[default]
    Right,
    Ahead(Duration),
    Behind(Duration),
    /// Its battery is dead: it begins at the same moment again and again.
    Repeating {
        from: Millis,
        every: Duration,
    },
    /// Was never set: it counts from 1970.
    Unset,
    /// Is right, and the station does not write which zone it means.
    Zoneless,
    /// Is right, two hours east, and the station writes an offset without minutes.
    ShortOffset,
}

impl Clock {
    /// One of each kind that is right and does not write so that a strict reader takes it.
    pub const MISSPELT: [Self; 2] = [Self::Zoneless, Self::ShortOffset];

    /// One of each kind that is not right.
    pub const CROOKED: [Self; 4] = [
        Self::Ahead(Duration::from_secs(2 * 3600)),
        Self::Behind(Duration::from_secs(26 * 3600)),
        // 2024-01-01T00:00:00Z, and not even ten seconds at a time.
        Self::Repeating { from: Millis(1_704_067_200_000), every: Duration::from_secs(9) },
        Self::Unset,
    ];

    /// For people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Ahead(_) => "ahead",
            Self::Behind(_) => "behind",
            Self::Repeating { .. } => "repeating",
            Self::Unset => "unset",
            Self::Zoneless => "zoneless",
            Self::ShortOffset => "short offset",
        }
    }

    /// What it shows at a moment, if it got power at `power_on`.
    pub(super) fn shows(self, at: Millis, power_on: Millis) -> Millis {
        match self {
            Self::Right | Self::Zoneless | Self::ShortOffset => at,
            Self::Ahead(by) => at + by,
            Self::Behind(by) => Millis(0) + at.since(Millis(0) + by),
            Self::Repeating { from, every } => {
                let every = every.as_millis().max(1);
                let into = at.since(power_on).as_millis() % every;
                from + Duration::from_millis(u64::try_from(into).unwrap_or(0))
            }
            Self::Unset => Millis(0) + at.since(power_on),
        }
    }

    /// The same as the station writes it.
    pub(super) fn writes(self, at: Millis, power_on: Millis) -> String {
        let shown = self.shows(at, power_on);
        let written = |at: Millis| at.rfc3339().trim_end_matches('Z').to_owned();
        match self {
            Self::Zoneless => written(shown),
            Self::ShortOffset => written(shown + Duration::from_secs(2 * 3600)) + "+02",
            _ => shown.rfc3339(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crooked_clocks_are_crooked_in_their_own_ways() {
        let power_on = Millis(1_700_000_000_000);
        let at = power_on + Duration::from_secs(20);
        let clocks = Clock::CROOKED.into_iter().chain(Clock::MISSPELT);
        assert_eq!(
            clocks.map(|clock| clock.writes(at, power_on)).collect::<Vec<_>>(),
            [
                "2023-11-15T00:13:40.000Z",
                "2023-11-13T20:13:40.000Z",
                "2024-01-01T00:00:02.000Z",
                "1970-01-01T00:00:20.000Z",
                "2023-11-14T22:13:40.000",
                "2023-11-15T00:13:40.000+02",
            ]
        );
    }
}
