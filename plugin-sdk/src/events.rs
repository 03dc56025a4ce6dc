//! Words to other plugins: to those whose manifest asks for them.

use serde::Serialize;

use crate::HostError;

/// Sends an event, with `body` as JSON, together with what caused this call, or not at all.
pub fn emit(topic: &str, body: &impl Serialize) -> Result<(), HostError> {
    let body = serde_json::to_string(body)
        .map_err(|error| HostError::Invalid(format!("body: {error}")))?;
    #[cfg(target_arch = "wasm32")]
    return crate::bindings::imports::plugpoint::plugin::events::emit(topic, &body);
    #[cfg(not(target_arch = "wasm32"))]
    crate::testing::stage::emit(topic, body)
}
