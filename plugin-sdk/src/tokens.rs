//! The operator's own list of tokens. Knows no policy.

use crate::HostError;

pub use crate::bindings::imports::plugpoint::plugin::tokens::Entry;

/// What the operator says of a token; `None` when it is not on the list. Compared without regard to ASCII case.
pub fn get(value: &str) -> Result<Option<Entry>, HostError> {
    #[cfg(target_arch = "wasm32")]
    return crate::bindings::imports::plugpoint::plugin::tokens::get(value);
    #[cfg(not(target_arch = "wasm32"))]
    crate::testing::stage::token(value)
}

#[expect(
    clippy::derivable_impls,
    reason = "the type is generated, so there is nothing to derive on"
)]
impl Default for Entry {
    fn default() -> Self {
        Self { blocked: false, expires: None, group: None, account: None }
    }
}
