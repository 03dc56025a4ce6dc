//! What a simulated station and its server say to each other, in words that no version of OCPP owns. Knows no JSON
//! but what the catalogue makes of it.

use std::time::Duration;

use serde_json::Value;

use super::Clock;
use super::bay::Condition;
use super::settings::Setting;
use crate::domain::{IdToken, Millis};

/// A charge's number inside the station; its name on the wire is another matter.
pub(super) type ChargeNo = u64;

/// What a station says.
#[derive(Debug, Clone)]
pub(super) enum Body {
    Boot,
    Heartbeat,
    Status {
        connector: u32,
        condition: Condition,
        at: Millis,
    },
    Authorize {
        connector: u32,
        card: IdToken,
    },
    Start {
        connector: u32,
        charge: ChargeNo,
        card: IdToken,
        meter_wh: u64,
        /// The server's number of the order that started it, where orders have one.
        order: Option<i64>,
        at: Millis,
    },
    Meter {
        connector: u32,
        charge: ChargeNo,
        /// Its place among the messages of the charge; the start is 0.
        number: u32,
        meter_wh: u64,
        delivered_wh: u64,
        power_w: u32,
        /// The server asked for it.
        asked: bool,
        at: Millis,
    },
    Stop {
        connector: u32,
        charge: ChargeNo,
        number: u32,
        card: IdToken,
        meter_wh: u64,
        delivered_wh: u64,
        why: Ending,
        at: Millis,
    },
    /// What a call led to that the station has no behaviour of its own for; the words are the version's.
    FollowUp {
        action: &'static str,
        payload: Value,
    },
    /// All settings, because the server asked for a report.
    Report {
        request: i64,
        settings: Vec<Setting>,
        at: Millis,
    },
    /// Whether the server wants to hear all the time what the station draws.
    OpenStream {
        interval: Duration,
    },
}

impl Body {
    /// Worth something after the connection was lost.
    pub(super) const fn survives(&self) -> bool {
        matches!(self, Self::Start { .. } | Self::Meter { .. } | Self::Stop { .. })
    }

    /// The charge that the message tells of.
    pub(super) const fn charge(&self) -> Option<ChargeNo> {
        match self {
            Self::Start { charge, .. } | Self::Meter { charge, .. } | Self::Stop { charge, .. } => {
                Some(*charge)
            }
            Self::Boot
            | Self::Heartbeat
            | Self::Status { .. }
            | Self::Authorize { .. }
            | Self::Report { .. }
            | Self::FollowUp { .. }
            | Self::OpenStream { .. } => None,
        }
    }
}

/// Why a charge ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Unplugged,
    Local,
    /// The server asked for it.
    Remote,
    /// The server does not take the card.
    Refused,
    Unlocked,
    SoftReset,
    HardReset,
    /// It was allowed to go no further.
    EnergyLimit,
    TimeLimit,
}

/// What else the wire needs to know of a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Writing<'a> {
    pub(super) vendor: &'a str,
    pub(super) model: &'a str,
    pub(super) serial: &'a str,
    /// The version that it runs.
    pub(super) firmware: &'a str,
    /// The name of the charge that the message tells of; `None` while the server has not given it one.
    pub(super) transaction: Option<&'a str>,
    /// It was written while there was no connection.
    pub(super) offline: bool,
    pub(super) clock: Clock,
    pub(super) power_on: Millis,
}

impl Writing<'_> {
    /// A moment as the station's clock has it.
    pub(super) fn time(&self, at: Millis) -> String {
        self.clock.writes(at, self.power_on)
    }
}

/// How far a charge may go. The default is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Limit {
    pub(super) energy_wh: Option<u64>,
    pub(super) time: Option<Duration>,
}

/// What the server answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply {
    Boot {
        status: String,
        interval: Duration,
    },
    Card {
        status: String,
    },
    Started {
        /// Where the server names transactions.
        transaction: Option<String>,
        accepted: bool,
        limit: Limit,
    },
    /// To the offer of a stream.
    Stream {
        accepted: bool,
    },
    /// Received, and perhaps what the charge costs.
    Noted {
        cost: Option<String>,
    },
}

/// What the server wants.
#[derive(Debug, Clone)]
pub(super) enum Command {
    Start {
        connector: Option<u32>,
        card: IdToken,
        order: Option<i64>,
    },
    Stop {
        transaction: String,
    },
    Trigger {
        wanted: Wanted,
        connector: Option<u32>,
    },
    Unlock {
        connector: Option<u32>,
    },
    /// Without a connector, the whole station.
    Availability {
        connector: Option<u32>,
        closing: bool,
    },
    /// At once, with what that is to running charges; without it, when nobody charges.
    Reset {
        at_once: Option<Ending>,
    },
    ClearCache,
    /// Without keys, all of them.
    ReadSettings {
        keys: Vec<String>,
    },
    ChangeSettings(Vec<(String, String)>),
    Report {
        request: i64,
    },
    /// Without a transaction, whether anything waits to be said.
    TransactionStatus {
        transaction: Option<String>,
    },
    ShowCost {
        transaction: String,
        cost: String,
    },
    AdjustStream {
        interval: Duration,
    },
    ReadStreams,
    /// Something private between a vendor and its stations; we are of another vendor.
    Foreign,
    /// The action is known and this payload of it makes no sense.
    Senseless,
}

/// What a server may want to hear at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Boot,
    Heartbeat,
    Status,
    Meter,
    Other,
}

/// What came of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Accepted,
    Rejected,
    Scheduled,
    NotImplemented,
    Unlocked,
    /// There is no such connector or setting here.
    Unknown,
    UnknownVendor,
}

/// What the station answers to a command.
#[derive(Debug, Clone)]
pub(super) enum Response {
    Did(Outcome),
    Settings {
        found: Vec<Setting>,
        unknown: Vec<String>,
    },
    Changed(Vec<(String, Outcome)>),
    TransactionStatus {
        ongoing: Option<bool>,
        messages_wait: bool,
    },
    /// How often the stream comes, if it is open.
    Streams(Option<Duration>),
    Noted,
}
