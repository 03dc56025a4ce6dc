//! What a station's messages lead to. Sans-IO: no socket, no store, no policy, no clock, no randomness.
//!
//! Whoever drives it hands in [`Input`]s with the time, and carries out the [`Output`]s. One CALL of the station is
//! worked on at a time, in the order of arrival; one CALL of ours is open at a time.

mod costs;
mod fitting;
mod telling;
mod unanswered;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde_json::value::RawValue;

use self::unanswered::Unanswered;
use super::commands::{CommandId, Commands, Sender, Settled};
use super::exchange::{Exchange, Found, Look, Open, Step, Welcome};
use super::handling::Handling;
use super::liveness::{Liveness, Pulse};
use super::probation::Probation;
use super::registry::{Command, CommandFailure};
use super::scribe::Scribe;
use super::warnings::Warnings;
use crate::domain::{
    Acceptance, AuthorizeAsk, Decision, Effects, FactBody, Millis, Responded, StationId, TariffAsk,
    TariffSaid,
};
use crate::holdings::{self, Heard};
use crate::ocpp::{Answer, BadFrame, Call, Dialect, ErrorCode, Fault, Frame, MessageId, Problem};
use crate::store::{Commit, CommitError, Receipt, StoreError};

/// CALLs of one connection that may wait behind the one being worked on. OCPP-J allows none (1.6 §4.1.1); stations
/// send several after boot.
pub const MAX_WAITING_CALLS: usize = 16;

/// The same with those of connections that broke: a station that comes back at once is not to blame for them.
const MAX_WAITING_ALTOGETHER: usize = 4 * MAX_WAITING_CALLS;

/// From one boot to the next of a station that was not accepted, at most.
const BOOT_AGAIN: Duration = Duration::from_secs(60);

/// The moment of an input: the time of day for records, a steady clock for deadlines.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    pub wall: Millis,
    pub steady: Instant,
}

/// Everything that can happen to a station.
#[derive(Debug)]
pub enum Input {
    /// A newer connection took over.
    Linked(Link),
    /// The current connection is gone.
    Unlinked {
        why: String,
    },
    Text(String),
    /// A message that had to be mended before it could be read.
    Mended {
        text: String,
        /// As the station sent it.
        original: String,
    },
    /// A ping, a pong: a sign of life.
    Heard,
    Found(Result<Box<Found>, StoreError>),
    Decided(Decision, Effects),
    Responded(Box<Responded<Result<Answer, Fault>>>, Effects),
    Priced(TariffSaid, Effects),
    Committed(Result<Receipt, CommitError>),
    Kept(Result<Receipt, CommitError>),
    Command(CommandId, Command),
    /// A deadline may have passed.
    Timer,
}

