//! Stations, a network, a server and a clock, none of which is real, and all of whose troubles come from one seed.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::time::{Duration, Instant};

use serde_json::json;

use super::disk::{Disk, Outcome};
use super::network::{NETWORK, read};
use crate::domain::{Millis, Offer, StationId, TariffSaid};
use crate::ocpp::Dialect;
use crate::sim::{self, Chance, Charger, Event, Profile};
use crate::station::machine::{self, Machine, Manners, Now, Output};
use crate::station::tests::counting;

/// When the story begins: 2026-01-01T10:00:00Z.
const EPOCH: u64 = 1_767_261_600_000;

/// How long things take.
const SYNC: Range<Duration> = Duration::from_millis(1)..Duration::from_millis(2000);
const POLICY: Range<Duration> = Duration::ZERO..Duration::from_millis(3000);
const RESTART: Range<Duration> = Duration::from_secs(1)..Duration::from_secs(60);
/// From the failure of the store to the end of the server.
const FAILING: Range<Duration> = Duration::ZERO..Duration::from_millis(300);
/// Between two troubles of the server.
const PEACE: Range<Duration> = Duration::from_secs(60)..Duration::from_secs(900);

/// Operations of the store until one fails, at most.
const FAILS_WITHIN: u64 = 60;

pub(super) enum Happening {
    /// A charger wants to be woken.
    Wake(usize),
    /// A machine's deadline.
    Deadline(usize),
    Dialled(usize),
    ToServer {
        n: usize,
        link: u32,
        text: String,
    },
    ToStation {
        n: usize,
        link: u32,
        text: String,
    },
    /// A connection breaks at the station's end.
    Cut {
        n: usize,
        link: u32,
    },
    /// The server notices that a connection is gone.
    Noticed {
        n: usize,
        link: u32,
    },
    /// An answer from inside a server, in its so-manieth life.
    Inside {
        n: usize,
        life: u32,
        input: Box<machine::Input>,
    },
    SyncEnds {
        life: u32,
    },
    Trouble,
    ServerDies {
        life: u32,
    },
    ServerStarts,
}

/// A station with its end and the server's end of the connection.
pub(super) struct Post {
    pub(super) id: StationId,
    pub(super) dialect: &'static Dialect,
    pub(super) charger: Charger,
    pub(super) machine: Machine,
    /// The connection that the station has, and the one that the server has: they need not agree.
    pub(super) link: Option<u32>,
    pub(super) served: Option<u32>,
    /// A connection keeps the order of its messages: until when each way is taken.
    pub(super) up_until: u64,
    pub(super) down_until: u64,
    /// When it is already to be woken, on either side.
    pub(super) wake: u64,
    pub(super) deadline: u64,
    pub(super) done: bool,
}

/// What happened, for whoever wants to know that anything did.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) messages: u64,
    pub(super) lost: u64,
    pub(super) twice: u64,
    pub(super) cuts: u64,
    pub(super) power_cuts: u64,
    pub(super) failures: u64,
    pub(super) refused: u64,
    pub(super) given_up: u64,
}

pub(super) struct Town {
    pub(super) disk: Disk,
    pub(super) tally: Tally,
    /// What each station was told.
    pub(super) heard: Vec<(StationId, Event)>,
    pub(super) posts: Vec<Post>,
    pub(super) chance: Chance,
    start: Instant,
    /// Milliseconds since the beginning.
    pub(super) clock: u64,
    agenda: BTreeMap<(u64, u64), Happening>,
    happenings: u64,
    pub(super) links: u32,
    /// The server's starts so far, and whether it runs.
    life: u32,
    pub(super) is_up: bool,
    is_dying: bool,
    /// No more troubles.
    pub(super) is_calm: bool,
}

fn machine(id: &StationId, life: u32) -> Machine {
    let manners =
        Manners { heartbeat: Duration::from_secs(300), policy_deadline: Duration::from_secs(3) };
    Machine::new(id.clone(), manners, life)
}

impl Town {
    pub(super) fn new(seed: u64, profiles: Vec<Profile>) -> Self {
        let posts = profiles.into_iter().map(|profile| Post {
            id: profile.id.clone(),
            dialect: Dialect::choose(&[profile.protocol.subprotocol().to_owned()], None).unwrap(),
            machine: machine(&profile.id, 0),
            charger: Charger::new(profile, Millis(EPOCH)),
            link: None,
            served: None,
            up_until: 0,
            down_until: 0,
            wake: 0,
            deadline: 0,
            done: false,
        });
        let mut town = Self {
            disk: Disk::new(),
            tally: Tally::default(),
            heard: Vec::new(),
            posts: posts.collect(),
            chance: Chance::new(seed),
            start: Instant::now(),
            clock: 0,
            agenda: BTreeMap::new(),
            happenings: 0,
            links: 0,
            life: 0,
            is_up: true,
            is_dying: false,
            is_calm: false,
        };
        (0..town.posts.len()).for_each(|n| town.charger(n, sim::Input::Tick));
        town.soon(&PEACE, Happening::Trouble);
        town
    }

