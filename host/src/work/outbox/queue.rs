//! Which waiting command goes next, and when to look again. Pure: knows no store, no registry and no clock.
//!
//! Each station has a lane, and each lane one command under way. Within a lane the older goes first.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::domain::{CommandEnd, CommandNo, Doubt, Millis, PluginName, QueuedCommand, StationId};

/// Commands of one server that may be under way at once.
const MAX_UNDER_WAY: usize = 256;

/// From the answer to a station's boot to its first command: it has more to say first, and models are known that hang up
/// on whoever interrupts them.
const SETTLE: Duration = Duration::from_secs(2);

/// From a station's connection to its first command when it does not boot: most do not when they come back. One that
/// comes and goes faster than this gets none.
const SETTLE_WITHOUT_BOOT: Duration = Duration::from_secs(5);

/// Until a command is tried again that found the station busy, or could not be marked as sent.
const PAUSE: Duration = Duration::from_secs(1);

/// Under which a command is on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) station: StationId,
    pub(super) name: Name,
}

/// Who wants it done, and by which name they know it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Name {
    Operator(CommandNo),
    Plugin(PluginName, String),
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operator(number) => number.fmt(f),
            Self::Plugin(_, id) => id.fmt(f),
        }
    }
}

/// A command as it waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: Key,
    pub(super) command: QueuedCommand,
    pub(super) revision: u64,
}

/// Whether a station can be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    Away,
    Here {
        since: Millis,
        /// When it was told so if it booted over this connection.
        booted: Option<Millis>,
    },
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    Send(Entry),
    /// It is not to be sent, or not again.
    End(Entry, CommandEnd),
}

impl Step {
    pub(super) fn station(&self) -> &StationId {
        let (Self::Send(entry) | Self::End(entry, _)) = self;
        &entry.key.station
    }
}

/// What a step has come to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stepped {
    /// The command is no longer on record.
    Gone,
    /// It was not sent, and waits on.
    Back(Entry),
}

/// See the module.
#[derive(Debug)]
pub(super) struct Queue {
    settle: (Duration, Duration),
    lanes: BTreeMap<StationId, Lane>,
    under_way: usize,
}

/// Ids of plugins and numbers of operators are in the order of time, too: they tell those of one moment apart.
type Place = (Millis, Name);

#[derive(Debug, Default)]
struct Lane {
    /// In the order of time.
    waiting: BTreeMap<Place, Entry>,
    under_way: Option<Key>,
    not_before: Millis,
}

impl Queue {
    pub(super) fn new() -> Self {
        Self { settle: (SETTLE, SETTLE_WITHOUT_BOOT), lanes: BTreeMap::new(), under_way: 0 }
    }

    /// For stations that may be called as soon as they are there.
    #[cfg(test)]
    pub(super) fn without_settling() -> Self {
        Self { settle: (Duration::ZERO, Duration::ZERO), ..Self::new() }
    }

    /// Takes over what is on record now.
    pub(super) fn take_over(&mut self, entries: Vec<Entry>) {
        for lane in self.lanes.values_mut() {
            lane.waiting.clear();
        }
        for entry in entries {
            let lane = self.lanes.entry(entry.key.station.clone()).or_default();
            if lane.under_way.as_ref() != Some(&entry.key) {
                lane.add(entry);
            }
        }
        self.lanes.retain(|_, lane| !lane.is_empty());
    }

    /// What can be done now; and when there is more to do although nothing has happened.
    pub(super) fn next(
        &mut self,
        now: Millis,
        reach: impl Fn(&StationId) -> Reach,
    ) -> (Vec<Step>, Option<Millis>) {
        let mut steps = Vec::new();
        let mut wake: Option<Millis> = None;
        for (station, lane) in &mut self.lanes {
            if lane.under_way.is_some() || self.under_way >= MAX_UNDER_WAY {
                continue;
            }
            match lane.next(now, self.settle, || reach(station)) {
                Ok(step) => {
                    self.under_way += 1;
                    steps.push(step);
                }
                Err(later) => wake = wake.into_iter().chain(later).min(),
            }
        }
        (steps, wake)
    }

