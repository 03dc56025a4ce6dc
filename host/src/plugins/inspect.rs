//! What a component is and wants, read without running or compiling any of it.

use std::collections::BTreeSet;

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use wasmparser::component_types::ComponentEntityType;
use wasmparser::types::Types;
use wasmparser::{Parser, Payload, Validator};

use super::manifest::{Capability, Hook, Manifest, ManifestError};
use crate::domain::{Digest, hex};

/// Largest component, in bytes. JavaScript and Python guests carry their runtime: 12 to 18 MiB.
pub const MAX_COMPONENT: usize = 64 << 20;

/// Name of the custom section that holds the manifest as TOML.
pub(super) const MANIFEST_SECTION: &str = "plugpoint:manifest";

/// The contract's package, with the version that this host serves.
const PACKAGE: &str = "plugpoint:plugin/";
const SERVED: &str = "0.1.";

/// A component as seen from outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Inspection {
    pub manifest: Manifest,
    /// The capabilities that its code really imports.
    pub imports: BTreeSet<Capability>,
    /// It exports `lifecycle`: it has settings or state to care for.
    pub lifecycle: bool,
    /// The questions that it answers.
    pub hooks: BTreeSet<Hook>,
    pub digest: Digest,
    /// Bytes.
    pub size: usize,
}

/// Why a file is no plugin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InspectError {
    #[error("the file is {size} bytes; plugins may have {MAX_COMPONENT}")]
    TooLarge { size: usize },
    #[error(
        "the file holds machine code; load the .wasm it was compiled from, this server compiles by itself"
    )]
    Precompiled,
    #[error("the file is no WebAssembly component: {0}")]
    NotWasm(String),
    #[error("the file is a core module; `plugpoint plugin build DIR` makes a plugin of it")]
    CoreModule,
    #[error("the component has no manifest; `plugpoint plugin build DIR` puts plugin.toml into it")]
    NoManifest,
    #[error("the component has more than one manifest")]
    TwoManifests,
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error(
        "the component imports `{0}`, which this host does not have; build it with nothing but plugpoint:plugin imports"
    )]
    UnknownImport(String),
}

/// Reads a component's manifest, imports and exports and checks that the file is sound.
pub fn inspect(wasm: &[u8]) -> Result<Inspection, InspectError> {
    if wasm.len() > MAX_COMPONENT {
        return Err(InspectError::TooLarge { size: wasm.len() });
    }
    if wasmtime::Engine::detect_precompiled(wasm).is_some() {
        return Err(InspectError::Precompiled);
    }
    if Parser::is_core_wasm(wasm) {
        return Err(InspectError::CoreModule);
    }
    let types = Validator::new()
        .validate_all(wasm)
        .map_err(|error| InspectError::NotWasm(error.to_string()))?;
    let surface = Surface::read(wasm)?;
    let manifest = match surface.manifests.as_slice() {
        [] => return Err(InspectError::NoManifest),
        [only] => String::from_utf8_lossy(only).parse()?,
        _ => return Err(InspectError::TwoManifests),
    };
    Ok(Inspection {
        manifest,
        imports: capabilities(&surface, &types)?,
        lifecycle: surface.exported().any(|name| name == "lifecycle"),
        hooks: surface.exported().filter_map(|name| Hook::from_interface(&name)).collect(),
        digest: Digest(hex(&Sha256::digest(wasm))),
        size: wasm.len(),
    })
}

/// Names and custom sections of the outermost component.
struct Surface<'a> {
    imports: Vec<&'a str>,
    exports: Vec<&'a str>,
    manifests: Vec<&'a [u8]>,
}

impl<'a> Surface<'a> {
    fn read(wasm: &'a [u8]) -> Result<Self, InspectError> {
        let not_wasm = |error: wasmparser::Error| InspectError::NotWasm(error.to_string());
        let mut surface = Self { imports: Vec::new(), exports: Vec::new(), manifests: Vec::new() };
        let mut depth = 0_u32;
        for payload in Parser::new(0).parse_all(wasm) {
            match payload.map_err(not_wasm)? {
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(reader) if depth == 0 => {
                    for import in reader {
                        surface.imports.push(import.map_err(not_wasm)?.name.name);
                    }
                }
                Payload::ComponentExportSection(reader) if depth == 0 => {
                    for export in reader {
                        surface.exports.push(export.map_err(not_wasm)?.name.name);
                    }
                }
                Payload::CustomSection(section)
                    if depth == 0 && section.name() == MANIFEST_SECTION =>
                {
                    surface.manifests.push(section.data());
                }
                _ => {}
            }
        }
        Ok(surface)
    }

    /// The interfaces of the served contract among the exports. Others are nobody's business.
    fn exported(&self) -> impl Iterator<Item = String> {
        self.exports.iter().filter_map(|name| interface(name))
    }
}

impl Inspection {
    /// Imports that the manifest does not ask for, and the manifest line that would.
    pub fn not_asked(&self) -> Option<(Vec<Capability>, String)> {
        let missing: Vec<_> = self.imports.difference(&self.manifest.imports).copied().collect();
        if missing.is_empty() {
            return None;
        }
        let all = self.imports.union(&self.manifest.imports);
        let quoted: Vec<_> = all.map(|capability| format!("\"{capability}\"")).collect();
        Some((missing, format!("imports = [{}]", quoted.join(", "))))
    }
}

/// The imports that give a component power. One that holds nothing but types does not.
fn capabilities(
    surface: &Surface<'_>,
    types: &Types,
) -> Result<BTreeSet<Capability>, InspectError> {
    let mut found = BTreeSet::new();
    for name in &surface.imports {
        if !only_types(name, types) {
            let capability = interface(name).as_deref().and_then(Capability::from_interface);
            let unknown = || InspectError::UnknownImport((*name).to_owned());
            found.insert(capability.ok_or_else(unknown)?);
        }
    }
    Ok(found)
}

fn only_types(import: &str, types: &Types) -> bool {
    match types.component_item_for_import(import).map(|item| item.ty) {
        Some(ComponentEntityType::Instance(id)) => {
            let mut items = types[id].exports.values();
            items.all(|item| matches!(item.ty, ComponentEntityType::Type { .. }))
        }
        _ => false,
    }
}

/// `authorizer` of `plugpoint:plugin/authorizer@0.1.0`; `None` for names that are not of the served contract.
fn interface(name: &str) -> Option<String> {
    let (interface, version) = name.strip_prefix(PACKAGE)?.split_once('@')?;
    version.starts_with(SERVED).then(|| interface.to_owned())
}
