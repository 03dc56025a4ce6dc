//! The plugin's own keys and values: the only memory that lasts.
//!
//! Writes are committed together with what caused the call, or not at all. If another call changed what this one has
//! read, the host runs this one again; so read, decide, write, and keep no side notes in globals.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::HostError;

#[cfg(target_arch = "wasm32")]
use crate::bindings::imports::plugpoint::plugin::state as host;
#[cfg(not(target_arch = "wasm32"))]
use crate::testing::stage as host;

/// The value under `key`.
pub fn get(key: &str) -> Result<Option<Vec<u8>>, HostError> {
    host::get(key)
}

/// Keeps `value` under `key`.
pub fn set(key: &str, value: &[u8]) -> Result<(), HostError> {
    host::set(key, value)
}

/// Forgets `key`.
pub fn delete(key: &str) -> Result<(), HostError> {
    host::delete(key)
}

/// Keys that start with `prefix` and come after `after`, in byte order; a page of at most 256.
pub fn list_keys(prefix: &str, after: Option<&str>) -> Result<Vec<String>, HostError> {
    host::list_keys(prefix, after)
}

/// The value under `key`, read as JSON.
pub fn load<T: DeserializeOwned>(key: &str) -> Result<Option<T>, String> {
    get(key)?
        .map(|bytes| serde_json::from_slice(&bytes).map_err(|e| format!("state {key:?}: {e}")))
        .transpose()
}

/// Keeps `value` under `key` as JSON.
pub fn save<T: Serialize>(key: &str, value: &T) -> Result<(), String> {
    let bytes = serde_json::to_vec(value).map_err(|e| format!("state {key:?}: {e}"))?;
    Ok(set(key, &bytes)?)
}

/// So that `?` carries a failed look-up out of a hook.
impl From<HostError> for String {
    fn from(error: HostError) -> Self {
        match error {
            HostError::Limit(which) => format!("a limit of the host was reached: {which}"),
            HostError::Invalid(what) => format!("the host does not take that: {what}"),
            HostError::Unavailable => "the host's records cannot be read now".to_owned(),
        }
    }
}
