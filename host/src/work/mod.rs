//! Work that outlives a request. Knows no socket and no HTTP.

mod rollout;

pub use rollout::{Outcome, Rollout, RolloutError, Unrestored};
