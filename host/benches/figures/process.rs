//! A process under measurement: started, heard, asked what it has used, ended.

use std::ffi::OsStr;
use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// From its start to the line that says where it listens.
const UP_WITHIN: Duration = Duration::from_secs(30);

/// The unit in which `/proc/PID/stat` tells times: Linux shows every program 100 ticks a second.
const TICK: Duration = Duration::from_millis(10);

/// A child that listens. Dropping it kills it.
pub(crate) struct Process {
    child: Child,
    /// What it said of itself: `stations=ADDRESS`, and of a server also `admin=ADDRESS`.
    words: String,
}

impl Process {
    /// Starts a program that says in one line where it listens. Its log goes into a file.
    pub(crate) async fn start<A: AsRef<OsStr>>(
        program: &Path,
        arguments: impl IntoIterator<Item = A>,
        log: &Path,
    ) -> anyhow::Result<Self> {
        let log_file = File::create(log).with_context(|| log.display().to_string())?;
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log_file)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| program.display().to_string())?;
        let output = child.stdout.take().context("its output is a pipe")?;
        let mut lines = BufReader::new(output).lines();
        let line = tokio::time::timeout(UP_WITHIN, lines.next_line()).await??;
        match line.filter(|line| line.starts_with("listening ")) {
            Some(words) => Ok(Self { child, words }),
            None => bail!("{} did not come up; its log:\n{}", program.display(), read(log)),
        }
    }

    /// Where it says that it listens, for `stations` or for `admin`.
    pub(crate) fn address(&self, of: &str) -> anyhow::Result<SocketAddr> {
        let mut words = self.words.split_whitespace();
        let found = words.find_map(|word| word.strip_prefix(of)?.strip_prefix('='));
        Ok(found.with_context(|| format!("no {of} in {:?}", self.words))?.parse()?)
    }

    /// Processor time that it has used, in the program and in the system on its behalf, all threads together.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        let stat = self.proc("stat")?;
        // The second field is the program's name, which may hold anything.
        let (_, fields) = stat.rsplit_once(')').context("/proc/PID/stat")?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let ticks = |at: usize| fields.get(at).and_then(|n| n.parse().ok()).context("no number");
        let (user, system): (u32, u32) = (ticks(11)?, ticks(12)?);
        Ok(TICK * (user + system))
    }

    /// Memory that is its own, in bytes: its part of what is shared is counted by those who share it.
    pub(crate) fn memory(&self) -> anyhow::Result<u64> {
        let rollup = self.proc("smaps_rollup")?;
        let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:")).context("no Pss")?;
        let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kilobytes << 10)
    }

    fn proc(&self, file: &str) -> anyhow::Result<String> {
        let id = self.child.id().context("it has ended")?;
        Ok(std::fs::read_to_string(format!("/proc/{id}/{file}"))?)
    }
}

fn read(log: &Path) -> String {
    std::fs::read_to_string(log).unwrap_or_default()
}
