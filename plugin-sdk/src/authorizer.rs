//! The question "may this token charge here?". Knows no protocol.

use std::fmt;

use crate::bindings::authorizer::exports::plugpoint::plugin::authorizer as wit;
use crate::{Ask, Lifecycle, Micros, Millis};

pub use wit::{Permit, Token, Verdict};

/// Answers whether a token may charge.
pub trait Authorizer: Lifecycle {
    /// An error is not a refusal: it says that the policy could not find out, and the failure policy of the manifest
    /// takes over.
    fn authorize(&self, ask: &Ask, purpose: Purpose, token: &Token) -> Result<Verdict, String>;
}

/// Why somebody asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Purpose {
    /// The driver showed the token; nothing runs yet.
    Authorize,
    /// A session starts, or has started while the station was offline.
    Start,
    /// The token is shown to end a session.
    Stop,
    /// An operator or an app starts a session from afar.
    RemoteStart,
    /// A connector is to be kept for this token.
    Reserve,
    /// A purpose that came after this version of the SDK.
    Other,
}

impl Purpose {
    /// From the contract's word.
    pub fn from_text(text: &str) -> Self {
        match text {
            "authorize" => Self::Authorize,
            "start" => Self::Start,
            "stop" => Self::Stop,
            "remote-start" => Self::RemoteStart,
            "reserve" => Self::Reserve,
            _ => Self::Other,
        }
    }
}

impl Verdict {
    /// A refusal. `blocked`, `expired`, `unknown` and `concurrent` are the words that OCPP knows.
    pub fn refuse(why: impl Into<String>) -> Self {
        Self::Refuse(why.into())
    }

    /// Leave to charge without limits.
    pub fn permit() -> Self {
        Self::Permit(Permit::default())
    }
}

impl Token {
    /// An RFID card, the only kind that OCPP 1.6 knows.
    pub fn rfid(value: impl Into<String>) -> Self {
        Self { value: value.into(), kind: "rfid".to_owned(), more: Vec::new() }
    }

    /// Is this the same token? Without regard to ASCII case, as OCPP has it.
    pub fn is(&self, value: &str) -> bool {
        self.value.eq_ignore_ascii_case(value)
    }
}

#[expect(
    clippy::derivable_impls,
    reason = "the type is generated, so there is nothing to derive on"
)]
impl Default for Permit {
    fn default() -> Self {
        Self {
            account: None,
            group: None,
            expires: None::<Millis>,
            max_mwh: None,
            max_seconds: None,
            max_cost: None::<Micros>,
            evses: Vec::new(),
            more: Vec::new(),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pass => f.write_str("pass"),
            Self::Permit(_) => f.write_str("permit"),
            Self::Refuse(why) => write!(f, "refuse: {why}"),
        }
    }
}