    /// Lives on for so long.
    pub(super) fn live(&mut self, time: Duration) {
        let end = self.clock + millis(time);
        while self.agenda.first_key_value().is_some_and(|((at, _), _)| *at <= end) {
            let Some(((at, _), happening)) = self.agenda.pop_first() else { break };
            self.clock = at;
            self.happens(happening);
        }
        self.clock = end;
    }

    /// No more troubles; everybody finishes and hangs up. Whether all could within that time.
    pub(super) fn wind_down(&mut self, time: Duration) -> bool {
        self.is_calm = true;
        (0..self.posts.len()).for_each(|n| self.charger(n, sim::Input::WindDown));
        self.live(time);
        self.posts.iter().all(|post| post.done)
    }

    fn happens(&mut self, happening: Happening) {
        match happening {
            Happening::Wake(n) => self.charger(n, sim::Input::Tick),
            Happening::Deadline(n) => self.machine(n, machine::Input::Timer),
            Happening::Dialled(n) => self.dialled(n),
            Happening::ToServer { n, link, text } => {
                if self.posts[n].served == Some(link) {
                    self.machine(n, machine::Input::Text(text));
                }
            }
            Happening::ToStation { n, link, text } => {
                if self.posts[n].link == Some(link) {
                    self.charger(n, read(&text));
                }
            }
            Happening::Cut { n, link } => {
                if self.posts[n].link == Some(link) {
                    self.tally.cuts += 1;
                    self.hang_up(n, "cut");
                }
            }
            Happening::Noticed { n, link } => {
                if self.posts[n].served == Some(link) {
                    self.posts[n].served = None;
                    self.machine(n, machine::Input::Unlinked { why: "gone".to_owned() });
                }
            }
            Happening::Inside { n, life, input } => {
                if life == self.life {
                    self.machine(n, *input);
                }
            }
            Happening::SyncEnds { life } => {
                if life == self.life {
                    for (n, input) in self.disk.sync_ends() {
                        self.machine(n, input);
                    }
                }
            }
            Happening::Trouble => self.trouble(),
            Happening::ServerDies { life } => {
                if life == self.life {
                    self.server_dies();
                }
            }
            Happening::ServerStarts => self.is_up = true,
        }
        if self.is_up && !self.is_dying && self.disk.has_failed() {
            self.tally.failures += 1;
            self.is_dying = true;
            let life = self.life;
            self.soon(&FAILING, Happening::ServerDies { life });
        }
    }

    fn trouble(&mut self) {
        if self.is_calm {
            return;
        }
        if self.is_up && self.chance.below(2) == 0 {
            self.tally.power_cuts += 1;
            self.server_dies();
        } else {
            self.disk.fail_soon(1 + self.chance.below(FAILS_WITHIN));
        }
        self.soon(&PEACE, Happening::Trouble);
    }

    /// The process ends and the power goes with it.
    fn server_dies(&mut self) {
        if !std::mem::replace(&mut self.is_up, false) {
            return;
        }
        self.is_dying = false;
        self.life += 1;
        let kept = self.chance.below(self.disk.unsynced() as u64 + 1);
        self.disk.power_cut(usize::try_from(kept).unwrap());
        for n in 0..self.posts.len() {
            self.posts[n].machine = machine(&self.posts[n].id, self.life);
            self.posts[n].served = None;
            self.hang_up(n, "the server died");
        }
        self.soon(&RESTART, Happening::ServerStarts);
    }

