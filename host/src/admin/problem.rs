//! A request that cannot be granted, as an HTTP answer. Knows which status and code belong together, no handler.

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::views::{Code, ErrorBody, ErrorView};
use crate::station::registry::CommandFailure;
use crate::store::{CommitError, StoreError};
use crate::work::RolloutError;

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
            ocpp_code: None,
            description: None,
            details: None,
        });
        Self { code, body }
    }

    pub(super) fn bad_request(message: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(Code::BadRequest, message, next)
    }

    /// A bug or a broken record. The cause goes into the log, not to the caller.
    pub(super) fn internal(cause: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(cause, "an admin request failed");
        Self::new(
            Code::Internal,
            "the server could not do this",
            "the server's log has the cause; please report it",
        )
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
            CommitError::Unavailable => Self::unavailable(),
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
