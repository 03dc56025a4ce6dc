//! Work that outlives a request. Knows no socket and no HTTP.

mod observers;
mod presence;
mod rollout;
#[cfg(test)]
mod tests;

pub use observers::{Observers, Standing, Tell};
pub use presence::Presence;
pub use rollout::{Outcome, Rollout, RolloutError, Unrestored};
