//! A disk whose power can be cut: ext4 on a loop device. Knows nothing of what is written to it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::ioctl::{Opcode, Setter, ioctl, opcode};

/// `EXT4_IOC_SHUTDOWN`: the file system takes no further write, as if the machine had stopped.
const SHUTDOWN: Opcode = opcode::read::<u32>(b'X', 125);

/// `EXT4_GOING_FLAGS_NOLOGFLUSH`: what the journal has not committed is lost.
const NO_LOG_FLUSH: u32 = 2;

/// How long a killed process may hold its files.
const PATIENCE: Duration = Duration::from_secs(10);

/// A mounted disk. Dropping it takes it away.
#[derive(Debug)]
pub(super) struct Disk {
    image: PathBuf,
    pub(super) mounted: PathBuf,
    _dir: tempfile::TempDir,
}

impl Disk {
    /// A new, empty one; or the reason why this machine does not allow it. The image is sparse: of `size` bytes it
    /// takes those that are written.
    pub(super) fn new(size: u64) -> Result<Self, String> {
        let dir = tempfile::tempdir().unwrap();
        let disk =
            Self { image: dir.path().join("image"), mounted: dir.path().join("disk"), _dir: dir };
        File::create(&disk.image).and_then(|image| image.set_len(size)).unwrap();
        std::fs::create_dir(&disk.mounted).unwrap();
        run(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&disk.image))?;
        disk.mount()?;
        Ok(disk)
    }

    fn mount(&self) -> Result<(), String> {
        run(Command::new("mount").args(["-o", "loop"]).arg(&self.image).arg(&self.mounted))
    }

    pub(super) fn cut_power(&self) {
        let root = File::open(&self.mounted).unwrap();
        // SAFETY: the call reads one u32 of flags and keeps nothing.
        #[expect(unsafe_code, reason = "the kernel offers a power cut as an ioctl only")]
        let cut = unsafe { ioctl(&root, Setter::<SHUTDOWN, u32>::new(NO_LOG_FLUSH)) };
        cut.unwrap();
    }

    /// The power comes back: the journal is replayed, and what never reached the disk is gone.
    pub(super) fn restore_power(&self) {
        let end = Instant::now() + PATIENCE;
        while let Err(why) = run(Command::new("umount").arg(&self.mounted)) {
            assert!(Instant::now() < end, "{why}");
            std::thread::yield_now();
        }
        self.mount().unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // A disk that never got mounted has nothing to take away.
        let _ = run(Command::new("umount").arg("--lazy").arg(&self.mounted));
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let program = Path::new(command.get_program()).display().to_string();
    let output = command.output().map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
}
