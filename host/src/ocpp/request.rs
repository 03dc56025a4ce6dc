//! What stations ask and what they are told, in words that no version owns. Knows no JSON but what others
//! read and write.

use std::borrow::Cow;
use std::time::Duration;

use rust_decimal::Decimal;
use serde_json::value::RawValue;

use super::{Action, Finding, StationTime};
use crate::domain::{
    Acceptance, IdToken, MeterReading, Millis, MilliwattHours, Phase, Place, SessionId,
    TransferTopic, Verdict,
};

/// A checked CALL of a station.
#[derive(Debug)]
pub struct Call {
    pub action: &'static Action,
    pub request: Request,
    /// What in it is not as the tables say; of a station that is allowed to be odd.
    pub oddities: Vec<Finding>,
}

/// What a station reports or asks.
#[derive(Debug)]
pub enum Request {
    Boot(Boot),
    Heartbeat,
    Status(Status),
    Authorize {
        shown: Shown,
    },
    /// Asks for a token that says that there is none. No policy is asked; nobody is let in by it.
    AuthorizeNobody,
    Start(Start),
    Meter {
        place: Place,
        session: Option<SessionId>,
        readings: Vec<MeterReading>,
    },
    Stop(Stop),
    Event(TransactionEvent),
    /// It wants a certificate.
    Sign(SignCertificate),
    Security(SecurityEvent),
    /// Kept, and answered by whoever knows the answer, or with the catalogue's reply.
    Open {
        payload: Box<RawValue>,
    },
    Transfer(TransferWord),
    /// Kept, and answered with the catalogue's reply.
    Other,
}

#[derive(Debug)]
pub struct Boot {
    pub vendor: String,
    pub model: String,
    pub serial: Option<String>,
    pub firmware: Option<String>,
}

#[derive(Debug)]
pub struct Status {
    pub place: Place,
    pub status: String,
    /// `None` when the station reports that all is well.
    pub error: Option<String>,
    pub info: Option<String>,
    pub at: Option<StationTime>,
}

#[derive(Debug)]
pub struct Start {
    pub place: Place,
    pub shown: Shown,
    pub meter: MilliwattHours,
    pub at: StationTime,
}

/// A token as it was shown.
#[derive(Debug, Clone)]
pub struct Shown {
    pub token: IdToken,
    /// The protocol's word for the kind of token; `None` where it has only one.
    pub kind: Option<String>,
}

/// One numbered event of a transaction (OCPP 2.x TransactionEvent).
#[derive(Debug)]
pub struct TransactionEvent {
    pub phase: Phase,
    /// The transaction's name, given by the station and unique there.
    pub transaction: String,
    /// `seqNo`.
    pub number: u32,
    /// Of what the event says: two events of one number are the same or they are not.
    pub digest: String,
    pub at: StationTime,
    /// It happened while the station had no connection.
    pub offline: bool,
    /// The station's word for why it says so.
    pub trigger: String,
    /// The station's word for what the connector does.
    pub state: Option<String>,
    /// The station's word for why it ended.
    pub reason: Option<String>,
    pub place: Option<Place>,
    pub shown: Option<Shown>,
    pub readings: Vec<MeterReading>,
}

#[derive(Debug)]
pub struct SignCertificate {
    /// PKCS#10 in PEM, as it came.
    pub request: String,
    /// By which the station knows the request again.
    pub number: Option<i64>,
    /// And not for contracts of cars (ISO 15118), which 2.x can ask for too.
    pub is_for_station: bool,
}

/// Something that touches the station's security, in its own words.
#[derive(Debug)]
pub struct SecurityEvent {
    pub kind: String,
    pub info: Option<String>,
    pub at: Option<StationTime>,
}

/// How far the station is with a file that it was asked to fetch or to send.
#[derive(Debug)]
pub struct TransferWord {
    pub topic: TransferTopic,
    /// By which the station knows what it was asked.
    pub request: Option<i64>,
    /// Its own word.
    pub status: String,
}

#[derive(Debug)]
pub struct Stop {
    /// The transaction as the station names it.
    pub transaction: String,
    /// The session which that is, unless the station says that it does not know.
    pub session: Option<SessionId>,
    pub meter: MilliwattHours,
    pub at: StationTime,
    pub reason: Option<String>,
    pub token: Option<IdToken>,
    pub readings: Vec<MeterReading>,
}

/// What a station is told.
#[derive(Debug)]
pub enum Answer {
    Boot {
        acceptance: Acceptance,
        /// Between heartbeats, or until the next boot of a station that was not accepted.
        interval: Duration,
    },
    Heartbeat,
    /// Received.
    Noted,
    Authorize {
        verdict: Verdict,
    },
    Started {
        session: SessionId,
        verdict: Verdict,
    },
    /// To an event of a transaction; a verdict if a token was shown, and what it costs in the end or by now.
    Event {
        phase: Phase,
        verdict: Option<Verdict>,
        cost: Option<Cost>,
    },
    /// Whether what it wants is signed. The certificate comes in a call of ours.
    Signing {
        accepted: bool,
    },
    /// The catalogue's reply to an action without a view of its own.
    Stock(&'static str),
    /// Somebody else's, which the version allows.
    Given(Box<RawValue>),
}

/// An amount of money in a currency's minor unit, which has this many decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    pub minor: i64,
    pub decimals: u32,
}

impl From<Cost> for Decimal {
    fn from(cost: Cost) -> Self {
        Self::new(cost.minor, cost.decimals)
    }
}

/// What a session costs by now, for a station that can show it to the driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CostToShow {
    /// The transaction's name on the wire.
    pub transaction: String,
    /// Tax included.
    pub cost: Cost,
    /// The session has ended: nothing will be added.
    pub is_final: bool,
    /// The newest reading that the cost counts.
    pub meter: Option<MeterAt>,
    pub is_charging: bool,
    /// The tariff's own words for the driver.
    pub price_text: String,
}

/// What a meter showed, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MeterAt {
    pub at: Millis,
    pub register: MilliwattHours,
}

/// The error codes of all versions (OCPP-J 1.6 table 7, OCPP-J 2.0.1 §4.3). Spelled by the dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorCode {
    NotImplemented,
    NotSupported,
    InternalError,
    FormatViolation,
    PropertyConstraintViolation,
    OccurrenceConstraintViolation,
    TypeConstraintViolation,
    SecurityError,
    GenericError,
    /// Not a message that can be read.
    RpcFramework,
    /// A kind of message that the version does not have.
    MessageTypeNotSupported,
}

/// Why a CALL gets a CALLERROR. The description is for the station's developer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code:?}: {description}")]
pub struct Fault {
    pub code: ErrorCode,
    pub description: Cow<'static, str>,
}

impl Fault {
    pub fn new(code: ErrorCode, description: impl Into<Cow<'static, str>>) -> Self {
        Self { code, description: description.into() }
    }
}
