//! What a simulated station of OCPP 2.1 says all the time and nobody answers: a periodic event stream of its power, for a
//! monitor that it has from the factory. Knows no socket and no JSON.

use std::time::Duration;

use super::charger::{Boot, Charger, Output};
use super::message::Body;
use crate::domain::Millis;

/// Meter readings of a charge between two parts of the stream, until the server wants another interval.
const READINGS_A_PART: u32 = 5;

/// Shortest interval that a server may ask for.
const SHORTEST: Duration = Duration::from_secs(1);

/// The stream that is open.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stream {
    pub(super) interval: Duration,
    next: Millis,
}

/// One part of the stream, and when it was measured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub(super) power_w: u32,
    pub(super) at: Millis,
}

impl Charger {
    fn stream_interval(&self) -> Duration {
        self.profile.pace.meter * READINGS_A_PART
    }

    /// Asks the server whether it wants the stream, where the version has streams. After every boot: a reboot ends them.
    pub(super) fn offer_stream(&mut self) {
        self.stream = None;
        if self.wire().stream.is_some() {
            self.say(Body::OpenStream { interval: self.stream_interval() });
        }
    }

    pub(super) fn stream_answered(&mut self, now: Millis, accepted: bool) {
        let interval = self.stream_interval();
        self.stream = accepted.then_some(Stream { interval, next: now + interval });
    }

    /// The server wants it at other times; `false` when there is no stream.
    pub(super) fn adjust_stream(&mut self, now: Millis, interval: Duration) -> bool {
        let Some(stream) = &mut self.stream else { return false };
        stream.interval = interval.max(SHORTEST);
        stream.next = now + stream.interval;
        true
    }

    /// When the next part is due.
    pub(super) fn stream_due(&self) -> Option<Millis> {
        let is_ready = self.is_up() && matches!(self.boot, Boot::Accepted);
        self.stream.filter(|_| is_ready).map(|stream| stream.next)
    }

    /// Says the part that is due, beside whatever else is open. There is nothing to tell while nobody charges.
    pub(super) fn pass_time_on_stream(&mut self, now: Millis, out: &mut Vec<Output>) {
        if self.stream_due().is_none_or(|due| due > now) {
            return;
        }
        if let Some(stream) = &mut self.stream {
            stream.next = now + stream.interval;
        }
        let charging = self.bays.iter().filter(|bay| bay.charge().is_some());
        let power_w = charging.map(|_| self.profile.power_w).sum();
        if let Some(write) = self.wire().stream.filter(|_| power_w > 0) {
            let at = self.shown(now);
            let (action, payload) = write(&Part { power_w, at });
            let id = self.next_id();
            out.push(Output::Send { id, action, payload });
        }
    }
}
