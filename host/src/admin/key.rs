//! The admin key: made at first start, kept in one file, compared in constant time. Knows no HTTP.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq;

/// Name of the key's file in the server's data folder.
pub const KEY_FILE: &str = "admin.key";

/// Randomness in a key that the server makes, in bytes.
const KEY_BYTES: usize = 32;

/// Shortest and longest key that is accepted from a file, in characters.
const KEY_CHARS: std::ops::RangeInclusive<usize> = 32..=256;

/// Who has it may do everything. Has no `Debug` and no `Display`.
#[derive(Clone)]
pub struct AdminKey(String);

#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("cannot {doing} {}", path.display())]
    File {
        doing: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(
        "{} holds no usable key (32 to 256 visible ASCII characters); remove it and the next start of the server makes a new one",
        path.display()
    )]
    Unusable { path: PathBuf },
    #[error("the operating system gave no random bytes for a new key")]
    NoRandomness,
}

impl AdminKey {
    /// The key of the data folder `dir`; made now if there is none.
    pub fn open_or_create(dir: &Path) -> Result<Self, KeyError> {
        let path = dir.join(KEY_FILE);
        match Self::read(&path) {
            Err(KeyError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Self::create(dir, &path)
            }
            read => read,
        }
    }

    /// The key in the file at `path`. Says so in the log when others on the machine can read it too.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let failed = |doing, source| KeyError::File { doing, path: path.to_owned(), source };
        let file = File::open(path).map_err(|e| failed("open", e))?;
        let mode = file.metadata().map_err(|e| failed("read", e))?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            let path = path.display();
            tracing::warn!(%path, "the admin key can be read by others: run `chmod 600 {path}`");
        }
        let mut text = String::new();
        let most = *KEY_CHARS.end() as u64 + 2;
        file.take(most).read_to_string(&mut text).map_err(|e| failed("read", e))?;
        Self::parse(&text).ok_or_else(|| KeyError::Unusable { path: path.to_owned() })
    }

    /// `None` for what cannot be a key. White space around it does not count.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let usable = KEY_CHARS.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        usable.then(|| Self(text.to_owned()))
    }

    /// Takes the same time for every wrong key of the right length.
    pub fn matches(&self, presented: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(presented).into()
    }

    /// For the `Authorization` header of a client, and for nothing else.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Writes the file beside its place and renames it: nobody ever sees half a key.
    fn create(dir: &Path, path: &Path) -> Result<Self, KeyError> {
        let mut bytes = [0; KEY_BYTES];
        getrandom::fill(&mut bytes).map_err(|_| KeyError::NoRandomness)?;
        let key = Self(URL_SAFE_NO_PAD.encode(bytes));

        let fresh = path.with_extension("key.new");
        let failed = |doing, source| KeyError::File { doing, path: path.to_owned(), source };
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&fresh).map_err(|e| failed("create", e))?;
        // A left-over of an earlier attempt keeps the mode it was made with.
        file.set_permissions(Permissions::from_mode(0o600)).map_err(|e| failed("protect", e))?;
        writeln!(file, "{}", key.0).map_err(|e| failed("write", e))?;
        file.sync_all().map_err(|e| failed("write", e))?;
        fs::rename(&fresh, path).map_err(|e| failed("create", e))?;
        File::open(dir).and_then(|dir| dir.sync_all()).map_err(|e| failed("write", e))?;
        tracing::info!(path = %path.display(), "made a new admin key");
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_made_once_and_only_its_owner_can_read_it() {
        let dir = tempfile::tempdir().unwrap();
        let first = AdminKey::open_or_create(dir.path()).unwrap();
        let again = AdminKey::open_or_create(dir.path()).unwrap();
        assert_eq!(first.reveal(), again.reveal());
        assert_eq!(first.reveal().len(), 43);

        let mode = fs::metadata(dir.path().join(KEY_FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let files: Vec<_> = fs::read_dir(dir.path()).unwrap().collect();
        assert_eq!(files.len(), 1, "nothing is left behind: {files:?}");
    }

    #[test]
    fn a_key_file_that_holds_no_key_is_refused_with_the_way_out() {
        let dir = tempfile::tempdir().unwrap();
        for bad in ["", "short", "thirty-two characters but\0binary!", &"x".repeat(300)] {
            fs::write(dir.path().join(KEY_FILE), bad).unwrap();
            let Err(error) = AdminKey::open_or_create(dir.path()) else {
                panic!("accepted {bad:?}");
            };
            assert!(error.to_string().contains("remove it"), "{error}");
        }
    }

    #[test]
    fn only_the_whole_key_matches() {
        let key = AdminKey::parse(&format!(" {}\n", "k".repeat(43))).unwrap();
        assert!(key.matches("k".repeat(43).as_bytes()));
        for wrong in ["", "k", &"k".repeat(42), &"K".repeat(43), &"k".repeat(44)] {
            assert!(!key.matches(wrong.as_bytes()), "{wrong}");
        }
    }
}
