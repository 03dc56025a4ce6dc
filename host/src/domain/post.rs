//! What plugins want done at stations, and what comes back to them. Knows no socket, no plugin's inside and no queue.

use serde::{Deserialize, Serialize};

use super::plugin::json_text;
use super::{CommandOutcome, Millis, PluginName, StationId};

/// Commands and messages of one plugin that may wait together. Beyond it the plugin can enqueue nothing, and events of
/// others pass it by.
pub const MAX_POST: usize = 1024;

/// Longest payload of a plugin's command, in bytes.
pub const MAX_COMMAND_PAYLOAD: usize = 16 << 10;

/// Longest answer of a station that is handed to a plugin, in bytes.
pub const MAX_COMMAND_ANSWER: usize = 32 << 10;

/// A call to a station that a plugin wants made, as it waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuedCommand {
    pub action: String,
    /// JSON text. Checked against the station's protocol when it is sent.
    #[serde(with = "json_text")]
    pub payload: String,
    pub queued: Millis,
    /// Not to be sent any more from then on.
    pub expires: Millis,
    /// Said before it is sent. Whoever finds this after a restart does not know what became of it.
    #[serde(default)]
    pub sent: Option<Millis>,
}

/// A command that one call of a plugin asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCommand {
    pub plugin: PluginName,
    pub station: StationId,
    /// Unique, and in the order of time.
    pub id: String,
    pub command: QueuedCommand,
}

/// A message that one call of a plugin has for another plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMessage {
    pub to: PluginName,
    /// Unique, and in the order of time.
    pub id: String,
    pub at: Millis,
    pub message: Message,
}

/// Something in the inbox of a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", rename_all = "kebab-case")]
pub enum Message {
    CommandEnded { id: String, station: StationId, action: String, end: CommandEnd },
    TimerDue { name: String, due: Millis },
    Event { sender: PluginName, topic: String, body: String },
}

/// What became of a plugin's command: it was sent once or not at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CommandEnd {
    /// JSON text; `None` when it is too long to be handed over.
    Answered(Option<String>),
    /// The station answered with a CALLERROR.
    Refused { code: String, description: String },
    /// Not sent: the station's protocol has no such call.
    Invalid(String),
    /// Not sent: it waited too long.
    Expired,
    /// Sent, and nobody knows whether the station acted.
    Unknown(Doubt),
}

/// Why nobody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Doubt {
    /// It answered what its protocol does not allow.
    Unfit,
    TimedOut,
    Disconnected,
    /// The server went away before the answer was on the disk.
    Restarted,
}

impl Doubt {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unfit => "unfit-answer",
            Self::TimedOut => "timed-out",
            Self::Disconnected => "disconnected",
            Self::Restarted => "restarted",
        }
    }
}

impl CommandEnd {
    /// As the log keeps it.
    pub fn outcome(&self) -> CommandOutcome {
        match self {
            Self::Answered(_) => CommandOutcome::Answered,
            Self::Refused { code, .. } => CommandOutcome::Refused(code.clone()),
            Self::Invalid(_) => CommandOutcome::Invalid,
            Self::Expired => CommandOutcome::Expired,
            Self::Unknown(Doubt::Unfit) => CommandOutcome::Unfit,
            Self::Unknown(Doubt::TimedOut) => CommandOutcome::TimedOut,
            Self::Unknown(Doubt::Disconnected) => CommandOutcome::Disconnected,
            Self::Unknown(Doubt::Restarted) => CommandOutcome::Restarted,
        }
    }
}
