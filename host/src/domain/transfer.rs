//! Files on their way between the house and a station: firmware to it, logs from it. Knows no socket, no disk and no
//! version of OCPP.

use serde::{Deserialize, Serialize};

use super::count::counted;
use super::{CommandNo, Firmware, FirmwareName, Millis};

/// What a station says that does nothing with files (DiagnosticsStatus, FirmwareStatus and UploadLogStatus of all versions).
const IDLE: &str = "Idle";

/// Transfers of which one station keeps the record. The next one makes the oldest go that has ended.
pub const MAX_KEPT_TRANSFERS: usize = 50;

/// Words of a station about one transfer that are kept. Of more, the newest takes the last one's place.
pub const MAX_TOLD: usize = 32;

/// Longest word of a station that is kept, in characters. The longest of OCPP has 25.
const MAX_WORD: usize = 50;

/// What the path of every link begins with. Whatever holds it may hold a secret.
pub const LINK_PATH: &str = "/station-files/";

counted! {
    /// A transfer among those of one station: the first is 1, and none gets a number that another had.
    TransferNo, "a transfer"
}

/// What is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TransferKind {
    Firmware,
    Diagnostics,
    SecurityLog,
}

/// What a station's word is about: stations tell of all logs alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TransferTopic {
    Firmware,
    Log,
}

impl TransferKind {
    pub const fn topic(self) -> TransferTopic {
        match self {
            Self::Firmware => TransferTopic::Firmware,
            Self::Diagnostics | Self::SecurityLog => TransferTopic::Log,
        }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Firmware => "firmware",
            Self::Diagnostics => "diagnostics",
            Self::SecurityLog => "security log",
        }
    }
}

/// A file that a station was asked to fetch or to send, from the asking until its record is forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    pub kind: TransferKind,
    /// Of the secret of its link: SHA-256, in hexadecimal. The secret itself is nowhere.
    pub link: String,
    /// What goes out.
    #[serde(default)]
    pub firmware: Option<Outgoing>,
    /// Under which the station knows it (`requestId`); `None` where its call has no such member.
    #[serde(default)]
    pub request: Option<u32>,
    /// The operator's command that asks for it.
    #[serde(default)]
    pub command: Option<CommandNo>,
    pub begun: Millis,
    /// The link is good no longer than that, and whatever has not ended by then ends.
    pub expires: Millis,
    /// The station's own words, in the order in which they came.
    #[serde(default)]
    pub told: Vec<Told>,
    /// How often the link was followed.
    #[serde(default)]
    pub tries: u32,
    /// How far into the file it came, in bytes.
    #[serde(default)]
    pub bytes: u64,
    /// What came in whole.
    #[serde(default)]
    pub received: Option<Received>,
    #[serde(default)]
    pub ended: Option<TransferEnded>,
}

/// The firmware that goes out, as it was when the station was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outgoing {
    pub name: FirmwareName,
    pub version: Option<String>,
    /// Of the file: SHA-256, in hexadecimal.
    pub sha256: String,
    pub bytes: u64,
}

impl Outgoing {
    pub fn of(name: FirmwareName, firmware: &Firmware) -> Self {
        let Firmware { version, sha256, bytes, .. } = firmware;
        Self { name, version: version.clone(), sha256: sha256.clone(), bytes: *bytes }
    }
}

/// A station's word on a transfer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    pub at: Millis,
    pub status: String,
}

/// A file that came in whole and is on the disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Received {
    pub at: Millis,
    pub bytes: u64,
    /// SHA-256, in hexadecimal.
    pub sha256: String,
    /// Its name in the house, made here.
    pub file: String,
}

/// When and how a transfer ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferEnded {
    pub at: Millis,
    pub end: TransferEnd,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TransferEnd {
    /// The station says that all is done.
    Done,
    /// The station's word for what went wrong.
    Failed(String),
    /// The station did not take the call, or was never sent it; its word, or why.
    Refused(String),
    /// Nobody said how it ended, and its time is over.
    Expired,
    /// An operator took its link back.
    Revoked,
}

