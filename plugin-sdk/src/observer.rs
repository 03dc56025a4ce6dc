//! What has happened, told afterwards. Knows no kind of event: what is in one is for the policy to read.

use serde::de::DeserializeOwned;

use crate::Lifecycle;
use crate::bindings::observer::exports::plugpoint::plugin::observer as wit;

pub use wit::Event;

/// Is told what has happened, in order.
pub trait Observer: Lifecycle {
    /// Takes note of the next events. What this writes to [`state`](crate::state) is kept together with the fact that
    /// these events were told, so a policy that counts there counts each of them once.
    ///
    /// After an error nothing of the call remains, and the same events come again.
    fn on_events(&self, batch: &[Event]) -> Result<(), String>;
}

impl Event {
    /// The event's `data` as a type that names the fields the policy needs. Do not deny unknown fields here: later
    /// hosts say more.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, String> {
        serde_json::from_str(&self.data)
            .map_err(|error| format!("event {} ({}): {error}", self.seq, self.kind))
    }
}
