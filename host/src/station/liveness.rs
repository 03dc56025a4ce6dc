//! Whether a connection is still there: when to ping it, when to give it up. Knows no socket and no clock.

use std::time::{Duration, Instant};

use super::handling::Handling;
use crate::domain::Pings;

/// A link on which nothing was heard for this many heartbeat intervals is asked for a sign of life. No sooner: some
/// stations drop a connection that is pinged, and some keep a longer interval than the one they were told.
const SILENT_AFTER_HEARTBEATS: u32 = 3;

/// How long the sign of life may take.
const PONG_LIMIT: Duration = Duration::from_secs(30);

/// What to do about a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pulse {
    Ping,
    GiveUp(&'static str),
}

/// See the module. Without a connection it wants nothing.
#[derive(Debug, Default)]
pub(super) struct Liveness {
    heard: Option<Instant>,
    /// A ping is out since then.
    pinged: Option<Instant>,
    /// Seconds.
    silence: u32,
    pings: Option<Pings>,
}

impl Liveness {
    /// Of a connection that begins now.
    pub(super) fn of(handling: &Handling, heartbeat: Duration, now: Instant) -> Self {
        let heartbeats = || heartbeat.as_secs() * u64::from(SILENT_AFTER_HEARTBEATS);
        let silence =
            handling.silence.unwrap_or_else(|| u32::try_from(heartbeats()).unwrap_or(u32::MAX));
        Self { heard: Some(now), pinged: None, silence, pings: handling.pings }
    }

    /// A message, a ping, a pong.
    pub(super) fn heard(&mut self, now: Instant) {
        if let Some(heard) = &mut self.heard {
            *heard = now;
            self.pinged = None;
        }
    }

    /// When [`Self::pulse`] has something to say.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let due = [self.ping_due(), self.end()];
        due.into_iter().flatten().min()
    }

    /// What is due, if anything.
    pub(super) fn pulse(&mut self, now: Instant) -> Option<Pulse> {
        if self.end().is_some_and(|end| end <= now) {
            let was_asked = self.pinged.is_some();
            *self = Self::default();
            return Some(Pulse::GiveUp(if was_asked {
                "nothing heard for long, not even after a ping"
            } else {
                "nothing heard for long"
            }));
        }
        self.ping_due().is_some_and(|due| due <= now).then(|| {
            self.pinged = Some(now);
            Pulse::Ping
        })
    }

    fn ping_due(&self) -> Option<Instant> {
        let heard = self.heard?;
        match (self.pings, self.pinged) {
            (Some(Pings::Never), _) | (None, Some(_)) => None,
            (None, None) => Some(heard + seconds(self.silence)),
            (Some(Pings::Every(every)), pinged) => Some(pinged.unwrap_or(heard) + seconds(every)),
        }
    }

    /// When the connection is given up if nothing is heard until then.
    fn end(&self) -> Option<Instant> {
        let heard = self.heard?;
        match (self.pings, self.pinged) {
            (Some(Pings::Never), _) => Some(heard + seconds(self.silence)),
            (None, None) => None,
            (None, Some(pinged)) => Some(pinged + PONG_LIMIT),
            (Some(Pings::Every(every)), _) => {
                let first_answer = seconds(every) + PONG_LIMIT;
                Some(heard + seconds(self.silence).max(first_answer))
            }
        }
    }
}

fn seconds(count: u32) -> Duration {
    Duration::from_secs(count.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEARTBEAT: Duration = Duration::from_secs(60);

    /// What happens to a connection on which nothing is heard, by second.
    fn silence(handling: Handling) -> Vec<(u64, Pulse)> {
        let start = Instant::now();
        let mut liveness = Liveness::of(&handling, HEARTBEAT, start);
        let mut seen = Vec::new();
        while let Some(due) = liveness.deadline() {
            seen.extend(liveness.pulse(due).map(|pulse| ((due - start).as_secs(), pulse)));
        }
        seen
    }

    #[test]
    fn a_station_that_dislikes_pings_gets_none_and_is_given_up_all_the_same() {
        let handling = Handling { pings: Some(Pings::Never), ..Handling::default() };
        assert_eq!(silence(handling), [(180, Pulse::GiveUp("nothing heard for long"))]);
    }

    #[test]
    fn a_station_behind_a_forgetful_network_is_pinged_as_often_as_its_record_says() {
        let handling =
            Handling { pings: Some(Pings::Every(40)), silence: Some(100), ..Handling::default() };
        let end = Pulse::GiveUp("nothing heard for long, not even after a ping");
        assert_eq!(silence(handling), [(40, Pulse::Ping), (80, Pulse::Ping), (100, end)]);
    }

    #[test]
    fn a_station_that_says_little_is_given_the_time_that_its_record_says() {
        let handling = Handling { silence: Some(3600), ..Handling::default() };
        assert_eq!(silence(handling)[0], (3600, Pulse::Ping));
    }

    #[test]
    fn whoever_is_heard_of_starts_over() {
        let start = Instant::now();
        let mut liveness = Liveness::of(&Handling::default(), HEARTBEAT, start);
        liveness.heard(start + HEARTBEAT);
        assert_eq!(liveness.deadline(), Some(start + HEARTBEAT * 4));
    }
}
