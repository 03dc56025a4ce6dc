//! Has stations fetch firmware and send logs, and ends what nobody ended. Knows no HTTP: links are made here, and followed in
//! `files`.
//!
//! A transfer goes on record with the operator's command that asks for it, and ends with a word of the station, with a
//! refusal of the command, or with its time.

mod ask;
mod outcome;
#[cfg(test)]
mod tests;

use std::time::{Duration, SystemTime};

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::ask::Errand;
use super::outbox::{Attached, Called, Calls, NotQueued};
use crate::domain::{
    CommandNo, Firmware, FirmwareName, FirmwareSignature, MAX_KEPT_TRANSFERS, Millis, Outgoing,
    StationId, StationRecord, Transfer, TransferEnd, TransferKind, TransferNo,
};
use crate::files::{self, Files, Key, Secret, Shelf};
use crate::station::registry::{Command, CommandFailure, Registry};
use crate::store::{All, Commit, CommitError, Expect, OpenTransfer, Order, StoreError, Unwritten};

pub use self::ask::Span;
pub(in crate::work) use self::outcome::{command_ended, command_forgotten};

/// Transfers of one station that may be open. Stations carry out one of a kind at a time.
const MAX_OPEN: usize = 8;

/// Between two looks at what has run out of time.
const LOOK: Duration = Duration::from_secs(15);

/// Looks after which files are looked at that may be too old, or too many.
const LOOKS_TO_TRIM: u32 = 20;

/// Transfers that are ended at once.
const PAGE: usize = 256;

/// See the module. Cheap to clone.
#[derive(Clone)]
pub struct Transfers {
    files: Files,
    calls: Calls,
    registry: Registry,
}

/// What a station is to do.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub file: WantedFile,
    /// Of firmware: when to fetch it and when to install it. Of a log: what it shall hold.
    pub span: Span,
    pub how: How,
}

#[derive(Debug, Clone)]
pub enum WantedFile {
    Firmware(FirmwareName),
    Diagnostics,
    SecurityLog,
}

/// When the station is asked.
#[derive(Debug, Clone, Copy)]
pub enum How {
    /// Now; it may take so long to answer.
    Now(Duration),
    /// As soon as it can be called, for so long.
    Queued(Duration),
}

