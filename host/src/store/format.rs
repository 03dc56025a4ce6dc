//! The `FORMAT` file: says whose directory this is before an engine touches it, because the engine itself would
//! take a foreign directory for an empty one. Knows no engine's files.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use super::OpenError;

/// What this server writes and can read.
const KNOWN: Format = Format { engine: "sled-0.34", layout: 1 };

const MARKER: &str = "FORMAT";

/// What the name of a file ends with until all of it is written.
const UNFINISHED: &str = ".new";

#[derive(Debug, PartialEq, Eq)]
struct Format<'a> {
    engine: &'a str,
    /// Counts up whenever keys or values change their layout as a whole.
    layout: u32,
}

/// The right to use a directory, for as long as it lives.
pub(super) struct Claim(#[expect(dead_code, reason = "the open file is the lock")] File);

/// Makes the directory ours, or says why it cannot be.
pub(super) fn claim(dir: &Path) -> Result<Claim, OpenError> {
    let io = |source| OpenError::Io { dir: dir.to_owned(), source };
    fs::create_dir_all(dir).map_err(io)?;
    let lock = File::open(dir).map_err(io)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => return Err(OpenError::InUse { dir: dir.to_owned() }),
        Err(fs::TryLockError::Error(source)) => return Err(io(source)),
    }
    match fs::read_to_string(dir.join(MARKER)) {
        Ok(text) if parse(&text) == Some(KNOWN) => {}
        Ok(text) => {
            return Err(OpenError::UnknownFormat {
                dir: dir.to_owned(),
                found: text.trim().to_owned(),
            });
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if !is_vacant(dir).map_err(io)? {
                return Err(OpenError::Foreign { dir: dir.to_owned() });
            }
            write_marker(dir).map_err(io)?;
        }
        Err(source) => return Err(io(source)),
    }
    Ok(Claim(lock))
}

/// Nothing in it, but for a marker that a crash left half written.
fn is_vacant(dir: &Path) -> io::Result<bool> {
    let unfinished = format!("{MARKER}{UNFINISHED}");
    for entry in fs::read_dir(dir)? {
        if entry?.file_name() != *unfinished {
            return Ok(false);
        }
    }
    Ok(true)
}

fn write_marker(dir: &Path) -> io::Result<()> {
    let text = format!("plugpoint-store engine={} layout={}\n", KNOWN.engine, KNOWN.layout);
    replace_file(dir, MARKER, &text)?;
    sync_directory(dir)
}

/// Afterwards, and after a crash meanwhile, the file has its old text or its new one.
pub(super) fn replace_file(dir: &Path, name: &str, text: &str) -> io::Result<()> {
    let unfinished = dir.join(format!("{name}{UNFINISHED}"));
    let mut file = File::create(&unfinished)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(unfinished, dir.join(name))?;
    File::open(dir)?.sync_all()
}

/// A new file is only there after a power cut if its directory was synced, too.
pub(super) fn sync_directory(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()?;
    match dir.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => Ok(()),
    }
}

fn parse(text: &str) -> Option<Format<'_>> {
    let mut words = text.split_whitespace();
    let format = match (words.next()?, words.next()?, words.next()?) {
        ("plugpoint-store", engine, layout) => Format {
            engine: engine.strip_prefix("engine=")?,
            layout: layout.strip_prefix("layout=")?.parse().ok()?,
        },
        _ => return None,
    };
    words.next().is_none().then_some(format)
}
