//! Work that outlives a request. Knows no socket and no HTTP.

mod certificates;
mod crew;
mod free_space;
mod inbox;
mod late_bills;
mod observers;
mod outbox;
mod patience;
mod presence;
mod retention;
mod rollout;
mod timers;
mod transfers;
mod wanted;

pub use certificates::{Certificates, NotRenewed, ask_to_renew, keep_signed};
pub use free_space::FreeSpace;
pub use inbox::{InboxStanding, Inboxes};
pub use late_bills::LateBills;
pub use observers::{Observers, Standing, Tell, observed};
pub use outbox::{Called, Calls, NotCancelled, NotQueued, Outbox, Waiting};
pub use presence::Presence;
pub use retention::{Ages, Done, Retention};
pub use rollout::{Asked, HookOrder, Outcome, Rollout, RolloutError, Unrestored};
pub use timers::Timers;
pub use transfers::{How, NotAsked, Span, Transfers, Wanted, WantedFile};
pub use wanted::{NotWanted, Seen as SeenSetting, SeenList, Wishes};

use certificates::is_first_family;
