//! The plugins' files: components by their digest, and the machine code made of them. Knows no engine.
//!
//! A component is kept for as long as a record may name it. Machine code is a cache: anything there that this very
//! engine did not make is swept out at start.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use crate::domain::Digest;

/// Ending of files that are still being written.
const UNFINISHED: &str = "unfinished";

pub(super) struct Files {
    components: PathBuf,
    compiled: PathBuf,
    /// Names the engine whose code is usable.
    engine: String,
}

impl Files {
    /// Opens the directories below `dir`, makes them if need be, and sweeps out what cannot be used any more.
    pub(super) fn open(dir: &Path, engine: String) -> io::Result<Self> {
        let files =
            Self { components: dir.join("components"), compiled: dir.join("compiled"), engine };
        // Only this user: what lies in `compiled` is run as it is.
        let mut private = DirBuilder::new();
        private.recursive(true).mode(0o700);
        private.create(&files.components)?;
        private.create(&files.compiled)?;
        sweep(&files.components, |name| !name.ends_with(UNFINISHED))?;
        sweep(&files.compiled, |name| name.ends_with(&files.code_ending()))?;
        Ok(files)
    }

    /// Keeps a component for good. False if it was there before.
    pub(super) fn keep(&self, digest: &Digest, wasm: &[u8]) -> io::Result<bool> {
        let path = self.component(digest)?;
        if path.exists() {
            return Ok(false);
        }
        let unfinished = unfinished(&path);
        let mut file = File::create(&unfinished)?;
        file.write_all(wasm)?;
        settle(&file, &unfinished, &path)?;
        Ok(true)
    }

    /// A kept component; `None` if there is none under this digest.
    pub(super) fn read(&self, digest: &Digest) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.component(digest)?) {
            Ok(wasm) => Ok(Some(wasm)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Drops a component and its code.
    pub(super) fn forget(&self, digest: &Digest) -> io::Result<()> {
        for path in [self.component(digest)?, self.code(digest)?] {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Drops all components but these. Returns how many it dropped.
    pub(super) fn forget_all_but(&self, keep: &[Digest]) -> io::Result<usize> {
        let mut dropped = 0;
        for entry in fs::read_dir(&self.components)? {
            let name = entry?.file_name();
            let Some(digest) = name.to_str().and_then(|name| name.strip_suffix(".wasm")) else {
                continue;
            };
            let digest = Digest(digest.to_owned());
            if !keep.contains(&digest) {
                self.forget(&digest)?;
                dropped += 1;
            }
        }
        Ok(dropped)
    }

    pub(super) fn component(&self, digest: &Digest) -> io::Result<PathBuf> {
        Ok(self.components.join(format!("{}.wasm", checked(digest)?)))
    }

    /// Where the machine code of a component is, once it has been made.
    pub(super) fn code(&self, digest: &Digest) -> io::Result<PathBuf> {
        Ok(self.compiled.join(format!("{}{}", checked(digest)?, self.code_ending())))
    }

    /// Where a compiler may write machine code.
    pub(super) fn unfinished_code(&self, digest: &Digest) -> io::Result<PathBuf> {
        self.code(digest).map(|path| unfinished(&path))
    }

    /// Puts finished machine code into its place. Synced first: half a file would be run as it is after a power cut.
    pub(super) fn adopt_code(&self, digest: &Digest) -> io::Result<PathBuf> {
        let path = self.code(digest)?;
        let unfinished = unfinished(&path);
        settle(&File::open(&unfinished)?, &unfinished, &path)?;
        Ok(path)
    }

    fn code_ending(&self) -> String {
        format!(".{}.cwasm", self.engine)
    }
}

/// A digest comes out of a record and becomes part of a path.
fn checked(digest: &Digest) -> io::Result<&str> {
    let sound = digest.0.len() == 64 && digest.0.bytes().all(|b| b.is_ascii_hexdigit());
    if sound { Ok(&digest.0) } else { Err(io::ErrorKind::InvalidInput.into()) }
}

fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(UNFINISHED);
    name.into()
}

/// Makes a written file appear under its name: all of it or nothing, and still there after a power cut.
fn settle(file: &File, unfinished: &Path, path: &Path) -> io::Result<()> {
    file.sync_all()?;
    fs::rename(unfinished, path)?;
    match path.parent() {
        Some(dir) => File::open(dir)?.sync_all(),
        None => Ok(()),
    }
}

fn sweep(dir: &Path, wanted: impl Fn(&str) -> bool) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if !entry.file_name().to_str().is_some_and(&wanted) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(letter: char) -> Digest {
        Digest(letter.to_string().repeat(64))
    }

    #[test]
    fn a_component_is_kept_over_a_restart_and_code_of_another_engine_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::open(dir.path(), "old".to_owned()).unwrap();
        assert!(files.keep(&digest('a'), b"wasm").unwrap());
        assert!(!files.keep(&digest('a'), b"wasm").unwrap(), "kept already");
        fs::write(files.unfinished_code(&digest('a')).unwrap(), b"code").unwrap();
        let code = files.adopt_code(&digest('a')).unwrap();
        fs::write(files.unfinished_code(&digest('b')).unwrap(), b"half").unwrap();

        let files = Files::open(dir.path(), "old".to_owned()).unwrap();
        assert!(code.exists());
        assert!(!files.unfinished_code(&digest('b')).unwrap().exists());

        let files = Files::open(dir.path(), "new".to_owned()).unwrap();
        assert!(!code.exists());
        assert_eq!(files.read(&digest('a')).unwrap().as_deref(), Some(b"wasm".as_slice()));
    }

    #[test]
    fn what_no_record_names_is_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::open(dir.path(), "e".to_owned()).unwrap();
        for letter in ['a', 'b', 'c'] {
            files.keep(&digest(letter), b"wasm").unwrap();
        }
        assert_eq!(files.forget_all_but(&[digest('b')]).unwrap(), 2);
        assert!(files.read(&digest('a')).unwrap().is_none());
        assert!(files.read(&digest('b')).unwrap().is_some());
    }

    #[test]
    fn a_digest_that_is_a_path_leads_nowhere() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::open(dir.path(), "e".to_owned()).unwrap();
        assert!(files.read(&Digest("../../etc/passwd".to_owned())).is_err());
    }

    #[test]
    fn only_this_user_can_write_where_code_is_run_from() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let files = Files::open(dir.path(), "e".to_owned()).unwrap();
        let mode = fs::metadata(&files.compiled).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}
