//! Work that outlives a request. Knows no socket and no HTTP.

mod free_space;
mod presence;
mod rollout;
#[cfg(test)]
mod tests;

pub use free_space::FreeSpace;
pub use presence::Presence;
pub use rollout::{Outcome, Rollout, RolloutError, Unrestored};
