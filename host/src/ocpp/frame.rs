//! The RPC framing of OCPP-J (1.6 §4.2, 2.1 part 4 §4.2): JSON arrays. Knows no action and no payload.
//!
//! Which types of message there are differs between versions: whoever reads says which.

use std::fmt;

use serde_json::value::RawValue;

use super::ErrorCode;

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

/// The types of message, by their numbers on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageType {
    Call = 2,
    Result = 3,
    Error = 4,
    /// CALLRESULTERROR: the answer could not be taken.
    ResultError = 5,
    /// SEND: a call that nobody answers.
    Send = 6,
}

/// Calls and their answers: all that there is up to OCPP 2.0.1.
pub const CALLS: &[MessageType] = &[MessageType::Call, MessageType::Result, MessageType::Error];

/// What OCPP 2.1 has.
pub const CALLS_AND_SENDS: &[MessageType] = &[
    MessageType::Call,
    MessageType::Result,
    MessageType::Error,
    MessageType::ResultError,
    MessageType::Send,
];

/// One message. Payloads stay as they were written.
#[derive(Debug, Clone)]
pub enum Frame {
    Call { id: MessageId, action: String, payload: Box<RawValue> },
    Result { id: MessageId, payload: Box<RawValue> },
    Error { id: MessageId, problem: Problem },
    ResultError { id: MessageId, problem: Problem },
    Send { id: MessageId, action: String, payload: Box<RawValue> },
}

/// What was wrong with the other side's message.
#[derive(Debug, Clone)]
pub struct Problem {
    /// As the version spells it.
    pub code: String,
    pub description: String,
    pub details: Box<RawValue>,
}

/// Not a message. Says what to tell the sender.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct BadFrame {
    /// The id, if at least that could be read.
    pub id: Option<MessageId>,
    pub code: ErrorCode,
    pub why: &'static str,
    /// It claims to be of a kind that is never answered, not even when it is wrong.
    pub is_unanswerable: bool,
}

impl MessageType {
    /// Answers are not answered, and SENDs are not either.
    const fn is_answered(self) -> bool {
        matches!(self, Self::Call)
    }
}

impl Frame {
    /// Reads one text message of a version that has these `types`.
    pub fn parse(text: &str, types: &[MessageType]) -> Result<Self, BadFrame> {
        let bad =
            |why| BadFrame { id: None, code: ErrorCode::RpcFramework, why, is_unanswerable: false };
        let parts: Vec<&RawValue> = match serde_json::from_str(text) {
            Ok(parts) => parts,
            Err(error) if error.is_data() => return Err(bad("the message is not a JSON array")),
            Err(_) => return Err(bad("the message is not JSON")),
        };
        let [number, id, rest @ ..] = parts.as_slice() else {
            return Err(bad("the message needs a type and an id"));
        };
        let number: u64 = serde_json::from_str(number.get())
            .map_err(|_| bad("the message type is not a number"))?;
        let kind = types.iter().copied().find(|kind| *kind as u64 == number);
        let is_unanswerable = kind.is_some_and(|kind| !kind.is_answered());
        let bad = |why| BadFrame { is_unanswerable, ..bad(why) };
        let id: String =
            serde_json::from_str(id.get()).map_err(|_| bad("the message id is not a string"))?;
        let Some(id) = MessageId::new(id) else {
            return Err(bad("the message id is longer than 128 bytes"));
        };
        let bad = |why| BadFrame { id: Some(id.clone()), ..bad(why) };
        let Some(kind) = kind else {
            let code = ErrorCode::MessageTypeNotSupported;
            return Err(BadFrame { code, ..bad("the protocol has no messages of this type") });
        };
        match (kind, rest) {
            (MessageType::Call | MessageType::Send, [action, payload]) => {
                let action = text_of(action).ok_or(bad("the action is not a string"))?;
                let payload = (*payload).to_owned();
                Ok(match kind {
                    MessageType::Send => Self::Send { action, payload, id },
                    _ => Self::Call { action, payload, id },
                })
            }
            (MessageType::Result, [payload]) => {
                Ok(Self::Result { payload: (*payload).to_owned(), id })
            }
            (MessageType::Error | MessageType::ResultError, [code, more @ ..])
                if more.len() <= 2 =>
            {
                let problem = Problem {
                    code: text_of(code).ok_or(bad("the error code is not a string"))?,
                    description: more.first().and_then(|d| text_of(d)).unwrap_or_default(),
                    details: more.get(1).map_or_else(empty_object, |d| (*d).to_owned()),
                };
                Ok(match kind {
                    MessageType::ResultError => Self::ResultError { problem, id },
                    _ => Self::Error { problem, id },
                })
            }
            _ => Err(bad("the message has the wrong number of parts")),
        }
    }

