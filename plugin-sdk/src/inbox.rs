//! What comes back: how commands ended, timers, events of other plugins. Knows no topic and no action.

use serde::de::DeserializeOwned;

use crate::bindings::inbox::exports::plugpoint::plugin::inbox as wit;
use crate::{Lifecycle, Millis};

pub use wit::{CommandEnded, EventReceived, Message, Outcome, Refusal, TimerDue};

/// Gets messages, one at a time and in order.
pub trait Inbox: Lifecycle {
    /// Takes a message that arrived at `at`. What this writes to [`state`](crate::state) is kept together with the fact
    /// that the message was taken.
    ///
    /// After an error nothing of the call remains, and the same message comes again. Pass over timers and events that
    /// you do not know with `Ok(())`: another version may have asked for them.
    fn handle(&self, at: Millis, message: &Message) -> Result<(), String>;
}

impl CommandEnded {
    /// The station's answer, if it gave one that was handed over, as a type that names the fields the policy needs.
    pub fn read<T: DeserializeOwned>(&self) -> Result<Option<T>, String> {
        let Outcome::Answered(Some(payload)) = &self.outcome else { return Ok(None) };
        let read = serde_json::from_str(payload);
        read.map(Some).map_err(|error| format!("{} {}: {error}", self.action, self.id))
    }
}

impl EventReceived {
    /// The body as JSON.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, String> {
        serde_json::from_str(&self.body)
            .map_err(|error| format!("event {} of {}: {error}", self.topic, self.sender))
    }
}
