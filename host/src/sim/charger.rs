//! A simulated station without its socket: inputs and the time go in, outputs come out. Knows no clock, no task and no
//! entropy.
//!
//! One call is open at a time, as OCPP-J demands, unless the profile says otherwise; everything else waits in the
//! backlog. A transaction goes on when the
//! connection is lost, and what it had to say is said afterwards, in order and with its own times.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde_json::Value;

use super::backlog::{Backlog, Message, OFFLINE};
use super::bay::{Bay, Doing};
use super::chance::{Chance, Odds};
use super::files::{Carried, Errand, FileWork};
use super::message::{Body, ChargeNo, Ending, Writing};
use super::settings::Settings;
use super::shelf::Shelf;
use super::stream::Stream;
use super::wire::Wire;
use super::{Event, Misdeed, Profile};
use crate::domain::Millis;

/// Until the server has said how often.
const HEARTBEAT_AT_FIRST: Duration = Duration::from_secs(300);

/// Of lost connections: those that nothing tells the server of.
const SILENT_DROPS: Odds = Odds::percent(50);

/// What reaches a station.
#[derive(Debug)]
pub enum Input {
    /// Time has passed, and nothing else.
    Tick,
    Opened,
    Closed {
        why: String,
    },
    /// The server answered a call of ours.
    Answer {
        id: String,
        payload: Value,
    },
    /// The server answered a call of ours with a CALLERROR.
    Error {
        id: String,
        code: String,
        description: String,
    },
    /// The server cannot take an answer of ours.
    AnswerRefused {
        code: String,
        description: String,
    },
    /// The server calls.
    Call {
        id: String,
        action: String,
        payload: Value,
    },
    /// What came of an [`Output::Carry`].
    Carried(Carried),
    /// The owner locks up: finish what runs, start nothing new, then say [`Output::Done`].
    WindDown,
}

/// What a station wants done.
#[derive(Debug)]
pub enum Output {
    Dial,
    HangUp,
    /// Lose the connection without a close frame; if `silent`, without any sign at all.
    Lose {
        silent: bool,
    },
    Call {
        id: String,
        action: &'static str,
        payload: Value,
    },
    /// A call that nobody answers.
    Send {
        id: String,
        action: &'static str,
        payload: Value,
    },
    Answer {
        id: String,
        payload: Value,
    },
    Refuse {
        id: String,
        code: &'static str,
        description: &'static str,
    },
    /// To be answered by [`Input::Carried`], unless another one comes before.
    Carry(Errand),
    Report(Event),
    Done,
}

#[derive(Debug, Clone, Copy)]
enum Line {
    Down {
        dial_at: Millis,
    },
    Dialling,
    Up,
    /// Asked to hang up, and not yet told that it happened.
    Closing,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Boot {
    Due(Millis),
    Sent,
    Accepted,
}

#[derive(Debug)]
pub(super) struct OpenCall {
    pub(super) id: String,
    pub(super) message: Message,
    pub(super) since: Millis,
}

/// A station, from power-on to the scrapyard.
#[derive(Debug)]
pub struct Charger {
    pub(super) profile: Profile,
    pub(super) settings: Settings,
    pub(super) shelf: Shelf,
    pub(super) bays: Vec<Bay>,
    pub(super) chance: Chance,
    pub(super) backlog: Backlog,
    line: Line,
    pub(super) boot: Boot,
    /// In the order in which they were sent.
    open: VecDeque<OpenCall>,
    /// Connections so far, and calls so far.
    pub(super) connection: u32,
    calls: u64,
    /// Dials without success since the last connection.
    failures: u32,
    pub(super) heartbeat_at: Option<Millis>,
    pub(super) stream: Option<Stream>,
    /// The names of charges that still have something to say.
    pub(super) transactions: BTreeMap<ChargeNo, String>,
    pub(super) charges: ChargeNo,
    pub(super) next_card: usize,
    pub(super) power_on: Millis,
    pub(super) files: FileWork,
    /// To be done when nobody charges any more.
    pub(super) reset_due: bool,
    pub(super) winding_down: bool,
    done: bool,
}

impl Charger {
    pub fn new(profile: Profile, now: Millis) -> Self {
        let mut chance = Chance::new(profile.seed);
        let bays = (1..=profile.connectors)
            .map(|n| Bay::new(n, profile.register_wh, now + chance.within(&profile.pace.pause)))
            .collect();
        let dial_at = now + chance.within(&(Duration::ZERO..profile.pace.backoff));
        let next_card = usize::try_from(chance.below(profile.cards.len() as u64)).unwrap_or(0);
        Self {
            shelf: Shelf::default(),
            settings: Settings::new(
                profile.protocol.wire().settings,
                profile.connectors,
                HEARTBEAT_AT_FIRST,
            ),
            profile,
            bays,
            chance,
            backlog: Backlog::default(),
            line: Line::Down { dial_at },
            boot: Boot::Due(now),
            open: VecDeque::new(),
            connection: 0,
            calls: 0,
            failures: 0,
            heartbeat_at: None,
            stream: None,
            transactions: BTreeMap::new(),
            charges: 0,
            next_card,
            power_on: now,
            files: FileWork::default(),
            reset_due: false,
            winding_down: false,
            done: false,
        }
    }