    /// Which question or answer of its connection it is.
    pub fn identity(&self) -> (MessageType, &MessageId) {
        match self {
            Self::Call { id, .. } => (MessageType::Call, id),
            Self::Result { id, .. } => (MessageType::Result, id),
            Self::Error { id, .. } => (MessageType::Error, id),
            Self::ResultError { id, .. } => (MessageType::ResultError, id),
            Self::Send { id, .. } => (MessageType::Send, id),
        }
    }

    /// Compact JSON, ready to send.
    pub fn write(&self) -> String {
        let call = |kind: MessageType, id: &MessageId, action: &str, payload: &RawValue| {
            format!("[{},{},{},{payload}]", kind as u8, quoted(&id.0), quoted(action))
        };
        let error = |kind: MessageType, id: &MessageId, problem: &Problem| {
            let Problem { code, description, details } = problem;
            let (code, description) = (quoted(code), quoted(description));
            format!("[{},{},{code},{description},{details}]", kind as u8, quoted(&id.0))
        };
        match self {
            Self::Call { id, action, payload } => call(MessageType::Call, id, action, payload),
            Self::Send { id, action, payload } => call(MessageType::Send, id, action, payload),
            Self::Result { id, payload } => {
                format!("[{},{},{payload}]", MessageType::Result as u8, quoted(&id.0))
            }
            Self::Error { id, problem } => error(MessageType::Error, id, problem),
            Self::ResultError { id, problem } => error(MessageType::ResultError, id, problem),
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
    fn messages_are_read_and_written_without_loss() {
        for text in [
            r#"[2,"a1","Heartbeat",{}]"#,
            r#"[3,"a1",{"currentTime":"2026-01-01T00:00:00Z"}]"#,
            r#"[4,"a1","NotImplemented","what?",{"n":1.50}]"#,
            r#"[5,"a1","TypeConstraintViolation","no date",{}]"#,
            r#"[6,"a1","NotifyPeriodicEventStream",{"id":1}]"#,
        ] {
            assert_eq!(Frame::parse(text, CALLS_AND_SENDS).unwrap().write(), text);
        }
    }

    #[test]
    fn an_error_may_lack_its_tail() {
        let frame = Frame::parse(r#"[4,"a1","GenericError"]"#, CALLS).unwrap();
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
            (r#"[2,"x","Heartbeat"]"#, Some("x"), "the message has the wrong number of parts"),
            (r#"[2,"x",5,{}]"#, Some("x"), "the action is not a string"),
        ];
        for (text, id, why) in cases {
            let bad = Frame::parse(text, CALLS).unwrap_err();
            assert_eq!((bad.id, bad.why), (id.and_then(MessageId::new), why), "{text}");
            assert_eq!((bad.code, bad.is_unanswerable), (ErrorCode::RpcFramework, false));
        }
    }

    #[test]
    fn what_is_never_answered_is_not_answered_when_it_is_wrong_either() {
        for text in [r#"[3,"x"]"#, r#"[4,"x"]"#, r#"[5,7,"x"]"#, r#"[6,"x","y"]"#] {
            let bad = Frame::parse(text, CALLS_AND_SENDS).unwrap_err();
            assert!(bad.is_unanswerable, "{text}");
        }
    }

    #[test]
    fn a_kind_that_the_version_does_not_have_is_told_as_such() {
        for text in [r#"[1,"x","y",{}]"#, r#"[5,"x","y","",{}]"#, r#"[6,"x","y",{}]"#] {
            let bad = Frame::parse(text, CALLS).unwrap_err();
            assert_eq!(
                (bad.code, bad.is_unanswerable),
                (ErrorCode::MessageTypeNotSupported, false)
            );
        }
    }
}
