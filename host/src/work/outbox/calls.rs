//! Operators' commands: made at once for somebody who waits, or queued; listed, taken back, and read after their end.
//! Each has a number among those to its station, and its end is kept. Knows no HTTP and no protocol.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::value::RawValue;
use tokio::sync::oneshot;
use tracing::warn;

use super::delivery::{OverTheWire, Rim, end_of, revision};
use super::queue::{Entry, Key, Name};
use super::{each, of_operator};
use crate::domain::{
    CommandEnd, CommandNo, Doubt, Durability, MAX_COMMAND_PAYLOAD, MAX_QUEUED, Millis,
    OperatorCommand, PluginName, QueuedCommand, StationId, StationRecord, Transfer, TransferNo,
    TransferStep, Versioned,
};
use crate::files;
use crate::plugins::Host;
use crate::station::registry::{Command, CommandFailure, Registry};
use crate::store::{Commit, CommitError, Expect, OpenCommand, Order, Store, StoreError, Unwritten};
use crate::work::transfers::command_forgotten;

/// See the module. Cheap to clone.
#[derive(Clone)]
pub struct Calls {
    rim: Rim,
    /// Of stations that were called since the start: the number that comes next.
    next: Arc<Mutex<HashMap<StationId, CommandNo>>>,
}

/// A transfer that goes on record with the command that asks for it, or not at all.
pub(in crate::work) struct Attached {
    pub(in crate::work) number: TransferNo,
    pub(in crate::work) transfer: Transfer,
}

/// What came of a call that somebody waited for.
#[derive(Debug)]
pub struct Called {
    /// Under which it is on record; `None` when it was not sent, or when the records take nothing at the moment.
    pub number: Option<CommandNo>,
    pub result: Result<Box<RawValue>, CommandFailure>,
}

/// A command that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Whose it is; `None` for an operator's.
    pub plugin: Option<PluginName>,
    /// As its plugin knows it, or the operator's number.
    pub id: String,
    /// With `null` in place of a payload that is not to be shown.
    pub command: QueuedCommand,
}

/// Why a command is not queued.
#[derive(Debug, thiserror::Error)]
pub enum NotQueued {
    #[error("there is no station '{0}'")]
    UnknownStation(StationId),
    #[error("{MAX_QUEUED} commands of operators wait for this station, and no more fit")]
    Full,
    #[error("the payload has {0} bytes; one that waits may have {MAX_COMMAND_PAYLOAD}")]
    TooLong(usize),
    #[error(transparent)]
    Invalid(CommandFailure),
    #[error(transparent)]
    Store(#[from] Unwritten),
}

/// Why a command goes on.
#[derive(Debug, thiserror::Error)]
pub enum NotCancelled {
    #[error("the command was sent; only the station can say what it made of it")]
    Sent,
    #[error("the command has ended")]
    Ended,
    #[error(transparent)]
    Store(#[from] Unwritten),
}

impl Calls {
    pub fn new(host: Arc<Host>, store: Store, registry: Registry, now: fn() -> Millis) -> Self {
        Self { rim: Rim { store, host, registry, now }, next: Arc::default() }
    }

    /// Ends what somebody waited for when the server last stopped. To be done before anybody calls.
    pub async fn end_what_was_cut_off(&self) -> Result<(), StoreError> {
        let mut left = Vec::new();
        each::<OpenCommand>(&self.rim.store, |at, _| {
            left.extend(of_operator(&self.rim.store, at)?.filter(|(_, is_awaited)| *is_awaited));
            Ok(())
        })?;
        for (entry, _) in left {
            let end = CommandEnd::Unknown(Doubt::Restarted);
            if let Err(error) = self.rim.end(&entry, &end, None, Durability::Soft).await {
                let command = &entry.key.name;
                warn!(station = %entry.key.station, %command, %error, "its end is not on record");
            }
        }
        Ok(())
    }

    /// Calls a station that is there and waits for its answer. The call goes on when nobody waits any more.
    pub async fn call(&self, station: StationId, command: Command) -> Called {
        match self.try_call(station, command, None).await {
            Ok(called) => called,
            // Only what goes with a transfer is not made for want of a record.
            Err(_) => Called { number: None, result: Err(CommandFailure::ShuttingDown) },
        }
    }

    /// The same of one that asks for a transfer: without a record of that, the station is not called.
    pub(in crate::work) async fn call_with(
        &self,
        station: StationId,
        command: Command,
        attached: Attached,
    ) -> Result<Called, Unwritten> {
        self.try_call(station, command, Some(attached)).await
    }

    async fn try_call(
        &self,
        station: StationId,
        command: Command,
        attached: Option<Attached>,
    ) -> Result<Called, Unwritten> {
        let online = self.rim.registry.live(&station).is_some_and(|live| live.online);
        let sound = match online {
            true => self.rim.registry.check(&station, None, &command.action, &command.payload),
            false => Err(CommandFailure::Offline),
        };
        if let Err(failure) = sound {
            return Ok(Called { number: None, result: Err(failure) });
        }
        let (tell, told) = oneshot::channel();
        tokio::spawn(self.clone().carry_out(station, command, attached, tell));
        let gone = || Called { number: None, result: Err(CommandFailure::ShuttingDown) };
        told.await.unwrap_or_else(|_| Ok(gone()))
    }

