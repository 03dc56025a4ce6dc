//! The files on the disk. Knows no record, no station and no link. All names in here are made by the house.
//!
//! A file is written beside its place under a name that ends in `.part`, synced, and then moved there: what has its name is
//! whole. What was being written when the server died is removed at the next start.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use rustix::fs::statvfs;
use sha2::{Digest as _, Sha256};
use tokio::fs::{self, File, OpenOptions};
use tokio::io::AsyncWriteExt as _;

use super::Bounds;
use crate::domain::hex;

/// Between two looks at how much room the disk leaves, in bytes that were written. What fills the disk stops the store.
const LOOK: u64 = 4 << 20;

/// What a file ends in until it is whole.
const PART: &str = ".part";

/// The two places for files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shelf {
    /// What stations fetch, each under its digest.
    Firmware,
    /// What stations have sent.
    Uploads,
}

impl Shelf {
    const ALL: [Self; 2] = [Self::Firmware, Self::Uploads];

    const fn dir(self) -> &'static str {
        match self {
            Self::Firmware => "firmware",
            Self::Uploads => "uploads",
        }
    }
}

/// Why a file is not written.
#[derive(Debug, thiserror::Error)]
pub enum Unwritable {
    #[error("it is larger than the {0} bytes that it may have")]
    TooLarge(u64),
    #[error("the disk is almost full")]
    NoRoom,
    #[error("the disk: {0}")]
    Disk(#[from] io::Error),
}

/// See the module.
#[derive(Debug)]
pub struct Depot {
    dir: PathBuf,
    /// So much of the disk is to be left free, in bytes.
    floor: u64,
    /// Tells files apart that are written at the same time.
    written: AtomicU64,
}

impl Depot {
    /// Makes the place if it is not there, and removes what is not whole. Blocks.
    pub fn open(dir: PathBuf, floor: u64) -> io::Result<Self> {
        for shelf in Shelf::ALL {
            let shelf = dir.join(shelf.dir());
            DirBuilder::new().recursive(true).mode(0o700).create(&shelf)?;
            for file in std::fs::read_dir(&shelf)? {
                let path = file?.path();
                if path.to_str().is_some_and(|path| path.ends_with(PART)) {
                    std::fs::remove_file(path)?;
                }
            }
        }
        Ok(Self { dir, floor, written: AtomicU64::new(0) })
    }

    fn path(&self, shelf: Shelf, name: &str) -> PathBuf {
        debug_assert!(!name.contains('/') && !name.starts_with('.'), "names are made here");
        self.dir.join(shelf.dir()).join(name)
    }

    /// Begins a file of at most so many bytes.
    pub async fn begin(&self, shelf: Shelf, most: u64) -> Result<Incoming, Unwritable> {
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let path = self.path(shelf, &format!("{number}{PART}"));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).await?;
        let (shelf, floor) = (self.dir.join(shelf.dir()), self.floor);
        let (path, digest) = (Some(path), Sha256::new());
        let incoming = Incoming { file, shelf, path, most, floor, bytes: 0, looked: 0, digest };
        incoming.look()?;
        Ok(incoming)
    }

    /// The file, and how many bytes it has.
    pub async fn open_file(&self, shelf: Shelf, name: &str) -> io::Result<(File, u64)> {
        let file = File::open(self.path(shelf, name)).await?;
        let bytes = file.metadata().await?.len();
        Ok((file, bytes))
    }

    /// Whether a file is still there. Blocks.
    pub fn has(&self, shelf: Shelf, name: &str) -> bool {
        self.path(shelf, name).is_file()
    }

    /// Removing what is not there is no error.
    pub async fn remove(&self, shelf: Shelf, name: &str) -> io::Result<()> {
        match fs::remove_file(self.path(shelf, name)).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Removes what stations have sent and is too old, and of the rest the oldest until it is not too much. Returns how many
    /// files went. Blocks.
    pub fn trim_uploads(&self, now: SystemTime, bounds: Bounds) -> io::Result<usize> {
        let mut files = Vec::new();
        for file in std::fs::read_dir(self.dir.join(Shelf::Uploads.dir()))? {
            let path = file?.path();
            // It may have been moved or removed a moment ago.
            let Ok(found) = path.metadata() else { continue };
            if !path.to_str().is_some_and(|path| path.ends_with(PART)) {
                files.push((found.modified()?, found.len(), path));
            }
        }
        files.sort();
        let mut left = files.iter().map(|(_, bytes, _)| bytes).sum::<u64>();
        let mut removed = 0;
        for (written, size, path) in files {
            let is_old = now.duration_since(written).is_ok_and(|since| since > bounds.keep);
            if !is_old && left <= bounds.keep_bytes {
                break;
            }
            match std::fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                // Somebody else may have removed it in the same moment.
                _ => removed += 1,
            }
            left -= size;
        }
        Ok(removed)
    }
}

