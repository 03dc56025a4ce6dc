//! Makes one file of a compiled guest and its manifest. Knows nothing of compilers and of running.

use wasm_encoder::{ComponentSection, CustomSection};
use wasmparser::Parser;
use wit_component::ComponentEncoder;

use super::inspect::{InspectError, Inspection, MANIFEST_SECTION, inspect};
use super::manifest::{Capability, Manifest, ManifestError};

#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// Mostly a guest that was not built against `wit/`.
    #[error("no component can be made of this module: {0}")]
    Encode(String),
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error(transparent)]
    Inspect(#[from] InspectError),
    #[error("the code imports {}, which plugin.toml does not ask for; put this line into it:\n{line}", list(.missing))]
    NotAsked { missing: Vec<Capability>, line: String },
    #[error("the component exports no hook; a Rust plugin needs `plugpoint_sdk::export!(…)`")]
    NoHook,
}

/// A packed plugin and what it looks like from outside.
#[derive(Debug)]
pub struct Packed {
    pub wasm: Vec<u8>,
    pub inspection: Inspection,
}

/// Turns a core module that was built with `wit-bindgen`, or a finished component, into a plugin.
pub fn pack(guest: &[u8], manifest: &Manifest) -> Result<Packed, PackError> {
    let mut wasm = if Parser::is_core_wasm(guest) { encode(guest)? } else { guest.to_vec() };
    let manifest_text = manifest.to_toml()?;
    CustomSection { name: MANIFEST_SECTION.into(), data: manifest_text.as_bytes().into() }
        .append_to_component(&mut wasm);
    let inspection = inspect(&wasm)?;
    if let Some((missing, line)) = inspection.not_asked() {
        return Err(PackError::NotAsked { missing, line });
    }
    if inspection.hooks.is_empty() {
        return Err(PackError::NoHook);
    }
    Ok(Packed { wasm, inspection })
}

fn encode(module: &[u8]) -> Result<Vec<u8>, PackError> {
    let encoded = ComponentEncoder::default()
        .module(module)
        .and_then(|encoder| encoder.validate(true).encode());
    encoded.map_err(|error| PackError::Encode(format!("{error:#}")))
}

fn list(names: &[Capability]) -> String {
    names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ")
}