/// A step of a transfer, for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TransferStep {
    /// The station is to be asked.
    Asked,
    /// The station said how far it is.
    Told,
    /// A file came in whole.
    Received,
    Done,
    Failed,
    Refused,
    Expired,
    Revoked,
}

impl TransferEnd {
    pub const fn step(&self) -> TransferStep {
        match self {
            Self::Done => TransferStep::Done,
            Self::Failed(_) => TransferStep::Failed,
            Self::Refused(_) => TransferStep::Refused,
            Self::Expired => TransferStep::Expired,
            Self::Revoked => TransferStep::Revoked,
        }
    }

    /// Why, where somebody said so.
    pub fn why(&self) -> Option<&str> {
        match self {
            Self::Failed(why) | Self::Refused(why) => Some(why),
            Self::Done | Self::Expired | Self::Revoked => None,
        }
    }

    /// What a station's word ends; `None` if it goes on, or if nobody knows the word. The words of firmware and of logs
    /// are of one list, because none has a meaning in both.
    fn said_by(status: &str) -> Option<Self> {
        match status {
            "Installed" | "Uploaded" => Some(Self::Done),
            "DownloadFailed"
            | "InstallationFailed"
            | "InstallVerificationFailed"
            | "InvalidSignature"
            | "UploadFailed"
            | "UploadFailure"
            | "BadMessage"
            | "NotSupportedOperation"
            | "PermissionDenied"
            | "AcceptedCanceled" => Some(Self::Failed(status.to_owned())),
            _ => None,
        }
    }
}

/// Why a link does not open anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Closed {
    #[error("it is not the link of this transfer")]
    Foreign,
    #[error("its time is over")]
    Expired,
    #[error("the transfer has ended")]
    Ended,
}

impl Transfer {
    pub const fn is_open(&self) -> bool {
        self.ended.is_none()
    }

    /// It is over and nothing brings it back. A station that has failed may try again by itself, as often as it was told.
    pub fn is_over(&self) -> bool {
        self.ended.as_ref().is_some_and(|ended| !matches!(ended.end, TransferEnd::Failed(_)))
    }

    /// An operator took its link back.
    pub fn is_revoked(&self) -> bool {
        self.ended.as_ref().is_some_and(|ended| ended.end == TransferEnd::Revoked)
    }

    /// Whether a link with a secret of that digest opens it now.
    pub fn opens(&self, digest: &str, now: Millis) -> Result<(), Closed> {
        use subtle::ConstantTimeEq as _;
        if !bool::from(self.link.as_bytes().ct_eq(digest.as_bytes())) {
            Err(Closed::Foreign)
        } else if self.is_over() {
            Err(Closed::Ended)
        } else if self.expires <= now {
            Err(Closed::Expired)
        } else {
            Ok(())
        }
    }

