//! A request that cannot be granted, as an HTTP answer. Knows which status and code belong together, no handler.

use std::fmt;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::value::RawValue;

use super::views::{Code, ErrorBody, ErrorView};
use super::{firmware, stations};
use crate::domain::CommandNo;
use crate::files::{NotShelved, Unwritable};
use crate::station::registry::CommandFailure;
use crate::store::{CommitError, StoreError, Unwritten};
use crate::work::{NotAsked, NotCancelled, NotQueued, RolloutError};

/// Everything that an operator is told when a request fails.
#[derive(Debug)]
pub(super) struct Problem {
    code: Code,
    body: Box<ErrorView>,
}

impl Problem {
    pub(super) fn new(code: Code, message: impl Into<String>, next: impl Into<String>) -> Self {
        let body = Box::new(ErrorView {
            code: code.as_str().to_owned(),
            message: message.into(),
            next: next.into(),
            command: None,
            ocpp_code: None,
            description: None,
            details: None,
        });
        Self { code, body }
    }

    /// With the station's own words.
    pub(super) fn with_details(mut self, details: Box<RawValue>) -> Self {
        self.body.details = Some(details);
        self
    }

    pub(super) fn bad_request(message: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(Code::BadRequest, message, next)
    }

    /// A bug or a broken record. The cause goes into the log, not to the caller.
    pub(super) fn internal(cause: &impl fmt::Display) -> Self {
        tracing::error!(%cause, "an admin request failed");
        Self::new(
            Code::Internal,
            "the server could not do this",
            "the server's log has the cause; please report it",
        )
    }

    /// The call that came to this is on record.
    pub(super) fn of_command(mut self, number: Option<CommandNo>) -> Self {
        self.body.command = number.map(|number| number.to_string());
        self
    }

    fn unavailable() -> Self {
        Self::new(
            Code::Unavailable,
            "the store cannot be reached",
            "the server's log says why; see also /readyz",
        )
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.code.status());
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(ErrorBody { error: *self.body })).into_response();
        if self.code == Code::Unauthorized {
            let scheme = header::HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::error!(cause = &error as &dyn std::error::Error, "the store cannot be read");
        Self::unavailable()
    }
}

impl From<CommitError> for Problem {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Conflict(_) => Self::new(
                Code::ChangedMeanwhile,
                "somebody else changed this at the same time",
                "read it again, then repeat the request",
            ),
            CommitError::Overloaded => Self::new(
                Code::TooMuchAtOnce,
                "the store has more to write than it takes",
                "repeat the request in a moment",
            ),
            CommitError::NoSpace => Self::new(
                Code::DiskFull,
                "the disk is almost full, so that nothing more is kept",
                "make room on the disk of the data directory, then repeat the request",
            ),
            CommitError::Unavailable => Self::unavailable(),
            CommitError::Unstorable(why) => {
                Self::new(Code::BodyTooLarge, why.to_string(), "put less into it")
            }
        }
    }
}

impl From<CommandFailure> for Problem {
    fn from(failure: CommandFailure) -> Self {
        let is_unknown_action = failure.is_unknown_action();
        match failure {
            CommandFailure::Offline => Self::new(
                Code::StationOffline,
                "the station has no connection",
                "wait until it is online; GET /v1/events shows when",
            ),
            CommandFailure::Busy => Self::new(
                Code::StationBusy,
                "the station has not yet answered the calls before this one",
                "repeat the request when it has; it takes one call at a time",
            ),
            CommandFailure::TimedOut => Self::new(
                Code::StationTimedOut,
                "the station did not answer in time; it may still have done what was asked",
                "look at what it reports, or repeat with a longer timeout_ms",
            ),
            CommandFailure::Disconnected => Self::new(
                Code::StationDisconnected,
                "the connection broke before an answer came; the station may have done what was asked",
                "look at what it reports when it is back",
            ),
            CommandFailure::Refused { code, description, details } => {
                let mut problem = Self::new(
                    Code::RefusedByStation,
                    "the station answered with an error",
                    "its own words are in ocpp_code, description and details",
                );
                problem.body.ocpp_code = Some(code);
                problem.body.description = Some(description);
                problem.body.details = Some(details);
                problem
            }
            CommandFailure::Unfit { fault, answer } => {
                let mut problem = Self::new(
                    Code::UnfitAnswer,
                    format!("the station answered, but {}", fault.description),
                    "its answer is in details; where its firmware cannot be mended, set its validation to lenient",
                );
                problem.body.details = Some(answer);
                problem
            }
            CommandFailure::Invalid(fault) if is_unknown_action => Self::new(
                Code::UnknownAction,
                fault.description,
                "spell it as OCPP does, for example RemoteStartTransaction",
            ),
            CommandFailure::Invalid(fault) => Self::new(
                Code::BadRequest,
                format!("payload: {}", fault.description),
                "correct the payload; nothing was sent",
            ),
            CommandFailure::ShuttingDown => {
                Self::new(Code::Unavailable, "the server is stopping", "repeat when it is back")
            }
        }
    }
}

