//! What to do when a plugin fails at what it is told: wait and try again, try with fewer things at once, or give one up.
//! Pure: knows no plugin, no log, no inbox and no clock.
//!
//! One thing that a plugin cannot bear is found within seconds, by halving. A plugin that can bear none at all, because
//! it is broken, must not run through everything and skip it: the waiting grows from skip to skip, and only a call
//! that goes well shortens it.

use std::time::Duration;

/// How often a full batch, and at the end a single thing, is tried. Sizes in between are tried once.
const ATTEMPTS: u32 = 3;

/// The wait after the first failure, and the longest. Doubles in between.
pub(super) const FIRST_PAUSE: Duration = Duration::from_millis(50);
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Patience {
    most: usize,
    limit: usize,
    failures: u32,
    pause: Duration,
}

/// What to do after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    RetryAfter(Duration),
    /// The one thing in the batch is to be passed over.
    Skip,
}

impl Patience {
    /// For batches of so many things.
    pub(super) const fn of(most: usize) -> Self {
        Self { most, limit: most, failures: 0, pause: FIRST_PAUSE }
    }

    /// How many things the next batch may have.
    pub(super) const fn limit(&self) -> usize {
        self.limit
    }

    /// The plugin took a batch.
    pub(super) fn succeeded(&mut self) {
        let limit = (self.limit * 2).min(self.most);
        *self = Self { limit, ..Self::of(self.most) };
    }

    /// The plugin failed at a batch of so many things.
    pub(super) fn failed(&mut self, things: usize) -> Next {
        self.failures += 1;
        if self.failures < ATTEMPTS {
            let pause = self.pause;
            self.pause = (pause * 2).min(LONGEST_PAUSE);
            return Next::RetryAfter(pause);
        }
        if things <= 1 {
            self.failures = 0;
            return Next::Skip;
        }
        self.limit = things / 2;
        self.failures = if self.limit == 1 { 0 } else { ATTEMPTS - 1 };
        Next::RetryAfter(FIRST_PAUSE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As observers have it.
    const BATCH: usize = 64;

    /// Fails at every batch that holds the event `poison`, until that is skipped. Returns what was told, how long it
    /// took and how many calls.
    fn tell(events: u32, poison: u32) -> (Vec<u32>, Duration, u32) {
        let (mut patience, mut told, mut took, mut calls) =
            (Patience::of(BATCH), Vec::new(), Duration::ZERO, 0);
        let mut at = 0;
        while at < events {
            let size = u32::try_from(patience.limit()).unwrap().min(events - at);
            let batch = at..at + size;
            calls += 1;
            if !batch.contains(&poison) {
                told.extend(batch.clone());
                at = batch.end;
                patience.succeeded();
                continue;
            }
            match patience.failed(batch.len()) {
                Next::RetryAfter(pause) => took += pause,
                Next::Skip => at += 1,
            }
        }
        (told, took, calls)
    }

    #[test]
    fn one_event_is_found_wherever_it_stands_and_nothing_else_is_skipped() {
        for poison in 0..200 {
            let (told, took, calls) = tell(200, poison);
            let others: Vec<_> = (0..200).filter(|n| *n != poison).collect();
            assert_eq!(told, others, "poison {poison}");
            assert!(took < Duration::from_secs(4) && calls < 60, "{poison}: {took:?}, {calls}");
        }
    }

    #[test]
    fn a_passing_failure_costs_a_short_wait_and_no_event() {
        let mut patience = Patience::of(BATCH);
        assert_eq!(patience.failed(64), Next::RetryAfter(FIRST_PAUSE));
        patience.succeeded();
        assert_eq!(patience, Patience::of(BATCH));
    }

    #[test]
    fn a_plugin_that_can_bear_nothing_gives_up_ever_more_slowly() {
        let mut patience = Patience::of(BATCH);
        let mut waited = Duration::ZERO;
        let mut skipped_after = Vec::new();
        while skipped_after.len() < 20 {
            match patience.failed(patience.limit()) {
                Next::RetryAfter(pause) => waited += pause,
                Next::Skip => skipped_after.push(waited),
            }
        }
        let hour = Duration::from_secs(3600);
        let in_the_first_hour = skipped_after.iter().filter(|after| **after < hour).count();
        assert!(in_the_first_hour <= 14, "{skipped_after:?}");
        assert_eq!(skipped_after[19] - skipped_after[18], LONGEST_PAUSE * 2);
    }
}