    /// A step has ended.
    pub(super) fn ended(&mut self, now: Millis, station: &StationId, stepped: Stepped) {
        self.under_way = self.under_way.saturating_sub(1);
        let Some(lane) = self.lanes.get_mut(station) else { return };
        lane.under_way = None;
        if let Stepped::Back(entry) = stepped {
            lane.not_before = after(now, PAUSE);
            lane.add(entry);
        }
        if lane.is_empty() {
            self.lanes.remove(station);
        }
    }
}

impl Lane {
    fn add(&mut self, entry: Entry) {
        let place = (entry.command.queued, entry.key.name.clone());
        self.waiting.insert(place, entry);
    }

    fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.under_way.is_none()
    }

    /// What to do now, or when to look again.
    fn next(
        &mut self,
        now: Millis,
        (settle, without_boot): (Duration, Duration),
        reach: impl Fn() -> Reach,
    ) -> Result<Step, Option<Millis>> {
        let over = self.waiting.iter().find_map(|(place, entry)| {
            let end = match entry.command.sent {
                Some(_) => CommandEnd::Unknown(Doubt::Restarted),
                None if entry.command.expires <= now => CommandEnd::Expired,
                None => return None,
            };
            Some((place.clone(), end))
        });
        if let Some((place, end)) = over {
            return self.start(place, |entry| Step::End(entry, end)).ok_or(None);
        }
        let expiry = self.waiting.values().map(|entry| entry.command.expires).min();
        let due = match reach() {
            Reach::Away => return Err(expiry),
            Reach::Here { booted: Some(booted), .. } => after(booted, settle),
            Reach::Here { since, booted: None } => after(since, without_boot),
        };
        let due = due.max(self.not_before);
        if due > now {
            return Err(expiry.into_iter().chain([due]).min());
        }
        let oldest = self.waiting.keys().next().cloned();
        oldest.and_then(|place| self.start(place, Step::Send)).ok_or(None)
    }

    fn start(&mut self, place: Place, step: impl FnOnce(Entry) -> Step) -> Option<Step> {
        let entry = self.waiting.remove(&place)?;
        self.under_way = Some(entry.key.clone());
        Some(step(entry))
    }
}

