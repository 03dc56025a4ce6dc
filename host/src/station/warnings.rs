//! Keeps one station from filling the server's log. Knows no log and no clock.

use std::time::{Duration, Instant};

/// What one station may write into the server's log: so many lines in so much time. More are counted, not written.
const MAX_WARNINGS: u32 = 20;
const WARNINGS_WINDOW: Duration = Duration::from_secs(60);

/// See the module.
#[derive(Default)]
pub(super) struct Warnings {
    since: Option<Instant>,
    written: u32,
    withheld: u32,
}

impl Warnings {
    /// `Some` if a line may be written, with the number of those withheld before it.
    pub(super) fn admit(&mut self, now: Instant) -> Option<u32> {
        if self.since.is_none_or(|since| now.duration_since(since) >= WARNINGS_WINDOW) {
            self.since = Some(now);
            self.written = 0;
        }
        if self.written >= MAX_WARNINGS {
            self.withheld += 1;
            return None;
        }
        self.written += 1;
        Some(std::mem::take(&mut self.withheld))
    }
}