/// Why a station is not asked.
#[derive(Debug, thiserror::Error)]
pub enum NotAsked {
    #[error("the server has no listener for files")]
    NoListener,
    #[error("there is no firmware '{0}'")]
    NoFirmware(FirmwareName),
    #[error("nobody knows which version of OCPP {0} speaks")]
    UnknownProtocol(StationId),
    #[error("OCPP 1.6 has no time of installation for firmware without a signature")]
    NoInstallTime,
    #[error("{MAX_OPEN} transfers of this station are open, and no more fit")]
    TooMany,
    #[error("the system gives no random numbers: {0}")]
    Randomness(#[from] getrandom::Error),
    #[error("the call cannot be written: {0}")]
    Unwritable(#[from] serde_json::Error),
    #[error("the call failed: {failure}")]
    Failed { command: Option<CommandNo>, failure: CommandFailure },
    #[error(transparent)]
    NotQueued(#[from] NotQueued),
    #[error(transparent)]
    Store(#[from] Unwritten),
}

impl From<StoreError> for NotAsked {
    fn from(error: StoreError) -> Self {
        Self::Store(error.into())
    }
}

impl Transfers {
    pub fn new(files: Files, calls: Calls, registry: Registry) -> Self {
        Self { files, calls, registry }
    }

    pub fn files(&self) -> &Files {
        &self.files
    }

    /// Has a station fetch or send a file. What came of the call is in the record: a station that refuses it ends it.
    pub async fn ask(&self, station: &StationId, wanted: Wanted) -> Result<Key, NotAsked> {
        let Files { store, base, now, .. } = &self.files;
        let base = base.as_ref().ok_or(NotAsked::NoListener)?;
        let protocol = self.protocol(station)?;
        let (kind, outgoing, signature) = self.file(&wanted.file)?;
        let is_plain = kind == TransferKind::Firmware && signature.is_none();
        if is_plain && wanted.span.until.is_some() && super::is_first_family(&protocol) {
            return Err(NotAsked::NoInstallTime);
        }
        let number = self.make_room(station).await?;
        let (mut random, now) = ([0; 32], now());
        getrandom::fill(&mut random)?;
        let (secret, request) = (Secret::new(random), getrandom::u32()? >> 1);
        let key = (station.clone(), number);
        let name = outgoing.as_ref().map_or("log", |firmware| firmware.name.as_str());
        let url = files::url(base, &key, &secret, name);
        let (span, signature) = (wanted.span, signature.as_ref());
        let ask = Errand { kind, url, request, span, signature, now }.ask(&protocol)?;
        let transfer = Transfer {
            kind,
            link: secret.digest(),
            firmware: outgoing,
            request: ask.names_request.then_some(request),
            command: None,
            begun: now,
            expires: self.expires(&wanted, kind, now),
            told: Vec::new(),
            tries: 0,
            bytes: 0,
            received: None,
            ended: None,
        };
        let attached = Attached { number, transfer };
        let action = ask.action.to_owned();
        match wanted.how {
            How::Queued(within) => {
                let payload = ask.payload;
                self.calls.queue_with(station, action, payload, within, attached).await?;
            }
            How::Now(timeout) => {
                let command = Command { action, payload: ask.payload, timeout };
                let Called { number: command, result } =
                    self.calls.call_with(station.clone(), command, attached).await?;
                if let Err(failure) = result
                    && store.read::<Transfer>(&key)?.is_none_or(|it| !it.value.is_open())
                {
                    return Err(NotAsked::Failed { command, failure });
                }
            }
        }
        Ok(key)
    }

    /// What it speaks now, or has to speak when it comes.
    fn protocol(&self, station: &StationId) -> Result<String, NotAsked> {
        let spoken = self.registry.live(station).and_then(|live| live.protocol);
        if let Some(spoken) = spoken {
            return Ok(spoken.to_owned());
        }
        let record = self.files.store.read::<StationRecord>(station)?;
        let wanted = record.and_then(|record| record.value.wanted_protocol);
        wanted.ok_or_else(|| NotAsked::UnknownProtocol(station.clone()))
    }

    fn file(
        &self,
        wanted: &WantedFile,
    ) -> Result<(TransferKind, Option<Outgoing>, Option<FirmwareSignature>), NotAsked> {
        match wanted {
            WantedFile::Diagnostics => Ok((TransferKind::Diagnostics, None, None)),
            WantedFile::SecurityLog => Ok((TransferKind::SecurityLog, None, None)),
            WantedFile::Firmware(name) => {
                let found = self.files.store.read::<Firmware>(name)?;
                let firmware = found.ok_or_else(|| NotAsked::NoFirmware(name.clone()))?.value;
                let outgoing = Outgoing::of(name.clone(), &firmware);
                Ok((TransferKind::Firmware, Some(outgoing), firmware.signature))
            }
        }
    }

    /// A link has to be good when the station is called, and when it shall fetch or install.
    fn expires(&self, wanted: &Wanted, kind: TransferKind, now: Millis) -> Millis {
        let called = match wanted.how {
            How::Now(timeout) => now + timeout,
            How::Queued(within) => now + within,
        };
        let Span { from, until } = wanted.span;
        let times = [from, until].into_iter().flatten().filter(|_| kind == TransferKind::Firmware);
        times.fold(called, Millis::max) + self.files.bounds.link
    }

    /// The next number, with the oldest record gone if there are as many as are kept.
    async fn make_room(&self, station: &StationId) -> Result<TransferNo, NotAsked> {
        let store = &self.files.store;
        let kept =
            store.page::<Transfer>(station, None, Order::Descending, MAX_KEPT_TRANSFERS + 1)?;
        if kept.iter().filter(|(_, transfer)| transfer.value.is_open()).count() >= MAX_OPEN {
            return Err(NotAsked::TooMany);
        }
        let number = kept.first().map_or(TransferNo::FIRST, |((_, newest), _)| newest.next());
        let ended = kept.iter().rev().find(|(_, transfer)| !transfer.value.is_open());
        if let Some((key, oldest)) = ended.filter(|_| kept.len() >= MAX_KEPT_TRANSFERS) {
            let mut commit = Commit::new();
            commit.delete::<Transfer>(key, Expect::Revision(oldest.revision));
            store.commit(commit).await?;
            if let Some(received) = &oldest.value.received
                && let Err(error) = self.files.depot.remove(Shelf::Uploads, &received.file).await
            {
                warn!(%station, transfer = %key.1, %error, "a log that nobody knows any more stays");
            }
        }
        Ok(number)
    }

    /// Takes a link back. `None` when there is no such transfer; what has ended stays as it is.
    pub async fn revoke(&self, key: &Key) -> Result<Option<Transfer>, Unwritten> {
        self.end(key, &TransferEnd::Revoked).await
    }

    async fn end(&self, key: &Key, end: &TransferEnd) -> Result<Option<Transfer>, Unwritten> {
        let now = (self.files.now)();
        let change = |transfer: &mut Transfer, commit: &mut Commit| {
            if !transfer.is_over() {
                let step = transfer.end(now, end.clone());
                commit.fact(files::fact(key, transfer.kind.topic(), step, None, now), None);
            }
        };
        self.files.change(key, change).await
    }

    /// Ends what has run out of time and removes files that are too old or too many, until told to stop.
    pub async fn keep(self, stop: CancellationToken) {
        for look in 0.. {
            if let Err(error) = self.expire().await {
                warn!(%error, "transfers whose time is over stay open");
            }
            if look % LOOKS_TO_TRIM == 0 {
                self.trim().await;
            }
            if stop.run_until_cancelled(tokio::time::sleep(LOOK)).await.is_none() {
                return;
            }
        }
    }

    async fn expire(&self) -> Result<(), Unwritten> {
        let store = &self.files.store;
        let now = (self.files.now)();
        let oldest = store.page::<OpenTransfer>(All, None, Order::Ascending, PAGE)?;
        for (open, _) in oldest.into_iter().take_while(|((expires, ..), _)| *expires <= now) {
            let key = (open.1.clone(), open.2);
            if self.end(&key, &TransferEnd::Expired).await?.is_none() {
                let mut commit = Commit::new();
                commit.delete::<OpenTransfer>(&open, Expect::Any);
                store.commit(commit).await?;
            }
        }
        Ok(())
    }

    async fn trim(&self) {
        let Files { depot, bounds, .. } = self.files.clone();
        let trimming =
            tokio::task::spawn_blocking(move || depot.trim_uploads(SystemTime::now(), bounds));
        match trimming.await {
            Ok(Ok(0)) => {}
            Ok(Ok(files)) => info!(files, "removed logs that were too old or too many"),
            Ok(Err(error)) => warn!(%error, "logs that are too old or too many stay"),
            Err(died) => warn!(error = %died, "logs that are too old or too many stay"),
        }
    }
}

impl From<CommitError> for NotAsked {
    fn from(error: CommitError) -> Self {
        Self::Store(error.into())
    }
}