impl From<NotQueued> for Problem {
    fn from(error: NotQueued) -> Self {
        let message = error.to_string();
        match error {
            NotQueued::UnknownStation(id) => stations::not_found(&id),
            NotQueued::Full => Self::new(
                Code::TooMuchAtOnce,
                message,
                "take one back, or wait until the station was there",
            ),
            NotQueued::TooLong(_) => {
                Self::new(Code::BodyTooLarge, message, "send it while the station is online")
            }
            NotQueued::Invalid(failure) => failure.into(),
            NotQueued::Store(error) => error.into(),
        }
    }
}

impl From<NotShelved> for Problem {
    fn from(error: NotShelved) -> Self {
        let message = error.to_string();
        match error {
            NotShelved::NotFound(name) => firmware::not_found(&name),
            NotShelved::Exists(_) => Self::new(
                Code::FirmwareInTheWay,
                message,
                "choose another name for this one, or remove that one first",
            ),
            NotShelved::InUse(_) => Self::new(
                Code::FirmwareInTheWay,
                message,
                "wait until it has ended, or take its link back; see GET /v1/stations/{id}/transfers",
            ),
            NotShelved::Unwritable(Unwritable::TooLarge(_)) => {
                Self::new(Code::BodyTooLarge, message, "`firmware-mib` of `[files]` is the bound")
            }
            NotShelved::Unwritable(Unwritable::NoRoom) => CommitError::NoSpace.into(),
            NotShelved::Unwritable(Unwritable::Disk(error)) => Self::internal(&error),
            NotShelved::Store(error) => error.into(),
        }
    }
}

impl From<NotAsked> for Problem {
    fn from(error: NotAsked) -> Self {
        let message = error.to_string();
        match error {
            NotAsked::NoListener => Self::new(
                Code::NoFilesListener,
                message,
                "start it with --files ADDR:PORT, an address that stations can reach",
            ),
            NotAsked::NoFirmware(name) => firmware::not_found(&name),
            NotAsked::UnknownProtocol(_) => Self::new(
                Code::StationOffline,
                message,
                "wait until it has connected, or set the protocol that is wanted of it",
            ),
            NotAsked::NoInstallTime => {
                Self::bad_request(message, "leave out until, or add the firmware's signature")
            }
            NotAsked::TooMany => Self::new(
                Code::TooMuchAtOnce,
                message,
                "take the link of one back, or wait until one has ended",
            ),
            NotAsked::Randomness(error) => Self::internal(&error),
            NotAsked::Unwritable(error) => Self::internal(&error),
            NotAsked::Failed { command, failure } => Self::from(failure).of_command(command),
            NotAsked::NotQueued(error) => error.into(),
            NotAsked::Store(error) => error.into(),
        }
    }
}

impl From<NotCancelled> for Problem {
    fn from(error: NotCancelled) -> Self {
        match error {
            NotCancelled::Sent | NotCancelled::Ended => Self::new(
                Code::CommandOver,
                error.to_string(),
                "GET /v1/stations/{id}/commands/{command} says what came of it",
            ),
            NotCancelled::Store(error) => error.into(),
        }
    }
}

impl From<Unwritten> for Problem {
    fn from(error: Unwritten) -> Self {
        match error {
            Unwritten::Read(error) => error.into(),
            Unwritten::Commit(error) => error.into(),
        }
    }
}

impl From<RolloutError> for Problem {
    fn from(error: RolloutError) -> Self {
        let message = error.to_string();
        match error {
            RolloutError::NotLoaded(_) => Self::new(
                Code::PluginNotFound,
                message,
                "see GET /v1/plugins; PUT a component to load it",
            ),
            RolloutError::NothingToRollBack(_) => {
                Self::new(Code::NothingToRollBack, message, "load the version that you want")
            }
            RolloutError::NamedTwice(_) | RolloutError::DoesNotAnswer { .. } => {
                Self::bad_request(message, "see GET /v1/hooks/{hook}/order for who answers it")
            }
            RolloutError::NoObject(_) => {
                Self::new(Code::PluginRefused, message, "set all of its settings anew")
            }
            RolloutError::TooMany => {
                Self::new(Code::TooMuchAtOnce, message, "unload one that is not needed")
            }
            RolloutError::SettingsTooLarge(_) => {
                Self::new(Code::BodyTooLarge, message, "keep long lists in the core's tokens")
            }
            RolloutError::Load(error) => Self::new(
                Code::PluginRefused,
                error.with_causes(),
                "nothing changed: what ran before still runs",
            ),
            RolloutError::Read(error) => error.into(),
            RolloutError::Commit(error) => error.into(),
            RolloutError::BrokeOff => {
                Self::new(Code::Unavailable, message, "see GET /v1/plugins for what runs")
            }
        }
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        Self::bad_request(rejection.body_text(), "percent-encode the name as UTF-8")
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::bad_request(rejection.body_text(), "correct the part after the '?'")
    }
}
