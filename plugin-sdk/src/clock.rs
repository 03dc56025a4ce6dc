//! The host's clock. `std::time` does not work in a guest. Knows no zone.

use crate::Millis;

/// Now. For the time of what is being asked about, see `at` and `received` of [`Ask`](crate::Ask).
pub fn now() -> Millis {
    #[cfg(target_arch = "wasm32")]
    return crate::bindings::imports::plugpoint::plugin::clock::now_ms();
    #[cfg(not(target_arch = "wasm32"))]
    crate::testing::stage::now()
}
