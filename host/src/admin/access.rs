//! Who may use the API: whoever shows the key. Knows no route.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::desk::Desk;
use super::key::KEY_FILE;
use super::problem::Problem;
use super::views::Code;

/// Lets a request pass that carries the key; answers every other without looking at it.
pub(super) async fn require_key(
    State(desk): State<Arc<Desk>>,
    request: Request,
    next: Next,
) -> Response {
    let presented = request.headers().get(AUTHORIZATION).and_then(|h| bearer(h.as_bytes()));
    let message = match presented {
        Some(key) if desk.admin.key.matches(key) => return next.run(request).await,
        Some(_) => "this is not the key of this server",
        None => "the request carries no key",
    };
    metrics::counter!("plugpoint_admin_unauthorized_total").increment(1);
    let next = format!(
        "send 'Authorization: Bearer KEY'; the key is in {KEY_FILE} in the server's data folder"
    );
    Problem::new(Code::Unauthorized, message, next).into_response()
}

/// The credentials of the scheme `Bearer`, whose name has no case (RFC 9110 §11.1).
fn bearer(header: &[u8]) -> Option<&[u8]> {
    let (scheme, key) = header.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| key.trim_ascii())
}
