//! Work that outlives a request. Knows no socket and no HTTP.

mod presence;
mod rollout;
#[cfg(test)]
mod tests;

pub use presence::Presence;
pub use rollout::{Outcome, Rollout, RolloutError, Unrestored};