    /// When to come back with [`Input::Tick`] if nothing else happens before.
    pub fn wake_at(&self) -> Millis {
        let line = match self.line {
            Line::Down { dial_at } => Some(dial_at),
            Line::Dialling | Line::Up | Line::Closing => None,
        };
        let boot = match (self.boot, self.line) {
            (Boot::Due(at), Line::Up) => Some(at),
            _ => None,
        };
        let answer = self.open.front().map(|open| open.since + self.profile.pace.answer);
        let heartbeat = self.heartbeat_at.filter(|_| self.is_up());
        let bays = self.bays.iter().filter(|bay| self.may_act(bay)).filter_map(Bay::wake_at);
        let last = Millis(u64::MAX);
        let stream = self.stream_due();
        [line, boot, answer, heartbeat, stream]
            .into_iter()
            .flatten()
            .chain(bays)
            .min()
            .unwrap_or(last)
    }

    /// One input in, its consequences out.
    pub fn handle(&mut self, now: Millis, input: Input, out: &mut Vec<Output>) {
        match input {
            Input::Tick => {}
            Input::Opened => self.opened(now, out),
            Input::Closed { why } => self.closed(now, why, out),
            Input::Answer { id, payload } => {
                if let Some(open) = self.take_open(&id) {
                    let is_of_charge = open.message.body.survives();
                    if is_of_charge && self.chance.happens(self.profile.faults.replays) {
                        out.push(Output::Report(Event::Misbehaved(Misdeed::Replayed)));
                        self.backlog.take_back(open.message);
                    } else {
                        self.answered(now, open, &payload, out);
                    }
                }
            }
            Input::Error { id, code, description } => {
                if let Some(open) = self.take_open(&id) {
                    self.refused(now, open, code, description, out);
                }
            }
            Input::AnswerRefused { code, description } => {
                out.push(Output::Report(Event::AnswerRefused { code, description }));
            }
            Input::Call { id, action, payload } => {
                self.commanded(now, id, action, &payload, out);
            }
            Input::Carried(carried) => self.carried(carried, out),
            Input::WindDown => self.wind_down(now),
        }
        self.pass_time(now, out);
        if self.reset_due && self.is_up() && self.has_said_everything() {
            self.reset_due = false;
            self.reboot(now, out);
        }
        self.send_next(now, out);
        if self.winding_down && !self.done && self.has_said_everything() {
            self.done = true;
            out.push(Output::Done);
        }
    }

    pub(super) const fn is_up(&self) -> bool {
        matches!(self.line, Line::Up)
    }

    fn is_ready(&self) -> bool {
        self.is_up() && matches!(self.boot, Boot::Accepted)
    }

    /// A running charge goes on whatever happens; a new one needs a server to ask.
    fn may_act(&self, bay: &Bay) -> bool {
        bay.charge().is_some()
            || (self.is_ready()
                && !self.winding_down
                && !self.reset_due
                && !self.profile.cards.is_empty())
    }

