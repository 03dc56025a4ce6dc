//! Why the store could not be opened or read, with what to do next. Knows no cause beyond the engine's own words.

use std::io;
use std::path::PathBuf;

use crate::domain::Seq;

use super::commit::CommitError;
use super::engine::EngineError;
use super::keys::Table;

/// The store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(
        "another server is using {}; stop it first, or give this one a data directory of its own",
        dir.display()
    )]
    InUse { dir: PathBuf },
    #[error(
        "{} holds files but no FORMAT file, so it is not a store of plugpoint; choose an empty directory",
        dir.display()
    )]
    Foreign { dir: PathBuf },
    #[error(
        "{} has the format `{found}`, which this version cannot read; use the version that wrote it",
        dir.display()
    )]
    UnknownFormat { dir: PathBuf, found: String },
    #[error("the files in {} are damaged; restore the directory from a backup", dir.display())]
    Damaged { dir: PathBuf },
    #[error(
        "the log in {} ends at fact {found} although fact {noted} was on the disk; restore the directory from \
         a backup, or delete its file LAST to go on without what is lost",
        dir.display()
    )]
    Lost { dir: PathBuf, found: Seq, noted: Seq },
    #[error("{} cannot be used; check that it exists, is writable and has space", dir.display())]
    Io { dir: PathBuf, source: io::Error },
    #[error("the system gives no random bytes for a new key: {0}")]
    NoRandom(getrandom::Error),
    #[error("the thread that writes could not be started; check the limits of the process")]
    NoThread(#[source] io::Error),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Records(StoreError),
}

impl From<StoreError> for OpenError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Engine(error) => Self::Engine(error),
            other => Self::Records(other),
        }
    }
}

/// The records cannot be read, or a number cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(
        "a record of {table:?} has version {version}, newer than the {known} that this server knows; \
         start the newer version again"
    )]
    NewerRecord { table: Table, version: u8, known: u8 },
    #[error("a record of {table:?} is damaged; restore the store from a backup")]
    Damaged { table: Table },
    #[error("the store holds records of a kind that only a newer server knows; use that one")]
    UnknownTable,
    #[error("all session numbers that OCPP 1.6 can carry are used up")]
    SessionsExhausted,
    #[error("the store has more work waiting than it takes; try again shortly")]
    Overloaded,
    #[error("the disk is almost full; make room on it, then try again")]
    NoSpace,
    #[error("the store has stopped; restart the server, its log says why it stopped")]
    Unavailable,
}

/// Why a change that rests on what was read is not on record.
#[derive(Debug, thiserror::Error)]
pub enum Unwritten {
    #[error(transparent)]
    Read(#[from] StoreError),
    #[error(transparent)]
    Commit(#[from] CommitError),
}