/// A file that is being written. Dropping it leaves nothing behind.
pub struct Incoming {
    file: File,
    shelf: PathBuf,
    /// `None` once it is whole.
    path: Option<PathBuf>,
    most: u64,
    floor: u64,
    bytes: u64,
    /// How many there were when the disk was last looked at.
    looked: u64,
    digest: Sha256,
}

/// A file that is whole and on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub name: String,
    pub bytes: u64,
    /// In hexadecimal.
    pub sha256: String,
}

impl Incoming {
    pub async fn write(&mut self, piece: &[u8]) -> Result<(), Unwritable> {
        let bytes = self.bytes + piece.len() as u64;
        if bytes > self.most {
            return Err(Unwritable::TooLarge(self.most));
        }
        if bytes - self.looked >= LOOK {
            self.looked = bytes;
            self.look()?;
        }
        self.digest.update(piece);
        self.file.write_all(piece).await?;
        self.bytes = bytes;
        Ok(())
    }

    fn look(&self) -> Result<(), Unwritable> {
        let disk = statvfs(&self.shelf).map_err(io::Error::from)?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        if free > self.floor { Ok(()) } else { Err(Unwritable::NoRoom) }
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Of what was written so far: SHA-256, in hexadecimal.
    pub fn digest(&self) -> String {
        hex(&self.digest.clone().finalize())
    }

    /// Puts it in its place, under the name that `name` makes of its digest. When this returns, a power cut takes nothing
    /// of it.
    pub async fn finish(mut self, name: impl FnOnce(&str) -> String) -> io::Result<Stored> {
        let sha256 = self.digest();
        let name = name(&sha256);
        self.file.flush().await?;
        self.file.sync_all().await?;
        if let Some(part) = &self.path {
            fs::rename(part, self.shelf.join(&name)).await?;
        }
        self.path = None;
        sync_directory(&self.shelf).await?;
        Ok(Stored { name, bytes: self.bytes, sha256 })
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            // What is left is removed at the next start.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// The new name has to survive, too.
async fn sync_directory(dir: &Path) -> io::Result<()> {
    File::open(dir).await?.sync_all().await
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn depot() -> (tempfile::TempDir, Depot) {
        let dir = tempfile::tempdir().unwrap();
        let depot = Depot::open(dir.path().to_owned(), 0).unwrap();
        (dir, depot)
    }

    #[tokio::test]
    async fn nothing_is_begun_when_the_disk_has_too_little_room_left() {
        let dir = tempfile::tempdir().unwrap();
        let depot = Depot::open(dir.path().to_owned(), u64::MAX).unwrap();
        let begun = depot.begin(Shelf::Uploads, 5).await;
        assert!(matches!(begun, Err(Unwritable::NoRoom)));
        assert!(names(&dir).is_empty());
    }

    async fn keep(depot: &Depot, name: &str, content: &[u8]) -> Stored {
        let mut incoming = depot.begin(Shelf::Uploads, 1000).await.unwrap();
        incoming.write(content).await.unwrap();
        incoming.finish(|_| name.to_owned()).await.unwrap()
    }

    fn names(dir: &tempfile::TempDir) -> Vec<String> {
        let files = std::fs::read_dir(dir.path().join("uploads")).unwrap();
        let mut names: Vec<_> =
            files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn what_is_too_large_or_given_up_leaves_nothing() {
        let (dir, depot) = depot();
        let mut incoming = depot.begin(Shelf::Uploads, 5).await.unwrap();
        incoming.write(b"1234").await.unwrap();
        assert!(matches!(incoming.write(b"56").await, Err(Unwritable::TooLarge(5))));
        assert_eq!(names(&dir).len(), 1);
        drop(incoming);
        assert!(names(&dir).is_empty());
    }

    #[tokio::test]
    async fn a_start_removes_what_was_being_written() {
        let (dir, depot) = depot();
        let stored = keep(&depot, "log", b"abc").await;
        assert_eq!((stored.bytes, &stored.sha256[..8]), (3, "ba7816bf"));
        std::fs::write(dir.path().join("uploads/9.part"), "half").unwrap();
        let depot = Depot::open(dir.path().to_owned(), 0).unwrap();
        assert_eq!(names(&dir), ["log"]);
        assert!(depot.has(Shelf::Uploads, "log"));
    }

    #[tokio::test]
    async fn the_oldest_goes_first_and_no_more_than_has_to() {
        let (dir, depot) = depot();
        for name in ["a", "b", "c"] {
            keep(&depot, name, b"12345").await;
            // Names of one moment go by their own order.
        }
        let (now, hour) = (SystemTime::now(), Duration::from_secs(3600));
        let keep = |keep_bytes| Bounds {
            upload: 0,
            firmware: 0,
            keep_bytes,
            floor: 0,
            keep: hour,
            at_once: 0,
            link: hour,
        };
        assert_eq!(depot.trim_uploads(now, keep(15)).unwrap(), 0);
        assert_eq!(depot.trim_uploads(now, keep(12)).unwrap(), 1);
        assert_eq!(names(&dir), ["b", "c"]);
        assert_eq!(depot.trim_uploads(now + hour * 2, keep(15)).unwrap(), 2);
    }
}
