//! Answers to what stations ask and the host knows nothing of. Knows no action.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bindings::responder::exports::plugpoint::plugin::responder as wit;
use crate::{Ask, Lifecycle};

pub use wit::{Refusal as CallRefusal, Reply};

/// Answers calls of stations that the host leaves open, such as DataTransfer.
pub trait Responder: Lifecycle {
    /// `payload` is the call's, JSON; [`read`] makes a type of it. `None` leaves the call to the next responder. Pass
    /// over actions that you do not know.
    fn answer(&self, ask: &Ask, action: &str, payload: &str) -> Result<Option<Reply>, String>;
}

/// A call's payload as a type that names the members that the policy needs.
pub fn read<T: DeserializeOwned>(action: &str, payload: &str) -> Result<T, String> {
    serde_json::from_str(payload).map_err(|error| format!("{action}: {error}"))
}

impl Reply {
    /// An answer with this payload, an object that the protocol allows.
    pub fn of<T: Serialize>(payload: &T) -> Result<Self, String> {
        serde_json::to_string(payload).map(Self::Answer).map_err(|error| error.to_string())
    }

    /// A refusal with a code of OCPP-J, for example `SecurityError`.
    pub fn refuse(code: &str, description: impl Into<String>) -> Self {
        let (code, description) = (code.to_owned(), description.into());
        Self::Refuse(CallRefusal { code, description })
    }
}
