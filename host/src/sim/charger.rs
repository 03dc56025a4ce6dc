//! A simulated station without its socket: inputs and the time go in, outputs come out. Knows no clock, no task and no
//! entropy.
//!
//! One call is open at a time, as OCPP-J demands; everything else waits in the backlog. A transaction goes on when the
//! connection is lost, and what it had to say is said afterwards, in order and with its own times.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::backlog::{Backlog, Body, ChargeNo, Message};
use super::bay::{Bay, Charge, Doing};
use super::chance::Chance;
use super::commands::Settings;
use super::{Event, Profile};
use crate::domain::{IdToken, Millis};

/// Until the server has said how often.
const HEARTBEAT_AT_FIRST: Duration = Duration::from_secs(300);

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
    /// The server calls.
    Call {
        id: String,
        action: String,
        payload: Value,
    },
    /// The owner locks up: finish what runs, start nothing new, then say [`Output::Done`].
    WindDown,
}

/// What a station wants done.
#[derive(Debug)]
pub enum Output {
    Dial,
    HangUp,
    Call { id: String, action: &'static str, payload: Value },
    Answer { id: String, payload: Value },
    Refuse { id: String, code: &'static str, description: &'static str },
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
    pub(super) bays: Vec<Bay>,
    pub(super) chance: Chance,
    pub(super) backlog: Backlog,
    line: Line,
    pub(super) boot: Boot,
    open: Option<OpenCall>,
    /// Connections so far, and calls so far.
    pub(super) connection: u32,
    calls: u64,
    /// Dials without success since the last connection.
    failures: u32,
    pub(super) heartbeat_at: Option<Millis>,
    /// The server's ids of charges that still have something to say.
    pub(super) transactions: BTreeMap<ChargeNo, i64>,
    charges: ChargeNo,
    next_card: usize,
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
            settings: Settings::new(profile.connectors, HEARTBEAT_AT_FIRST),
            profile,
            bays,
            chance,
            backlog: Backlog::default(),
            line: Line::Down { dial_at },
            boot: Boot::Due(now),
            open: None,
            connection: 0,
            calls: 0,
            failures: 0,
            heartbeat_at: None,
            transactions: BTreeMap::new(),
            charges: 0,
            next_card,
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
        let answer = self.open.as_ref().map(|open| open.since + self.profile.pace.answer);
        let heartbeat = self.heartbeat_at.filter(|_| self.is_up());
        let bays = self.bays.iter().filter(|bay| self.may_act(bay)).filter_map(Bay::wake_at);
        let last = Millis(u64::MAX);
        [line, boot, answer, heartbeat].into_iter().flatten().chain(bays).min().unwrap_or(last)
    }

    /// One input in, its consequences out.
    pub fn handle(&mut self, now: Millis, input: Input, out: &mut Vec<Output>) {
        match input {
            Input::Tick => {}
            Input::Opened => self.opened(now, out),
            Input::Closed { why } => self.closed(now, why, out),
            Input::Answer { id, payload } => {
                if let Some(open) = self.take_open(&id) {
                    self.answered(now, open, &payload, out);
                }
            }
            Input::Error { id, code, description } => {
                if let Some(open) = self.take_open(&id) {
                    self.refused(now, open, code, description, out);
                }
            }
            Input::Call { id, action, payload } => {
                self.commanded(now, id, action, &payload, out);
            }
            Input::WindDown => self.wind_down(now),
        }
        self.pass_time(now, out);
        self.send_next(now, out);
        if self.winding_down && !self.done && self.has_said_everything() {
            self.done = true;
            out.push(Output::Done);
        }
    }

    const fn is_up(&self) -> bool {
        matches!(self.line, Line::Up)
    }

    fn is_ready(&self) -> bool {
        self.is_up() && matches!(self.boot, Boot::Accepted)
    }

    /// A running charge goes on whatever happens; a new one needs a server to ask.
    fn may_act(&self, bay: &Bay) -> bool {
        bay.charge().is_some()
            || (self.is_ready() && !self.winding_down && !self.profile.cards.is_empty())
    }

