//! What a simulated station lives through, as its listeners hear it. Never shows a card in full. Knows no socket.

use std::time::Duration;

use crate::domain::{IdToken, Millis, StationId};

/// One event of one station.
#[derive(Debug, Clone)]
pub struct Report {
    pub station: StationId,
    pub at: Millis,
    pub event: Event,
}

/// The closed list of what can be told. Energies are in watt-hours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    Connected,
    /// No connection came up.
    Unreachable {
        why: String,
    },
    Disconnected {
        why: String,
    },
    Booted {
        status: String,
        heartbeat: Duration,
    },
    /// Any call that was answered with a result, and how long that took.
    Answered {
        action: &'static str,
        took: Duration,
    },
    /// A call that was answered with a CALLERROR.
    CallError {
        action: &'static str,
        code: String,
        description: String,
    },
    /// A call that was given up.
    Unanswered {
        action: &'static str,
    },
    /// A transaction's message was refused so often that the station will not send it again.
    GaveUp {
        action: &'static str,
    },
    /// An Authorize was answered.
    CardAccepted {
        connector: u32,
        card: IdToken,
    },
    CardRefused {
        connector: u32,
        card: IdToken,
        status: String,
    },
    /// The start of a charge was acknowledged.
    Started {
        connector: u32,
        card: IdToken,
        /// The charge's name on the wire: the server's number on 1.6, the station's own text on 2.0.1.
        transaction: String,
        /// The station's time of the start, as it was sent.
        began: Millis,
        meter_wh: u64,
        accepted: bool,
        replayed: bool,
    },
    /// A meter reading was acknowledged.
    Metered {
        connector: u32,
        transaction: String,
        meter_wh: u64,
        delivered_wh: u64,
    },
    /// The end of a charge was acknowledged.
    Stopped {
        connector: u32,
        transaction: String,
        /// The station's time of the stop, as it was sent.
        ended: Millis,
        meter_wh: u64,
        delivered_wh: u64,
        /// In the words of OCPP 1.6.
        reason: &'static str,
        replayed: bool,
    },
    /// The server said what a charge costs, so far or in all; in its words.
    CostShown {
        transaction: String,
        cost: String,
    },
    /// Firmware is here whole, and will run after the next boot.
    FirmwareFetched {
        version: String,
        bytes: u64,
    },
    /// A log is about to be sent.
    LogWritten {
        bytes: u64,
        /// Of the log, in hexadecimal.
        sha256: String,
    },
    /// The station did wrong, as its profile says.
    Misbehaved(Misdeed),
    /// The server called, and this is how the station answered in one word.
    Commanded {
        action: String,
        answer: &'static str,
    },
    /// The server says that it cannot take such an answer.
    AnswerRefused {
        code: String,
        description: String,
    },
}

/// What a station does that it should not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Misdeed {
    /// Lost its connection without a close frame. `silent` if the server cannot know: nothing says that it is gone.
    Dropped { silent: bool },
    /// Lost the answer to a message about a charge; the message is sent again.
    Replayed,
    /// Called while an earlier call was open.
    Pipelined,
    /// Added to its readings what is no sample.
    SpoiltSamples,
    /// Sent a message again under the same id, before the answer.
    Repeated,
    /// Ended a charge that it had ended, with another register.
    Contradicted,
    /// Sent readings of nothing.
    Strayed,
    /// Sent what is no message.
    Babbled,
    /// Lost the connection half-way through a file.
    BrokeOff,
}
