//! What the end of a command means for the transfer that it asks for. Both go on record in one commit.

use crate::domain::{
    CommandEnd, CommandNo, MAX_KEPT_TRANSFERS, Millis, StationId, Transfer, TransferEnd, TransferNo,
};
use crate::files;
use crate::store::{Commit, Expect, OpenTransfer, Order, Store, StoreError};

use super::ask::is_ask;

/// The transfer of a command, if its action is of those that have one.
fn of_command(
    store: &Store,
    station: &StationId,
    number: CommandNo,
    action: &str,
) -> Result<Option<(TransferNo, Transfer)>, StoreError> {
    if !is_ask(action) {
        return Ok(None);
    }
    let kept =
        store.page::<Transfer>(station, None, Order::Descending, MAX_KEPT_TRANSFERS)?.into_iter();
    let mut kept = kept.map(|((_, number), found)| (number, found.value));
    Ok(kept.find(|(_, transfer)| transfer.command == Some(number)))
}

/// Ends the transfer when the station will not do it. While nobody knows whether it will, the transfer goes on: the station
/// tells, or its time ends.
pub(in crate::work) fn command_ended(
    store: &Store,
    commit: &mut Commit,
    (station, number): (&StationId, CommandNo),
    action: &str,
    end: &CommandEnd,
    now: Millis,
) -> Result<(), StoreError> {
    let Some(why) = refusal(end) else { return Ok(()) };
    let found = of_command(store, station, number, action)?;
    let Some((number, mut transfer)) = found.filter(|(_, transfer)| transfer.is_open()) else {
        return Ok(());
    };
    let step = transfer.end(now, TransferEnd::Refused(why.clone()));
    let key = (station.clone(), number);
    commit.fact(files::fact(&key, transfer.kind.topic(), step, Some(why), now), None);
    // Nobody else changes it now: a station that refuses neither fetches nor sends.
    commit.transfer(&key, &transfer, Expect::Any);
    Ok(())
}

/// The command was never sent: there is no transfer, either.
pub(in crate::work) fn command_forgotten(
    store: &Store,
    commit: &mut Commit,
    (station, number): (&StationId, CommandNo),
    action: &str,
) -> Result<(), StoreError> {
    if let Some((number, transfer)) = of_command(store, station, number, action)? {
        let key = (station.clone(), number);
        let open = (transfer.expires, key.0.clone(), number);
        commit.delete::<Transfer>(&key, Expect::Any);
        commit.delete::<OpenTransfer>(&open, Expect::Any);
    }
    Ok(())
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
