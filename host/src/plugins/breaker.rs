//! When to stop asking a plugin that keeps breaking, and when to try again. Pure: the time is an argument.

use std::time::{Duration, Instant};

/// So many breakages in a row …
const TOLERATED: u32 = 5;
/// … within this time open the breaker. In a row, so that one station's odd request does not switch a plugin off
/// for all the others.
const WINDOW: Duration = Duration::from_secs(30);

/// How long it stays open, at first and at most. Doubles with every probe that fails.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Whether a plugin is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Breaker {
    /// Asked. Counts breakages since `since`.
    Closed { breakages: u32, since: Option<Instant> },
    /// Not asked until `until`; then one call may try.
    Open { until: Instant, pause: Duration },
    /// One call is trying. Another may after `until`, should the first never report back.
    Probing { until: Instant, pause: Duration },
}

/// What a call may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    Ask,
    DoNotAsk,
}

impl Breaker {
    pub(super) const fn new() -> Self {
        Self::Closed { breakages: 0, since: None }
    }

    pub(super) fn is_calm(&self) -> bool {
        matches!(self, Self::Closed { breakages: 0, .. })
    }

    /// May the plugin be asked at `now`?
    pub(super) fn admit(&mut self, now: Instant) -> Admission {
        match *self {
            Self::Closed { .. } => Admission::Ask,
            Self::Open { until, pause } | Self::Probing { until, pause } if now >= until => {
                *self = Self::Probing { until: now + pause, pause };
                Admission::Ask
            }
            Self::Open { .. } | Self::Probing { .. } => Admission::DoNotAsk,
        }
    }

    /// A call has gone well. One from before the breaker opened proves nothing. True if the breaker closes by it.
    pub(super) fn succeeded(&mut self) -> bool {
        let closes = matches!(self, Self::Probing { .. });
        if !matches!(self, Self::Open { .. }) {
            *self = Self::new();
        }
        closes
    }

    /// A call has broken at `now`. True if the breaker opens by it.
    pub(super) fn broke(&mut self, now: Instant) -> bool {
        *self = match *self {
            Self::Closed { breakages, since } => {
                let fresh = since.is_some_and(|since| now.duration_since(since) <= WINDOW);
                let (breakages, since) =
                    if fresh { (breakages + 1, since) } else { (1, Some(now)) };
                if breakages < TOLERATED {
                    Self::Closed { breakages, since }
                } else {
                    Self::Open { until: now + FIRST_PAUSE, pause: FIRST_PAUSE }
                }
            }
            Self::Probing { pause, .. } => {
                let pause = (pause * 2).min(LONGEST_PAUSE);
                Self::Open { until: now + pause, pause }
            }
            // A call from before it opened.
            Self::Open { .. } => return false,
        };
        matches!(self, Self::Open { .. })
    }

    pub(super) const fn as_str(&self) -> &'static str {
        match self {
            Self::Closed { .. } => "closed",
            Self::Open { .. } => "open",
            Self::Probing { .. } => "probing",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(at: Instant) -> Breaker {
        let mut breaker = Breaker::new();
        let opens: Vec<bool> = (0..TOLERATED).map(|_| breaker.broke(at)).collect();
        assert_eq!(opens, [false, false, false, false, true]);
        breaker
    }

    #[test]
    fn a_plugin_that_keeps_breaking_is_left_alone_and_then_tried_once() {
        let start = Instant::now();
        let mut breaker = opened(start);
        assert_eq!(breaker.admit(start + FIRST_PAUSE / 2), Admission::DoNotAsk);
        assert_eq!(breaker.admit(start + FIRST_PAUSE), Admission::Ask);
        assert_eq!(breaker.admit(start + FIRST_PAUSE), Admission::DoNotAsk, "one probe at a time");
        assert!(breaker.succeeded());
        assert!(breaker.is_calm());
    }

    #[test]
    fn every_failed_probe_doubles_the_pause_up_to_a_bound() {
        let mut now = Instant::now();
        let mut breaker = opened(now);
        let mut longest = Duration::ZERO;
        for _ in 0..10 {
            let Breaker::Open { until, pause } = breaker else { panic!("{breaker:?}") };
            longest = longest.max(pause);
            now = until;
            assert_eq!(breaker.admit(now), Admission::Ask);
            assert!(breaker.broke(now));
        }
        assert_eq!(longest, LONGEST_PAUSE);
    }

    #[test]
    fn breakages_far_apart_do_not_add_up() {
        let mut now = Instant::now();
        let mut breaker = Breaker::new();
        for _ in 0..2 * TOLERATED {
            assert!(!breaker.broke(now));
            now += WINDOW + Duration::from_secs(1);
        }
    }

    #[test]
    fn a_probe_that_never_reports_back_does_not_lock_the_plugin_out() {
        let start = Instant::now();
        let mut breaker = opened(start);
        assert_eq!(breaker.admit(start + FIRST_PAUSE), Admission::Ask);
        assert_eq!(breaker.admit(start + 3 * FIRST_PAUSE), Admission::Ask);
    }
}
