//! The RPC framing of OCPP-J (1.6 §4.2): JSON arrays. Knows no action and no payload.

use std::fmt;

use serde_json::value::RawValue;

/// Longest message id that is accepted, in bytes. OCPP-J allows 36 characters; some stations send more.
pub const MAX_MESSAGE_ID: usize = 128;

/// The id that an error carries when the message's own cannot be read (OCPP-J 2.0.1 §4.2.3).
pub const UNREADABLE_ID: &str = "-1";

/// What ties an answer to its call. Unique per socket at best: never a key for anything that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MessageId(String);

impl MessageId {
    pub fn new(id: impl Into<String>) -> Option<Self> {
        let id = id.into();
        (id.len() <= MAX_MESSAGE_ID).then_some(Self(id))
    }

    /// For an answer to something whose id could not be read.
    pub fn unreadable() -> Self {
        Self(UNREADABLE_ID.to_owned())
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One message. Payloads stay as they were written.
#[derive(Debug, Clone)]
pub enum Frame {
    Call { id: MessageId, action: String, payload: Box<RawValue> },
    Result { id: MessageId, payload: Box<RawValue> },
    Error { id: MessageId, code: String, description: String, details: Box<RawValue> },
}

/// Not a message. Says what to tell the sender.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct BadFrame {
    /// The id, if at least that could be read.
    pub id: Option<MessageId>,
    pub why: &'static str,
    /// It claims to be an answer: answers are never answered, not even wrong ones.
    pub is_answer: bool,
}

const CALL: u64 = 2;
const CALL_RESULT: u64 = 3;
const CALL_ERROR: u64 = 4;

impl Frame {
    /// Reads one text message.
    pub fn parse(text: &str) -> Result<Self, BadFrame> {
        let bad = |why| BadFrame { id: None, why, is_answer: false };
        let parts: Vec<&RawValue> = match serde_json::from_str(text) {
            Ok(parts) => parts,
            Err(error) if error.is_data() => return Err(bad("the message is not a JSON array")),
            Err(_) => return Err(bad("the message is not JSON")),
        };
        let [kind, id, rest @ ..] = parts.as_slice() else {
            return Err(bad("the message needs a type and an id"));
        };
        let kind: u64 = serde_json::from_str(kind.get())
            .map_err(|_| bad("the message type is not a number"))?;
        let is_answer = kind == CALL_RESULT || kind == CALL_ERROR;
        let id: String = serde_json::from_str(id.get())
            .map_err(|_| BadFrame { is_answer, ..bad("the message id is not a string") })?;
        let Some(id) = MessageId::new(id) else {
            return Err(BadFrame { is_answer, ..bad("the message id is longer than 128 bytes") });
        };
        let bad = |why| BadFrame { id: Some(id.clone()), why, is_answer };
        match (kind, rest) {
            (CALL, [action, payload]) => {
                let action = text_of(action).ok_or(bad("the action is not a string"))?;
                Ok(Self::Call { action, payload: (*payload).to_owned(), id })
            }
            (CALL_RESULT, [payload]) => Ok(Self::Result { payload: (*payload).to_owned(), id }),
            (CALL_ERROR, [code, more @ ..]) if more.len() <= 2 => Ok(Self::Error {
                code: text_of(code).ok_or(bad("the error code is not a string"))?,
                description: more.first().and_then(|d| text_of(d)).unwrap_or_default(),
                details: more.get(1).map_or_else(empty_object, |d| (*d).to_owned()),
                id,
            }),
            (CALL | CALL_RESULT | CALL_ERROR, _) => {
                Err(bad("the message has the wrong number of parts"))
            }
            _ => Err(bad("the message type is not 2, 3 or 4")),
        }
    }

    /// Compact JSON, ready to send.
    pub fn write(&self) -> String {
        match self {
            Self::Call { id, action, payload } => {
                format!("[{CALL},{},{},{payload}]", quoted(&id.0), quoted(action))
            }
            Self::Result { id, payload } => {
                format!("[{CALL_RESULT},{},{payload}]", quoted(&id.0))
            }
            Self::Error { id, code, description, details } => format!(
                "[{CALL_ERROR},{},{},{},{details}]",
                quoted(&id.0),
                quoted(code),
                quoted(description)
            ),
        }
    }
}

/// `{}`, the payload of answers that have nothing to say.
pub fn empty_object() -> Box<RawValue> {
    let text = "{}".to_owned();
    RawValue::from_string(text).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

fn text_of(raw: &RawValue) -> Option<String> {
    serde_json::from_str(raw.get()).ok()
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_messages_are_read_and_written_without_loss() {
        for text in [
            r#"[2,"a1","Heartbeat",{}]"#,
            r#"[3,"a1",{"currentTime":"2026-01-01T00:00:00Z"}]"#,
            r#"[4,"a1","NotImplemented","what?",{"n":1.50}]"#,
        ] {
            assert_eq!(Frame::parse(text).unwrap().write(), text);
        }
    }

    #[test]
    fn a_call_error_may_lack_its_tail() {
        let frame = Frame::parse(r#"[4,"a1","GenericError"]"#).unwrap();
        assert_eq!(frame.write(), r#"[4,"a1","GenericError","",{}]"#);
    }

    #[test]
    fn what_is_no_message_says_why_and_keeps_the_id_that_it_could_read() {
        let cases = [
            ("hello", None, "the message is not JSON"),
            (r#"{"a":1}"#, None, "the message is not a JSON array"),
            ("[2]", None, "the message needs a type and an id"),
            (r#"["2","x"]"#, None, "the message type is not a number"),
            (r#"[2,7,"Heartbeat",{}]"#, None, "the message id is not a string"),
            (r#"[1,"x","Heartbeat",{}]"#, Some("x"), "the message type is not 2, 3 or 4"),
            (r#"[2,"x","Heartbeat"]"#, Some("x"), "the message has the wrong number of parts"),
            (r#"[2,"x",5,{}]"#, Some("x"), "the action is not a string"),
        ];
        for (text, id, why) in cases {
            let bad = Frame::parse(text).unwrap_err();
            assert_eq!((bad.id, bad.why), (id.and_then(MessageId::new), why), "{text}");
        }
        assert!(Frame::parse(r#"[3,"x"]"#).unwrap_err().is_answer);
    }
}
