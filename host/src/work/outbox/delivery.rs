//! One step with one command: mark it, send it, write down what came of it. Knows no other command.

use std::sync::Arc;
use std::time::Duration;

use serde_json::value::RawValue;
use tokio::time::sleep;
use tracing::{error, warn};

use super::queue::{Entry, Key, Name, Step, Stepped};
use crate::domain::{
    CommandEnd, Doubt, Durability, Fact, FactBody, Message, Millis, OperatorCommand, PluginName,
    QueuedCommand, ReadFailed, ShelfMoves, Stamp, StationId,
};
use crate::holdings::{Called, Outcome, is_about_holdings};
use crate::plugins::Host;
use crate::station::registry::{Command, CommandFailure, Registry};
use crate::store::{
    Commit, CommitError, Conflict, Expect, Health, OpenCommand, Receipt, Store, StoreError,
    Unwritten,
};
use crate::work::transfers::command_ended;

/// How long a station may take to answer.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// How often a commit is made anew that met a change of what the station holds.
const MAX_TRIES: u32 = 8;

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
            Step::End(entry, end) => self.settle(entry, end, None).await,
            Step::Send(entry) => self.send(entry).await,
        }
    }

    /// Whoever finds the mark after a crash knows that the station may have been called. It is on the disk before the
    /// call is on the wire, and with it everything that the call follows from.
    async fn send(self, entry: Entry) -> Stepped {
        let payload = match RawValue::from_string(entry.command.payload.clone()) {
            Ok(payload) => payload,
            Err(why) => {
                return self.settle(entry, CommandEnd::Invalid(why.to_string()), None).await;
            }
        };
        let marked = match self.mark(entry.clone(), Some((self.now)())).await {
            Ok(marked) => marked,
            Err(CommitError::Conflict(Conflict::Record)) => return Stepped::Gone,
            Err(error) => {
                let command = &entry.key.name;
                warn!(%command, %error, "a command waits, because it cannot be marked as sent");
                return Stepped::Back(entry);
            }
        };
        let action = marked.command.action.clone();
        let command = Command { action, payload, timeout: ANSWER_WITHIN };
        let subprotocol = self.subprotocol(&marked.key.station);
        let answered = self.registry.command(&marked.key.station, command).await;
        match end_of(&answered) {
            Some(end) => {
                let wire = OverTheWire { subprotocol, answer: answered.ok() };
                self.settle(marked, end, Some(wire)).await
            }
            None => self.unmark(marked).await,
        }
    }

    /// It never left. While this cannot be said on record, nothing else can be either.
    async fn unmark(&self, mut entry: Entry) -> Stepped {
        loop {
            match self.mark(entry.clone(), None).await {
                Ok(back) => return Stepped::Back(back),
                Err(CommitError::Conflict(_)) => return Stepped::Gone,
                Err(error) if self.is_over() => {
                    let command = &entry.key.name;
                    warn!(%command, %error, "a command is taken for sent and was not");
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
        let (station, expect) = (entry.key.station.clone(), Expect::Revision(entry.revision));
        match &entry.key.name {
            Name::Operator(number) => {
                let record = OperatorCommand::waiting(entry.command.clone());
                commit.put(&(station, *number), &record, expect)
            }
            Name::Plugin(plugin, id) => {
                commit.put(&(plugin.clone(), station, id.clone()), &entry.command, expect)
            }
        };
        commit.synced();
        let receipt = self.store.commit(commit).await?;
        entry.revision = revision(&receipt);
        Ok(entry)
    }

    /// Writes down how a command ended. Tried until it is saved or the server stops; then a restart finds the mark.
    pub(super) async fn settle(
        &self,
        entry: Entry,
        end: CommandEnd,
        wire: Option<OverTheWire>,
    ) -> Stepped {
        loop {
            match self.end(&entry, &end, wire.as_ref(), Durability::Synced).await {
                Ok(()) | Err(Unwritten::Commit(CommitError::Conflict(_))) => return Stepped::Gone,
                Err(error) if self.is_over() => {
                    let command = &entry.key.name;
                    error!(%command, %error, "what came of a command is not saved");
                    return Stepped::Gone;
                }
                Err(error) => {
                    let command = &entry.key.name;
                    warn!(%command, %error, "what came of a command is not saved yet");
                    sleep(AGAIN).await;
                }
            }
        }
    }

    /// The one commit by which a command ends: the fact, the message to its plugin or the operator's record, its place in
    /// the outbox, and what it changes of the things that the station holds.
    pub(super) async fn end(
        &self,
        entry: &Entry,
        end: &CommandEnd,
        wire: Option<&OverTheWire>,
        durability: Durability,
    ) -> Result<(), Unwritten> {
        for _ in 0..MAX_TRIES {
            let moves = match wire {
                Some(wire) => wire.moves(entry, end, &self.store, (self.now)()).await,
                None => Vec::new(),
            };
            let may_be_the_shelves = !moves.is_empty();
            match self.try_end(entry, end, &moves, durability).await {
                Err(Unwritten::Commit(CommitError::Conflict(Conflict::Record)))
                    if may_be_the_shelves && !self.has_moved_on(entry)? => {}
                Err(Unwritten::Commit(error @ CommitError::Unstorable(_)))
                    if may_be_the_shelves =>
                {
                    let Key { station, name } = &entry.key;
                    warn!(%station, command = %name, %error, "what the station holds is not noted");
                    return self.try_end(entry, end, &[], durability).await;
                }
                ended => return ended,
            }
        }
        Err(CommitError::Overloaded.into())
    }

    /// Somebody else has written down what came of it.
    fn has_moved_on(&self, entry: &Entry) -> Result<bool, StoreError> {
        let Entry { key: Key { station, name }, revision, .. } = entry;
        let station = station.clone();
        let found = match name {
            Name::Plugin(plugin, id) => {
                let key = (plugin.clone(), station, id.clone());
                self.store.read::<QueuedCommand>(&key)?.map(|record| record.revision)
            }
            Name::Operator(number) => {
                let found = self.store.read::<OperatorCommand>(&(station, *number))?;
                found.map(|record| record.revision)
            }
        };
        Ok(found != Some(*revision))
    }

    async fn try_end(
        &self,
        entry: &Entry,
        end: &CommandEnd,
        moves: &[ShelfMoves],
        durability: Durability,
    ) -> Result<(), Unwritten> {
        let Entry { key: Key { station, name }, command, revision } = entry;
        let (now, expect) = ((self.now)(), Expect::Revision(*revision));
        let mut commit = Commit::new();
        commit.fact(fact(entry, end, now), None);
        commit.holdings(station, moves);
        match name {
            Name::Plugin(plugin, id) => {
                let key = (plugin.clone(), station.clone(), id.clone());
                commit.delete::<QueuedCommand>(&key, expect);
                if self.wants_to_know(plugin) {
                    let (id, station, action) =
                        (id.clone(), station.clone(), command.action.clone());
                    let told =
                        Message::CommandEnded { id: id.clone(), station, action, end: end.clone() };
                    commit.message(plugin, now, id, &told);
                }
            }
            Name::Operator(number) => {
                let record = OperatorCommand::waiting(command.clone()).ended(now, end.clone());
                commit.put(&(station.clone(), *number), &record, expect);
                commit.delete::<OpenCommand>(&(station.clone(), *number), Expect::Any);
                let at = (station, *number);
                command_ended(&self.store, &mut commit, at, &command.action, end, now)?;
                if let Some(old) = number.pushes_out().map(|old| (station.clone(), old))
                    && self.store.read::<OpenCommand>(&old)?.is_none()
                {
                    commit.delete::<OperatorCommand>(&old, Expect::Any);
                }
            }
        }
        if durability == Durability::Synced {
            commit.synced();
        }
        self.store.commit(commit).await?;
        Ok(())
    }

    /// A plugin that is not in service may come back.
    fn wants_to_know(&self, plugin: &PluginName) -> bool {
        self.host.plugin(plugin).is_none_or(|plugin| plugin.inbox().is_some())
    }

    /// In which version a station is spoken to now.
    pub(super) fn subprotocol(&self, station: &StationId) -> Option<&'static str> {
        self.registry.live(station)?.protocol
    }

    fn is_over(&self) -> bool {
        matches!(self.store.health(), Health::Failed(_))
    }
}

/// What came of a call that was sent, as far as the things are concerned that the station holds.
pub(super) struct OverTheWire {
    /// In which the call was made; `None` when the station was gone before anybody looked.
    pub(super) subprotocol: Option<&'static str>,
    /// `None` when there is none that can be taken.
    pub(super) answer: Option<Box<RawValue>>,
}

impl OverTheWire {
    /// A command must come to its end even if what is known of holdings cannot be read.
    async fn moves(
        &self,
        entry: &Entry,
        end: &CommandEnd,
        store: &Store,
        now: Millis,
    ) -> Vec<ShelfMoves> {
        let Some(subprotocol) = self.subprotocol else { return Vec::new() };
        if !is_about_holdings(subprotocol, &entry.command.action) {
            return Vec::new();
        }
        let (station, command) = (&entry.key.station, &entry.key.name);
        let unread = |ReadFailed| {
            warn!(%station, %command, "what it changes of the station's holdings is not on record");
            Vec::new()
        };
        let (answer, entry, end) = (self.answer.clone(), entry.clone(), end.clone());
        let store = store.clone();
        let moves = tokio::task::spawn_blocking(move || {
            let outcome = match (&end, &answer) {
                (CommandEnd::Answered(_), Some(answer)) => Outcome::Answered(answer),
                (CommandEnd::Refused { code, .. }, _) => Outcome::Refused(code),
                (CommandEnd::Unfit { .. } | CommandEnd::Unknown(_), _) => Outcome::Unknown,
                _ => return Ok(Vec::new()),
            };
            let Entry { key: Key { station, name }, command, .. } = &entry;
            let called = Called {
                subprotocol,
                action: &command.action,
                payload: &command.payload,
                sent: command.sent.unwrap_or(now),
                ended: now,
                outcome,
                plugin: match name {
                    Name::Plugin(plugin, _) => Some(plugin),
                    Name::Operator(_) => None,
                },
                command: &name.to_string(),
            };
            called.moves(station, &store)
        });
        moves.await.unwrap_or(Err(ReadFailed)).unwrap_or_else(unread)
    }
}

/// The revision of the one record of a commit.
pub(super) fn revision(receipt: &Receipt) -> u64 {
    receipt.revisions.first().copied().unwrap_or_default()
}

/// What came of a call; `None` when it never left.
pub(super) fn end_of(answered: &Result<Box<RawValue>, CommandFailure>) -> Option<CommandEnd> {
    Some(match answered {
        Ok(answer) => CommandEnd::answered(answer),
        Err(CommandFailure::Refused { code, description, .. }) => {
            CommandEnd::Refused { code: code.clone(), description: description.clone() }
        }
        Err(CommandFailure::Unfit { fault, answer }) => {
            CommandEnd::unfit(fault.description.clone().into_owned(), answer)
        }
        Err(failure @ CommandFailure::Invalid(_)) => CommandEnd::Invalid(failure.to_string()),
        Err(CommandFailure::TimedOut) => CommandEnd::Unknown(Doubt::TimedOut),
        Err(CommandFailure::Disconnected) => CommandEnd::Unknown(Doubt::Disconnected),
        Err(CommandFailure::ShuttingDown) => CommandEnd::Unknown(Doubt::Restarted),
        Err(CommandFailure::Offline | CommandFailure::Busy) => return None,
    })
}

fn fact(entry: &Entry, end: &CommandEnd, now: Millis) -> Fact {
    let (plugin, command) = match &entry.key.name {
        Name::Plugin(plugin, id) => (Some(plugin.clone()), id.clone()),
        Name::Operator(number) => (None, number.to_string()),
    };
    let body = FactBody::CommandAnswered {
        action: entry.command.action.clone(),
        outcome: end.outcome(),
        status: end.status(),
        plugin,
        command: Some(command),
    };
    Fact { station: Some(entry.key.station.clone()), stamp: Stamp::here(now), body }
}