    /// An operator may have to call a station although nothing can be written down.
    async fn carry_out(
        self,
        station: StationId,
        command: Command,
        attached: Option<Attached>,
        tell: oneshot::Sender<Result<Called, Unwritten>>,
    ) {
        let has_attached = attached.is_some();
        let begun = match self.begin(&station, &command, attached).await {
            Err(error) if has_attached => {
                let _ = tell.send(Err(error));
                return;
            }
            begun => begun.inspect_err(|error| {
                warn!(%station, %error, "an operator's call is made without a record of it");
            }),
        };
        let subprotocol = self.rim.subprotocol(&station);
        let result = self.rim.registry.command(&station, command).await;
        let wire = OverTheWire { subprotocol, answer: result.as_ref().ok().cloned() };
        let (number, unsaved) = match (begun.ok(), end_of(&result)) {
            (None, _) => (None, None),
            (Some((_, entry)), None) => {
                self.forget(&entry).await;
                (None, None)
            }
            (Some((number, entry)), Some(end)) => {
                let saved = self.rim.end(&entry, &end, Some(&wire), Durability::Soft).await;
                (Some(number), saved.is_err().then_some((entry, end)))
            }
        };
        // Whoever asked may have given up.
        let _ = tell.send(Ok(Called { number, result }));
        if let Some((entry, end)) = unsaved {
            self.rim.settle(entry, end, Some(wire)).await;
        }
    }

    /// On record before the call is on the wire, so that a crash leaves a trace of it. Not awaited on the disk: a caller
    /// who gets no answer knows as much as the record would say.
    async fn begin(
        &self,
        station: &StationId,
        Command { action, payload, timeout }: &Command,
        attached: Option<Attached>,
    ) -> Result<(CommandNo, Entry), Unwritten> {
        let now = (self.rim.now)();
        // The record may keep less of it.
        let command = QueuedCommand {
            action: action.clone(),
            payload: payload.get().to_owned(),
            queued: now,
            expires: now + *timeout,
            sent: Some(now),
        };
        let record = OperatorCommand::awaited(command.clone());
        let (number, revision) = self.put(station, &record, Commit::new(), attached).await?;
        let key = Key { station: station.clone(), name: Name::Operator(number) };
        Ok((number, Entry { key, command, revision }))
    }

    /// It was never sent.
    async fn forget(&self, entry: &Entry) {
        let Name::Operator(number) = entry.key.name else { return };
        let key = (entry.key.station.clone(), number);
        let mut commit = Commit::new();
        commit.delete::<OperatorCommand>(&key, Expect::Any);
        commit.delete::<OpenCommand>(&key, Expect::Any);
        let (store, action) = (&self.rim.store, &entry.command.action);
        let (of, now) = ((&key.0, number), (self.rim.now)());
        let read = command_forgotten(store, &mut commit, of, action, now);
        let forgotten = match read {
            Ok(()) => store.commit(commit).await.map(drop).map_err(Unwritten::from),
            Err(error) => Err(error.into()),
        };
        if let Err(error) = forgotten {
            warn!(station = %key.0, command = %number, %error, "a call that was not sent is on record");
        }
    }

    /// Has a station called as soon as it can be, unless that takes too long.
    pub async fn queue(
        &self,
        station: &StationId,
        action: String,
        payload: Box<RawValue>,
        within: Duration,
    ) -> Result<(CommandNo, QueuedCommand), NotQueued> {
        self.try_queue(station, action, payload, within, None).await
    }

    /// The same of a command that asks for a transfer.
    pub(in crate::work) async fn queue_with(
        &self,
        station: &StationId,
        action: String,
        payload: Box<RawValue>,
        within: Duration,
        attached: Attached,
    ) -> Result<(CommandNo, QueuedCommand), NotQueued> {
        self.try_queue(station, action, payload, within, Some(attached)).await
    }

    async fn try_queue(
        &self,
        station: &StationId,
        action: String,
        payload: Box<RawValue>,
        within: Duration,
        attached: Option<Attached>,
    ) -> Result<(CommandNo, QueuedCommand), NotQueued> {
        let store = &self.rim.store;
        let record = store
            .read::<StationRecord>(station)
            .map_err(Unwritten::from)?
            .map(|record| record.value);
        if record.is_none() && self.rim.registry.live(station).is_none() {
            return Err(NotQueued::UnknownStation(station.clone()));
        }
        let bytes = payload.get().len();
        if bytes > MAX_COMMAND_PAYLOAD {
            return Err(NotQueued::TooLong(bytes));
        }
        let wanted = record.as_ref().and_then(|record| record.wanted_protocol.as_deref());
        let checked = self.rim.registry.check(station, wanted, &action, &payload);
        checked.map_err(NotQueued::Invalid)?;
        if store.count::<OpenCommand>(station, MAX_QUEUED).map_err(Unwritten::from)? >= MAX_QUEUED {
            return Err(NotQueued::Full);
        }
        let now = (self.rim.now)();
        let command = QueuedCommand {
            action,
            payload: payload.get().to_owned(),
            queued: now,
            expires: now + within,
            sent: None,
        };
        let record = OperatorCommand::waiting(command);
        let mut commit = Commit::new();
        commit.queues_command();
        let (number, _) = self.put(station, &record, commit, attached).await?;
        Ok((number, shown(record)))
    }