    fn has_said_everything(&self) -> bool {
        self.backlog.is_empty()
            && self.open.is_none()
            && self.bays.iter().all(|bay| bay.charge().is_none())
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
        if let Some(open) = self.open.take() {
            self.give_up_question(now, &open.message.body);
            self.backlog.take_back(open.message);
        }
        self.backlog.cut();
        for n in 0..self.bays.len() {
            if matches!(self.bays[n].doing, Doing::Asking) {
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
        if let Some(open) = self.open.take_if(|open| open.since + self.profile.pace.answer <= now) {
            out.push(Output::Report(Event::Unanswered { action: open.message.body.action() }));
            if matches!(open.message.body, Body::Boot) {
                self.boot = Boot::Due(now);
            }
            self.give_up_question(now, &open.message.body);
            self.backlog.take_back(open.message);
        }
        if self.is_ready() && self.heartbeat_at.is_some_and(|at| at <= now) {
            self.heartbeat_at = Some(now + self.settings.heartbeat());
            self.say(Body::Heartbeat);
        }
        for n in 0..self.bays.len() {
            if self.may_act(&self.bays[n]) {
                self.pass_time_at(now, n);
            }
        }
    }

    fn pass_time_at(&mut self, now: Millis, n: usize) {
        match &mut self.bays[n].doing {
            Doing::Waiting { until } if *until <= now => {
                if let Some(card) = self.profile.cards.get(self.next_card).cloned() {
                    self.next_card = (self.next_card + 1) % self.profile.cards.len();
                    self.ask(now, n, card);
                }
            }
            Doing::Charging(charge) if charge.ends <= now => self.stop(now, n, "EVDisconnected"),
            Doing::Charging(charge) if charge.next_reading <= now => {
                charge.next_reading = now + self.profile.pace.meter;
                self.read_meter(now, n);
            }
            _ => {}
        }
    }

    fn send_next(&mut self, now: Millis, out: &mut Vec<Output>) {
        if !self.is_up() || self.open.is_some() {
            return;
        }
        match self.boot {
            Boot::Due(at) if at <= now => {
                self.backlog.push_front(Body::Boot, self.connection);
                self.boot = Boot::Sent;
            }
            Boot::Accepted => {}
            Boot::Due(_) | Boot::Sent => return,
        }
        let Some(mut message) = self.backlog.pop() else { return };
        let transaction = match message.body.names_charge() {
            Some(charge) => self.transactions.get(&charge).copied().unwrap_or(-1),
            None => 0,
        };
        let payload = match message.body {
            Body::Boot => json!({
                "chargePointVendor": self.profile.vendor, "chargePointModel": self.profile.model,
                "chargePointSerialNumber": self.profile.id.as_str(), "firmwareVersion": "1.0.0",
            }),
            _ => message.body.payload(transaction),
        };
        self.calls += 1;
        let id = format!("{:x}-{}", self.profile.seed, self.calls);
        let action = message.body.action();
        message.sent += 1;
        out.push(Output::Call { id: id.clone(), action, payload });
        self.open = Some(OpenCall { id, message, since: now });
    }

    fn take_open(&mut self, id: &str) -> Option<OpenCall> {
        self.open.take_if(|open| open.id == id)
    }

    fn wind_down(&mut self, now: Millis) {
        self.winding_down = true;
        for n in 0..self.bays.len() {
            self.stop(now, n, "Local");
        }
    }

    /// Queues a message. Without a connection only what is still worth something later.
    pub(super) fn say(&mut self, body: Body) {
        if self.is_up() {
            self.backlog.push(body, self.connection);
        } else if body.survives() {
            self.backlog.push(body, 0);
        }
    }

    pub(super) fn ask(&mut self, now: Millis, n: usize, card: IdToken) {
        let connector = self.bays[n].connector;
        self.bays[n].doing = Doing::Asking;
        self.tell_status(now, n);
        self.say(Body::Authorize { connector, card });
    }

    pub(super) fn start(&mut self, now: Millis, n: usize, card: IdToken) {
        self.charges += 1;
        let charge = self.charges;
        let ends = now + self.chance.within(&self.profile.pace.charge);
        let bay = &mut self.bays[n];
        let (connector, meter_wh) = (bay.connector, bay.register_wh);
        bay.doing = Doing::Charging(Charge {
            no: charge,
            card: card.clone(),
            began: now,
            ends,
            meter_start_wh: meter_wh,
            next_reading: now + self.profile.pace.meter,
        });
        self.say(Body::Start { connector, charge, card, meter_wh, at: now });
        self.tell_status(now, n);
    }

    pub(super) fn read_meter(&mut self, now: Millis, n: usize) {
        let power_w = self.profile.power_w;
        let connector = self.bays[n].connector;
        let Some(charge) = self.bays[n].charge() else { return };
        let delivered_wh = charge.delivered_wh(now, power_w, self.profile.pace.speed);
        let meter_wh = charge.meter_start_wh + delivered_wh;
        let charge = charge.no;
        self.say(Body::Meter { connector, charge, meter_wh, delivered_wh, power_w, at: now });
    }

    /// Ends the connector's charge; nothing happens when there is none.
    pub(super) fn stop(&mut self, now: Millis, n: usize, reason: &'static str) {
        let Some(Charge { no, card, .. }) = self.bays[n].charge().cloned() else { return };
        let delivered_wh = self.bays[n].charge().map_or(0, |charge| {
            charge.delivered_wh(now, self.profile.power_w, self.profile.pace.speed)
        });
        let bay = &mut self.bays[n];
        bay.register_wh += delivered_wh;
        let (connector, meter_wh) = (bay.connector, bay.register_wh);
        let body =
            Body::Stop { connector, charge: no, card, meter_wh, delivered_wh, reason, at: now };
        self.say(body);
        self.next_driver(now, n);
        self.tell_status(now, n);
    }

    /// The connector is free again, or closed if it was to be.
    pub(super) fn next_driver(&mut self, now: Millis, n: usize) {
        let pause = self.chance.within(&self.profile.pace.pause);
        let bay = &mut self.bays[n];
        bay.doing = if bay.closing { Doing::Closed } else { Doing::Waiting { until: now + pause } };
    }

    pub(super) fn tell_status(&mut self, now: Millis, n: usize) {
        let (connector, status) = (self.bays[n].connector, self.bays[n].status());
        self.say(Body::Status { connector, status, at: now });
    }

    pub(super) fn tell_all_statuses(&mut self, now: Millis) {
        (0..self.bays.len()).for_each(|n| self.tell_status(now, n));
    }

    pub(super) fn bay_at(&self, connector: u32) -> Option<usize> {
        self.bays.iter().position(|bay| bay.connector == connector)
    }

    pub(super) fn bay_of(&self, charge: ChargeNo) -> Option<usize> {
        self.bays.iter().position(|bay| bay.charge().is_some_and(|c| c.no == charge))
    }

    pub(super) fn bay_of_transaction(&self, transaction: i64) -> Option<usize> {
        self.bays.iter().position(|bay| {
            let charge = bay.charge().map(|charge| charge.no);
            charge.is_some_and(|no| self.transactions.get(&no) == Some(&transaction))
        })
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
