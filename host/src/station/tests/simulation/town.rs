//! Stations, a network, a server and a clock, none of which is real, and all of whose troubles come from one seed.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::super::super::machine::{self, Link, Machine, Manners, Now, Output};
use super::super::counting;
use super::disk::{Disk, Outcome};
use crate::domain::{Millis, Offer, StationId, TariffSaid};
use crate::ocpp::Dialect;
use crate::sim::{self, Chance, Charger, Event, Profile};

/// When the story begins: 2026-01-01T10:00:00Z.
const EPOCH: u64 = 1_767_261_600_000;

/// How long things take.
const NETWORK: Range<Duration> = Duration::from_millis(20)..Duration::from_millis(300);
const SYNC: Range<Duration> = Duration::from_millis(1)..Duration::from_millis(60);
const POLICY: Range<Duration> = Duration::ZERO..Duration::from_millis(200);
const RESTART: Range<Duration> = Duration::from_secs(1)..Duration::from_secs(60);
/// From the failure of the store to the end of the server.
const FAILING: Range<Duration> = Duration::ZERO..Duration::from_millis(300);
/// From the end of a connection to the server's noticing.
const NOTICING: Range<Duration> = Duration::ZERO..Duration::from_secs(90);
/// Between two troubles of the server.
const PEACE: Range<Duration> = Duration::from_secs(120)..Duration::from_secs(1800);

/// Out of so many messages one is lost, one comes twice, and one is the last of its connection.
const LOST: u64 = 150;
const TWICE: u64 = 100;
const CUT: u64 = 200;

/// Operations of the store until one fails, at most.
const FAILS_WITHIN: u64 = 60;

