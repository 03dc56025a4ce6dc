//! When a session used how much: its course of marks, and the intervals that a price is computed from. Pure.
//!
//! Marks are kept and not intervals, because reports come late and out of order. The intervals of a session always
//! follow each other without gap, and their energy always adds up to the session's.

use super::register::registers;
use crate::domain::{
    Activity, Interval, Mark, MeterReading, Millis, MilliwattHours, Session, Stamp,
};

/// Marks that a session keeps: a reading a minute for four hours. Beyond it the closest neighbours become one.
const MAX_MARKS: usize = 256;

/// The station's word for "energy flows" (OCPP 2.0.1 part 2, ChargingStateEnumType).
const CHARGING: &str = "Charging";

/// What a 2.x charging state says of the car. All others than one say that it takes nothing.
pub(super) fn activity(state: &str) -> Activity {
    if state == CHARGING { Activity::Charging } else { Activity::Idle }
}

/// Notes the registers among some readings. `false` when there are none.
pub(super) fn note_readings(
    session: &mut Session,
    readings: &[MeterReading],
    stamp: Stamp,
) -> bool {
    let mut noted = false;
    for (at, register) in registers(readings) {
        let at = moment(session, at, stamp);
        note(session, Mark { at, register: Some(register), activity: None });
        noted = true;
    }
    noted
}

/// Notes what the station says that the car does from now on.
pub(super) fn note_activity(session: &mut Session, activity: Activity, stamp: Stamp) {
    let at = moment(session, stamp.station, stamp);
    note(session, Mark { at, register: None, activity: Some(activity) });
}

/// A station without a clock at the start has none afterwards: what it reports happened when it reached us.
fn moment(session: &Session, at: Option<Millis>, stamp: Stamp) -> Millis {
    let is_meant = |at: &Millis| session.started.clock_ok && at.is_plausible_at(stamp.received);
    at.filter(is_meant).unwrap_or(stamp.received)
}

fn note(session: &mut Session, mark: Mark) {
    let course = &mut session.course;
    let place = course.partition_point(|known| known.at < mark.at);
    match course.get_mut(place).filter(|known| known.at == mark.at) {
        Some(known) => {
            known.register = mark.register.or(known.register);
            known.activity = mark.activity.or(known.activity);
        }
        None => course.insert(place, mark),
    }
    if course.len() > MAX_MARKS {
        thin(course);
    }
}

/// Drops the inner mark that says least: one between two stretches of the same kind, closest to its neighbours.
fn thin(course: &mut Vec<Mark>) {
    let grows = |from: Mark, to: Mark| from.register < to.register;
    let dull = |three: &[Mark]| {
        three[1].activity.is_none() && grows(three[0], three[1]) == grows(three[1], three[2])
    };
    let inner = course.windows(3).enumerate();
    let least = inner.min_by_key(|(_, three)| (!dull(three), three[2].at.since(three[0].at)));
    if let Some((before, _)) = least {
        course.remove(before + 1);
    }
}

/// The session so far: to its end, or to the newest mark while it runs.
pub fn intervals(session: &Session) -> Vec<Interval> {
    let start = session.started.best();
    let newest = session.course.last().map(|mark| mark.at);
    let end = session.ended.as_ref().map(|ending| ending.stamp.best()).or(newest);
    let end = end.unwrap_or(start).max(start);
    let mut stretches = Stretches::from(start);
    let mut register = MilliwattHours(0);
    let first = session.meter_start;
    let total = session.energy();
    for mark in session.course.iter() {
        if let Some(activity) = mark.activity.filter(|_| mark.at <= start) {
            stretches.activity = Some(activity);
        }
        if mark.at <= start || mark.at >= end {
            continue;
        }
        stretches.cut(mark.at);
        if let (Some(first), Some(seen)) = (first, mark.register) {
            // A register that jumps is believed no further than the session's energy goes.
            let now = (seen - first).clamp(register, total.max(register));
            stretches.deliver(now - register);
            register = now;
        }
        stretches.activity = mark.activity.or(stretches.activity);
    }
    stretches.cut(end);
    stretches.deliver(total - register);
    stretches.done.retain(|stretch| stretch.end > stretch.start || stretch.energy.0 != 0);
    stretches.done
}

/// Builds intervals: cut where something was seen, filled with energy where a register was.
struct Stretches {
    done: Vec<Interval>,
    /// Those from here on wait for a register to say how much energy they had.
    waiting: usize,
    end: Millis,
    activity: Option<Activity>,
    /// What was said of each one that waits; `None` where the protocol does not say.
    said: Vec<Option<Activity>>,
}

impl Stretches {
    fn from(start: Millis) -> Self {
        Self { done: Vec::new(), waiting: 0, end: start, activity: None, said: Vec::new() }
    }

    fn cut(&mut self, at: Millis) {
        let activity = self.activity.unwrap_or(Activity::Idle);
        let energy = MilliwattHours(0);
        self.done.push(Interval { start: self.end, end: at, energy, activity });
        self.said.push(self.activity);
        self.end = at;
    }

