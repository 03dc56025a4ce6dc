//! From lines to a store. The file is read twice: first to see that it is whole, then to write what it says. The store
//! gets its place only when all of it is on the disk and reads back the same.

use std::fs::{self, DirBuilder, File};
use std::io::{self, BufRead, BufReader};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::store::engine::{Batch, Engine};
use crate::store::format;
use crate::store::ledger::Ledger;
use crate::store::sled_engine::{self, SledEngine};
use crate::store::{Store, handle};

use super::lines::{self, Entry, Line};
use super::{ArchiveError, FORMAT, Head, Progress, REPORT, Step, Sum, Summary, VERSION};

/// Where the store grows until it is complete.
const UNFINISHED: &str = "store.unfinished";

/// Lines of one batch.
const BATCH: u64 = 1000;

/// A batch takes no further line beyond this many bytes of lines.
const BATCH_BYTES: usize = 4 << 20;

/// Makes the store of an export in a data directory that is empty or not there.
pub fn import(file: &Path, dir: &Path, progress: Progress<'_>) -> Result<Summary, ArchiveError> {
    let open = || File::open(file).map(BufReader::new).map_err(ArchiveError::Read);
    let summary = check(open()?)?;
    make_empty(dir)?;
    let unfinished = dir.join(UNFINISHED);
    make_private(&unfinished)?;
    let engine = SledEngine::open(&unfinished)?;
    let sum = fill(&engine, open()?, &summary, progress)?;
    drop(engine);
    // Its files must not move under it.
    sled_engine::wait_for_sled_to_let_go(&unfinished)?;
    let place = handle::place_in(dir);
    fs::rename(&unfinished, place)
        .and_then(|()| format::sync_directory(dir))
        .map_err(|source| unusable(dir, source))?;
    let store = Store::open(dir)?;
    let read_back =
        store.write_lines(&mut io::sink(), &mut |lines| progress(Step::ReadingBack, lines));
    store.close_here();
    let (written, read_back) = read_back?;
    if (written.records, written.facts, read_back) != (summary.records, summary.facts, sum) {
        return Err(ArchiveError::ReadsBackDifferently { dir: dir.to_owned() });
    }
    Ok(summary)
}

/// Whether the file is whole, and what its last line says.
fn check(mut from: impl BufRead) -> Result<Summary, ArchiveError> {
    let mut sha256 = Sha256::new();
    let mut lines = 0;
    let (mut line, mut next) = (Vec::new(), Vec::new());
    read_line(&mut from, &mut line)?;
    let head: Head = serde_json::from_slice(&line).map_err(|_| ArchiveError::NotAnExport)?;
    if head.format != FORMAT {
        return Err(ArchiveError::NotAnExport);
    }
    if head.version > VERSION {
        return Err(ArchiveError::NewerExport(head.version));
    }
    while read_line(&mut from, &mut next)? {
        sha256.update(&line);
        lines += 1;
        std::mem::swap(&mut line, &mut next);
    }
    let summary: Summary = serde_json::from_slice(&line).map_err(|_| ArchiveError::CutOff)?;
    // The first line counts as neither.
    let promised = summary.records.saturating_add(summary.facts).saturating_add(1);
    if promised != lines || summary.sha256 != super::hexadecimal(sha256) {
        return Err(ArchiveError::Damaged);
    }
    Ok(summary)
}

fn read_line(from: &mut impl BufRead, line: &mut Vec<u8>) -> Result<bool, ArchiveError> {
    line.clear();
    from.read_until(b'\n', line).map_err(ArchiveError::Read)?;
    Ok(!line.is_empty())
}

fn make_empty(dir: &Path) -> Result<(), ArchiveError> {
    make_private(dir)?;
    if fs::read_dir(dir).map_err(|source| unusable(dir, source))?.next().is_some() {
        return Err(ArchiveError::NotEmpty { dir: dir.to_owned() });
    }
    Ok(())
}

fn make_private(dir: &Path) -> Result<(), ArchiveError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|source| unusable(dir, source))
}

fn unusable(dir: &Path, source: io::Error) -> ArchiveError {
    ArchiveError::Directory { dir: dir.to_owned(), source }
}

/// Writes what the lines say. Returns the sum of the lines that an export of it is to have: this server may write a
/// record in another way than the one that exported it, and in another order.
fn fill(
    engine: &dyn Engine,
    mut from: impl BufRead,
    summary: &Summary,
    progress: Progress<'_>,
) -> Result<Sum, ArchiveError> {
    let mut sum = Sum::default();
    let mut ledger = Ledger::recover(engine)?;
    let (mut batch, mut bytes) = (Batch::default(), 0);
    let mut line = Vec::new();
    read_line(&mut from, &mut line)?;
    for number in 1..=summary.records.saturating_add(summary.facts) {
        read_line(&mut from, &mut line)?;
        // People and editors count from one, and the first line is the head.
        let bad = |cause: String| ArchiveError::BadLine { line: number + 1, cause };
        let read: Line = serde_json::from_slice(&line).map_err(|error| bad(error.to_string()))?;
        let (entry, again) = lines::entry(read).map_err(bad)?;
        sum.add(&serde_json::to_vec(&again).map_err(|error| bad(error.to_string()))?);
        match entry {
            Entry::Record { key, value } => {
                ledger.put(key, value, &mut batch)?;
            }
            Entry::Fact(seq, fact) => Ledger::write_fact(seq, fact, &mut batch),
        }
        bytes += line.len();
        if number % BATCH == 0 || bytes > BATCH_BYTES {
            engine.apply(std::mem::take(&mut batch))?;
            bytes = 0;
        }
        if number % REPORT == 0 {
            progress(Step::Importing, number);
        }
    }
    engine.apply(batch)?;
    engine.sync()?;
    Ok(sum)
}
