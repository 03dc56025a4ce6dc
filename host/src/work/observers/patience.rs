//! What to do when an observer fails: wait and try again, try with fewer events, or give an event up. Pure: knows no
//! plugin, no log and no clock.
//!
//! One event that a plugin cannot bear is found within seconds, by halving. A plugin that can bear none at all, because
//! it is broken, must not run through the log and skip everything: the waiting grows from skip to skip, and only a call
//! that goes well shortens it.

use std::time::Duration;

use super::batch::MAX_EVENTS;

/// How often a full batch, and at the end a single event, is tried. Sizes in between are tried once.
const ATTEMPTS: u32 = 3;

/// The wait after the first failure, and the longest. Doubles in between.
pub(super) const FIRST_PAUSE: Duration = Duration::from_millis(50);
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Patience {
    limit: usize,
    failures: u32,
    pause: Duration,
}

/// What to do after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    RetryAfter(Duration),
    /// The one event of the batch is to be passed over.
    Skip,
}

impl Patience {
    pub(super) const fn new() -> Self {
        Self { limit: MAX_EVENTS, failures: 0, pause: FIRST_PAUSE }
    }

    /// How many events the next batch may have.
    pub(super) const fn limit(&self) -> usize {
        self.limit
    }

    /// The plugin took a batch.
    pub(super) fn succeeded(&mut self) {
        let limit = (self.limit * 2).min(MAX_EVENTS);
        *self = Self { limit, ..Self::new() };
    }

    /// The plugin failed at a batch of so many events.
    pub(super) fn failed(&mut self, events: usize) -> Next {
        self.failures += 1;
        if self.failures < ATTEMPTS {
            let pause = self.pause;
            self.pause = (pause * 2).min(LONGEST_PAUSE);
            return Next::RetryAfter(pause);
        }
        if events <= 1 {
            self.failures = 0;
            return Next::Skip;
        }
        self.limit = events / 2;
        self.failures = if self.limit == 1 { 0 } else { ATTEMPTS - 1 };
        Next::RetryAfter(FIRST_PAUSE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails at every batch that holds the event `poison`, until that is skipped. Returns what was told, how long it
    /// took and how many calls.
    fn tell(events: u32, poison: u32) -> (Vec<u32>, Duration, u32) {
        let (mut patience, mut told, mut took, mut calls) =
            (Patience::new(), Vec::new(), Duration::ZERO, 0);
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
        let mut patience = Patience::new();
        assert_eq!(patience.failed(64), Next::RetryAfter(FIRST_PAUSE));
        patience.succeeded();
        assert_eq!(patience, Patience::new());
    }

    #[test]
    fn a_plugin_that_can_bear_nothing_gives_up_ever_more_slowly() {
        let mut patience = Patience::new();
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
