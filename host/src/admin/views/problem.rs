//! Failures as the API says them: a code for programs, a sentence for people, and what to do next.
//! Knows no HTTP but the status.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Every code that the API can answer with, and the HTTP status that goes with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    Unauthorized,
    NoSuchRoute,
    MethodNotAllowed,
    BadRequest,
    BodyTooLarge,
    StationNotFound,
    StationOffline,
    StationBusy,
    StationTimedOut,
    StationDisconnected,
    RefusedByStation,
    RejectedByStation,
    CertificateNotFound,
    UnfitAnswer,
    UnknownAction,
    ActionNotFound,
    CommandNotFound,
    CommandOver,
    SessionNotFound,
    EventNotFound,
    TokenNotFound,
    PluginNotFound,
    NothingToRollBack,
    PluginRefused,
    FirmwareNotFound,
    FirmwareInTheWay,
    TransferNotFound,
    FileNotFound,
    NoFilesListener,
    WishNotFound,
    ListNotKept,
    ChangedMeanwhile,
    TooMuchAtOnce,
    DiskFull,
    Unavailable,
    Internal,
}

impl Code {
    pub const fn as_str(self) -> &'static str {
        self.row().0
    }

    /// The HTTP status.
    pub const fn status(self) -> u16 {
        self.row().1
    }

    const fn row(self) -> (&'static str, u16) {
        match self {
            Self::Unauthorized => ("unauthorized", 401),
            Self::NoSuchRoute => ("no-such-route", 404),
            Self::MethodNotAllowed => ("method-not-allowed", 405),
            Self::BadRequest => ("bad-request", 400),
            Self::BodyTooLarge => ("body-too-large", 413),
            Self::StationNotFound => ("station-not-found", 404),
            Self::StationOffline => ("station-offline", 409),
            Self::StationBusy => ("station-busy", 429),
            Self::StationTimedOut => ("timed-out", 504),
            Self::StationDisconnected => ("disconnected", 502),
            Self::RefusedByStation => ("refused-by-station", 502),
            Self::RejectedByStation => ("rejected-by-station", 409),
            Self::CertificateNotFound => ("certificate-not-found", 404),
            Self::UnfitAnswer => ("unfit-answer", 502),
            Self::UnknownAction => ("unknown-action", 400),
            Self::ActionNotFound => ("action-not-found", 404),
            Self::CommandNotFound => ("command-not-found", 404),
            Self::CommandOver => ("command-over", 409),
            Self::SessionNotFound => ("session-not-found", 404),
            Self::EventNotFound => ("event-not-found", 404),
            Self::TokenNotFound => ("token-not-found", 404),
            Self::PluginNotFound => ("plugin-not-found", 404),
            Self::NothingToRollBack => ("nothing-to-roll-back", 409),
            Self::PluginRefused => ("plugin-refused", 422),
            Self::FirmwareNotFound => ("firmware-not-found", 404),
            Self::FirmwareInTheWay => ("firmware-in-the-way", 409),
            Self::TransferNotFound => ("transfer-not-found", 404),
            Self::FileNotFound => ("file-not-found", 404),
            Self::NoFilesListener => ("no-files-listener", 409),
            Self::WishNotFound => ("wish-not-found", 404),
            Self::ListNotKept => ("list-not-kept", 404),
            Self::ChangedMeanwhile => ("changed-meanwhile", 409),
            Self::TooMuchAtOnce => ("too-much-at-once", 429),
            Self::DiskFull => ("disk-full", 507),
            Self::Unavailable => ("unavailable", 503),
            Self::Internal => ("internal", 500),
        }
    }
}

/// The body of every answer that is not a success.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ErrorBody {
    pub error: ErrorView,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ErrorView {
    /// One of [`Code`], in kebab case.
    pub code: String,
    pub message: String,
    /// What to do about it.
    pub next: String,
    /// Only of a call that was sent: under which number it is on record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// Only of `refused-by-station`: the error code of the station's CALLERROR.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ocpp_code: Option<String>,
    /// Only of `refused-by-station`: its description, in the station's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What goes with `refused-by-station` and `unfit-answer`, and with what the command line finds refused: as the station sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Box<RawValue>>,
}
