//! The wasm host: from a file to a plugin in service, and from a question to its answer. Knows no OCPP, no station's
//! socket and no store; what plugins may read arrives as [`PolicyRecords`](crate::domain::PolicyRecords).
//!
//! - A file: [`inspect`] reads it without running it, [`pack`] makes it, `files` keeps it, `compile` translates it in a
//!   child process, `load` turns it into a [`Prepared`] version.
//! - In service: [`Host`] holds the table of [`Plugin`]s; `instance` lends and takes back what runs; `breaker` stops
//!   asking who keeps failing.
//! - Inside a call: `context` is what the host knows of it, `imports` what the guest can reach, `limits` how much.

mod bindings;
mod breaker;
mod compile;
mod context;
mod engine;
mod error;
mod files;
mod filters;
mod host;
mod imports;
mod inbox;
mod inspect;
mod instance;
mod journal;
mod lent;
mod limits;
mod listeners;
mod load;
mod manifest;
mod observer;
mod pack;
mod plugin;
mod post;
mod quirks;
mod responder;
mod tariff;
mod wishes;
mod zones;

pub use compile::{Compiler, compile_component};
pub use error::{CallError, CompileError, LoadError, StartError};
pub use filters::Filters;
pub use host::{Host, HostConfig, Prepared};
pub use inspect::{InspectError, Inspection, MAX_COMPONENT, inspect};
pub use journal::{Journal, KEPT_LINES};
pub use limits::Limits;
pub use manifest::{
    AuthorizerSettings, Begin, Capability, Hook, HookSettings, MAX_BATCH, Manifest, ManifestError,
    ObserverSettings, OnFailure, Turn,
};
pub use observer::Event;
pub use pack::{PackError, Packed, pack};
pub use plugin::{Plugin, PluginStatus, Timed};
pub use quirks::{IsFrame, Passing};
pub use responder::Fitting;
pub use wishes::{InboxError, InboxSettings, Subscription, TimerSettings};

#[cfg(test)]
pub(crate) mod callers;
#[cfg(test)]
pub(crate) mod guests;
#[cfg(test)]
pub(crate) mod tariff_guests;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod watchers;
