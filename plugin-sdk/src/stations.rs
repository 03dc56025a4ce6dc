//! What the operator and the stations themselves have said about stations.
//! Knows no socket: who is connected now is not told.

use crate::{HostError, Station};

/// The station's record; `None` when there is none. The contract lists what `more` holds.
pub fn get(id: &str) -> Result<Option<Station>, HostError> {
    #[cfg(target_arch = "wasm32")]
    return crate::bindings::imports::plugpoint::plugin::stations::get(id);
    #[cfg(not(target_arch = "wasm32"))]
    crate::testing::stage::station(id)
}
