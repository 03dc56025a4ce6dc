//! Reads what strace wrote. Knows three things of a process: writes to a file, syncs of a file, writes to a socket.

use std::collections::HashMap;
use std::path::Path;
use std::process::{Command, Stdio};

use super::Acknowledged;

/// Bytes of each buffer that strace shows: a whole group of records has to fit, or marks go unseen.
const SHOWN: &str = "1048576";

/// The store's one file that counts.
const STORE: &str = "/store/db>";

/// The command under which the server is traced. `-D` keeps the server our own child.
pub(super) fn command(file: &Path) -> Vec<String> {
    let calls = "trace=pwrite64,write,writev,sendto,sendmsg,fdatasync,fsync";
    let words = ["strace", "-D", "-f", "-yy", "-s", SHOWN, "-e", calls, "-e", "signal=none", "-o"];
    words.iter().map(|&word| word.to_owned()).chain([file.display().to_string()]).collect()
}

/// Whether this machine lets us trace our own children.
pub(super) fn permitted() -> Result<(), String> {
    let trial =
        Command::new("strace").args(["-o", "/dev/null", "true"]).stdin(Stdio::null()).output();
    match trial {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        // Not installed is no excuse: the set-up does it.
        Err(error) => panic!("strace does not start ({error}): run `make target/stamps/strace`"),
    }
}

/// A finished call: between which lines of the trace it ran, and what it showed.
#[derive(Debug)]
struct Call {
    name: String,
    begun: usize,
    ended: usize,
    text: String,
    succeeded: bool,
}

#[derive(Debug)]
pub(super) struct Trace {
    writes: Vec<Call>,
    syncs: Vec<Call>,
    sends: Vec<Call>,
}

impl Trace {
    pub(super) fn read(file: &Path) -> Self {
        let bytes = std::fs::read(file).unwrap();
        let calls = calls(&String::from_utf8_lossy(&bytes));
        let mut trace = Self { writes: Vec::new(), syncs: Vec::new(), sends: Vec::new() };
        for call in calls {
            match call.name.as_str() {
                "fdatasync" | "fsync" if call.text.contains(STORE) => trace.syncs.push(call),
                "pwrite64" | "write" | "writev" if call.text.contains(STORE) => {
                    trace.writes.push(call)
                }
                "sendto" | "sendmsg" | "write" | "writev" if call.text.contains("<TCP:") => {
                    trace.sends.push(call);
                }
                _ => {}
            }
        }
        assert!(!trace.writes.is_empty(), "no write to {STORE} was traced");
        assert!(!trace.sends.is_empty(), "no write to a socket was traced");
        trace
    }

    pub(super) fn syncs(&self) -> usize {
        self.syncs.len()
    }

    /// Panics unless the record was written, then synced, and only then acknowledged.
    pub(super) fn check(&self, answer: &Acknowledged) {
        let Acknowledged { id, mark } = answer;
        let sent = self.sends.iter().find(|send| send.text.contains(&format!("[3,\\\"{id}\\\",")));
        let sent = sent.unwrap_or_else(|| panic!("the answer to {id} is not in the trace"));
        // The message's id stands only in the original text; the card's mark stands in every message of its session.
        let written =
            |write: &&Call| write.text.contains(id.as_str()) && write.text.contains(mark.as_str());
        let before = |write: &&Call| write.ended < sent.begun;
        let write = self.writes.iter().filter(written).find(before);
        let write = write.unwrap_or_else(|| panic!("{id} was answered before it was written"));
        let synced = self
            .syncs
            .iter()
            .any(|sync| sync.succeeded && sync.begun > write.ended && sync.ended < sent.begun);
        assert!(
            synced,
            "{id}: written in line {}, answered in line {}, and no fdatasync in between",
            write.ended + 1,
            sent.begun + 1
        );
    }
}

/// Puts together what strace tore apart: `call(… <unfinished ...>` and `<... call resumed>…) = result`.
fn calls(text: &str) -> Vec<Call> {
    let mut open = HashMap::<&str, Call>::new();
    let mut calls = Vec::new();
    for (line, text) in text.lines().enumerate() {
        let Some((process, rest)) = text.split_once(' ') else { continue };
        let rest = rest.trim_start();
        if let Some(resumed) = rest.strip_prefix("<... ") {
            if let Some(mut call) = open.remove(process) {
                call.text.push_str(resumed);
                call.ended = line;
                call.succeeded = succeeded(resumed);
                calls.push(call);
            }
        } else if let Some((name, arguments)) = rest.split_once('(') {
            let call = Call {
                name: name.to_owned(),
                begun: line,
                ended: line,
                text: arguments.to_owned(),
                succeeded: succeeded(arguments),
            };
            if arguments.ends_with("<unfinished ...>") {
                open.insert(process, call);
            } else {
                calls.push(call);
            }
        }
    }
    calls
}

/// The result stands after the last ` = `, which strace pads with blanks before; an error is negative.
fn succeeded(text: &str) -> bool {
    text.rsplit_once(" = ")
        .is_some_and(|(call, result)| call.trim_end().ends_with(')') && !result.starts_with('-'))
}

#[test]
fn torn_calls_are_put_together_in_the_order_in_which_they_ended() {
    let text = "7 pwrite64(3</d/store/db>, \"MARK\", 4, 0 <unfinished ...>\n\
                8 sendto(5<TCP:[127.0.0.1:1->127.0.0.1:2]>, \"x\", 1, 0, NULL, 0) = 1\n\
                7 <... pwrite64 resumed>)       = 4\n\
                7 fdatasync(3</d/store/db>) = -1 EIO (Input/output error)";
    let calls = calls(text);
    let seen = calls.iter().map(|c| (c.name.as_str(), c.begun, c.ended, c.succeeded));
    assert_eq!(
        seen.collect::<Vec<_>>(),
        [("sendto", 1, 1, true), ("pwrite64", 0, 2, true), ("fdatasync", 3, 3, false)]
    );
}
