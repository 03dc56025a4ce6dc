//! From a store to lines. One pass over everything there is, so that nothing can be left out; what it does not know it
//! reports.

use std::io::{self, Write};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::store::engine::{KeyRange, Order};
use crate::store::{Store, StoreError, ledger};

use super::lines::{self, Line, Way};
use super::{ArchiveError, FORMAT, Head, Progress, REPORT, Step, Sum, Summary, VERSION};

/// Pairs read at a time.
const PAGE: usize = 200;

impl Store {
    /// Opens the store of a data directory that has one, to export it.
    pub fn open_existing(dir: &Path) -> Result<Self, ArchiveError> {
        if !Self::is_in(dir) {
            return Err(ArchiveError::NoStore { dir: dir.to_owned() });
        }
        Ok(Self::open(dir)?)
    }

    /// Writes everything there is. Nobody may write to the store meanwhile.
    pub fn export(
        &self,
        to: &mut dyn Write,
        progress: Progress<'_>,
    ) -> Result<Summary, ArchiveError> {
        Ok(self.write_lines(to, &mut |lines| progress(Step::Exporting, lines))?.0)
    }

    pub(super) fn write_lines(
        &self,
        to: &mut dyn Write,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(Summary, Sum), ArchiveError> {
        let mut sum = Sum::default();
        let mut page = Paper::new(to);
        page.write(&Head { format: FORMAT.to_owned(), version: VERSION })?;
        let (mut records, mut facts) = (0, 0);
        // Tables are named by ASCII letters and signs.
        let mut range = KeyRange { start: vec![0], end: vec![u8::MAX] };
        loop {
            let pairs = self.scan(&range, Order::Ascending, PAGE)?;
            let Some((last, _)) = pairs.last() else { break };
            range.start = crate::store::keys::after(last.clone());
            for pair in &pairs {
                let Some((line, is_fact)) = self.line(pair)? else { continue };
                sum.add(page.write(&line)?);
                *(if is_fact { &mut facts } else { &mut records }) += 1;
                if (records + facts) % REPORT == 0 {
                    progress(records + facts);
                }
            }
        }
        let summary = Summary { records, facts, sha256: page.digest() };
        page.write(&summary)?;
        page.to.flush().map_err(ArchiveError::Write)?;
        Ok((summary, sum))
    }

    /// The line of a pair, if it has one of its own, and whether it is a fact's.
    fn line(&self, pair: &(Vec<u8>, Vec<u8>)) -> Result<Option<(Line, bool)>, ArchiveError> {
        let (key, value) = pair;
        let (table, name) = lines::of_key(key).ok_or(StoreError::UnknownTable)?;
        Ok(match lines::way(table) {
            // Revisions count anew in the new store: nobody holds one over a stop of the server.
            Way::Records(_) if *key == ledger::revisions_key() => None,
            Way::Records(port) => Some((port.line(name, key, value)?, false)),
            Way::Facts => {
                let (logged, _) = self.logged(pair)?;
                let raw = self.raw(logged.seq)?;
                Some((lines::fact_line(name, &logged, raw)?, true))
            }
            Way::WithItsFact => None,
        })
    }
}

/// Where lines go, and what they add up to.
struct Paper<'a> {
    to: &'a mut dyn Write,
    sha256: Sha256,
    line: Vec<u8>,
}

impl<'a> Paper<'a> {
    fn new(to: &'a mut dyn Write) -> Self {
        Self { to, sha256: Sha256::new(), line: Vec::new() }
    }

    /// Gives back the line without its end.
    fn write(&mut self, line: &impl serde::Serialize) -> Result<&[u8], ArchiveError> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, line)
            .map_err(|error| ArchiveError::Write(io::Error::other(error)))?;
        self.line.push(b'\n');
        self.sha256.update(&self.line);
        self.to.write_all(&self.line).map_err(ArchiveError::Write)?;
        Ok(&self.line[..self.line.len() - 1])
    }

    fn digest(&self) -> String {
        super::hexadecimal(self.sha256.clone())
    }
}
