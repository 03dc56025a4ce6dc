//! What operators want done at stations, and what became of it. Knows no socket and no queue.

use serde::{Deserialize, Serialize};

use super::count::counted;
use super::{CommandEnd, LINK_PATH, MAX_COMMAND_PAYLOAD, Millis, QueuedCommand};

/// Commands of operators that may wait for one station.
pub const MAX_QUEUED: usize = 32;

/// Commands of operators of which one station keeps the record. The next one makes the oldest go.
pub const MAX_KEPT_COMMANDS: u32 = 200;

counted! {
    /// An operator's command among those to one station: the first is 1, and none gets a number that another had.
    CommandNo, "an operator's command"
}

impl CommandNo {
    /// Whose record goes when this one's is made.
    pub fn pushes_out(self) -> Option<Self> {
        self.get().checked_sub(MAX_KEPT_COMMANDS).and_then(Self::new)
    }
}

/// An operator's command, from when it was taken until its record is forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorCommand {
    pub command: QueuedCommand,
    /// Somebody waits for the answer: it is never queued, and after a restart nobody waits any more.
    #[serde(default)]
    pub awaited: bool,
    /// `None` while it waits or is under way.
    #[serde(default)]
    pub ended: Option<Ended>,
}

/// When and how a command ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    pub at: Millis,
    pub end: CommandEnd,
}

/// In place of a payload that is not kept.
const NOT_KEPT: &str = "null";

impl OperatorCommand {
    /// One that waits for its turn, or for its station.
    pub const fn waiting(command: QueuedCommand) -> Self {
        Self { command, awaited: false, ended: None }
    }

    /// One whose answer somebody waits for. Its payload is for the record alone.
    pub fn awaited(mut command: QueuedCommand) -> Self {
        if !is_worth_keeping(&command.payload) {
            NOT_KEPT.clone_into(&mut command.payload);
        }
        Self { command, awaited: true, ended: None }
    }

    /// The record that stays.
    #[must_use]
    pub fn ended(mut self, at: Millis, end: CommandEnd) -> Self {
        if !is_worth_keeping(&self.command.payload) {
            NOT_KEPT.clone_into(&mut self.command.payload);
        }
        self.ended = Some(Ended { at, end });
        self
    }

    /// What it says to the station, if that may be shown.
    pub fn shown_payload(&self) -> &str {
        if is_worth_keeping(&self.command.payload) { &self.command.payload } else { NOT_KEPT }
    }
}

/// What a payload that carries a secret speaks of, in lower case. `://` with an `@` behind it is an address with a
/// password.
const SECRETS: [&str; 6] =
    ["password", "authorizationkey", "secret", "\"apn\"", "vpnkey", "simpin"];

/// Long payloads are not kept, and none that may carry somebody's password: records are read by more people than those
/// who set passwords.
fn is_worth_keeping(payload: &str) -> bool {
    if payload.len() > MAX_COMMAND_PAYLOAD {
        return false;
    }
    !names_a_secret(payload)
}

/// It may carry somebody's password.
pub(super) fn names_a_secret(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let has_login = text.split_once("://").is_some_and(|(_, rest)| rest.contains('@'));
    has_login || text.contains(LINK_PATH) || SECRETS.iter().any(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(payload: &str) -> QueuedCommand {
        QueuedCommand {
            action: "ChangeConfiguration".to_owned(),
            payload: payload.to_owned(),
            queued: Millis(1),
            expires: Millis(2),
            sent: None,
        }
    }

    #[test]
    fn no_record_keeps_a_password() {
        for secret in [
            r#"{"key":"AuthorizationKey","value":"0123456789abcdef"}"#,
            r#"{"setVariableData":[{"variable":{"name":"BasicAuthPassword"}}]}"#,
            r#"{"location":"ftp://me:word@logs.example/in"}"#,
            r#"{"location":"https://csms.example/station-files/CS1/1/bm90aGluZw/log"}"#,
        ] {
            let waiting = OperatorCommand::waiting(command(secret));
            assert_eq!(waiting.command.payload, secret, "it is to be sent");
            assert_eq!(waiting.shown_payload(), "null");
            let ended = waiting.ended(Millis(3), CommandEnd::Expired);
            assert_eq!(ended.command.payload, "null");
            assert_eq!(OperatorCommand::awaited(command(secret)).command.payload, "null");
        }
        let plain = r#"{"location":"https://logs.example/in","key":"HeartbeatInterval"}"#;
        let ended = OperatorCommand::waiting(command(plain)).ended(Millis(3), CommandEnd::Expired);
        assert_eq!(ended.shown_payload(), plain);
    }
}
