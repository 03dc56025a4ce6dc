//! What a station is to be told of its wanted settings next, and how each of them stands. Pure: the same answer is what
//! operators are shown.

use std::time::Duration;

use super::tongue::Tongue;
use crate::domain::{Content, Holding, MAX_SETS_A_DAY, Meaning, Millis, Wish, WishName, WishState};

/// What a station said is asked for again when it is so old: somebody may have changed it at the station itself.
const LOOK_AGAIN: Duration = Duration::from_secs(86_400);

/// What is known of a station, beside its settings.
#[derive(Debug, Clone, Default)]
pub struct Situation {
    /// `None` while it is away and nobody knows what it will speak.
    pub(super) tongue: Option<Tongue>,
    pub(super) firmware: Option<String>,
    pub(super) booted: Option<Millis>,
    pub(super) connected: Option<Millis>,
    /// The operator lets it in no further than to its boot: nothing may be said to it.
    pub(super) is_rejected: bool,
}

/// One setting: what is wanted, and what is there.
#[derive(Debug, Clone)]
pub struct Setting {
    pub name: WishName,
    pub wish: Wish,
    pub(super) revision: u64,
    /// `None` when nobody knows.
    pub seen: Option<Content>,
    /// When the station itself last said what it has.
    told: Option<Millis>,
}

/// How many settings fit into one message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fits {
    pub(super) read: usize,
    pub(super) set: usize,
}

/// The next message, or none before a certain time.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    Read(Vec<WishName>),
    Set(Vec<WishName>),
    Rest(Millis),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Read,
    Set,
    Nothing,
}

/// How a setting stands, what is to be done about it, and from when on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stand {
    state: WishState,
    step: Step,
    due: Millis,
}

impl Setting {
    pub(super) fn new(
        name: WishName,
        wish: Wish,
        revision: u64,
        holding: Option<&Holding>,
    ) -> Self {
        let told = holding.and_then(|holding| holding.reported.as_ref()).map(|it| it.at);
        let seen = holding.and_then(Holding::seen).cloned();
        Self { name, wish, revision, seen, told }
    }

    pub fn state(&self, situation: &Situation, now: Millis) -> WishState {
        self.stand(situation, now).state
    }

    fn stand(&self, situation: &Situation, now: Millis) -> Stand {
        let wish = &self.wish;
        let left_alone = |state| Stand { state, step: Step::Nothing, due: now + LOOK_AGAIN };
        if situation.tongue.is_some_and(|tongue| !tongue.has(&self.name)) {
            return left_alone(WishState::OtherVersion);
        }
        let is_met = self.seen.as_ref().map(|seen| wish.is_met_by(seen));
        let word = wish.word.as_ref();
        let counts = word.is_some_and(|word| word.still_counts(situation.firmware.as_ref()));
        match word.map(|word| (word.meaning, word.at)) {
            Some((Meaning::Absent, _)) if counts => return left_alone(WishState::Absent),
            Some((Meaning::Refused, _)) if counts && is_met != Some(true) => {
                return left_alone(WishState::Refused);
            }
            // What it accepts is taken for what it has, but for its own word.
            Some((Meaning::AfterReboot, at))
                if (is_met != Some(true) || self.told.is_none_or(|told| told < at))
                    && situation.booted.is_none_or(|booted| booted < at) =>
            {
                return left_alone(WishState::RebootRequired);
            }
            _ => {}
        }
        self.wanting(is_met, situation, now)
    }

    /// A setting about which the station has said no word that ends the matter.
    fn wanting(&self, is_met: Option<bool>, situation: &Situation, now: Millis) -> Stand {
        let wish = &self.wish;
        let rested = wish.tries.rests_until(situation.connected);
        let step = |state, step| match rested > now {
            true => Stand { state: WishState::Unanswered, step, due: rested },
            false => Stand { state, step, due: now },
        };
        let read_due = self.read_due(situation, now);
        match is_met {
            Some(true) if read_due <= now => step(WishState::Met, Step::Read),
            Some(true) => Stand { state: WishState::Met, step: Step::Read, due: read_due },
            None if read_due <= now => step(WishState::Unknown, Step::Read),
            Some(false) if read_due <= now => step(WishState::Differs, Step::Read),
            None if wish.is_unreadable && !wish.sets.is_empty() => {
                Stand { state: WishState::Unknown, step: Step::Nothing, due: now + LOOK_AGAIN }
            }
            Some(false) | None => match wish.sets_of_a_day(now) {
                (sets, Some(until)) if sets >= MAX_SETS_A_DAY => {
                    Stand { state: WishState::Drifts, step: Step::Set, due: until }
                }
                _ => step(WishState::Differs, Step::Set),
            },
        }
    }

