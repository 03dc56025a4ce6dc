//! The host's clock, and what clocks on the wall show. `std::time` does not work in a guest, and no guest has time zone
//! data.

use crate::Millis;

pub use crate::bindings::imports::plugpoint::plugin::clock::LocalOffset;

/// Now. For the time of what is being asked about, see `at` and `received` of [`Ask`](crate::Ask).
pub fn now() -> Millis {
    #[cfg(target_arch = "wasm32")]
    return crate::bindings::imports::plugpoint::plugin::clock::now_ms();
    #[cfg(not(target_arch = "wasm32"))]
    crate::testing::stage::now()
}

/// How local time in a zone relates to UTC at a moment, and until when; `None` when there is no such zone.
pub fn offset(at: Millis, zone: &str) -> Option<LocalOffset> {
    #[cfg(target_arch = "wasm32")]
    return crate::bindings::imports::plugpoint::plugin::clock::offset(at, zone);
    #[cfg(not(target_arch = "wasm32"))]
    crate::testing::stage::offset(at, zone)
}
