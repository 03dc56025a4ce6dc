//! The inbox hook as a Rust function: hands a plugin one message. Knows no queue and no retry.

use tokio::time::{Instant, timeout_at};

use super::bindings::exports::plugpoint::plugin::inbox as wit;
use super::context::{Call, begin};
use super::error::CallError;
use super::instance::Instance;
use super::limits::BACKGROUND_WALL;
use super::manifest::Hook;
use super::plugin::Plugin;
use super::wishes::InboxSettings;
use crate::domain::{CommandEnd, Effects, Message, Millis};

impl Plugin {
    /// What the plugin wants in its inbox; `None` when it has none.
    pub fn inbox(&self) -> Option<&InboxSettings> {
        self.answers(Hook::Inbox).then_some(&self.manifest().hooks.inbox)
    }

    /// Hands over a message that arrived at `at`. A call that fails has no effects.
    ///
    /// No breaker stands before it, for the same reason as before an observer: whoever delivers waits longer and longer
    /// after a failure.
    pub async fn handle(&self, at: Millis, message: &Message) -> Result<Effects, CallError> {
        let began = Instant::now();
        let result = self.tell_inbox(at, message, began + BACKGROUND_WALL).await;
        self.book(began, result.as_ref().err());
        result
    }

    async fn tell_inbox(
        &self,
        at: Millis,
        message: &Message,
        deadline: Instant,
    ) -> Result<Effects, CallError> {
        let mut lease = self.pool.lend(&self.blueprint, deadline).await?;
        let Instance { store, inbox: Some(guest), .. } = &mut *lease.instance else {
            return Ok(Effects::default());
        };
        begin(store, Call::new(self.blueprint.limits.background_cpu, None));
        let call = guest.call_handle(&mut *store, at.0, lend(message));
        let outcome = timeout_at(deadline, call).await;
        let ((), effects) = lease.settle(outcome)?;
        Ok(effects)
    }
}

/// The station answered, and nobody can tell from the answer whether it acted.
const UNFIT: &str = "unfit-answer";

/// The message in the contract's types, all of it borrowed.
fn lend(message: &Message) -> wit::Message<'_> {
    match message {
        Message::CommandEnded { id, station, action, end } => {
            let (station, outcome) = (station.as_str(), outcome(end));
            wit::Message::Command(wit::CommandEnded { id, station, action, outcome, more: &[] })
        }
        Message::TimerDue { name, due } => {
            wit::Message::Timer(wit::TimerDue { name, due: due.0, more: &[] })
        }
        Message::Event { sender, topic, body } => {
            let sender = sender.as_str();
            wit::Message::Event(wit::EventReceived { sender, topic, body, more: &[] })
        }
    }
}

fn outcome(end: &CommandEnd) -> wit::Outcome<'_> {
    match end {
        CommandEnd::Answered(payload) => wit::Outcome::Answered(payload.as_deref()),
        CommandEnd::Refused { code, description } => {
            wit::Outcome::Refused(wit::Refusal { code, description })
        }
        CommandEnd::Invalid(why) => wit::Outcome::Invalid(why),
        CommandEnd::Unfit { .. } => wit::Outcome::Unknown(UNFIT),
        CommandEnd::Expired => wit::Outcome::Expired,
        CommandEnd::Cancelled => wit::Outcome::Invalid("an operator took it back"),
        CommandEnd::Unknown(doubt) => wit::Outcome::Unknown(doubt.as_str()),
    }
}
