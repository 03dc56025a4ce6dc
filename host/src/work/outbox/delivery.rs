//! One step with one command: mark it, send it, write down what came of it. Knows no other command.

use std::sync::Arc;
use std::time::Duration;

use serde_json::value::RawValue;
use tokio::time::sleep;
use tracing::{error, warn};

use super::queue::{Entry, Step, Stepped};
use crate::domain::{
    CommandEnd, Doubt, Fact, FactBody, MAX_COMMAND_ANSWER, Message, Millis, PluginName,
    QueuedCommand, Stamp,
};
use crate::plugins::Host;
use crate::station::registry::{Command, CommandFailure, Record, Registry};
use crate::store::{Commit, CommitError, Conflict, Expect, Health, Store};

/// How long a station may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Until what came of a command is tried to be saved again.
const AGAIN: Duration = Duration::from_secs(1);

/// What a delivery works with. Cheap to clone.
#[derive(Clone)]
pub(super) struct Rim {
    pub(super) store: Store,
    pub(super) host: Arc<Host>,
    pub(super) registry: Registry,
    pub(super) now: fn() -> Millis,
}

impl Rim {
    pub(super) async fn carry_out(self, step: Step) -> Stepped {
        match step {
            Step::End(entry, end) => self.settle(entry, end).await,
            Step::Send(entry) => self.send(entry).await,
        }
    }

    /// Whoever finds the mark after a crash knows that the station may have been called. It is on the disk before the
    /// call is on the wire, and with it everything that the call follows from.
    async fn send(self, entry: Entry) -> Stepped {
        let payload = match RawValue::from_string(entry.command.payload.clone()) {
            Ok(payload) => payload,
            Err(why) => return self.settle(entry, CommandEnd::Invalid(why.to_string())).await,
        };
        let marked = match self.mark(entry.clone(), Some((self.now)())).await {
            Ok(marked) => marked,
            Err(CommitError::Conflict(Conflict::Record)) => return Stepped::Gone,
            Err(error) => {
                warn!(command = entry.key.2, %error, "a command waits, because it cannot be marked as sent");
                return Stepped::Back(entry);
            }
        };
        let command = Command {
            action: marked.command.action.clone(),
            payload,
            timeout: ANSWER_WITHIN,
            record: Record::Sender,
        };
        let end = match self.registry.command(&marked.key.1, command).await {
            Ok(answer) => CommandEnd::Answered(fitting(&answer)),
            Err(CommandFailure::Refused { code, description, .. }) => {
                CommandEnd::Refused { code, description }
            }
            Err(failure @ CommandFailure::Invalid(_)) => CommandEnd::Invalid(failure.to_string()),
            Err(CommandFailure::Unfit { .. }) => CommandEnd::Unknown(Doubt::Unfit),
            Err(CommandFailure::TimedOut) => CommandEnd::Unknown(Doubt::TimedOut),
            Err(CommandFailure::Disconnected) => CommandEnd::Unknown(Doubt::Disconnected),
            Err(CommandFailure::ShuttingDown) => CommandEnd::Unknown(Doubt::Restarted),
            Err(CommandFailure::Offline | CommandFailure::Busy) => {
                return self.unmark(marked).await;
            }
        };
        self.settle(marked, end).await
    }

    /// It never left. While this cannot be said on record, nothing else can be either.
    async fn unmark(&self, mut entry: Entry) -> Stepped {
        loop {
            match self.mark(entry.clone(), None).await {
                Ok(back) => return Stepped::Back(back),
                Err(CommitError::Conflict(_)) => return Stepped::Gone,
                Err(error) if self.is_over() => {
                    warn!(command = entry.key.2, %error, "a command is taken for sent and was not");
                    entry.command.sent = None;
                    return Stepped::Back(entry);
                }
                Err(_) => sleep(AGAIN).await,
            }
        }
    }

    async fn mark(&self, mut entry: Entry, sent: Option<Millis>) -> Result<Entry, CommitError> {
        entry.command.sent = sent;
        let mut commit = Commit::new();
        commit.put(&entry.key, &entry.command, Expect::Revision(entry.revision)).synced();
        let receipt = self.store.commit(commit).await?;
        entry.revision = receipt.revisions.first().copied().unwrap_or_default();
        Ok(entry)
    }

    /// The one commit by which a command ends: the fact, the message to its plugin, and the place in the outbox. Tried
    /// until it is saved or the server stops; then a restart finds the mark.
    async fn settle(&self, entry: Entry, end: CommandEnd) -> Stepped {
        loop {
            match self.store.commit(self.ending(&entry, &end)).await {
                Ok(_) | Err(CommitError::Conflict(_)) => return Stepped::Gone,
                Err(error) if self.is_over() => {
                    error!(command = entry.key.2, %error, "what came of a command is not saved");
                    return Stepped::Gone;
                }
                Err(error) => {
                    warn!(command = entry.key.2, %error, "what came of a command is not saved yet");
                    sleep(AGAIN).await;
                }
            }
        }
    }

    fn ending(&self, entry: &Entry, end: &CommandEnd) -> Commit {
        let Entry { key, command: QueuedCommand { action, .. }, revision } = entry;
        let (plugin, station, id) = key;
        let now = (self.now)();
        let mut commit = Commit::new();
        let body = FactBody::CommandAnswered {
            action: action.clone(),
            outcome: end.outcome(),
            plugin: Some(plugin.clone()),
            command: Some(id.clone()),
        };
        let stamp = Stamp::here(now);
        commit.fact(Fact { station: Some(station.clone()), stamp, body }, None).synced();
        commit.delete::<QueuedCommand>(key, Expect::Revision(*revision));
        if self.wants_to_know(plugin) {
            let (id, station, action) = (id.clone(), station.clone(), action.clone());
            let told = Message::CommandEnded { id: id.clone(), station, action, end: end.clone() };
            commit.message(plugin, now, id, &told);
        }
        commit
    }

    /// A plugin that is not in service may come back.
    fn wants_to_know(&self, plugin: &PluginName) -> bool {
        self.host.plugin(plugin).is_none_or(|plugin| plugin.inbox().is_some())
    }

    fn is_over(&self) -> bool {
        matches!(self.store.health(), Health::Failed(_))
    }
}

/// The answer as a plugin may have it.
fn fitting(answer: &RawValue) -> Option<String> {
    let text = answer.get();
    (text.len() <= MAX_COMMAND_ANSWER).then(|| text.to_owned())
}
