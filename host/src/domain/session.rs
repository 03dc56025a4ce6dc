//! A charging session as it is kept and shown. Knows nothing of how it moves from state to state: see `charging`.

use serde::{Deserialize, Serialize};

use super::{
    Activity, Decision, Millis, MilliwattHours, Pinned, Place, Priced, Pseudonym, SessionId, Stamp,
    StationId,
};

/// One car, one connector, from plug to bill. The record format is versioned by the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    pub id: SessionId,
    pub station: StationId,
    pub place: Place,
    /// The subprotocol in which it was reported, for example `ocpp1.6`.
    pub protocol: String,
    /// The transaction's name on the wire: the number itself on 1.6, the station's own text on 2.x.
    pub transaction: String,
    /// Who charges; `None` until the station says (2.x may plug in first).
    pub token: Option<Pseudonym>,
    /// What the policies said of the token. A refused start is still a session: the station reported it.
    pub decision: Option<Decision>,
    pub started: Stamp,
    /// The register at the start; `None` until the station reports one.
    pub meter_start: Option<MilliwattHours>,
    /// Newest register reading, if any came after the start.
    pub last_reading: Option<(Millis, MilliwattHours)>,
    pub ended: Option<Ending>,
    /// What the connector does, in the station's words, where the protocol says it with the transaction.
    #[serde(default)]
    pub state: Option<String>,
    /// Which events have come, where the protocol numbers them.
    #[serde(default)]
    pub sequence: Option<Sequence>,
    /// What was seen on the way, in order of time, so that a price can depend on when energy was used.
    #[serde(default)]
    pub course: Vec<Mark>,
    /// On which terms it charges; pinned once, when it was permitted.
    #[serde(default)]
    pub terms: Option<Pinned>,
    /// The newest bill: a running one until the session has ended.
    #[serde(default)]
    pub bill: Option<Priced>,
    /// Why there are no terms or no final bill, in words; `None` when nothing went wrong.
    #[serde(default)]
    pub unpriced: Option<String>,
}

/// Something seen in the course of a session: a register, what the car did from then on, or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    pub at: Millis,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub register: Option<MilliwattHours>,
    /// Only where the protocol says it (2.x).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activity: Option<Activity>,
}

/// Which part of a transaction an event tells of (OCPP 2.x `eventType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Started,
    Updated,
    Ended,
}

/// Ranges of event numbers that one transaction may leave open. Beyond that the oldest gaps are taken as closed.
const MAX_RANGES: usize = 32;

/// Which of a transaction's numbered events have come (OCPP 2.x `seqNo`): ranges, in order, without overlap.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sequence {
    ranges: Vec<(u32, u32)>,
}

impl Sequence {
    /// Takes note of a number. `true` when no higher one has come before.
    pub fn note(&mut self, number: u32) -> bool {
        let is_newest = self.ranges.last().is_none_or(|(_, last)| *last <= number);
        if self.ranges.iter().any(|(first, last)| (*first..=*last).contains(&number)) {
            return is_newest;
        }
        self.ranges.push((number, number));
        self.ranges.sort_unstable();
        self.ranges.dedup_by(|next, range| {
            let touches = range.1.checked_add(1) == Some(next.0);
            if touches {
                range.1 = next.1;
            }
            touches
        });
        while self.ranges.len() > MAX_RANGES {
            self.ranges[1].0 = self.ranges[0].0;
            self.ranges.remove(0);
        }
        is_newest
    }

    /// The numbers between the first and the last that have not come, as ranges with both ends.
    pub fn missing(&self) -> Vec<(u32, u32)> {
        let pairs = self.ranges.iter().zip(self.ranges.iter().skip(1));
        pairs.map(|(before, after)| (before.1 + 1, after.0 - 1)).collect()
    }
}

/// How a session ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    pub stamp: Stamp,
    /// The register at the end; `None` when the station reported none.
    pub meter_stop: Option<MilliwattHours>,
    /// As the station put it, for example `Local` or `EVDisconnected`; `None` when it did not say.
    pub reason: Option<String>,
    /// The token shown to stop, when one was.
    pub token: Option<Pseudonym>,
}

impl Session {
    /// Energy delivered so far: from the start's register to the end's, or to the newest reading.
    pub fn energy(&self) -> MilliwattHours {
        let stop = self.ended.as_ref().and_then(|ending| ending.meter_stop);
        let register = stop.or(self.last_reading.map(|(_, register)| register));
        match (self.meter_start, register) {
            (Some(start), Some(register)) => register - start,
            _ => MilliwattHours(0),
        }
    }

    pub fn is_active(&self) -> bool {
        self.ended.is_none()
    }

    /// It has ended on terms, and nobody could say what all of it costs.
    pub fn is_unpriced(&self) -> bool {
        !self.is_active() && self.terms.is_some() && self.unpriced.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_may_come_in_any_order_and_gaps_close() {
        let mut sequence = Sequence::default();
        assert!(sequence.note(3), "it need not begin at 0");
        assert!(sequence.note(6));
        assert!(!sequence.note(4), "late");
        assert_eq!(sequence.missing(), [(5, 5)]);
        assert!(!sequence.note(5));
        assert_eq!(sequence.missing(), []);
        assert!(sequence.note(6), "the newest, once more");
    }

    #[test]
    fn a_station_that_skips_for_ever_fills_no_memory() {
        let mut sequence = Sequence::default();
        for number in (0..10_000).step_by(2) {
            sequence.note(number);
        }
        assert_eq!(sequence.missing().len(), MAX_RANGES - 1);
    }
}
