//! Simulated stations of OCPP 1.6, 2.0.1 and 2.1: the demo, the tests and the load all use these. Knows nothing of the server beyond the wire.
//!
//! [`Charger`] is the station without its socket: inputs and the time go in, outputs come out, and chance is seeded, so
//! that a test can run an hour of charging in a millisecond. [`Station`] is the same charger on a real connection.
//! What a station lives through is told as [`Report`]s. What the versions of OCPP differ in is in `v16` and `v2`.
//!
//! One thing is not as in the field: the energy register runs [`Pace::speed`] times faster than the clock, so that a
//! charge of seconds delivers kilowatt-hours. Timestamps are true.

mod answers;
mod backlog;
mod bay;
mod chance;
mod charger;
mod charging;
mod clock;
mod commands;
mod event;
mod files;
mod habits;
mod http;
mod link;
mod message;
mod profile;
mod settings;
mod shelf;
mod stock;
mod stream;
#[cfg(test)]
mod tests;
mod v16;
mod v2;
mod wire;

#[cfg(test)]
pub(crate) use chance::Chance;
pub use chance::{BadOdds, Odds};
pub use charger::{Charger, Input, Output};
pub use clock::Clock;
pub use event::{Event, Misdeed, Report};
pub use files::{Carried, Errand};
pub use habits::Habit;
pub use link::{Endpoint, Station};
pub use profile::{Faults, Pace, Profile};
pub use wire::{Protocol, UnknownProtocol};
