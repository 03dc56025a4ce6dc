//! Hands messages to a policy under test.

use super::Loaded;
use crate::{CommandEnded, EventReceived, Inbox, Message, Outcome, TimerDue};

impl<P: Inbox> Loaded<P> {
    /// Hands a message over, now. A call that fails leaves nothing behind.
    pub fn handle(&mut self, message: &Message) -> Result<(), String> {
        let policy = &self.policy;
        let now = self.stage.now;
        self.stage.keeping(|| policy.handle(now, message))
    }

    /// Ends a command that the policy has asked for. Panics when it has not.
    pub fn end(&mut self, id: &str, outcome: Outcome) -> Result<(), String> {
        let command = self.stage.effects.commands.iter().find(|command| command.id == id);
        let command = command.unwrap_or_else(|| panic!("no command {id} was asked for"));
        let message = ended(id, &command.station, &command.action, outcome);
        self.handle(&message)
    }
}

/// The end of a command.
pub fn ended(id: &str, station: &str, action: &str, outcome: Outcome) -> Message {
    let (id, station, action) = (id.to_owned(), station.to_owned(), action.to_owned());
    Message::Command(CommandEnded { id, station, action, outcome, more: Vec::new() })
}

/// A timer of the manifest that was due at [`NEW_YEAR`](super::NEW_YEAR).
pub fn timer(name: &str) -> Message {
    Message::Timer(TimerDue { name: name.to_owned(), due: super::NEW_YEAR, more: Vec::new() })
}

/// An event of another plugin.
pub fn event_from(sender: &str, topic: &str, body: &str) -> Message {
    let (sender, topic, body) = (sender.to_owned(), topic.to_owned(), body.to_owned());
    Message::Event(EventReceived { sender, topic, body, more: Vec::new() })
}