    /// The one that a station's word is about, of its transfers from the newest to the oldest. Where the word names no
    /// request, it is about the newest that the station has taken on; when that is over, it is a late or repeated word.
    pub fn meant<'a>(
        newest_first: impl IntoIterator<Item = &'a Self>,
        topic: TransferTopic,
        request: Option<i64>,
    ) -> Option<&'a Self> {
        let is_named = |it: &Self| {
            request.is_none_or(|request| it.request.is_some_and(|own| i64::from(own) == request))
        };
        let was_refused = |it: &Self| {
            it.ended.as_ref().is_some_and(|ended| matches!(ended.end, TransferEnd::Refused(_)))
        };
        let mut taken_on = newest_first.into_iter().filter(|it| !was_refused(it));
        let newest = taken_on.find(|it| it.kind.topic() == topic && is_named(it));
        newest.filter(|it| !it.is_over())
    }

    /// Takes a word of the station down, and says what it comes to.
    pub fn hear(&mut self, at: Millis, status: &str) -> TransferStep {
        let status: String = status.chars().take(MAX_WORD).collect();
        if self.told.len() >= MAX_TOLD {
            self.told.pop();
        }
        self.told.push(Told { at, status: status.clone() });
        // Idle is what a station says that is asked how far it is, also when it has given up.
        if !self.is_over() && status != IDLE {
            self.ended = None;
        }
        match TransferEnd::said_by(&status) {
            Some(end) => self.end(at, end),
            None => TransferStep::Told,
        }
    }

    /// What is over stays as it ended.
    pub fn end(&mut self, at: Millis, end: TransferEnd) -> TransferStep {
        let step = end.step();
        if !self.is_over() {
            self.ended = Some(TransferEnded { at, end });
        }
        step
    }

    /// What the whole file has, where that is known.
    pub fn size(&self) -> Option<u64> {
        let out = self.firmware.as_ref().map(|firmware| firmware.bytes);
        out.or(self.received.as_ref().map(|received| received.bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(request: Option<u32>) -> Transfer {
        Transfer {
            kind: TransferKind::Diagnostics,
            link: "ab".to_owned(),
            firmware: None,
            request,
            command: None,
            begun: Millis(1),
            expires: Millis(100),
            told: Vec::new(),
            tries: 0,
            bytes: 0,
            received: None,
            ended: None,
        }
    }

    #[test]
    fn a_link_opens_one_transfer_until_it_ends_or_its_time_is_over() {
        let mut transfer = log(None);
        assert_eq!(transfer.opens("ab", Millis(99)), Ok(()));
        assert_eq!(transfer.opens("ac", Millis(99)), Err(Closed::Foreign));
        assert_eq!(transfer.opens("ab", Millis(100)), Err(Closed::Expired));
        assert_eq!(transfer.hear(Millis(50), "Uploading"), TransferStep::Told);
        assert_eq!(transfer.opens("ab", Millis(99)), Ok(()));
        assert_eq!(transfer.hear(Millis(60), "Uploaded"), TransferStep::Done);
        assert_eq!(transfer.opens("ab", Millis(99)), Err(Closed::Ended));
    }

    #[test]
    fn a_word_is_about_the_request_that_it_names_or_about_any() {
        let topic = TransferTopic::Log;
        let is_meant =
            |it: &Transfer, topic, request| Transfer::meant([it], topic, request).is_some();
        assert!(is_meant(&log(Some(7)), topic, Some(7)));
        assert!(is_meant(&log(Some(7)), topic, None));
        assert!(is_meant(&log(None), topic, None));
        assert!(!is_meant(&log(Some(7)), topic, Some(8)));
        assert!(!is_meant(&log(None), topic, Some(8)), "it was asked without a number");
        assert!(!is_meant(&log(Some(7)), TransferTopic::Firmware, Some(7)));
        let mut over = log(Some(7));
        over.hear(Millis(2), "UploadFailure");
        assert_eq!(over.ended.clone().unwrap().end, TransferEnd::Failed("UploadFailure".into()));
        assert!(is_meant(&over, topic, Some(7)), "it may try again");
        over.hear(Millis(3), "Idle");
        assert!(!over.is_open(), "it has said nothing new");
        assert_eq!(over.hear(Millis(3), "Uploading"), TransferStep::Told);
        assert!(over.is_open() && over.opens("ab", Millis(3)).is_ok());
        assert_eq!(over.hear(Millis(4), "Uploaded"), TransferStep::Done);
        assert!(!is_meant(&over, topic, Some(7)), "it is done");
    }

    #[test]
    fn a_word_without_a_request_is_not_about_what_was_over_before_the_newest() {
        let topic = TransferTopic::Log;
        let (mut failed, mut done, mut refused) = (log(None), log(None), log(None));
        failed.hear(Millis(2), "UploadFailure");
        done.hear(Millis(4), "Uploaded");
        refused.end(Millis(5), TransferEnd::Refused("Rejected".into()));
        assert!(Transfer::meant([&done, &failed], topic, None).is_none(), "it says so once more");
        let open = log(None);
        let meant = Transfer::meant([&refused, &open, &done], topic, None);
        assert!(std::ptr::eq(meant.unwrap(), &raw const open), "what it refused it does not do");
    }

    #[test]
    fn a_station_that_never_stops_talking_fills_nothing() {
        let mut transfer = log(None);
        for n in 0..100 {
            transfer.hear(Millis(n), if n == 99 { "DownloadPaused" } else { "Downloading" });
        }
        assert_eq!(transfer.told.len(), MAX_TOLD);
        assert_eq!(transfer.told.last().unwrap().status, "DownloadPaused");
    }
}
