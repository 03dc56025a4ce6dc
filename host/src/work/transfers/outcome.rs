//! What the end of a command means for the transfer that it asks for. Both go on record in one commit.

use crate::domain::{
    CommandEnd, CommandNo, MAX_KEPT_TRANSFERS, Millis, StationId, Transfer, TransferEnd, TransferNo,
};
use crate::files::{self, Key};
use crate::store::{Commit, Expect, Order, Store, StoreError};

use super::ask::is_ask;

/// A station's word for: I will, and what you asked of that kind before is off.
const CANCELS: &str = "AcceptedCanceled";

/// Newest first.
fn kept(
    store: &Store,
    station: &StationId,
) -> Result<impl Iterator<Item = (TransferNo, Transfer)> + use<>, StoreError> {
    let kept = store.page::<Transfer>(station, None, Order::Descending, MAX_KEPT_TRANSFERS)?;
    Ok(kept.into_iter().map(|((_, number), found)| (number, found.value)))
}

/// The transfer of a command, if its action is of those that have one.
fn of_command(
    store: &Store,
    (station, command): (&StationId, CommandNo),
    action: &str,
) -> Result<Option<(TransferNo, Transfer)>, StoreError> {
    if !is_ask(action) {
        return Ok(None);
    }
    Ok(kept(store, station)?.find(|(_, transfer)| transfer.command == Some(command)))
}

/// Ends the transfer when the station will not do it. While nobody knows whether it will, the transfer goes on: the station
/// tells, or its time ends.
pub(in crate::work) fn command_ended(
    store: &Store,
    commit: &mut Commit,
    of: (&StationId, CommandNo),
    action: &str,
    end: &CommandEnd,
    now: Millis,
) -> Result<(), StoreError> {
    let Some((number, transfer)) = of_command(store, of, action)? else { return Ok(()) };
    let station = of.0;
    if let Some(why) = refusal(end) {
        close(commit, (station.clone(), number), transfer, TransferEnd::Refused(why), now);
    } else if end.status().as_deref() == Some(CANCELS) {
        let topic = transfer.kind.topic();
        let before = kept(store, station)?.filter(|(older, transfer)| {
            *older < number && transfer.is_open() && transfer.kind.topic() == topic
        });
        for (older, transfer) in before {
            let end = TransferEnd::Failed(CANCELS.to_owned());
            close(commit, (station.clone(), older), transfer, end, now);
        }
    }
    Ok(())
}

/// The command was never sent.
pub(in crate::work) fn command_forgotten(
    store: &Store,
    commit: &mut Commit,
    of: (&StationId, CommandNo),
    action: &str,
    now: Millis,
) -> Result<(), StoreError> {
    if let Some((number, transfer)) = of_command(store, of, action)? {
        let end = TransferEnd::Refused("the station could not be called".to_owned());
        close(commit, (of.0.clone(), number), transfer, end, now);
    }
    Ok(())
}

/// Nobody else changes it now: a station that refuses, or was never called, neither fetches nor sends.
fn close(commit: &mut Commit, key: Key, mut transfer: Transfer, end: TransferEnd, now: Millis) {
    if transfer.is_open() {
        let why = end.why().map(str::to_owned);
        let step = transfer.end(now, end);
        commit.fact(files::fact(&key, transfer.kind.topic(), step, why, now), None);
        commit.transfer(&key, &transfer, Expect::Any);
    }
}

/// Why the station will not do it; `None` if it will, or may.
fn refusal(end: &CommandEnd) -> Option<String> {
    match end {
        CommandEnd::Answered(_) => end.status().filter(|status| !status.starts_with("Accepted")),
        CommandEnd::Refused { code, .. } => Some(code.clone()),
        CommandEnd::Invalid(why) => Some(why.clone()),
        CommandEnd::Expired => Some("the command waited too long".to_owned()),
        CommandEnd::Cancelled => Some("the command was taken back".to_owned()),
        CommandEnd::Unfit { .. } | CommandEnd::Unknown(_) => None,
    }
}
