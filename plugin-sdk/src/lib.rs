//! Write Plugpoint policies in Rust: a trait per hook, one export macro, and a bench to test them on.
//!
//! A policy is a type that implements [`Lifecycle`] and at least one hook, [`Authorizer`], [`Tariff`], [`Observer`], [`Inbox`],
//! [`Quirks`] or [`Responder`]:
//!
//! ```
//! use plugpoint_sdk::{Ask, Authorizer, Lifecycle, NoSettings, Purpose, Token, Verdict};
//!
//! struct Nobody;
//!
//! impl Lifecycle for Nobody {
//!     type Settings = NoSettings;
//!     fn configure(_: NoSettings) -> Result<Self, String> {
//!         Ok(Nobody)
//!     }
//! }
//!
//! impl Authorizer for Nobody {
//!     fn authorize(&self, _: &Ask, _: Purpose, _: &Token) -> Result<Verdict, String> {
//!         Ok(Verdict::refuse("closed for repairs"))
//!     }
//! }
//!
//! plugpoint_sdk::export!(Nobody: Authorizer);
//! # fn main() {}
//! ```
//!
//! Beside the crate's `Cargo.toml` stands a `plugin.toml` that names the plugin, its version and the capabilities it
//! uses. `plugpoint plugin build DIR -o FILE` compiles the crate and packs both into one file.
//!
//! An instance is a cache, not a memory: the host makes as many as it needs and drops them when it likes. What must
//! last goes into [`state`].

pub mod clock;
pub mod commands;
pub mod events;
pub mod log;
pub mod responder;
pub mod sessions;
pub mod state;
pub mod stations;
pub mod tariff;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
pub mod tokens;

mod authorizer;
mod inbox;
mod lifecycle;
mod observer;
mod quirks;

#[doc(hidden)]
pub mod bindings;
#[doc(hidden)]
pub mod export;

pub use authorizer::{Authorizer, Permit, Purpose, Token, Verdict};
pub use bindings::imports::plugpoint::plugin::types::{Ask, HostError, Station};
pub use inbox::{CommandEnded, EventReceived, Inbox, Message, Outcome, Refusal, TimerDue};
pub use lifecycle::{Lifecycle, NoSettings};
pub use observer::{Event, Observer};
pub use quirks::Quirks;
pub use responder::{Reply, Responder};
pub use tariff::{Bill, Interval, Line, Tariff, Terms};

/// Milliseconds since 1970-01-01T00:00:00Z.
pub type Millis = u64;

/// Millionths of a currency unit.
pub type Micros = i64;