enum Happening {
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
        input: machine::Input,
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
struct Post {
    id: StationId,
    dialect: &'static Dialect,
    charger: Charger,
    machine: Machine,
    /// The connection that the station has, and the one that the server has: they need not agree.
    link: Option<u32>,
    served: Option<u32>,
    /// A connection keeps the order of its messages: until when each way is taken.
    up_until: u64,
    down_until: u64,
    /// When it is already to be woken, on either side.
    wake: u64,
    deadline: u64,
    done: bool,
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
    posts: Vec<Post>,
    chance: Chance,
    start: Instant,
    /// Milliseconds since the beginning.
    clock: u64,
    agenda: BTreeMap<(u64, u64), Happening>,
    happenings: u64,
    links: u32,
    /// The server's starts so far, and whether it runs.
    life: u32,
    is_up: bool,
    is_dying: bool,
    /// No more troubles.
    is_calm: bool,
}

fn machine(id: &StationId, life: u32) -> Machine {
    let manners =
        Manners { heartbeat: Duration::from_secs(300), policy_deadline: Duration::from_secs(3) };
    Machine::new(id.clone(), manners, life)
}

impl Town {
    pub(super) fn new(seed: u64, profiles: Vec<(Profile, &'static Dialect)>) -> Self {
        let posts = profiles.into_iter().map(|(profile, dialect)| Post {
            id: profile.id.clone(),
            dialect,
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
                    self.machine(n, input);
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

    fn dialled(&mut self, n: usize) {
        if !self.is_up {
            return self.charger(n, sim::Input::Closed { why: "refused".to_owned() });
        }
        self.links += 1;
        let post = &mut self.posts[n];
        (post.link, post.served) = (Some(self.links), Some(self.links));
        let link = Link { dialect: post.dialect, peer: "10.0.0.1:5000".to_owned() };
        self.machine(n, machine::Input::Linked(link));
        self.charger(n, sim::Input::Opened);
    }

    /// The station's end of a connection is gone. The server may take its time to notice.
    fn hang_up(&mut self, n: usize, why: &str) {
        let Some(link) = self.posts[n].link.take() else { return };
        self.soon(&NOTICING, Happening::Noticed { n, link });
        self.charger(n, sim::Input::Closed { why: why.to_owned() });
    }

    fn charger(&mut self, n: usize, input: sim::Input) {
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
                sim::Output::Call { id, action, payload } => {
                    self.to_server(n, json!([2, id, action, payload]).to_string());
                }
                sim::Output::Answer { id, payload } => {
                    self.to_server(n, json!([3, id, payload]).to_string());
                }
                sim::Output::Refuse { id, code, description } => {
                    self.to_server(n, json!([4, id, code, description, {}]).to_string());
                }
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

    fn machine(&mut self, n: usize, input: machine::Input) {
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
            Output::Send(text) => {
                let is_answer = text.starts_with("[3,");
                assert!(!(is_answer && self.disk.holds_back(n)), "said before it was kept: {text}");
                self.to_station(n, text);
            }
            Output::Look(what) => {
                let outcome = self.disk.look(n, self.posts[n].id.clone(), what);
                return self.outcome(outcome);
            }
            Output::Commit(commit) => {
                let outcome = self.disk.commit(n, commit);
                return self.outcome(outcome);
            }
            Output::Note(commit) => {
                let outcome = self.disk.note(n, commit);
                return self.outcome(outcome);
            }
            Output::Ask(_, _) => {
                let (decision, effects) = counting::decide(&self.disk.store);
                let (life, input) = (self.life, machine::Input::Decided(decision, effects));
                self.soon(&POLICY, Happening::Inside { n, life, input });
            }
            Output::Price(_, _) => {
                let said = TariffSaid::Offered(Offer::default());
                return Some(machine::Input::Priced(said, Default::default()));
            }
            Output::Ping if self.posts[n].link.is_some() => {
                let (life, input) = (self.life, machine::Input::Heard);
                self.soon(&NETWORK, Happening::Inside { n, life, input });
            }
            Output::HangUp(why) => {
                self.posts[n].served = None;
                self.hang_up(n, why);
                return Some(machine::Input::Unlinked { why: why.to_owned() });
            }
            Output::Ping | Output::Settle(..) | Output::Warn(_) => {}
        }
        None
    }

    fn outcome(&mut self, outcome: Outcome) -> Option<machine::Input> {
        match outcome {
            Outcome::Done(input) => input,
            Outcome::SyncBegan => {
                let life = self.life;
                self.soon(&SYNC, Happening::SyncEnds { life });
                None
            }
            Outcome::Waits => None,
        }
    }

    fn to_server(&mut self, n: usize, text: String) {
        let Some(link) = self.posts[n].link else { return };
        let at = (self.clock + millis(self.chance.within(&NETWORK))).max(self.posts[n].up_until);
        self.posts[n].up_until = at;
        for text in self.copies(n, text) {
            self.at(at, Happening::ToServer { n, link, text });
        }
    }

    fn to_station(&mut self, n: usize, text: String) {
        let Some(link) = self.posts[n].served else { return };
        let at = (self.clock + millis(self.chance.within(&NETWORK))).max(self.posts[n].down_until);
        self.posts[n].down_until = at;
        for text in self.copies(n, text) {
            self.at(at, Happening::ToStation { n, link, text });
        }
    }

    /// What the network makes of a message: mostly one.
    fn copies(&mut self, n: usize, text: String) -> Vec<String> {
        self.tally.messages += 1;
        if self.is_calm {
            return vec![text];
        }
        if let Some(link) = self.posts[n].link.filter(|_| self.chance.below(CUT) == 0) {
            self.soon(&NETWORK, Happening::Cut { n, link });
        }
        if self.chance.below(LOST) == 0 {
            self.tally.lost += 1;
            return Vec::new();
        }
        if self.chance.below(TWICE) == 0 {
            self.tally.twice += 1;
            return vec![text.clone(), text];
        }
        vec![text]
    }

    fn now(&self) -> Now {
        let steady = self.start + Duration::from_millis(self.clock);
        Now { wall: Millis(EPOCH + self.clock), steady }
    }

    fn soon(&mut self, within: &Range<Duration>, happening: Happening) {
        let at = self.clock + millis(self.chance.within(within));
        self.at(at, happening);
    }

    fn at(&mut self, at: u64, happening: Happening) {
        self.happenings += 1;
        self.agenda.insert((at, self.happenings), happening);
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap()
}

/// What the server said, as the station's socket would hand it on.
fn read(text: &str) -> sim::Input {
    let mut parts: Vec<Value> = serde_json::from_str(text).unwrap();
    let mut next = |n: usize| parts[n].take();
    let word = |value: Value| value.as_str().unwrap().to_owned();
    let kind = next(0).as_u64();
    let id = word(next(1));
    match kind {
        Some(2) => sim::Input::Call { id, action: word(next(2)), payload: next(3) },
        Some(3) => sim::Input::Answer { id, payload: next(2) },
        _ => sim::Input::Error { id, code: word(next(2)), description: word(next(3)) },
    }
}
