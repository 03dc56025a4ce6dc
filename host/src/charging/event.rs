//! One numbered event of a 2.x transaction, applied to its session in whatever order events come. Knows no payload.

use super::register::{AT_BEGIN, AT_END, newest_register, register_at};
use super::{Stopped, meter, stop};
use crate::domain::{Ending, MeterReading, Phase, Place, Pseudonym, Session, Stamp};

/// What an event says that changes a session.
#[derive(Debug)]
pub struct Event<'a> {
    pub phase: Phase,
    pub number: u32,
    pub stamp: Stamp,
    pub place: Option<Place>,
    pub state: Option<&'a str>,
    pub readings: &'a [MeterReading],
    /// Why it ended, in the station's words.
    pub reason: Option<&'a str>,
    /// The token shown to stop.
    pub stopped_by: Option<Pseudonym>,
}

/// Applies an event that has not been applied before. Newer events win over older ones that come late; the first
/// word on where the meter began and ended counts.
pub fn take_event(session: &mut Session, event: Event<'_>) {
    let is_newest = session.sequence.get_or_insert_default().note(event.number);
    if is_newest {
        if let Some(state) = event.state {
            session.state = Some(state.to_owned());
        }
        if let Some(place) = event.place {
            session.place = place;
        }
    }
    if event.phase == Phase::Started {
        session.started = event.stamp;
    }
    if session.meter_start.is_none() {
        let first = newest_register(event.readings).map(|(_, register)| register);
        let first = first.filter(|_| event.phase == Phase::Started);
        session.meter_start = register_at(event.readings, AT_BEGIN).or(first);
    }
    meter(session, event.readings, event.stamp);
    if event.phase != Phase::Ended {
        return;
    }
    let newest = newest_register(event.readings).map(|(_, register)| register);
    let ending = Ending {
        stamp: event.stamp,
        meter_stop: register_at(event.readings, AT_END).or(newest),
        reason: event.reason.map(ToOwned::to_owned),
        token: event.stopped_by,
    };
    // A second end changes nothing.
    let (Stopped::Now | Stopped::Before) = stop(session, ending);
}

#[cfg(test)]
mod tests {
    use super::super::{Started, start};
    use super::*;
    use crate::domain::{Millis, MilliwattHours, Sample, SessionId, StationId};

    /// 2023-11-14T22:13:20Z.
    const T: u64 = 1_700_000_000_000;

    fn session() -> Session {
        start(Started {
            id: SessionId::new(7).unwrap(),
            station: StationId::new("CS1").unwrap(),
            place: Place::evse(1, None),
            protocol: "ocpp2.0.1",
            transaction: "abc".into(),
            token: None,
            decision: None,
            stamp: Stamp::here(Millis(T + 1_000)),
            meter: None,
        })
    }

    fn reading(at: u64, wh: &str, context: Option<&str>) -> Vec<MeterReading> {
        let sample = Sample {
            value: wh.into(),
            measurand: None,
            unit: None,
            phase: None,
            context: context.map(Into::into),
            location: None,
            multiplier: None,
        };
        vec![MeterReading { at: Some(Millis(T + at)), samples: vec![sample] }]
    }

    fn event<'a>(
        phase: Phase,
        number: u32,
        readings: &'a [MeterReading],
        state: &'a str,
    ) -> Event<'a> {
        Event {
            phase,
            number,
            stamp: Stamp::here(Millis(T + 1_000 * u64::from(number + 1))),
            place: None,
            state: Some(state),
            readings,
            reason: None,
            stopped_by: None,
        }
    }

    #[test]
    fn energy_is_the_same_in_whatever_order_the_events_come() {
        let (begin, end) =
            (reading(1_000, "100", Some(AT_BEGIN)), reading(9_000, "900", Some(AT_END)));
        let middle = reading(5_000, "500", None);
        let events = || {
            [
                event(Phase::Started, 0, &begin, "EVConnected"),
                event(Phase::Updated, 1, &middle, "Charging"),
                event(Phase::Ended, 2, &end, "Idle"),
            ]
        };
        for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [2, 0, 1]] {
            let mut session = session();
            for index in order {
                let event = events().into_iter().nth(index).unwrap();
                take_event(&mut session, event);
            }
            assert_eq!(session.energy(), MilliwattHours::from_wh(800), "{order:?}");
            assert_eq!(session.state.as_deref(), Some("Idle"), "{order:?}");
            assert_eq!(session.started.received, Millis(T + 1_000), "{order:?}");
            assert_eq!(session.sequence.unwrap().missing(), [], "{order:?}");
        }
    }

    #[test]
    fn a_gap_is_known() {
        let mut session = session();
        take_event(&mut session, event(Phase::Started, 0, &[], "EVConnected"));
        take_event(&mut session, event(Phase::Ended, 3, &[], "Idle"));
        assert!(!session.is_active());
        assert_eq!(session.sequence.unwrap().missing(), [(1, 2)]);
    }
}
