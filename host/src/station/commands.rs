//! Our CALLs to one station: one open, a few waiting, each with a deadline. Knows no socket and no clock.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde_json::value::RawValue;

use super::registry::{Command, CommandFailure};
use crate::ocpp::{Frame, MessageId, OwnCall};

/// Commands that may wait for one station.
const MAX_WAITING_COMMANDS: usize = 16;

/// What the house itself wants to tell a station and may wait. Beyond it the oldest goes.
const MAX_WAITING_NOTICES: usize = 8;

/// How long a station may take to answer what the house itself tells it.
const NOTICE_LIMIT: Duration = Duration::from_secs(30);

/// Names a command between actor and machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandId(pub u64);

/// Who wants a CALL sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sender {
    /// Somebody who waits for the answer.
    Caller(CommandId),
    /// The house itself, about this. Nobody waits for the answer.
    House(String),
}

/// The end of a call.
#[derive(Debug)]
pub(super) struct Settled {
    pub(super) sender: Sender,
    pub(super) action: String,
    pub(super) result: Result<Box<RawValue>, CommandFailure>,
}

struct Pending {
    sender: Sender,
    command: Command,
    deadline: Instant,
}

impl Pending {
    fn end(self, result: Result<Box<RawValue>, CommandFailure>) -> Settled {
        Settled { sender: self.sender, action: self.command.action, result }
    }
}

/// The commands of one station.
pub(super) struct Commands {
    salt: u32,
    sent: u64,
    /// Boxed: most stations have none, most of the time.
    open: Option<Box<(MessageId, Pending)>>,
    waiting: VecDeque<Pending>,
    notices: VecDeque<Pending>,
}

impl Commands {
    pub(super) fn new(salt: u32) -> Self {
        Self { salt, sent: 0, open: None, waiting: VecDeque::new(), notices: VecDeque::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_none() && self.waiting.is_empty() && self.notices.is_empty()
    }

    /// The next moment at which [`Self::expire`] has something to do.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let open = self.open.as_ref().map(|open| open.1.deadline);
        let waiting = self.waiting.iter().chain(&self.notices);
        waiting.map(|pending| pending.deadline).chain(open).min()
    }

    /// Queues a command, or says at once that there is no room.
    pub(super) fn accept(
        &mut self,
        now: Instant,
        id: CommandId,
        command: Command,
    ) -> Result<(), Settled> {
        let deadline = now + command.timeout;
        let pending = Pending { sender: Sender::Caller(id), command, deadline };
        if self.waiting.len() >= MAX_WAITING_COMMANDS {
            return Err(pending.end(Err(CommandFailure::Busy)));
        }
        self.waiting.push_back(pending);
        Ok(())
    }

    /// Queues something that the house itself has to say. What it said about the same before and did not send yet is
    /// out of date.
    pub(super) fn tell(&mut self, now: Instant, about: String, call: OwnCall) {
        let sender = Sender::House(about);
        self.notices.retain(|notice| notice.sender != sender);
        if self.notices.len() >= MAX_WAITING_NOTICES {
            self.notices.pop_front();
        }
        let OwnCall { action, payload } = call;
        let action = action.to_owned();
        let command = Command { action, payload, timeout: NOTICE_LIMIT };
        self.notices.push_back(Pending { sender, command, deadline: now + NOTICE_LIMIT });
    }

    /// The frame to send now, if no call is open and one waits. The house gives way.
    pub(super) fn next_call(&mut self) -> Option<Frame> {
        if self.open.is_some() {
            return None;
        }
        let pending = self.waiting.pop_front().or_else(|| self.notices.pop_front())?;
        self.sent += 1;
        let id = MessageId::new(format!("{:08x}-{}", self.salt, self.sent))?;
        let Command { action, payload, .. } = &pending.command;
        let frame =
            Frame::Call { id: id.clone(), action: action.clone(), payload: payload.clone() };
        self.open = Some(Box::new((id, pending)));
        Some(frame)
    }

    /// What the open call asks for, if this is its id.
    pub(super) fn open_action(&self, id: &MessageId) -> Option<&str> {
        self.open.as_ref().filter(|open| open.0 == *id).map(|open| open.1.command.action.as_str())
    }

    /// The end of the open call, if that is what was answered.
    pub(super) fn answered(
        &mut self,
        id: &MessageId,
        result: Result<Box<RawValue>, CommandFailure>,
    ) -> Option<Settled> {
        let (_, pending) = *self.open.take_if(|open| open.0 == *id)?;
        Some(pending.end(result))
    }

    /// Ends what has waited too long, for an answer or for its turn.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<Settled> {
        let open = self.open.take_if(|open| open.1.deadline <= now).map(|open| open.1);
        let (late, kept) =
            self.waiting.drain(..).partition::<Vec<_>, _>(|pending| pending.deadline <= now);
        self.waiting = kept.into();
        self.notices.retain(|notice| notice.deadline > now);
        open.into_iter().chain(late).map(|p| p.end(Err(CommandFailure::TimedOut))).collect()
    }

    /// Ends everything: what was sent may or may not have been done, what was not sent was not.
    pub(super) fn disconnect(&mut self) -> Vec<Settled> {
        let open = self.open.take().map(|open| open.1.end(Err(CommandFailure::Disconnected)));
        self.notices.clear();
        let waiting = self.waiting.drain(..).map(|p| p.end(Err(CommandFailure::Offline)));
        open.into_iter().chain(waiting).collect()
    }
}
