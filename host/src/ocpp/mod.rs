//! Bytes ⇄ requests and answers. Pure: no socket, no clock, no store, no policy.
//!
//! The door of the house: behind it a message is a [`Request`] or an [`Answer`] that no protocol version owns.
//! What differs between versions is data: one [`Dialect`] each.

pub mod catalogue;
pub mod frame;
mod meter;
mod reading;
mod request;
mod time;
pub mod v16;
pub mod v2;

use serde_json::value::RawValue;

pub use catalogue::{Action, Direction};
pub use frame::{BadFrame, Frame, Kind, MessageId, Problem};
pub use request::{
    Answer, Boot, Call, Cost, CostToShow, ErrorCode, Fault, MeterAt, Request, Shown, Start, Status,
    Stop, TransactionEvent,
};
pub use time::StationTime;

use crate::domain::Millis;

/// One version of OCPP as data and functions.
#[derive(Debug)]
pub struct Dialect {
    /// The WebSocket subprotocol, for example `ocpp1.6`.
    pub subprotocol: &'static str,
    /// The kinds of message that it has.
    pub kinds: &'static [Kind],
    /// Every action of the version.
    pub actions: &'static [Action],
    /// The typed view of a checked payload.
    pub decode: fn(&'static Action, &RawValue) -> Result<Request, Fault>,
    /// The payload of a CALLRESULT that is sent now.
    pub encode: fn(&Answer, Millis) -> Result<Box<RawValue>, serde_json::Error>,
    /// The CALL that tells a station what a session costs; `None` where it was told in an answer, or where something is
    /// missing that the CALL cannot do without.
    pub show_cost: fn(&CostToShow) -> Result<Option<OwnCall>, serde_json::Error>,
    /// How this version spells an error code.
    pub spell: fn(ErrorCode) -> &'static str,
}

/// A CALL of the house's own.
#[derive(Debug)]
pub struct OwnCall {
    pub action: &'static str,
    pub payload: Box<RawValue>,
}

/// The versions spoken, newest first.
pub static DIALECTS: &[&Dialect] = &[&v2::V21, &v2::V201, &v16::DIALECT];

impl Dialect {
    /// What to speak with a station: the newest of what it offers, or only what is wanted of it. A station that offers
    /// nothing at all (some know no subprotocols) is taken to speak what is wanted.
    pub fn choose(offered: &[String], wanted: Option<&str>) -> Option<&'static Self> {
        let is_wanted = |name: &str| wanted.is_none_or(|wanted| wanted == name);
        let is_offered = |name: &str| match wanted {
            Some(_) if offered.is_empty() => true,
            _ => offered.iter().any(|offered| offered == name),
        };
        DIALECTS.iter().copied().find(|d| is_wanted(d.subprotocol) && is_offered(d.subprotocol))
    }

    pub fn action(&self, name: &str) -> Option<&'static Action> {
        self.actions.iter().find(|a| a.name == name)
    }

    /// From a CALL of a station to a request: known, in the right direction, complete, of the right types.
    pub fn read_call(&self, action: &str, payload: &RawValue) -> Result<Call, Fault> {
        let Some(action) = self.action(action) else {
            return Err(Fault::new(ErrorCode::NotImplemented, "this action is not known"));
        };
        if action.direction == Direction::ToStation {
            return Err(Fault::new(
                ErrorCode::NotSupported,
                "this action is for the central system to send, not for a station",
            ));
        }
        if action.is_unconfirmed {
            return Err(Fault::new(
                ErrorCode::NotSupported,
                "this action is for a SEND, which nobody answers",
            ));
        }
        action.check(payload)?;
        let request = (self.decode)(action, payload)?;
        Ok(Call { action, request })
    }

    /// From a SEND of a station to the action that it is, known, meant to be sent like this, and complete.
    pub fn read_send(&self, action: &str, payload: &RawValue) -> Result<&'static Action, Fault> {
        let action = self.action(action).filter(|action| action.is_unconfirmed);
        let action = action.ok_or_else(|| {
            Fault::new(ErrorCode::NotSupported, "this action is not one that is sent unconfirmed")
        })?;
        action.check(payload)?;
        Ok(action)
    }

    /// Whether an operator's CALL may be sent as it is.
    pub fn check_command(&self, action: &str, payload: &RawValue) -> Result<(), Fault> {
        let Some(action) = self.action(action) else {
            return Err(Fault::new(ErrorCode::NotImplemented, "this action is not known"));
        };
        if action.direction == Direction::FromStation {
            return Err(Fault::new(
                ErrorCode::NotSupported,
                "this action is for a station to send, not for the central system",
            ));
        }
        action.check(payload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_is_spoken_that_both_know_or_what_is_wanted() {
        let choice = |offered: &[&str], wanted| {
            let offered: Vec<_> = offered.iter().map(|name| (*name).to_owned()).collect();
            Dialect::choose(&offered, wanted).map(|dialect| dialect.subprotocol)
        };
        let both = ["ocpp1.6", "ocpp2.0.1"];
        assert_eq!(choice(&both, None), Some("ocpp2.0.1"));
        let all = ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"];
        assert_eq!(choice(&all, None), Some("ocpp2.1"));
        assert_eq!(choice(&all, Some("ocpp2.0.1")), Some("ocpp2.0.1"));
        assert_eq!(choice(&["ocpp1.6", "ocpp9"], None), Some("ocpp1.6"));
        assert_eq!(choice(&both, Some("ocpp1.6")), Some("ocpp1.6"));
        assert_eq!(choice(&["ocpp2.0.1"], Some("ocpp1.6")), None);
        assert_eq!(choice(&[], None), None);
        assert_eq!(choice(&[], Some("ocpp1.6")), Some("ocpp1.6"), "it knows no subprotocols");
        assert_eq!(choice(&[], Some("ocpp9")), None);
    }
}
