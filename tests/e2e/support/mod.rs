//! The world of the stories: a server of their own, an operator's client, a station's bare socket.

mod api;
mod cli;
mod fleet;
mod reckoning;
mod server;
mod socket;
mod trust;

use std::path::{Path, PathBuf};

pub(crate) use api::Api;
pub(crate) use cli::{Cli, Following};
pub(crate) use fleet::{Fleet, profile, version_of};
pub(crate) use reckoning::{Reckoning, load_bookkeepers};
pub(crate) use server::{Server, Start};
pub(crate) use socket::{
    Reply, Socket, connect, handshake, handshake_over_tls, insist, try_connect,
};
pub(crate) use trust::{Identity, Trust, authority, foreign_authority, signing_request};

/// The basic password of every station in the stories.
pub(crate) const PASSWORD: &str = "correct-horse-battery";

/// How much of something a story has, where an environment variable may ask for more of it.
pub(crate) fn number_from(variable: &str, otherwise: u64) -> u64 {
    let told = |text: String| text.parse().unwrap_or_else(|e| panic!("{variable}={text}: {e}"));
    std::env::var(variable).map_or(otherwise, told)
}

/// Where the build put everything.
pub(crate) fn target_dir() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_plugpoint")).ancestors().nth(2).unwrap()
}

/// A built policy, by the name of its folder.
pub(crate) fn guest(name: &str) -> PathBuf {
    let path = target_dir().join("guests").join(format!("{name}.wasm"));
    assert!(path.exists(), "{} is missing: run `make guests` first", path.display());
    path
}