    pub(super) fn charger(&mut self, n: usize, input: sim::Input) {
        let mut outputs = Vec::new();
        let now = self.now().wall;
        self.posts[n].charger.handle(now, input, &mut outputs);
        let wake = self.posts[n].charger.wake_at().0.saturating_sub(EPOCH).max(self.clock + 1);
        if wake != self.posts[n].wake && wake < u64::MAX - EPOCH {
            self.posts[n].wake = wake;
            self.at(wake, Happening::Wake(n));
        }
        for output in outputs {
            match output {
                sim::Output::Dial => self.soon(&NETWORK, Happening::Dialled(n)),
                sim::Output::HangUp => self.hang_up(n, "hung up"),
                sim::Output::Lose { .. } => self.hang_up(n, "lost the connection"),
                sim::Output::Call { id, action, payload } => {
                    self.say_to_server(n, json!([2, id, action, payload]).to_string());
                }
                sim::Output::Send { id, action, payload } => {
                    self.say_to_server(n, json!([6, id, action, payload]).to_string());
                }
                sim::Output::Answer { id, payload } => {
                    self.say_to_server(n, json!([3, id, payload]).to_string());
                }
                sim::Output::Refuse { id, code, description } => {
                    self.say_to_server(n, json!([4, id, code, description, {}]).to_string());
                }
                sim::Output::Carry(_) => {}
                sim::Output::Report(event) => self.hear(n, event),
                sim::Output::Done => self.posts[n].done = true,
            }
        }
    }

    fn hear(&mut self, n: usize, event: Event) {
        match event {
            Event::CallError { .. } => self.tally.refused += 1,
            Event::GaveUp { .. } => self.tally.given_up += 1,
            _ => {}
        }
        self.heard.push((self.posts[n].id.clone(), event));
    }

    pub(super) fn machine(&mut self, n: usize, input: machine::Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let now = self.now();
            self.posts[n].machine.handle(now, input);
            while let Some(output) = self.posts[n].machine.poll() {
                inputs.extend(self.carry_out(n, output));
            }
        }
        if let Some(deadline) = self.posts[n].machine.deadline() {
            let at = millis(deadline.saturating_duration_since(self.start)).max(self.clock + 1);
            if std::mem::replace(&mut self.posts[n].deadline, at) != at {
                self.at(at, Happening::Deadline(n));
            }
        }
    }

    fn carry_out(&mut self, n: usize, output: Output) -> Option<machine::Input> {
        match output {
            Output::Send(text, _) => {
                let is_answer = text.starts_with("[3,");
                assert!(!(is_answer && self.disk.holds_back(n)), "said before it was kept: {text}");
                self.say_to_station(n, text);
            }
            Output::Look(what) => {
                let outcome = self.disk.look(n, self.posts[n].id.clone(), what);
                return self.outcome(outcome);
            }
            Output::Commit(commit) => {
                let outcome = self.disk.commit(n, commit);
                return self.outcome(outcome);
            }
            Output::Keep(commit) => {
                let outcome = self.disk.keep(n, commit);
                return self.outcome(outcome);
            }
            Output::Note(commit) => {
                let outcome = self.disk.note(n, commit);
                return self.outcome(outcome);
            }
            Output::Ask(_, _) => {
                let (decision, effects) = counting::decide(&self.disk.store);
                let input = Box::new(machine::Input::Decided(decision, effects));
                let life = self.life;
                self.soon(&POLICY, Happening::Inside { n, life, input });
            }
            Output::Respond(..) => {
                let nobody = Default::default();
                return Some(machine::Input::Responded(nobody, Default::default()));
            }
            Output::Price(_, _) => {
                let said = TariffSaid::Offered(Offer::default());
                return Some(machine::Input::Priced(said, Default::default()));
            }
            Output::Ping if self.posts[n].link.is_some() => {
                let (life, input) = (self.life, Box::new(machine::Input::Heard));
                self.soon(&NETWORK, Happening::Inside { n, life, input });
            }
            Output::HangUp(why) => {
                self.posts[n].served = None;
                self.hang_up(n, why);
                return Some(machine::Input::Unlinked { why: why.to_owned() });
            }
            Output::Booted | Output::Ping | Output::Settle(..) | Output::Warn(_) => {}
        }
        None
    }

    fn outcome(&mut self, outcome: Outcome) -> Option<machine::Input> {
        match outcome {
            Outcome::Done(input) => input.map(|input| *input),
            Outcome::SyncBegan => {
                let life = self.life;
                self.soon(&SYNC, Happening::SyncEnds { life });
                None
            }
            Outcome::Waits => None,
        }
    }

    fn now(&self) -> Now {
        let steady = self.start + Duration::from_millis(self.clock);
        Now { wall: Millis(EPOCH + self.clock), steady }
    }

    pub(super) fn soon(&mut self, within: &Range<Duration>, happening: Happening) {
        let at = self.clock + millis(self.chance.within(within));
        self.at(at, happening);
    }

    pub(super) fn at(&mut self, at: u64, happening: Happening) {
        self.happenings += 1;
        self.agenda.insert((at, self.happenings), happening);
    }
}

pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap()
}
