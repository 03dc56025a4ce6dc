//! The versions of OCPP that a simulated station can speak, as data and functions. Knows no station.

use std::str::FromStr;
use std::sync::LazyLock;

use serde_json::Value;

use super::message::{Body, ChargeNo, Command, Reply, Response, Writing};
use super::settings::Topic;
use super::stream::Part;
use super::{v2, v16};
use crate::domain::Millis;
use crate::ocpp::{Catalogue, MessageType};

/// Which version of OCPP a station speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    Ocpp16,
    Ocpp201,
    Ocpp21,
}

impl Protocol {
    pub const ALL: [Self; 3] = [Self::Ocpp16, Self::Ocpp201, Self::Ocpp21];

    pub(super) const fn wire(self) -> &'static Wire {
        match self {
            Self::Ocpp16 => &v16::WIRE,
            Self::Ocpp201 => &v2::WIRE_201,
            Self::Ocpp21 => &v2::WIRE_21,
        }
    }

    /// The WebSocket subprotocol.
    pub const fn subprotocol(self) -> &'static str {
        self.wire().subprotocol
    }
}

/// A version that no simulated station speaks.
#[derive(Debug, thiserror::Error)]
#[error("{0} is none of the versions that simulated stations speak: ocpp1.6, ocpp2.0.1, ocpp2.1")]
pub struct UnknownProtocol(String);

impl FromStr for Protocol {
    type Err = UnknownProtocol;

    fn from_str(text: &str) -> Result<Self, UnknownProtocol> {
        let found = Self::ALL.into_iter().find(|protocol| protocol.subprotocol() == text);
        found.ok_or_else(|| UnknownProtocol(text.to_owned()))
    }
}

/// The action and the payload of a SEND.
pub(super) type WritePart = fn(&Part) -> (&'static str, Value);

/// One version of OCPP as a station writes and reads it.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) subprotocol: &'static str,
    /// The types of message that it has.
    pub(super) message_types: &'static [MessageType],
    /// What is said where a station has no behaviour of its own.
    pub(super) catalogue: &'static LazyLock<Catalogue>,
    pub(super) action: fn(&Body) -> &'static str,
    pub(super) payload: fn(&Body, &Writing<'_>) -> Value,
    /// What the server's answer to a message says.
    pub(super) reply: fn(&Body, &Value) -> Reply,
    /// What the server wants; `None` when the action is not known.
    pub(super) command: fn(&str, &Value) -> Option<Command>,
    /// A response's payload, and the one word of it that tells the most.
    pub(super) response: fn(&Response) -> (Value, &'static str),
    /// A name for a new charge, where stations give it: unique among all that the station gives, also after it was
    /// switched off.
    pub(super) name: fn(Millis, ChargeNo) -> Option<String>,
    /// How a part of a periodic event stream is sent, where there are such streams.
    pub(super) stream: Option<WritePart>,
    /// The settings that exist, by their names.
    pub(super) settings: &'static [(Topic, &'static str)],
}

/// Reading aids: a member that is missing or of another type is not there.
pub(super) fn text<'a>(payload: &'a Value, pointer: &str) -> Option<&'a str> {
    payload.pointer(pointer).and_then(Value::as_str)
}

pub(super) fn number(payload: &Value, pointer: &str) -> Option<i64> {
    payload.pointer(pointer).and_then(Value::as_i64)
}

pub(super) fn count(payload: &Value, pointer: &str) -> Option<u32> {
    number(payload, pointer).and_then(|number| u32::try_from(number).ok())
}