    /// From when on the station's own word is too old: it has started again since, or taken something else.
    fn read_due(&self, situation: &Situation, now: Millis) -> Millis {
        if self.wish.is_unreadable {
            return Millis(u64::MAX);
        }
        let Some(heard) = self.told.max(self.wish.read) else { return Millis(0) };
        let taken = self.wish.word.as_ref().filter(|word| word.meaning == Meaning::Taken);
        // A moment that is yet to come was noted before our clock was set back, and says nothing.
        let passed = |at: &Millis| *at <= now;
        let newer = taken.map(|word| word.at).filter(passed).max(situation.booted.filter(passed));
        if newer.is_some_and(|newer| heard < newer) { Millis(0) } else { heard + LOOK_AGAIN }
    }
}

/// Questions first: what is there already need not be set.
pub(super) fn next(settings: &[Setting], situation: &Situation, fits: Fits, now: Millis) -> Next {
    let stands: Vec<_> = settings.iter().map(|it| (it, it.stand(situation, now))).collect();
    for (step, most, said) in [
        (Step::Read, fits.read, Next::Read as fn(Vec<WishName>) -> Next),
        (Step::Set, fits.set, Next::Set),
    ] {
        let due = stands.iter().filter(|(_, stand)| stand.step == step && stand.due <= now);
        let (alone, together): (Vec<_>, Vec<_>) =
            due.map(|(setting, _)| *setting).partition(|setting| setting.wish.goes_alone);
        let chosen: Vec<_> = match alone.first() {
            Some(first) => vec![first.name.clone()],
            None => together.iter().take(most).map(|setting| setting.name.clone()).collect(),
        };
        if !chosen.is_empty() {
            return said(chosen);
        }
    }
    let due = |(_, stand): &(&Setting, Stand)| stand.due;
    Next::Rest(stands.iter().map(due).min().unwrap_or(now + LOOK_AGAIN))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Reported, Sent, SentVerdict, StationWord};

    const NOW: Millis = Millis(1_772_000_000_000);

    fn ago(seconds: u64) -> Millis {
        Millis(NOW.0 - seconds * 1000)
    }

    fn text(value: &str) -> Content {
        Content::new("", format!("\"{value}\""))
    }

    fn told(value: &str, at: Millis) -> Holding {
        let reported = Some(Reported { content: text(value), at, is_mention: false });
        Holding { reported, ..Holding::default() }
    }

    fn setting(holding: Option<&Holding>, change: impl FnOnce(&mut Wish)) -> Setting {
        let name = WishName::new("HeartbeatInterval").unwrap();
        let mut wish = Wish::new(&name, "300".to_owned(), ago(1000)).unwrap();
        change(&mut wish);
        Setting::new(name, wish, 1, holding)
    }

    fn here() -> Situation {
        Situation {
            tongue: Some(Tongue::First),
            firmware: Some("1".to_owned()),
            booted: Some(ago(600)),
            connected: Some(ago(601)),
            is_rejected: false,
        }
    }

    fn decided(setting: &Setting) -> (WishState, Next) {
        let fits = Fits { read: 10, set: 1 };
        let next = next(std::slice::from_ref(setting), &here(), fits, NOW);
        (setting.state(&here(), NOW), next)
    }

    fn name() -> Vec<WishName> {
        vec![WishName::new("HeartbeatInterval").unwrap()]
    }

    fn word(meaning: Meaning, at: Millis, firmware: &str) -> StationWord {
        StationWord::new(at, meaning, "word", None, Some(&firmware.to_owned()))
    }

    #[test]
    fn what_is_unknown_is_asked_for_and_what_differs_is_set() {
        assert_eq!(decided(&setting(None, |_| ())), (WishState::Unknown, Next::Read(name())));
        let other = told("60", ago(10));
        assert_eq!(
            decided(&setting(Some(&other), |_| ())),
            (WishState::Differs, Next::Set(name()))
        );
        let same = told("300", ago(10));
        let rest = Next::Rest(ago(10) + LOOK_AGAIN);
        assert_eq!(decided(&setting(Some(&same), |_| ())), (WishState::Met, rest));
    }

    #[test]
    fn after_a_boot_the_station_is_asked_before_it_is_set() {
        for value in ["60", "300"] {
            let old = told(value, ago(700));
            assert_eq!(decided(&setting(Some(&old), |_| ())).1, Next::Read(name()), "{value}");
        }
    }

    #[test]
    fn what_was_taken_is_read_back() {
        let sent = Sent {
            content: text("300"),
            at: ago(5),
            plugin: None,
            command: None,
            verdict: SentVerdict::Accepted,
            status: None,
            reason: None,
        };
        let taken = Holding { sent: Some(sent), ..told("60", ago(10)) };
        let noted = |wish: &mut Wish| wish.word = Some(word(Meaning::Taken, ago(4), "1"));
        assert_eq!(decided(&setting(Some(&taken), noted)), (WishState::Met, Next::Read(name())));
    }

    #[test]
    fn a_refusal_counts_until_other_firmware_says_otherwise() {
        let other = told("60", ago(10));
        let refused = |firmware: &'static str| {
            move |wish: &mut Wish| wish.word = Some(word(Meaning::Refused, ago(5), firmware))
        };
        let same = setting(Some(&other), refused("1"));
        assert_eq!(decided(&same), (WishState::Refused, Next::Rest(NOW + LOOK_AGAIN)));
        let before = setting(Some(&other), refused("0"));
        assert_eq!(decided(&before), (WishState::Differs, Next::Set(name())));
    }

    #[test]
    fn what_counts_after_a_reboot_waits_for_one() {
        let other = told("60", ago(10));
        let waiting =
            |at| move |wish: &mut Wish| wish.word = Some(word(Meaning::AfterReboot, at, "1"));
        let before = setting(Some(&other), waiting(ago(5)));
        assert_eq!(decided(&before).0, WishState::RebootRequired);
        let after = setting(Some(&other), waiting(ago(900)));
        assert_eq!(decided(&after), (WishState::Differs, Next::Set(name())));
    }

    #[test]
    fn a_station_that_changes_it_back_is_left_alone_for_a_day() {
        let other = told("60", ago(10));
        let set = |wish: &mut Wish| wish.sets = vec![ago(300), ago(200), ago(100)];
        let drifting = setting(Some(&other), set);
        let rest = Next::Rest(ago(300) + crate::domain::A_DAY);
        assert_eq!(decided(&drifting), (WishState::Drifts, rest));
    }

    #[test]
    fn a_station_that_does_not_answer_has_its_rest() {
        let silent = setting(None, |wish| wish.tries = wish.tries.begun(ago(10)).begun(ago(10)));
        let (state, next) = decided(&silent);
        assert_eq!((state, next), (WishState::Unanswered, Next::Rest(Millis(ago(10).0 + 60_000))));
    }

    #[test]
    fn a_name_of_another_version_is_left_alone() {
        let mut foreign = setting(None, |_| ());
        foreign.name = WishName::new("HeartbeatInterval").unwrap();
        let situation = Situation { tongue: Some(Tongue::Second), ..here() };
        assert_eq!(foreign.state(&situation, NOW), WishState::OtherVersion);
    }

    #[test]
    fn what_offends_in_company_goes_alone() {
        let mut settings = vec![setting(None, |_| ()), setting(None, |_| ())];
        settings[1].name = WishName::new("Other").unwrap();
        let fits = Fits { read: 10, set: 10 };
        let all = next(&settings, &here(), fits, NOW);
        assert!(matches!(all, Next::Read(names) if names.len() == 2));
        settings[1].wish.goes_alone = true;
        let one = next(&settings, &here(), fits, NOW);
        assert_eq!(one, Next::Read(vec![WishName::new("Other").unwrap()]));
    }
}
