//! A station's actor, which outlives its sockets. Knows no engine, no plugin and no protocol version.
//!
//! - `machine` decides: sans-IO, `now` is an argument, one closed enum in, one out.
//! - `actor` acts: the task that owns a machine, its socket and what is under way.
//! - `door` lets sockets in, if `admission` says so; `registry` says which actor gets them: the newest authenticated
//!   connection wins.
//!
//! Invariant: nothing here waits for a station. A frame is sent and forgotten; an answer is an input.

mod actor;
pub mod admission;
mod commands;
pub mod credentials;
mod display;
pub mod door;
mod exchange;
mod handling;
mod holdings;
mod liveness;
mod looks;
mod lookup;
pub mod machine;
mod probation;
mod question;
pub mod registry;
mod scribe;
mod signing;
mod socket;
mod strangers;
mod tariff;
#[cfg(test)]
mod tests;
mod warnings;

pub use actor::Rim;
pub use handling::Handling;
pub use registry::{Command, CommandFailure, Live, Registry};
