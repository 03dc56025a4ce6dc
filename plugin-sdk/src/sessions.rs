//! Charging sessions, running and ended. Knows no policy.

use std::fmt::Display;

use crate::HostError;

pub use crate::bindings::imports::plugpoint::plugin::sessions::Session;

/// The session of this number; `None` when there is none. Events and questions name it.
pub fn get(id: impl Display) -> Result<Option<Session>, HostError> {
    let id = id.to_string();
    #[cfg(target_arch = "wasm32")]
    return crate::bindings::imports::plugpoint::plugin::sessions::get(&id);
    #[cfg(not(target_arch = "wasm32"))]
    crate::testing::stage::session(&id)
}
