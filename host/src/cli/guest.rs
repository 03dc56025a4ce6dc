//! Builds a Rust plugin: finds a way to compile for `wasm32-unknown-unknown`, compiles, packs. Knows no server.
//!
//! There are two ways to the standard library for wasm32: rustup's target, or its source beside a compiler that may
//! use it (Debian packages both). Which one is taken is said aloud, because builds differ in where they can fail.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use crate::plugins::{Manifest, ManifestError, PackError, Packed, pack};

const TARGET: &str = "wasm32-unknown-unknown";

/// Where Debian's compiler lies, whatever rustup has put before it in the path.
const SYSTEM_RUSTC: &str = "/usr/bin/rustc";

/// Settings of the host's build that would reach into the guest's.
const HOST_ONLY: [&str; 7] = [
    "RUSTC",
    "RUSTC_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTFLAGS",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_TARGET_DIR",
];

/// A guest that another toolchain has compiled, a core module or a component, beside its `plugin.toml`.
const COMPILED: &str = "plugin.wasm";

/// What to build and how.
#[derive(Debug, Clone)]
pub struct GuestBuild {
    /// The directory with `plugin.toml` and either `Cargo.toml` or a `plugin.wasm` from another toolchain.
    pub dir: PathBuf,
    /// Where compiled guests are cached. Plugins may share one; it must not be the host's own.
    pub target_dir: Option<PathBuf>,
    /// Takes the place of the manifest's version.
    pub version: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum GuestError {
    #[error("{path}: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error(
        "there is no standard library for {TARGET} here. Run one of these and try again:\n  \
         rustup target add {TARGET}\n  \
         apt-get install --no-install-recommends rustc-web rust-web-src"
    )]
    NoToolchain,
    #[error(
        "{SYSTEM_RUSTC} can build guests, but there is no rust-lld beside rustup's rustc and no wasm-ld in the path. Run:\n  apt-get install --no-install-recommends lld"
    )]
    NoLinker,
    #[error("cargo could not be started: {0}; install it from https://rustup.rs")]
    NoCargo(std::io::Error),
    #[error("cargo failed; its messages stand above")]
    Cargo,
    #[error("the crate makes no .wasm; its Cargo.toml needs [lib] crate-type = [\"cdylib\"]")]
    NoModule,
    #[error(transparent)]
    Pack(#[from] PackError),
}

/// Compiles and packs the plugin in `build.dir`. `say` gets one line for each step.
pub fn build(build: &GuestBuild, mut say: impl FnMut(&str)) -> Result<Packed, GuestError> {
    let mut manifest: Manifest = read(&build.dir.join("plugin.toml"))?.parse()?;
    if let Some(version) = &build.version {
        manifest = manifest.with_version(version)?;
    }
    let path = if build.dir.join("Cargo.toml").is_file() {
        let toolchain = Toolchain::find()?;
        say(&format!("compiling {} {} with {toolchain}", manifest.name, manifest.version));
        compile(build, &toolchain)?
    } else {
        build.dir.join(COMPILED)
    };
    say(&format!("packing {}", path.display()));
    let guest = std::fs::read(&path).map_err(|source| GuestError::Read { path, source })?;
    let packed = pack(&guest, &manifest)?;
    let hooks: Vec<_> = packed.inspection.hooks.iter().map(|hook| hook.as_str()).collect();
    say(&format!("packed {} bytes, answers {}", packed.wasm.len(), hooks.join(", ")));
    Ok(packed)
}

/// A way to compile for wasm32.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Toolchain {
    /// The target is installed.
    Installed,
    /// The standard library is compiled from its source, once for each target directory.
    FromSource { rustc: PathBuf, linker: PathBuf },
}

impl std::fmt::Display for Toolchain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Installed => write!(f, "the installed target {TARGET}"),
            Self::FromSource { rustc, linker } => write!(
                f,
                "{} and the standard library's source (a minute or two the first time), linker {}",
                rustc.display(),
                linker.display()
            ),
        }
    }
}

