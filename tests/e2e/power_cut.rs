//! The power is cut while the store is written to: what was acknowledged is there afterwards, once, and a plugin's
//! effects are there with their fact or not at all.
//!
//! A kill cannot show this, because the system's cache survives it. The file system lies on a loop device and is told
//! to stop in the middle; that takes root. These stories look at the store itself and not at the wire, so that they can
//! write as fast as the disk takes it; those of `served` look at the whole server.

mod disk;
mod heavy;
mod lanes;
mod served;

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use plugpoint::store::Store;

use crate::support::number_from;
use disk::Disk;
use lanes::Load;

/// Tells how many cuts each story makes; a long run wants 30.
const ROUNDS: &str = "PLUGPOINT_POWER_CUTS";

/// Cuts where nobody says how many.
const FEW: u64 = 6;

/// Bytes of the disk.
const SIZE: u64 = 1 << 30;

/// After so many cuts the story goes on with an empty disk. The last of them comes while the store opens.
const CUTS_PER_DISK: u64 = 3;

/// From the writer's start to its first promise.
const UP_WITHIN: Duration = Duration::from_secs(60);

/// The latest moment of a cut, in milliseconds: after the first promise, or after the writer's start.
const WRITING_MS: u64 = 1200;
const OPENING_MS: u64 = 150;

/// Where random moments come from: known, so that a failure can be told again.
const SEED: u64 = 0xC07;

const SMALL: Load = Load { lanes: 16, payload: 200 };

/// Several times what sled would put into files of their own by default.
const LARGE: Load = Load { lanes: 4, payload: 60_000 };

#[test]
fn small_records_survive_power_cuts() {
    survive("small", SMALL);
}

#[test]
fn large_records_survive_power_cuts() {
    survive("large", LARGE);
}

fn survive(name: &'static str, load: Load) {
    let rounds = number_from(ROUNDS, FEW);
    let mut moments = SEED;
    let mut promises = 0;
    let mut disk = None;
    let mut promised = HashMap::new();
    for round in 0..rounds {
        if round % CUTS_PER_DISK == 0 {
            drop(disk.take());
            promised.clear();
        }
        let disk = match &mut disk {
            Some(disk) => disk,
            none => match Disk::new(SIZE) {
                Ok(new) => none.insert(new),
                Err(why) => {
                    let what = "SKIPPED, NOTHING WAS SHOWN: no power can be cut on this machine";
                    // Not `println!`, which is heard of failures only.
                    let _ = writeln!(std::io::stderr(), "{what}: {why}");
                    return;
                }
            },
        };
        moments = moments.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let opens = round % CUTS_PER_DISK == CUTS_PER_DISK - 1;
        let data = disk.mounted.join("data");
        let mut writer = Writer::start(name, &data);
        if opens {
            writer.listen(Duration::from_millis((moments >> 33) % OPENING_MS));
        } else {
            writer.hear_a_promise();
            writer.listen(Duration::from_millis((moments >> 33) % WRITING_MS));
        }
        disk.cut_power();
        promises += writer.end(&mut promised);
        disk.restore_power();
        let facts = lanes::check(&data, load, &promised);
        let when = if opens { "while it opened" } else { "while it wrote" };
        println!("{name}, cut {round} {when}: {facts} facts there, {promises} promises in all");
    }
    assert!(promises > 0, "nothing was promised: the story tells nothing");
}

/// This program once more, as the process that loses its power.
struct Writer {
    child: std::process::Child,
    words: mpsc::Receiver<(usize, u64)>,
    heard: Vec<(usize, u64)>,
    /// Its stderr.
    complaints: tempfile::NamedTempFile,
}

/// Promises that may wait for the story to hear them.
const UNHEARD: usize = 1 << 20;

/// Where the writer finds its data directory.
const DATA: &str = "PLUGPOINT_POWER_CUT_DATA";

impl Writer {
    fn start(load: &str, data: &Path) -> Self {
        let test = format!("power_cut::writer_of_{load}_records");
        let complaints = tempfile::NamedTempFile::new().unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([&test, "--exact", "--ignored", "--nocapture"])
            .env(DATA, data)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(complaints.reopen().unwrap())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let (speak, words) = mpsc::sync_channel(UNHEARD);
        std::thread::spawn(move || {
            let mut line = String::new();
            // A line without its end is no promise: the writer was killed while it spoke.
            while output.read_line(&mut line).is_ok_and(|_| line.ends_with('\n')) {
                if let Some(promise) = promise(&line) {
                    speak.send(promise).unwrap();
                }
                line.clear();
            }
        });
        Self { child, words, heard: Vec::new(), complaints }
    }

    fn hear_a_promise(&mut self) {
        match self.words.recv_timeout(UP_WITHIN) {
            Ok(promise) => self.heard.push(promise),
            Err(_) => {
                let why = std::fs::read_to_string(self.complaints.path()).unwrap();
                panic!("the writer writes nothing:\n{why}");
            }
        }
    }

    fn listen(&mut self, duration: Duration) {
        let end = Instant::now() + duration;
        let left = || end.saturating_duration_since(Instant::now());
        while let Ok(promise) = self.words.recv_timeout(left()) {
            self.heard.push(promise);
        }
    }

    /// Kills it, and notes the newest promise of each lane. Returns how many promises there were.
    fn end(mut self, promised: &mut HashMap<usize, u64>) -> usize {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.heard.extend(self.words);
        for (lane, n) in &self.heard {
            let newest = promised.entry(*lane).or_default();
            *newest = (*newest).max(*n);
        }
        self.heard.len()
    }
}

fn promise(line: &str) -> Option<(usize, u64)> {
    let mut words = line.strip_prefix("promised ")?.split_whitespace();
    Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the process whose power is cut: the stories of this file run it, `--test e2e power_cut`"]
async fn writer_of_small_records() {
    write(SMALL).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the process whose power is cut: the stories of this file run it, `--test e2e power_cut`"]
async fn writer_of_large_records() {
    write(LARGE).await;
}

async fn write(load: Load) {
    let Some(data) = std::env::var_os(DATA) else { return };
    let store = Store::open(Path::new(&data)).unwrap();
    let lanes = (0..load.lanes).map(|lane| {
        tokio::spawn(lanes::fill(store.clone(), load, lane, move |n| {
            // One write, so that a kill leaves all of the line or none of it.
            let line = format!("promised {lane} {n}\n");
            std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
        }))
    });
    futures_util::future::join_all(lanes).await;
}
