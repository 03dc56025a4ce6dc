//! Work that outlives a request. Knows no socket and no HTTP.

mod free_space;
mod observers;
mod presence;
mod retention;
mod rollout;

pub use free_space::FreeSpace;
pub use observers::{Observers, Standing, Tell, observed};
pub use presence::Presence;
pub use retention::{Ages, Done, Retention};
pub use rollout::{Asked, HookOrder, Outcome, Rollout, RolloutError, Unrestored};
