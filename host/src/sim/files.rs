//! What a simulated station does with files: it fetches firmware, comes back with the new version, and sends its log. Knows
//! no network; whoever has one carries the files.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::charger::{Charger, Output};
use super::message::Body;
use super::{Event, Misdeed};
use crate::domain::{Millis, hex};

/// How often a fetch that broke off is gone on with.
const MAX_TRIES: u32 = 3;

/// Longest version that a station takes from its firmware, in characters.
const MAX_VERSION: usize = 50;

/// What a station runs at first.
const FIRST_VERSION: &str = "1.0.0";

/// Lines of a log, beside those about the station itself.
const LOG_LINES: usize = 200;

/// A file to be carried, over HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Errand {
    /// From the byte `from` on.
    Fetch {
        url: String,
        from: u64,
        breaks: bool,
    },
    Send {
        url: String,
        content: String,
        breaks: bool,
    },
}

/// What came of an errand. `breaks` makes the connection break half-way.
#[derive(Debug, Default)]
pub struct Carried {
    /// How far into the file it came, and how long the whole file is.
    pub bytes: u64,
    pub whole: u64,
    /// Of a file that was fetched from its beginning.
    pub first_line: Option<String>,
    /// Why it is not whole.
    pub failure: Option<String>,
}

/// What a station has to do with files at the moment.
#[derive(Debug)]
pub(super) struct FileWork {
    /// The version that it runs.
    pub(super) firmware: String,
    task: Option<Task>,
    /// To be said after the next boot.
    installed: Option<Body>,
}

impl Default for FileWork {
    fn default() -> Self {
        Self { firmware: FIRST_VERSION.to_owned(), task: None, installed: None }
    }
}

/// A file that the server has asked for, or to be fetched.
#[derive(Debug)]
pub(super) struct Task {
    url: String,
    /// The message by which the station tells how far it is, and the number that it names there.
    told: &'static str,
    request: Option<Value>,
    what: What,
    tries: u32,
    /// Of firmware whose beginning is here.
    version: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Firmware {
        signed: bool,
    },
    /// With the version's word for what went wrong.
    Log {
        failure: &'static str,
    },
}

impl Task {
    /// `None` for a call that is about no file, or about one that is not to be had over HTTP.
    pub(super) fn of(action: &str, asked: &Value) -> Option<Self> {
        let (told, at, what) = match action {
            // Over 2.x the location stands within the firmware, and so does the signature.
            "UpdateFirmware" => {
                let at = if asked.get("firmware").is_some() {
                    "/firmware/location"
                } else {
                    "/location"
                };
                let signed = asked.pointer("/firmware/signature").is_some();
                ("FirmwareStatusNotification", at, What::Firmware { signed })
            }
            "SignedUpdateFirmware" => {
                let what = What::Firmware { signed: true };
                ("SignedFirmwareStatusNotification", "/firmware/location", what)
            }
            "GetDiagnostics" => {
                let what = What::Log { failure: "UploadFailed" };
                ("DiagnosticsStatusNotification", "/location", what)
            }
            "GetLog" => {
                let what = What::Log { failure: "UploadFailure" };
                ("LogStatusNotification", "/log/remoteLocation", what)
            }
            _ => return None,
        };
        let url = asked.pointer(at)?.as_str()?;
        let is_http = url.starts_with("http://") || url.starts_with("https://");
        let request = asked.get("requestId").cloned();
        let (url, tries, version) = (url.to_owned(), 0, None);
        is_http.then_some(Self { url, told, request, what, tries, version })
    }

    fn word(&self, status: &str) -> Body {
        let mut payload = json!({ "status": status });
        if let Some(request) = &self.request {
            payload["requestId"] = request.clone();
        }
        Body::FollowUp { action: self.told, payload }
    }
}

impl Charger {
    /// Whatever it was doing with files before, it does this now.
    pub(super) fn take_on(&mut self, now: Millis, task: Task, out: &mut Vec<Output>) {
        let breaks = self.chance.happens(self.profile.faults.breaks);
        if breaks {
            out.push(Output::Report(Event::Misbehaved(Misdeed::BrokeOff)));
        }
        let url = task.url.clone();
        let errand = match task.what {
            What::Firmware { .. } => {
                self.say(task.word("Downloading"));
                Errand::Fetch { url, from: 0, breaks }
            }
            What::Log { .. } => {
                self.say(task.word("Uploading"));
                let content = self.log(now);
                let sha256 = hex(&Sha256::digest(&content));
                out.push(Output::Report(Event::LogWritten { bytes: content.len() as u64, sha256 }));
                Errand::Send { url, content, breaks }
            }
        };
        self.files.task = Some(task);
        out.push(Output::Carry(errand));
    }

    pub(super) fn carried(&mut self, carried: Carried, out: &mut Vec<Output>) {
        let Some(mut task) = self.files.task.take() else { return };
        task.version = task.version.or(carried.first_line);
        let is_whole = carried.failure.is_none() && carried.bytes == carried.whole;
        match task.what {
            What::Log { .. } if is_whole => self.say(task.word("Uploaded")),
            What::Log { failure } => self.say(task.word(failure)),
            What::Firmware { signed } if is_whole => self.install(task, signed, carried.bytes, out),
            What::Firmware { .. } if task.tries < MAX_TRIES => {
                task.tries += 1;
                let (url, from, breaks) = (task.url.clone(), carried.bytes, false);
                out.push(Output::Carry(Errand::Fetch { url, from, breaks }));
                self.files.task = Some(task);
            }
            What::Firmware { .. } => self.say(task.word("DownloadFailed")),
        }
    }

    /// It boots into what it has fetched when nobody charges any more, and says so when it is back.
    fn install(&mut self, task: Task, signed: bool, bytes: u64, out: &mut Vec<Output>) {
        let verified = signed.then_some("SignatureVerified");
        for status in [Some("Downloaded"), verified, Some("Installing")].into_iter().flatten() {
            self.say(task.word(status));
        }
        self.files.installed = Some(task.word("Installed"));
        if let Some(version) = task.version {
            self.files.firmware = version;
        }
        self.reset_due = true;
        let version = self.files.firmware.clone();
        out.push(Output::Report(Event::FirmwareFetched { version, bytes }));
    }

    pub(super) fn tell_installed(&mut self) {
        if let Some(installed) = self.files.installed.take() {
            self.say(installed);
        }
    }

    /// What it has to say of itself, and some lines more: logs are long.
    fn log(&self, now: Millis) -> String {
        let (id, seed) = (&self.profile.id, self.profile.seed);
        let mut log = format!(
            "{} station {id}, firmware {}, on since {}, connection {}\n",
            now.rfc3339(),
            self.files.firmware,
            self.power_on.rfc3339(),
            self.connection
        );
        for n in 0..LOG_LINES {
            log.push_str(&format!("{} {seed:x}: line {n} of a log\n", now.rfc3339()));
        }
        log
    }
}

/// What a simulated station takes for the version of a firmware: its first line, if that is a text.
pub(super) fn version_in(beginning: &[u8]) -> Option<String> {
    let line = beginning.split(|byte| *byte == b'\n').next()?;
    let line = std::str::from_utf8(line).ok()?.trim();
    let fits = !line.is_empty() && line.chars().count() <= MAX_VERSION;
    (fits && !line.chars().any(char::is_control)).then(|| line.to_owned())
}