    /// Spreads energy over the stretches that wait, by time, over those that charge if any is known to.
    fn deliver(&mut self, energy: MilliwattHours) {
        let waiting = &mut self.done[self.waiting..];
        for (stretch, said) in waiting.iter_mut().zip(self.said.drain(..)) {
            if said.is_none() && energy.0 != 0 {
                stretch.activity = Activity::Charging;
            }
        }
        let any = waiting.iter().any(|stretch| stretch.activity == Activity::Charging);
        let takes = |stretch: &Interval| !any || stretch.activity == Activity::Charging;
        let length = |stretch: &Interval| i128::from(stretch.end.0.saturating_sub(stretch.start.0));
        let whole: i128 = waiting.iter().filter(|stretch| takes(stretch)).map(length).sum();
        let mut passed = 0;
        let mut given = 0;
        for stretch in waiting.iter_mut().filter(|stretch| takes(stretch)) {
            passed += length(stretch);
            let due = if whole == 0 { 0 } else { i128::from(energy.0) * passed / whole };
            let share = i64::try_from(due).unwrap_or(energy.0) - given;
            stretch.energy = MilliwattHours(share);
            given += share;
        }
        // Nothing lasted any time: the last one has it all.
        if let Some(last) = self.done.last_mut() {
            last.energy = MilliwattHours(last.energy.0 + energy.0 - given);
        }
        self.waiting = self.done.len();
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Started, start, stop};
    use super::*;
    use crate::domain::{Ending, Place, SessionId, StationId};

    const MINUTE: u64 = 60_000;

    fn session() -> Session {
        start(Started {
            id: SessionId::new(7).unwrap(),
            station: StationId::new("CS1").unwrap(),
            place: Place::connector(1),
            protocol: "ocpp1.6",
            transaction: "7".into(),
            token: None,
            decision: None,
            stamp: Stamp::here(Millis(0)),
            meter: Some(MilliwattHours(1_000)),
        })
    }

    fn seen(session: &mut Session, minute: u64, register: i64) {
        let at = Millis(minute * MINUTE);
        let register = MilliwattHours(1_000 + register);
        note(session, Mark { at, register: Some(register), activity: None });
        session.last_reading = session.last_reading.max(Some((at, register)));
    }

    fn says(session: &mut Session, minute: u64, activity: Activity) {
        note_activity(session, activity, Stamp::here(Millis(minute * MINUTE)));
    }

    fn ended(mut session: Session, minute: u64, register: i64) -> Session {
        let ending = Ending {
            stamp: Stamp::here(Millis(minute * MINUTE)),
            meter_stop: Some(MilliwattHours(1_000 + register)),
            reason: None,
            token: None,
        };
        stop(&mut session, ending);
        session
    }

    /// Start and end in minutes, energy, does it charge.
    fn shape(session: &Session) -> Vec<(u64, u64, i64, bool)> {
        let intervals = intervals(session);
        let row = |i: Interval| {
            let charges = i.activity == Activity::Charging;
            (i.start.0 / MINUTE, i.end.0 / MINUTE, i.energy.0, charges)
        };
        intervals.into_iter().map(row).collect()
    }

    #[test]
    fn a_register_that_stands_still_is_an_idle_car() {
        let mut session = session();
        seen(&mut session, 10, 400);
        seen(&mut session, 20, 500);
        seen(&mut session, 30, 500);
        assert_eq!(shape(&session), [(0, 10, 400, true), (10, 20, 100, true), (20, 30, 0, false)]);
        let session = ended(session, 40, 500);
        assert_eq!(shape(&session).last(), Some(&(30, 40, 0, false)));
    }

    #[test]
    fn late_readings_take_their_place_and_readings_outside_the_session_have_none() {
        let mut session = session();
        seen(&mut session, 20, 500);
        seen(&mut session, 10, 400);
        seen(&mut session, 99, 900);
        let session = ended(session, 30, 600);
        let expected = [(0, 10, 400, true), (10, 20, 100, true), (20, 30, 100, true)];
        assert_eq!(shape(&session), expected);
    }

    #[test]
    fn energy_goes_to_the_stretches_in_which_the_station_says_that_it_charged() {
        let mut session = session();
        says(&mut session, 0, Activity::Idle);
        says(&mut session, 10, Activity::Charging);
        says(&mut session, 30, Activity::Idle);
        let session = ended(session, 40, 600);
        assert_eq!(shape(&session), [(0, 10, 0, false), (10, 30, 600, true), (30, 40, 0, false)]);
    }

    #[test]
    fn a_jumping_register_makes_no_energy() {
        let mut session = session();
        seen(&mut session, 10, 5_000);
        seen(&mut session, 20, 100);
        let session = ended(session, 30, 600);
        assert_eq!(shape(&session), [(0, 10, 600, true), (10, 20, 0, false), (20, 30, 0, false)]);
    }

    #[test]
    fn a_start_and_a_stop_are_one_stretch_and_no_time_is_no_loss() {
        assert_eq!(shape(&ended(session(), 30, 600)), [(0, 30, 600, true)]);
        assert_eq!(shape(&ended(session(), 0, 600)), [(0, 0, 600, true)]);
        assert_eq!(shape(&session()), []);
    }

    #[test]
    fn many_readings_are_bounded_and_keep_their_sum_and_the_pauses() {
        let mut session = session();
        for minute in 1..=5_000 {
            let charged = minute.min(3_000);
            let paused = if (1_000..1_100).contains(&minute) { 1_000 } else { charged };
            seen(&mut session, minute, i64::try_from(paused).unwrap());
        }
        assert_eq!(session.course.len(), MAX_MARKS);
        let session = ended(session, 5_001, 3_000);
        let shape = shape(&session);
        assert_eq!(shape.iter().map(|(.., energy, _)| energy).sum::<i64>(), 3_000);
        assert!(shape.windows(2).all(|two| two[0].1 == two[1].0), "no gap");
        let idle: u64 = shape.iter().filter(|s| !s.3).map(|(from, to, ..)| to - from).sum();
        assert!((2_090..=2_110).contains(&idle), "{idle}");
    }
}
