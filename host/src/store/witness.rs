//! A note beside the engine of how far the log has certainly reached. sled takes a damaged end of its files for the
//! end of what was written, and empty files for a new store: without the note a loss would go unnoticed. Knows no
//! engine's files.

use std::fs;
use std::io;
use std::path::PathBuf;

use crate::domain::Seq;

use super::OpenError;
use super::format;

const NOTE: &str = "LAST";

pub(super) struct Witness {
    dir: PathBuf,
}

impl Witness {
    pub(super) fn beside(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// Refuses a log that is shorter than it has been.
    pub(super) fn confirm(&self, found: Seq) -> Result<(), OpenError> {
        let noted = self.noted().map_err(|source| self.unusable(source))?;
        if found < noted {
            return Err(OpenError::Lost { dir: self.dir.clone(), found, noted });
        }
        Ok(())
    }

    /// To be told only what is on the disk.
    pub(super) fn note(&self, last: Seq) -> Result<(), OpenError> {
        format::replace_file(&self.dir, NOTE, &format!("{last}\n"))
            .map_err(|source| self.unusable(source))
    }

    fn noted(&self) -> io::Result<Seq> {
        match fs::read_to_string(self.dir.join(NOTE)) {
            Ok(text) => text.trim().parse().map(Seq).map_err(io::Error::other),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Seq(0)),
            Err(error) => Err(error),
        }
    }

    fn unusable(&self, source: io::Error) -> OpenError {
        OpenError::Io { dir: self.dir.clone(), source }
    }
}