    /// Takes back what was not sent yet: a plugin's command by its id, an operator's by its number. `false` when there is
    /// none.
    pub async fn cancel(&self, station: &StationId, id: &str) -> Result<bool, NotCancelled> {
        let open = open(&self.rim.store, station).map_err(Unwritten::from)?;
        let entry = open.into_iter().find(|entry| entry.key.name.to_string() == id);
        let Some(entry) = entry else { return self.has_ended(station, id) };
        if entry.command.sent.is_some() {
            return Err(NotCancelled::Sent);
        }
        match self.rim.end(&entry, &CommandEnd::Cancelled, None, Durability::Synced).await {
            Ok(()) => Ok(true),
            // It has been marked as sent meanwhile, or it has expired.
            Err(Unwritten::Commit(CommitError::Conflict(_))) => Err(NotCancelled::Sent),
            Err(error) => Err(error.into()),
        }
    }

    /// What has ended cannot be taken back; what never was, even less.
    fn has_ended(&self, station: &StationId, id: &str) -> Result<bool, NotCancelled> {
        let Ok(number) = id.parse() else { return Ok(false) };
        let record = self.rim.store.read::<OperatorCommand>(&(station.clone(), number));
        match record.map_err(Unwritten::from)? {
            Some(_) => Err(NotCancelled::Ended),
            None => Ok(false),
        }
    }

    /// All that has not ended at a station, plugins' commands and operators', oldest first.
    pub fn waiting(store: &Store, station: &StationId) -> Result<Vec<Waiting>, StoreError> {
        let mut open = open(store, station)?;
        open.sort_by_cached_key(|entry| (entry.command.queued, entry.key.name.clone()));
        Ok(open.into_iter().map(Waiting::from).collect())
    }

    /// Puts a new command on record.
    async fn put(
        &self,
        station: &StationId,
        record: &OperatorCommand,
        mut commit: Commit,
        attached: Option<Attached>,
    ) -> Result<(CommandNo, u64), Unwritten> {
        let number = self.number(station)?;
        let key = (station.clone(), number);
        commit.put(&key, record, Expect::Absent);
        commit.put(&key, &OpenCommand {}, Expect::Absent);
        if let Some(Attached { number: of_transfer, mut transfer }) = attached {
            transfer.command = Some(number);
            let (key, topic) = ((station.clone(), of_transfer), transfer.kind.topic());
            let now = record.command.queued;
            commit.fact(files::fact(&key, topic, TransferStep::Asked, None, now), None);
            commit.transfer(&key, &transfer, Expect::Absent);
        }
        let receipt = self.rim.store.commit(commit).await?;
        Ok((number, revision(&receipt)))
    }

    /// One more than the newest on record. Whoever forgets old records leaves the newest.
    fn number(&self, station: &StationId) -> Result<CommandNo, StoreError> {
        let lock = || self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let known = lock().contains_key(station);
        let first = match known {
            true => CommandNo::FIRST,
            false => {
                let newest =
                    self.rim.store.page::<OperatorCommand>(station, None, Order::Descending, 1)?;
                newest.first().map_or(CommandNo::FIRST, |((_, newest), _)| newest.next())
            }
        };
        let mut next = lock();
        let number = next.entry(station.clone()).or_insert(first);
        Ok(std::mem::replace(number, number.next()))
    }
}

impl From<Entry> for Waiting {
    fn from(Entry { key, command, .. }: Entry) -> Self {
        let id = key.name.to_string();
        match key.name {
            Name::Plugin(plugin, _) => Self { plugin: Some(plugin), id, command },
            Name::Operator(_) => {
                Self { plugin: None, id, command: shown(OperatorCommand::waiting(command)) }
            }
        }
    }
}

/// As it may be shown.
fn shown(record: OperatorCommand) -> QueuedCommand {
    let payload = record.shown_payload().to_owned();
    QueuedCommand { payload, ..record.command }
}

/// Everything of one station that has not ended.
fn open(store: &Store, station: &StationId) -> Result<Vec<Entry>, StoreError> {
    let mut open = Vec::new();
    // Plugins' commands stand by plugin.
    each::<QueuedCommand>(store, |(plugin, at, id), Versioned { value, revision }| {
        if at == *station {
            let key = Key { station: at, name: Name::Plugin(plugin, id) };
            open.push(Entry { key, command: value, revision });
        }
        Ok(())
    })?;
    for (at, _) in store.page::<OpenCommand>(station, None, Order::Ascending, usize::MAX)? {
        open.extend(of_operator(store, at)?.map(|(entry, _)| entry));
    }
    Ok(open)
}
