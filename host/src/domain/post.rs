//! What plugins want done at stations, and what comes back to them. Knows no socket, no plugin's inside and no queue.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::plugin::json_text;
use super::{CommandOutcome, Millis, PluginName, StationId};

/// Commands and messages of one plugin that may wait together. Beyond it the plugin can enqueue nothing, and events of
/// others pass it by.
pub const MAX_POST: usize = 1024;

/// Longest payload of a command that is kept, in bytes.
pub const MAX_COMMAND_PAYLOAD: usize = 16 << 10;

/// Longest answer of a station that is kept, in bytes.
pub const MAX_COMMAND_ANSWER: usize = 32 << 10;

/// A call to a station that somebody wants made, as it waits.
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

/// What became of a command that was queued or recorded: it was sent once or not at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CommandEnd {
    /// JSON text; `None` when it is too long to be kept.
    Answered(Option<String>),
    /// The station answered with a CALLERROR.
    Refused { code: String, description: String },
    /// Not sent: the station's protocol has no such call.
    Invalid(String),
    /// The station answered what its protocol does not allow: what is wrong with it, and the answer as a JSON text.
    Unfit { why: String, answer: Option<String> },
    /// Not sent: it waited too long.
    Expired,
    /// Not sent: an operator took it back.
    Cancelled,
    /// Sent, and nobody knows whether the station acted.
    Unknown(Doubt),
}

/// Why nobody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Doubt {
    TimedOut,
    Disconnected,
    /// The server went away before the answer was on the disk.
    Restarted,
}

impl Doubt {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TimedOut => "timed-out",
            Self::Disconnected => "disconnected",
            Self::Restarted => "restarted",
        }
    }
}

/// Longest word of a station for what it made of a call that is kept, in characters. The longest of OCPP has 36.
const MAX_STATUS: usize = 50;

impl CommandEnd {
    /// The answer as it may be kept.
    pub fn answered(answer: &RawValue) -> Self {
        Self::Answered(fitting(answer))
    }

    /// The same of one that is not what its protocol allows.
    pub fn unfit(why: String, answer: &RawValue) -> Self {
        Self::Unfit { why, answer: fitting(answer) }
    }

    /// The station's word for what it made of the call, where its answer has one.
    pub fn status(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Status {
            status: String,
        }
        let (Self::Answered(answer) | Self::Unfit { answer, .. }) = self else { return None };
        let answer = serde_json::from_str::<Status>(answer.as_ref()?).ok()?;
        (answer.status.chars().count() <= MAX_STATUS).then_some(answer.status)
    }

    /// As the log keeps it.
    pub fn outcome(&self) -> CommandOutcome {
        match self {
            Self::Answered(_) => CommandOutcome::Answered,
            Self::Refused { code, .. } => CommandOutcome::Refused(code.clone()),
            Self::Invalid(_) => CommandOutcome::Invalid,
            Self::Unfit { .. } => CommandOutcome::Unfit,
            Self::Expired => CommandOutcome::Expired,
            Self::Cancelled => CommandOutcome::Cancelled,
            Self::Unknown(Doubt::TimedOut) => CommandOutcome::TimedOut,
            Self::Unknown(Doubt::Disconnected) => CommandOutcome::Disconnected,
            Self::Unknown(Doubt::Restarted) => CommandOutcome::Restarted,
        }
    }
}

fn fitting(answer: &RawValue) -> Option<String> {
    let text = answer.get();
    (text.len() <= MAX_COMMAND_ANSWER).then(|| text.to_owned())
}