/// Everything that a station's machine may ask for.
pub enum Output {
    /// A text message for the current connection; the action of the call that it answers.
    Send(String, Option<&'static str>),
    /// To be answered by [`Input::Found`].
    Look(Look),
    /// To be answered by [`Input::Decided`], before the deadline.
    Ask(Box<AuthorizeAsk>, Instant),
    /// To be answered by [`Input::Responded`], before the deadline.
    Respond(Box<Open>, Instant),
    /// To be answered by [`Input::Priced`], before the deadline.
    Price(Box<TariffAsk>, Instant),
    /// To be answered by [`Input::Committed`].
    Commit(Commit),
    /// To be answered by [`Input::Kept`].
    Keep(Commit),
    /// To be committed; nobody waits for it.
    Note(Commit),
    /// The end of a command that came in by [`Input::Command`].
    Settle(CommandId, Result<Box<RawValue>, CommandFailure>),
    /// The station has booted, and was told so.
    Booted,
    /// Nothing was heard for long: ask whether the other side is still there.
    Ping,
    /// The connection is of no use any more.
    HangUp(&'static str),
    /// Something that the operator should read; about this station.
    Warn(String),
}

/// A connection that passed the door.
#[derive(Debug, Clone)]
pub struct Link {
    pub dialect: &'static Dialect,
    pub peer: String,
    pub handling: Handling,
}

/// What an operator may set for all stations.
#[derive(Debug, Clone, Copy)]
pub struct Manners {
    /// Between heartbeats; told to stations in the answer to BootNotification.
    pub heartbeat: Duration,
    /// From the arrival of a message to the last word of the policies.
    pub policy_deadline: Duration,
}

struct Waiting {
    /// The connection that it came by.
    generation: u64,
    dialect: &'static Dialect,
    id: MessageId,
    call: Call,
    raw: String,
    now: Now,
    /// What it says of the things that the station holds.
    heard: Option<Heard>,
}

/// See the module.
pub struct Machine {
    station: StationId,
    manners: Manners,
    link: Option<Link>,
    liveness: Liveness,
    probation: Probation,
    warnings: Warnings,
    /// Boxed: few stations have any.
    refusals: Option<Box<Warnings>>,
    /// Counts connections, so that the answer to a call never goes to a later connection.
    generation: u64,
    /// The station has refused to be told what sessions cost, on this connection.
    takes_no_cost: bool,
    current: Option<(u64, MessageId, Exchange)>,
    waiting: VecDeque<Waiting>,
    unanswered: Unanswered,
    commands: Commands,
    outputs: VecDeque<Output>,
}

impl Machine {
    /// `salt` tells the message ids of this machine from those of its predecessors.
    pub fn new(station: StationId, manners: Manners, salt: u32) -> Self {
        Self {
            station,
            manners,
            link: None,
            liveness: Liveness::default(),
            probation: Probation::default(),
            warnings: Warnings::default(),
            refusals: None,
            generation: 0,
            takes_no_cost: false,
            current: None,
            waiting: VecDeque::new(),
            unanswered: Unanswered::default(),
            commands: Commands::new(salt),
            outputs: VecDeque::new(),
        }
    }

    /// What to do next; `None` until the next input.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Input::Timer`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        [self.liveness.deadline(), self.commands.deadline()].into_iter().flatten().min()
    }

    /// Nothing is under way and nobody is connected.
    pub fn is_idle(&self) -> bool {
        self.link.is_none() && self.is_settled() && self.commands.is_empty()
    }

    /// Nothing that must still reach the records is under way.
    pub fn is_settled(&self) -> bool {
        self.current.is_none() && self.waiting.is_empty()
    }

    pub fn handle(&mut self, now: Now, input: Input) {
        match input {
            Input::Linked(link) => self.linked(now, link),
            Input::Unlinked { why } => self.unlinked(now, why),
            Input::Heard => self.liveness.heard(now.steady),
            Input::Text(text) => {
                self.liveness.heard(now.steady);
                self.text(now, text, None);
            }
            Input::Mended { text, original } => {
                self.liveness.heard(now.steady);
                self.text(now, text, Some(original));
            }
            Input::Found(found) => self.advance(now, |exchange| exchange.found(found)),
            Input::Decided(decision, effects) => {
                self.advance(now, |exchange| exchange.decided(decision, effects));
            }
            Input::Responded(said, effects) => {
                self.advance(now, |exchange| exchange.responded(*said, effects));
            }
            Input::Priced(said, effects) => {
                self.advance(now, |exchange| exchange.priced(said, effects));
            }
            Input::Committed(result) => self.advance(now, |exchange| exchange.committed(result)),
            Input::Kept(result) => self.kept(now, result),
            Input::Command(id, command) => self.command(now, id, command),
            Input::Timer => self.timer(now),
        }
    }

    fn linked(&mut self, now: Now, link: Link) {
        if self.link.is_some() {
            self.unlinked(now, "replaced by a newer connection".to_owned());
        }
        let protocol = link.dialect.subprotocol.to_owned();
        self.note(now, FactBody::Connected { protocol, peer: link.peer.clone() });
        self.liveness = Liveness::of(&link.handling, self.manners.heartbeat, now.steady);
        self.probation = Probation::of(link.handling.acceptance);
        self.link = Some(link);
        self.takes_no_cost = false;
    }

    fn unlinked(&mut self, now: Now, why: String) {
        if self.link.is_none() {
            return;
        }
        self.generation += 1;
        self.link = None;
        self.liveness = Liveness::default();
        // Calls that wait are worked on all the same: they report what happened, and a repetition is recognised.
        self.note(now, FactBody::Disconnected { why });
        for settled in self.commands.disconnect() {
            self.settle(now, settled);
        }
    }

    /// What the station said goes on record, not what was made of it.
    fn text(&mut self, now: Now, text: String, original: Option<String>) {
        let Some(link) = &self.link else { return };
        let frame = Frame::parse(&text, link.dialect.message_types);
        let text = original.unwrap_or(text);
        match frame {
            Ok(Frame::Call { id, action, payload }) => self.call(now, id, &action, &payload, text),
            Ok(Frame::Send { action, payload, .. }) => self.sent(now, &action, &payload, text),
            Ok(Frame::Result { id, payload }) => self.answered(now, &id, Ok(payload)),
            Ok(Frame::ResultError { id, problem }) => self.answer_refused(now, &id, problem, text),
            Ok(Frame::Error { id, problem }) => {
                let Problem { code, description, details } = problem;
                let failure = CommandFailure::Refused { code, description, details };
                self.answered(now, &id, Err(failure));
            }
            Err(bad) => self.bad_frame(now, bad, text),
        }
    }

    fn bad_frame(&mut self, now: Now, bad: BadFrame, raw: String) {
        let why = format!("not an OCPP message: {bad}");
        self.keep_refused(now, None, why.clone(), raw);
        self.warn(now, why);
        if !bad.is_unanswerable {
            let id = bad.id.unwrap_or_else(MessageId::unreadable);
            self.refuse(id, &Fault::new(bad.code, bad.why));
        }
    }

    fn call(&mut self, now: Now, id: MessageId, action: &str, payload: &RawValue, raw: String) {
        let Some(link) = &self.link else { return };
        let read = link.dialect.read_call(action, payload, link.handling.validation);
        let read = read.and_then(|call| self.probation.hears(action).map(|()| call));
        let read = read.and_then(|call| match self.is_crowded() {
            false => Ok(call),
            true => {
                let why = "too many calls at once: wait for an answer before the next call";
                Err(Fault::new(ErrorCode::GenericError, why))
            }
        });
        match read {
            Err(fault) => {
                let action: String = action.chars().take(50).collect();
                self.warn(now, format!("{action:?} refused: {fault}"));
                self.keep_refused(now, Some(action), fault.to_string(), raw);
                self.refuse(id, &fault);
            }
            Ok(call) => {
                let (generation, dialect) = (self.generation, link.dialect);
                self.tell_oddities(now, &call);
                let heard =
                    holdings::heard(dialect.subprotocol, call.action.name, payload, now.wall);
                let next = Waiting { generation, dialect, id, call, raw, now, heard };
                match self.current {
                    Some(_) => self.waiting.push_back(next),
                    None => self.begin(now, next),
                }
            }
        }
    }

    fn is_crowded(&self) -> bool {
        let waiting = self.waiting.iter().filter(|next| next.generation == self.generation);
        waiting.count() >= MAX_WAITING_CALLS || self.waiting.len() >= MAX_WAITING_ALTOGETHER
    }

    /// What a station may get wrong is not lost on whoever could mend it.
    fn tell_oddities(&mut self, now: Now, call: &Call) {
        let [first, more @ ..] = call.oddities.as_slice() else { return };
        let name = call.action.name;
        let what = match more.len() {
            0 => format!("{name:?} is odd, and taken: {first}"),
            others => format!("{name:?} is odd, and taken: {first}; and {others} more"),
        };
        self.warn(now, what);
    }

    /// Takes up the next waiting call, unless one is being worked on.
    fn next_exchange(&mut self, now: Now) {
        while self.current.is_none() {
            let Some(next) = self.waiting.pop_front() else { return };
            self.begin(now, next);
        }
    }

    fn begin(&mut self, now: Now, next: Waiting) {
        let deadline = next.now.steady + self.manners.policy_deadline;
        let scribe = Scribe {
            station: self.station.clone(),
            dialect: next.dialect,
            action: next.call.action,
            raw: next.raw,
            received: next.now.wall,
        };
        let (exchange, step) =
            Exchange::begin(scribe, next.call.request, next.heard, deadline, self.welcome());
        self.current = Some((next.generation, next.id, exchange));
        self.carry_out(now, step);
    }

    fn advance(&mut self, now: Now, event: impl FnOnce(&mut Exchange) -> Step) {
        let Some((_, _, exchange)) = &mut self.current else {
            return self.warn(now, "an answer from inside came for a call that is over".to_owned());
        };
        let step = event(exchange);
        let doubt = exchange.take_doubt();
        if let Some(doubt) = doubt {
            self.warn(now, doubt.into_string());
        }
        self.carry_out(now, step);
        self.next_exchange(now);
    }

    fn carry_out(&mut self, now: Now, step: Step) {
        match step {
            Step::Look(look) => self.outputs.push_back(Output::Look(look)),
            Step::Ask(ask, deadline) => self.outputs.push_back(Output::Ask(ask, deadline)),
            Step::Respond(ask, deadline) => self.outputs.push_back(Output::Respond(ask, deadline)),
            Step::Price(ask, deadline) => self.outputs.push_back(Output::Price(ask, deadline)),
            Step::Commit(commit) => self.outputs.push_back(Output::Commit(commit)),
            Step::Done(outcome) => {
                let Some((generation, id, mut exchange)) = self.current.take() else { return };
                let payload = outcome.and_then(|answer| {
                    (exchange.dialect().encode)(&answer, now.wall).map_err(|error| {
                        Fault::new(ErrorCode::InternalError, format!("no answer: {error}"))
                    })
                });
                if generation != self.generation {
                    return; // The station is gone or back on another socket; it will repeat what it must.
                }
                match payload {
                    Ok(payload) => {
                        self.unanswered.note_answer(exchange.dialect(), &id, exchange.action());
                        let frame = Frame::Result { id, payload }.write();
                        self.outputs.push_back(Output::Send(frame, Some(exchange.action())));
                        if exchange.is_boot() {
                            self.outputs.push_back(Output::Booted);
                        }
                        self.show(now, exchange.take_to_show());
                    }
                    Err(fault) => {
                        self.warn(now, format!("{:?} refused: {fault}", exchange.action()));
                        self.refuse(id, &fault);
                    }
                }
            }
        }
    }

    fn command(&mut self, now: Now, id: CommandId, command: Command) {
        let Some(link) = &self.link else {
            return self.outputs.push_back(Output::Settle(id, Err(CommandFailure::Offline)));
        };
        let written = link.dialect.write_command(&command.action, &command.payload);
        let told = |payload: Box<RawValue>| {
            self.probation.tells(&command.action, &payload).map(|()| payload)
        };
        let command = match written.and_then(told) {
            Ok(payload) => Command { payload, ..command },
            Err(fault) => {
                let failure = CommandFailure::Invalid(fault);
                return self.outputs.push_back(Output::Settle(id, Err(failure)));
            }
        };
        match self.commands.accept(now.steady, id, command) {
            Ok(()) => self.next_command(),
            Err(settled) => self.settle(now, settled),
        }
    }

    fn next_command(&mut self) {
        if let Some(frame) = self.commands.next_call() {
            self.send(&frame);
        }
    }

    fn answered(
        &mut self,
        now: Now,
        id: &MessageId,
        result: Result<Box<RawValue>, CommandFailure>,
    ) {
        let result = result.and_then(|answer| self.fitting(now, id, answer));
        match self.commands.answered(id, result) {
            Some(settled) => self.settle(now, settled),
            None => self.warn(now, format!("an answer to no open call, message id {id:?}")),
        }
        self.next_command();
    }

    fn timer(&mut self, now: Now) {
        for settled in self.commands.expire(now.steady) {
            self.settle(now, settled);
        }
        if self.link.is_some() {
            self.next_command();
        }
        match self.liveness.pulse(now.steady) {
            None => {}
            Some(Pulse::Ping) => self.outputs.push_back(Output::Ping),
            Some(Pulse::GiveUp(why)) => self.outputs.push_back(Output::HangUp(why)),
        }
    }

    fn settle(&mut self, now: Now, settled: Settled) {
        let Settled { sender, action, result } = settled;
        match sender {
            Sender::House(_) => self.told(now, &action, result),
            Sender::Caller(id) => self.outputs.push_back(Output::Settle(id, result)),
        }
    }

    fn send(&mut self, frame: &Frame) {
        self.outputs.push_back(Output::Send(frame.write(), None));
    }

    fn refuse(&mut self, id: MessageId, fault: &Fault) {
        let Some(link) = &self.link else { return };
        let problem = link.dialect.problem(fault);
        self.send(&Frame::Error { id, problem });
    }

    /// What the station is told when it boots.
    fn welcome(&self) -> Welcome {
        let heartbeat = self.manners.heartbeat;
        let acceptance = self.probation.acceptance();
        let interval = match acceptance {
            Acceptance::Accepted => heartbeat,
            Acceptance::Pending | Acceptance::Rejected => heartbeat.min(BOOT_AGAIN),
        };
        Welcome { acceptance, interval }
    }
}