fn after(at: Millis, pause: Duration) -> Millis {
    Millis(at.0.saturating_add(u64::try_from(pause.as_millis()).unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Reach = Reach::Here { since: Millis(0), booted: None };
    const LONG_AFTER: Millis = Millis(1_000_000);

    fn station(name: &str) -> StationId {
        name.parse().unwrap()
    }

    fn entry(at: &str, id: &str, expires: u64) -> Entry {
        let name = Name::Plugin("caller".parse().unwrap(), id.to_owned());
        let key = Key { station: station(at), name };
        let command = QueuedCommand {
            action: "Reset".into(),
            payload: "{}".into(),
            queued: Millis(5),
            expires: Millis(expires),
            sent: None,
        };
        Entry { key, command, revision: 1 }
    }

    fn queue(entries: &[Entry]) -> Queue {
        let mut queue = Queue::new();
        queue.take_over(entries.to_vec());
        queue
    }

    fn sent(queue: &mut Queue, now: Millis) -> Vec<String> {
        let (steps, _) = queue.next(now, |_| HERE);
        let id = |step| match step {
            Step::Send(entry) => entry.key.name.to_string(),
            other @ Step::End(..) => panic!("{other:?}"),
        };
        steps.into_iter().map(id).collect()
    }

    #[test]
    fn a_station_gets_its_commands_one_after_the_other_and_oldest_first() {
        let all = [entry("A", "2", u64::MAX), entry("A", "1", u64::MAX), entry("B", "3", u64::MAX)];
        let mut queue = queue(&all);
        assert_eq!(sent(&mut queue, LONG_AFTER), ["1", "3"]);
        assert!(sent(&mut queue, LONG_AFTER).is_empty(), "each lane has one under way");
        queue.take_over(all.to_vec());
        assert!(sent(&mut queue, LONG_AFTER).is_empty(), "what is on record is not started twice");
        queue.ended(LONG_AFTER, &station("A"), Stepped::Gone);
        assert_eq!(sent(&mut queue, LONG_AFTER), ["2"]);
    }

    #[test]
    fn operators_and_plugins_stand_in_one_line() {
        let mut of_operator = entry("A", "", u64::MAX);
        of_operator.key.name = Name::Operator(CommandNo::FIRST);
        let (mut early, mut late) = (entry("A", "p1", u64::MAX), entry("A", "p2", u64::MAX));
        (early.command.queued, late.command.queued) = (Millis(4), Millis(6));
        let mut queue = queue(&[late, of_operator, early]);
        for next in ["p1", "1", "p2"] {
            assert_eq!(sent(&mut queue, LONG_AFTER), [next]);
            queue.ended(LONG_AFTER, &station("A"), Stepped::Gone);
        }
    }

    #[test]
    fn a_station_that_is_away_gets_nothing_until_it_is_back_and_has_settled() {
        let mut queue = queue(&[entry("A", "1", 900_000)]);
        assert_eq!(queue.next(Millis(10), |_| Reach::Away), (vec![], Some(Millis(900_000))));
        let back = Reach::Here { since: Millis(10), booted: None };
        let (steps, wake) = queue.next(Millis(11), |_| back);
        assert_eq!((steps, wake), (vec![], Some(Millis(5010))));
        let (steps, _) = queue.next(Millis(5010), |_| back);
        assert!(matches!(steps[..], [Step::Send(_)]));
    }

    #[test]
    fn a_station_that_boots_is_let_finish_and_one_that_flaps_is_left_alone() {
        let mut queue = queue(&[entry("A", "1", u64::MAX)]);
        for since in (0..60_000).step_by(3000).map(Millis) {
            let back = Reach::Here { since, booted: None };
            assert_eq!(queue.next(after(since, Duration::from_secs(3)), |_| back).0, []);
        }
        let booted = Reach::Here { since: Millis(60_000), booted: Some(Millis(64_900)) };
        assert_eq!(queue.next(Millis(66_000), |_| booted), (vec![], Some(Millis(66_900))));
        assert!(matches!(queue.next(Millis(66_900), |_| booted).0[..], [Step::Send(_)]));
    }

    #[test]
    fn what_waited_too_long_is_not_sent_wherever_it_stands_in_its_lane() {
        let mut queue = queue(&[entry("A", "1", u64::MAX), entry("A", "2", 500)]);
        let (steps, _) = queue.next(Millis(500), |_| Reach::Away);
        assert_eq!(steps, [Step::End(entry("A", "2", 500), CommandEnd::Expired)]);
    }

    #[test]
    fn what_was_sent_before_a_restart_is_not_sent_again() {
        let mut old = entry("A", "1", 500);
        old.command.sent = Some(Millis(7));
        let mut queue = queue(std::slice::from_ref(&old));
        let (steps, _) = queue.next(LONG_AFTER, |_| HERE);
        assert_eq!(steps, [Step::End(old, CommandEnd::Unknown(Doubt::Restarted))]);
    }

    #[test]
    fn a_busy_station_is_tried_again_after_a_pause() {
        let mut queue = queue(&[entry("A", "1", u64::MAX)]);
        assert_eq!(sent(&mut queue, LONG_AFTER), ["1"]);
        queue.ended(LONG_AFTER, &station("A"), Stepped::Back(entry("A", "1", u64::MAX)));
        let later = after(LONG_AFTER, PAUSE);
        assert_eq!(queue.next(LONG_AFTER, |_| HERE), (vec![], Some(later)));
        assert_eq!(sent(&mut queue, later), ["1"]);
    }

    #[test]
    fn a_fleet_is_called_in_bounded_numbers() {
        let all: Vec<_> =
            (0..2 * MAX_UNDER_WAY).map(|n| entry(&format!("S{n}"), "1", u64::MAX)).collect();
        let mut queue = queue(&all);
        assert_eq!(sent(&mut queue, LONG_AFTER).len(), MAX_UNDER_WAY);
        queue.ended(LONG_AFTER, &station("S0"), Stepped::Gone);
        assert_eq!(sent(&mut queue, LONG_AFTER).len(), 1);
    }
}
