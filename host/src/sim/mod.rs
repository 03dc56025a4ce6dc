//! Simulated OCPP 1.6J stations: the demo, the tests and the load all use these. Knows nothing of the server beyond the wire.
//!
//! [`Charger`] is the station without its socket: inputs and the time go in, outputs come out, and chance is seeded, so
//! that a test can run an hour of charging in a millisecond. [`Station`] is the same charger on a real connection.
//! What a station lives through is told as [`Report`]s.
//!
//! One thing is not as in the field: the energy register runs [`Pace::speed`] times faster than the clock, so that a
//! charge of seconds delivers kilowatt-hours. Timestamps are true.

mod answers;
mod backlog;
mod bay;
mod chance;
mod charger;
mod commands;
mod event;
mod link;
mod profile;
#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) use chance::Chance;
pub use charger::{Charger, Input, Output};
pub use event::{Event, Report};
pub use link::{Endpoint, Station};
pub use profile::{Pace, Profile};
