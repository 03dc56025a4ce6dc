//! The wasm host. Knows no OCPP, no station and no store.
mod bindings;
mod inspect;
mod manifest;
mod pack;

pub use inspect::{InspectError, Inspection, MAX_COMPONENT, inspect};
pub use manifest::{
    AuthorizerSettings, Capability, Hook, HookSettings, Manifest, ManifestError, OnFailure,
};
pub use pack::{PackError, Packed, pack};
