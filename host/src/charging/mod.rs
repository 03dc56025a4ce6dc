//! The life of a charging session as a pure state machine. Knows no store, no socket, no clock and no protocol.
//!
//! Every step takes what was reported and gives what is now true. Whoever calls keeps the result.

mod bill;
mod event;
mod register;
mod usage;

pub use bill::{price_ask, priced, unpriced};
pub use event::{Event, take_event};
pub use register::newest_register;
pub use usage::intervals;

use crate::domain::{
    Decision, Ending, MeterReading, MilliwattHours, Place, Pseudonym, Session, SessionId, Stamp,
    StationId,
};

/// A reported start, with what the policies said of it.
#[derive(Debug)]
pub struct Started {
    pub id: SessionId,
    pub station: StationId,
    pub place: Place,
    pub protocol: &'static str,
    pub transaction: String,
    pub token: Option<Pseudonym>,
    pub decision: Option<Decision>,
    pub stamp: Stamp,
    pub meter: Option<MilliwattHours>,
}

/// A start is always a session, permitted or not: the station reports what happened.
pub fn start(report: Started) -> Session {
    Session {
        id: report.id,
        station: report.station,
        place: report.place,
        protocol: report.protocol.to_owned(),
        transaction: report.transaction,
        token: report.token,
        decision: report.decision,
        started: report.stamp,
        meter_start: report.meter,
        last_reading: None,
        ended: None,
        state: None,
        sequence: None,
        course: Vec::new(),
        terms: None,
        bill: None,
        unpriced: None,
    }
}

/// Takes register values into account: the newest as the state of things, all as the session's course. `false` when
/// nothing changed: the session has ended, or the readings hold no register value.
pub fn meter(session: &mut Session, readings: &[MeterReading], stamp: Stamp) -> bool {
    let Some((at, energy)) = newest_register(readings) else { return false };
    if !session.is_active() {
        return false;
    }
    // A clock that jumps must not freeze the energy: what it cannot mean counts from when it was heard.
    let at = at.filter(|at| at.is_plausible_at(stamp.received)).unwrap_or(stamp.received);
    if session.last_reading.is_none_or(|(known, _)| at >= known) {
        session.last_reading = Some((at, energy));
    }
    usage::note_readings(session, readings, stamp)
}

/// What a stop did.
#[derive(Debug, PartialEq, Eq)]
pub enum Stopped {
    /// It ended the session.
    Now,
    /// The session had ended before: a repeated stop changes nothing, not even when it says something else.
    Before,
}

/// Ends a session.
pub fn stop(session: &mut Session, ending: Ending) -> Stopped {
    if session.ended.is_some() {
        return Stopped::Before;
    }
    session.ended = Some(ending);
    Stopped::Now
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Millis, Sample, Verdict};

    /// 2023-11-14T22:13:20Z.
    const T: u64 = 1_700_000_000_000;

    fn session() -> Session {
        start(Started {
            id: SessionId::new(7).unwrap(),
            station: StationId::new("CS1").unwrap(),
            place: Place::connector(1),
            protocol: "ocpp1.6",
            transaction: "7".into(),
            token: Some(Pseudonym("p".into())),
            decision: Some(Decision {
                verdict: Verdict::Permit(Default::default()),
                decided_by: None,
                why: String::new(),
                opinions: vec![],
            }),
            stamp: Stamp::here(Millis(T)),
            meter: Some(MilliwattHours::from_wh(100)),
        })
    }

    fn reading(at: u64, wh: &str) -> MeterReading {
        let sample = Sample {
            value: wh.into(),
            measurand: None,
            unit: None,
            phase: None,
            context: None,
            location: None,
            multiplier: None,
        };
        MeterReading { at: Some(Millis(T + at)), samples: vec![sample] }
    }

    fn ending(wh: i64) -> Ending {
        let stamp = Stamp::here(Millis(T + 9_000));
        Ending { stamp, meter_stop: Some(MilliwattHours::from_wh(wh)), reason: None, token: None }
    }

    #[test]
    fn energy_grows_with_the_register_and_is_settled_by_the_stop() {
        let mut s = session();
        assert_eq!(s.energy(), MilliwattHours(0));
        assert!(meter(&mut s, &[reading(2_000, "350")], Stamp::here(Millis(T + 2_000))));
        assert_eq!(s.energy(), MilliwattHours::from_wh(250));
        assert_eq!(stop(&mut s, ending(600)), Stopped::Now);
        assert_eq!(s.energy(), MilliwattHours::from_wh(500));
    }

    #[test]
    fn a_late_reading_does_not_turn_the_meter_back() {
        let mut s = session();
        assert!(meter(&mut s, &[reading(3_000, "400")], Stamp::here(Millis(T + 3_000))));
        assert!(meter(&mut s, &[reading(2_000, "350")], Stamp::here(Millis(T + 4_000))));
        assert_eq!(s.energy(), MilliwattHours::from_wh(300));
        assert_eq!(s.course.len(), 2, "it tells more of the way there");
    }

    #[test]
    fn a_clock_that_jumps_does_not_freeze_the_energy() {
        let mut s = session();
        let year = 365 * 86_400_000;
        assert!(meter(&mut s, &[reading(year, "350")], Stamp::here(Millis(T + 2_000))));
        assert!(meter(&mut s, &[reading(3_000, "400")], Stamp::here(Millis(T + 3_000))));
        assert_eq!(s.energy(), MilliwattHours::from_wh(300));
    }

    #[test]
    fn the_first_stop_counts() {
        let mut s = session();
        stop(&mut s, ending(600));
        assert_eq!(stop(&mut s, ending(900)), Stopped::Before);
        assert_eq!(s.energy(), MilliwattHours::from_wh(500));
        assert!(!meter(&mut s, &[reading(9_500, "999")], Stamp::here(Millis(T + 9_500))));
    }
}
