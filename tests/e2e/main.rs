//! What a station, an operator or an integrator can see of a running server. Knows the wire, the admin API and the
//! command line; never the server's inside.
//!
//! Every story starts the real binary on loopback with a data folder of its own. Policies come from `target/guests`,
//! which `make test` (or `make guests`) fills.

#![expect(clippy::print_stdout, reason = "a story tells what it sees; shown when it fails")]
#![expect(clippy::unwrap_used, reason = "a story that cannot go on has failed")]

mod support;

mod archive;
mod bad_input;
mod calls;
mod catalogue;
mod demo;
mod dialects;
mod disk;
mod every_action;
mod field;
mod files;
mod fleet;
mod full_disk;
mod holdings;
mod hooks;
mod hostile;
mod imports;
mod independent_client;
mod kill;
mod limits;
mod observe;
mod operate;
mod power_cut;
mod security;
mod steering;
mod storm;
mod swap;
mod tail;
mod tariff;
mod wanted;
