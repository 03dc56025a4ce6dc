//! Calls to stations, made later. How each ended comes back through [`Inbox`](crate::Inbox).
//!
//! Commands are kept together with what caused this call, or not at all. A station is called at most once for each; when
//! nobody knows whether it acted, the outcome says so.

use std::time::Duration;

use serde::Serialize;

use crate::HostError;

/// Keeps a call for a station, to be sent within `expires_in`, and returns the command's id. `payload` becomes a JSON
/// object.
pub fn enqueue(
    station: &str,
    action: &str,
    payload: &impl Serialize,
    expires_in: Duration,
) -> Result<String, HostError> {
    let payload = serde_json::to_string(payload)
        .map_err(|error| HostError::Invalid(format!("payload: {error}")))?;
    let expires_in = u64::try_from(expires_in.as_millis()).unwrap_or(u64::MAX);
    #[cfg(target_arch = "wasm32")]
    return crate::bindings::imports::plugpoint::plugin::commands::enqueue(
        station, action, &payload, expires_in,
    );
    #[cfg(not(target_arch = "wasm32"))]
    crate::testing::stage::enqueue(station, action, payload, expires_in)
}
