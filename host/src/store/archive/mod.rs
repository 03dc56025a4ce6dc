//! The whole store as text: to keep a copy elsewhere, to make its files small, to move to another engine. One JSON object
//! a line, as `docs/operating.md` describes it. Knows lines and where a store stands, but no engine's files.
//!
//! The first line says what this is, the last one how much it is and its digest; between them are the records and facts
//! in the order of their keys.

mod export;
mod import;
mod lines;

use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::engine::EngineError;
use super::{OpenError, StoreError};

pub use import::import;

/// What the first line names.
const FORMAT: &str = "plugpoint-export";

/// Counts up whenever a reader of the older form would misread the newer one.
const VERSION: u32 = 1;

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    format: String,
    version: u32,
}

/// The last line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    pub records: u64,
    pub facts: u64,
    /// Of all lines before this one, in hexadecimal digits.
    pub sha256: String,
}

/// What takes its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Exporting,
    Importing,
    /// Whether what was imported is there.
    ReadingBack,
}

/// Told now and then: how many lines of a step are done.
pub type Progress<'a> = &'a mut dyn FnMut(Step, u64);

/// Lines between two reports of progress.
const REPORT: u64 = 10_000;

/// Of lines, whatever their order.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Sum(u128);

impl Sum {
    fn add(&mut self, line: &[u8]) {
        let digest = Sha256::digest(line);
        if let Some(half) = digest.first_chunk() {
            self.0 = self.0.wrapping_add(u128::from_be_bytes(*half));
        }
    }
}

fn hexadecimal(sha256: Sha256) -> String {
    crate::domain::hex(&sha256.finalize())
}

/// Why there is no export, or no import.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error("the file cannot be written: {0}")]
    Write(#[source] io::Error),
    #[error("the file cannot be read: {0}")]
    Read(#[source] io::Error),
    #[error("{} cannot be used: {source}; check that it can be written to and has space", dir.display())]
    Directory { dir: PathBuf, source: io::Error },
    #[error("there is no store in {}; give the data directory of a server", dir.display())]
    NoStore { dir: PathBuf },
    #[error("{} is not empty; import into a directory of its own", dir.display())]
    NotEmpty { dir: PathBuf },
    #[error("this is not an export of plugpoint")]
    NotAnExport,
    #[error(
        "the export has version {0}, newer than the {VERSION} that is known; use the plugpoint that wrote it"
    )]
    NewerExport(u32),
    #[error("the export has no last line: it was cut off; take another copy")]
    CutOff,
    #[error(
        "the export does not agree with its last line: it was changed or damaged; take another copy"
    )]
    Damaged,
    #[error("line {line} of the export cannot be read: {cause}")]
    BadLine { line: u64, cause: String },
    #[error("what was written reads back differently; check the disk of {}", dir.display())]
    ReadsBackDifferently { dir: PathBuf },
}