impl Toolchain {
    fn find() -> Result<Self, GuestError> {
        let default = Path::new("rustc");
        let target_lib = print(default, &["target-libdir", "--target", TARGET]);
        if target_lib.is_some_and(|dir| dir.is_dir()) {
            return Ok(Self::Installed);
        }
        let rustc = [default, Path::new(SYSTEM_RUSTC)]
            .into_iter()
            .find(|rustc| has_source(rustc))
            .ok_or(GuestError::NoToolchain)?;
        let linker = linker(default).ok_or(GuestError::NoLinker)?;
        Ok(Self::FromSource { rustc: rustc.to_owned(), linker })
    }

    fn apply(&self, cargo: &mut Command) {
        if let Self::FromSource { rustc, linker } = self {
            cargo
                .arg("-Zbuild-std=std,panic_abort")
                .env("RUSTC", rustc)
                .env("RUSTC_BOOTSTRAP", "1")
                .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
        }
    }
}

/// The answer of `rustc --print`; `None` if there is no such compiler or it does not know.
fn print(rustc: &Path, what: &[&str]) -> Option<PathBuf> {
    let output = Command::new(rustc).arg("--print").args(what).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| PathBuf::from(text.trim_end()))
}

fn has_source(rustc: &Path) -> bool {
    let library = "lib/rustlib/src/rust/library/std/Cargo.toml";
    print(rustc, &["sysroot"]).is_some_and(|sysroot| sysroot.join(library).is_file())
}

/// `rust-lld` comes with every toolchain of rustup; Debian's compiler comes without.
fn linker(rustc: &Path) -> Option<PathBuf> {
    let beside =
        print(rustc, &["target-libdir"]).and_then(|lib| Some(lib.parent()?.join("bin/rust-lld")));
    let in_path = std::env::var_os("PATH").unwrap_or_default();
    let in_path = std::env::split_paths(&in_path).map(|dir| dir.join("wasm-ld"));
    beside.into_iter().chain(in_path).find(|linker| linker.is_file())
}

/// One line of `cargo build --message-format=json`, as far as it matters here.
#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    manifest_path: PathBuf,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

/// Runs cargo and returns the path of the core module.
fn compile(build: &GuestBuild, toolchain: &Toolchain) -> Result<PathBuf, GuestError> {
    let dir = &build.dir;
    let read = |source| GuestError::Read { path: dir.clone(), source };
    let dir = dir.canonicalize().map_err(read)?;
    let target_dir = match &build.target_dir {
        Some(chosen) => std::path::absolute(chosen).map_err(read)?,
        None => dir.join("target"),
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    for name in HOST_ONLY {
        command.env_remove(name);
    }
    command
        .args(["build", "--lib", "--release", "--target", TARGET])
        .arg("--message-format=json-render-diagnostics")
        .arg("--target-dir")
        .arg(target_dir)
        .current_dir(&dir)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    if dir.join("Cargo.lock").is_file() {
        command.arg("--locked");
    }
    toolchain.apply(&mut command);
    let output = command.output().map_err(GuestError::NoCargo)?;
    if !output.status.success() {
        return Err(GuestError::Cargo);
    }
    module_of(&output.stdout, &dir.join("Cargo.toml")).ok_or(GuestError::NoModule)
}

/// Finds the `.wasm` of the crate itself among what cargo says it made.
fn module_of(messages: &[u8], manifest_path: &Path) -> Option<PathBuf> {
    messages
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<Message>(line).ok())
        .filter(|message| message.reason == "compiler-artifact")
        .filter(|message| message.manifest_path == manifest_path)
        .flat_map(|message| message.filenames)
        .find(|file| file.extension().is_some_and(|extension| extension == "wasm"))
}

fn read(path: &Path) -> Result<String, GuestError> {
    std::fs::read_to_string(path)
        .map_err(|source| GuestError::Read { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_module_is_the_crates_own_and_not_a_dependencys() {
        let messages = br#"{"reason":"compiler-artifact","manifest_path":"/dep/Cargo.toml","filenames":["/t/dep.wasm"]}
{"reason":"compiler-artifact","manifest_path":"/p/Cargo.toml","filenames":["/t/p.rlib","/t/p.wasm"]}
{"reason":"build-finished","success":true}
"#;
        let found = module_of(messages, Path::new("/p/Cargo.toml"));
        assert_eq!(found.as_deref(), Some(Path::new("/t/p.wasm")));
        assert_eq!(module_of(messages, Path::new("/q/Cargo.toml")), None);
    }
}