    pub(super) const fn wire(&self) -> &'static Wire {
        self.profile.protocol.wire()
    }

    pub(super) fn action(&self, body: &Body) -> &'static str {
        (self.wire().action)(body)
    }

    /// The name that the station gives a new charge, if that is the station's to give.
    pub(super) fn name_charge(&mut self, charge: ChargeNo) {
        if let Some(name) = (self.wire().name)(self.power_on, charge) {
            self.transactions.insert(charge, name);
        }
    }

    /// Something about the charge waits to be said or to be answered.
    pub(super) fn tells_of(&self, charge: ChargeNo) -> bool {
        let mut open = self.open.iter();
        self.backlog.tells_of(charge) || open.any(|it| it.message.body.charge() == Some(charge))
    }

    pub(super) fn has_nothing_to_say(&self) -> bool {
        self.backlog.is_empty() && self.open.is_empty()
    }

    fn has_said_everything(&self) -> bool {
        self.has_nothing_to_say() && self.bays.iter().all(|bay| bay.charge().is_none())
    }

    fn opened(&mut self, now: Millis, out: &mut Vec<Output>) {
        self.line = Line::Up;
        self.failures = 0;
        self.connection += 1;
        out.push(Output::Report(Event::Connected));
        if matches!(self.boot, Boot::Accepted) {
            self.heartbeat_at = Some(now + self.settings.heartbeat());
            self.tell_all_statuses(now);
        } else {
            self.boot = Boot::Due(now);
        }
    }

    fn closed(&mut self, now: Millis, why: String, out: &mut Vec<Output>) {
        out.push(Output::Report(match self.line {
            Line::Up | Line::Closing => Event::Disconnected { why },
            Line::Down { .. } | Line::Dialling => Event::Unreachable { why },
        }));
        if matches!(self.boot, Boot::Sent) {
            self.boot = Boot::Due(now);
        }
        let open = std::mem::take(&mut self.open);
        self.take_back(now, open);
        self.backlog.cut();
        for n in 0..self.bays.len() {
            if matches!(self.bays[n].doing, Doing::Asking { .. }) {
                self.next_driver(now, n);
            }
        }
        let pace = &self.profile.pace;
        let wait = pace.backoff.saturating_mul(1 << self.failures.min(10)).min(pace.backoff_most);
        self.failures += 1;
        self.line = Line::Down { dial_at: now + self.chance.around(wait) };
    }

    /// What time alone brings: dialling, boots, heartbeats, drivers, readings, ends.
    fn pass_time(&mut self, now: Millis, out: &mut Vec<Output>) {
        if let Line::Down { dial_at } = self.line
            && dial_at <= now
        {
            self.line = Line::Dialling;
            out.push(Output::Dial);
        }
        self.lose_patience(now, out);
        if self.is_ready() && self.heartbeat_at.is_some_and(|at| at <= now) {
            self.heartbeat_at = Some(now + self.settings.heartbeat());
            self.say(Body::Heartbeat);
        }
        self.pass_time_on_stream(now, out);
        for n in 0..self.bays.len() {
            if self.may_act(&self.bays[n]) {
                self.pass_time_at(now, n);
            }
        }
    }

    fn lose_patience(&mut self, now: Millis, out: &mut Vec<Output>) {
        let late = |open: &OpenCall| open.since + self.profile.pace.answer <= now;
        let younger = self.open.iter().position(|open| !late(open)).unwrap_or(self.open.len());
        let late = self.open.drain(..younger).collect::<VecDeque<_>>();
        for open in &late {
            out.push(Output::Report(Event::Unanswered { action: self.action(&open.message.body) }));
            if matches!(open.message.body, Body::Boot) {
                self.boot = Boot::Due(now);
            }
        }
        self.take_back(now, late);
    }

    /// Calls that will not be answered: those that are still worth something wait again, in the order they had.
    fn take_back(&mut self, now: Millis, unanswered: VecDeque<OpenCall>) {
        for open in unanswered.into_iter().rev() {
            self.give_up_question(now, &open.message.body);
            self.backlog.take_back(open.message);
        }
    }

    fn send_next(&mut self, now: Millis, out: &mut Vec<Output>) {
        while self.is_up() && self.open.len() < self.profile.faults.open_calls.max(1) {
            match self.boot {
                Boot::Due(at) if at <= now && self.open.is_empty() => {
                    self.backlog.push_front(Body::Boot, self.connection);
                    self.boot = Boot::Sent;
                }
                Boot::Accepted => {}
                Boot::Due(_) | Boot::Sent => return,
            }
            if self.backlog.peek().is_some_and(|body| self.must_wait(body)) {
                return;
            }
            let Some(message) = self.backlog.pop() else { return };
            self.send(now, message, out);
        }
    }

    /// The message names a charge whose name is on its way.
    fn must_wait(&self, body: &Body) -> bool {
        let starts = |open: &OpenCall| matches!(open.message.body, Body::Start { .. });
        body.charge().is_some_and(|charge| {
            let is_named = self.transactions.contains_key(&charge);
            let mut open = self.open.iter();
            !is_named && open.any(|open| starts(open) && open.message.body.charge() == Some(charge))
        })
    }

    fn send(&mut self, now: Millis, mut message: Message, out: &mut Vec<Output>) {
        let transaction = message.body.charge().and_then(|charge| self.transactions.get(&charge));
        let writing = Writing {
            vendor: &self.profile.vendor,
            model: &self.profile.model,
            serial: self.profile.id.as_str(),
            firmware: &self.files.firmware,
            transaction: transaction.map(String::as_str),
            offline: message.is_offline(),
            clock: self.profile.faults.clock,
            power_on: self.power_on,
        };
        let payload = (self.wire().payload)(&message.body, &writing);
        let id = self.next_id();
        let action = self.action(&message.body);
        message.sent += 1;
        out.push(Output::Call { id: id.clone(), action, payload });
        if !self.open.is_empty() {
            out.push(Output::Report(Event::Misbehaved(Misdeed::Pipelined)));
        }
        self.open.push_back(OpenCall { id, message, since: now });
        if self.chance.happens(self.profile.faults.drops) {
            let silent = self.chance.happens(SILENT_DROPS);
            out.push(Output::Report(Event::Misbehaved(Misdeed::Dropped { silent })));
            out.push(Output::Lose { silent });
            self.line = Line::Closing;
        }
    }

    /// For a message of ours: no two have the same.
    pub(super) fn next_id(&mut self) -> String {
        self.calls += 1;
        format!("{:x}-{}", self.profile.seed, self.calls)
    }

    /// A moment as the station's clock has it.
    pub(super) fn shown(&self, at: Millis) -> Millis {
        self.profile.faults.clock.shows(at, self.power_on)
    }

    fn take_open(&mut self, id: &str) -> Option<OpenCall> {
        let index = self.open.iter().position(|open| open.id == id)?;
        self.open.remove(index)
    }

    fn wind_down(&mut self, now: Millis) {
        self.winding_down = true;
        for n in 0..self.bays.len() {
            self.stop(now, n, Ending::Local);
        }
    }

    /// Queues a message. Without a connection only what is still worth something later.
    pub(super) fn say(&mut self, body: Body) {
        if self.is_up() {
            self.backlog.push(body, self.connection);
        } else if body.survives() {
            self.backlog.push(body, OFFLINE);
        }
    }

    /// Boots again over a new connection; what runs has been stopped before.
    pub(super) fn reboot(&mut self, now: Millis, out: &mut Vec<Output>) {
        self.boot = Boot::Due(now);
        self.line = Line::Closing;
        out.push(Output::HangUp);
    }

    pub(super) fn boot_again(&mut self, now: Millis) {
        self.boot = Boot::Due(now);
    }

    pub(super) fn heartbeat_from(&mut self, now: Millis) {
        self.heartbeat_at = Some(now + self.settings.heartbeat());
    }
}
