//! Watches the disk of the data directory, tells the store how much room is left, and holds a ballast back that is given
//! up when it gets tight. Knows no record; what the store does with the news is its own affair.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FallocateFlags, fallocate, statvfs};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::store::{Reserve, Room, Store};

/// Between two measurements. The reserve has to be larger than what is written in that time.
const EVERY: Duration = Duration::from_secs(2);

/// Its name in the data directory.
const BALLAST: &str = "ballast";

type Measure = Box<dyn Fn(&Path) -> io::Result<u64> + Send>;

/// See the module. One owner: the task that watches.
pub struct FreeSpace {
    dir: PathBuf,
    reserve: Reserve,
    /// Bytes; 0 for none.
    ballast: u64,
    room: Room,
    measure: Measure,
}

impl FreeSpace {
    pub fn of(dir: &Path, reserve: Reserve, ballast: u64) -> Self {
        let free = |dir: &Path| {
            let disk = statvfs(dir)?;
            Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
        };
        Self::measured_by(Box::new(free), dir, reserve, ballast)
    }

    pub(super) fn measured_by(
        measure: Measure,
        dir: &Path,
        reserve: Reserve,
        ballast: u64,
    ) -> Self {
        Self { dir: dir.to_owned(), reserve, ballast, room: Room::Ample, measure }
    }

    /// Measures until told to stop, and keeps the store informed.
    pub async fn watch(mut self, store: Store, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                () = stop.cancelled() => return,
            }
            // A network's file system may take its time.
            let looking = tokio::task::spawn_blocking(move || {
                self.look();
                self
            });
            match looking.await {
                Ok(looked) => self = looked,
                Err(error) => return error!(%error, "free space is not watched any more"),
            }
            store.set_room(self.room);
        }
    }

    /// Measures once, and gives up the ballast or takes it back where that is called for.
    pub fn look(&mut self) -> Room {
        let before = self.room;
        if let Err(error) = self.measure_again() {
            warn!(%error, dir = %self.dir.display(), "free space cannot be measured");
            return self.room;
        }
        match (before, self.room) {
            (before, room) if before == room => {}
            (_, Room::Ample) => info!("the disk has room again; everything is kept"),
            (_, Room::Low) => error!(
                dir = %self.dir.display(),
                "the disk is almost full: status reports and free meter values are refused; make room"
            ),
            (_, Room::Exhausted) => error!(
                dir = %self.dir.display(),
                "the disk is full: nothing more is kept and stations get errors; make room"
            ),
        }
        self.room
    }

    fn measure_again(&mut self) -> io::Result<()> {
        let mut free = (self.measure)(&self.dir)?;
        let mut room = Room::left(free, self.reserve, self.room);
        if room == Room::Exhausted && self.give_up_ballast() {
            free = (self.measure)(&self.dir)?;
            room = Room::left(free, self.reserve, self.room);
        } else if room == Room::Ample
            && free.saturating_sub(self.ballast) >= self.reserve.soft_again()
        {
            self.take_ballast();
        }
        self.room = room;
        metrics::gauge!("plugpoint_disk_free_bytes").set(free as f64);
        Ok(())
    }

    fn give_up_ballast(&self) -> bool {
        match fs::remove_file(self.dir.join(BALLAST)) {
            Ok(()) => {
                warn!("the ballast was given up to make room on the disk");
                true
            }
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    warn!(%error, "the ballast cannot be given up");
                }
                false
            }
        }
    }

    fn take_ballast(&mut self) {
        let path = self.dir.join(BALLAST);
        if self.ballast == 0 || fs::metadata(&path).is_ok_and(|file| file.len() == self.ballast) {
            return;
        }
        let taken = File::create(&path)
            .and_then(|file| Ok(fallocate(&file, FallocateFlags::empty(), 0, self.ballast)?));
        if let Err(error) = taken {
            // Asked again every few seconds, the file system would say the same.
            self.ballast = 0;
            let _ = fs::remove_file(&path);
            warn!(%error, "no ballast is held back");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    const RESERVE: Reserve = Reserve { soft: 800, hard: 400 };
    const BALLAST_BYTES: u64 = 300;

    /// A disk of which `free` bytes are free, the ballast not counted.
    fn disk(dir: &Path, free: &Arc<AtomicU64>) -> FreeSpace {
        let (free, ballast) = (free.clone(), dir.join(BALLAST));
        let measure = move |_: &Path| {
            let held = fs::metadata(&ballast).map_or(0, |file| file.len());
            Ok(free.load(Ordering::Relaxed).saturating_sub(held))
        };
        FreeSpace::measured_by(Box::new(measure), dir, RESERVE, BALLAST_BYTES)
    }

    #[test]
    fn the_ballast_is_given_up_before_anything_hard_is_refused_and_taken_back_later() {
        let dir = tempfile::tempdir().unwrap();
        let free = Arc::new(AtomicU64::new(2000));
        let mut space = disk(dir.path(), &free);
        let mut looks = Vec::new();
        for bytes in [2000, 1050, 690, 390, 1000, 1100, 1200] {
            free.store(bytes, Ordering::Relaxed);
            let room = space.look();
            looks.push((bytes, room, dir.path().join(BALLAST).exists()));
        }
        assert_eq!(
            looks,
            [
                (2000, Room::Ample, true),
                (1050, Room::Low, true),
                (690, Room::Low, false),
                (390, Room::Exhausted, false),
                (1000, Room::Ample, false),
                (1100, Room::Ample, false),
                (1200, Room::Ample, true),
            ]
        );
    }

    #[test]
    fn a_disk_that_cannot_be_measured_changes_nothing() {
        let measure = |_: &Path| Err(io::Error::other("away"));
        let mut space =
            FreeSpace::measured_by(Box::new(measure), Path::new("/"), RESERVE, BALLAST_BYTES);
        assert_eq!(space.look(), Room::Ample);
    }
}
