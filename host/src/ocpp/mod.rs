//! Bytes ⇄ requests and answers. Pure: no socket, no clock, no store, no policy.
//!
//! The door of the house: behind it a message is a [`Request`] or an [`Answer`] that no protocol version owns.
//! What differs between versions is data: one [`Dialect`] each.

pub mod catalogue;
pub mod frame;
mod meter;
mod reading;
mod reply;
mod request;
mod security;
mod time;
mod transfer;
pub mod v16;
pub mod v2;

use std::sync::LazyLock;

use serde_json::value::RawValue;

pub use catalogue::{Action, Catalogue, Direction, Finding};
pub use frame::{BadFrame, Frame, MessageId, MessageType, Problem};
pub use request::{
    Answer, Boot, Call, Cost, CostToShow, ErrorCode, Fault, MeterAt, Request, SecurityEvent, Shown,
    SignCertificate, Start, Status, Stop, TransactionEvent, TransferWord,
};
pub use time::StationTime;

use crate::domain::{Millis, Validation};

/// One version of OCPP as data and functions.
#[derive(Debug)]
pub struct Dialect {
    /// The WebSocket subprotocol, for example `ocpp1.6`.
    pub subprotocol: &'static str,
    /// The types of message that it has.
    pub message_types: &'static [MessageType],
    /// Every action of the version.
    pub catalogue: &'static LazyLock<Catalogue>,
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
    /// nothing at all (some know no subprotocols), or only names that nobody knows (`ocpp2.0.1.1`), is taken to speak what
    /// is wanted.
    pub fn choose(offered: &[String], wanted: Option<&str>) -> Option<&'static Self> {
        let is_wanted = |name: &str| wanted.is_none_or(|wanted| wanted == name);
        let is_known = |name: &str| DIALECTS.iter().any(|dialect| dialect.subprotocol == name);
        let is_offered = |name: &str| match wanted {
            Some(_) if !offered.iter().any(|name| is_known(name)) => true,
            _ => offered.iter().any(|offered| offered == name),
        };
        DIALECTS.iter().copied().find(|d| is_wanted(d.subprotocol) && is_offered(d.subprotocol))
    }

    pub fn action(&self, name: &str) -> Option<&'static Action> {
        let catalogue: &'static Catalogue = self.catalogue;
        catalogue.action(name)
    }

    /// From a CALL of a station to a request: known, in the right direction, and what the tables say, or nearly so.
    pub fn read_call(
        &self,
        action: &str,
        payload: &RawValue,
        validation: Validation,
    ) -> Result<Call, Fault> {
        let action = self.known(action)?;
        if !action.direction.is_from_station() {
            return Err(Fault::new(
                ErrorCode::NotSupported,
                "this action is for the central system to send, not for a station",
            ));
        }
        if action.is_unconfirmed() {
            let why = "this action comes as a SEND, which nobody answers";
            return Err(Fault::new(ErrorCode::NotSupported, why));
        }
        let oddities = self.check(action, payload, validation)?;
        match (self.decode)(action, payload) {
            Ok(Request::Other) if action.is_open => {
                let request = Request::Open { payload: payload.to_owned() };
                Ok(Call { action, request, oddities })
            }
            Ok(request) => Ok(Call { action, request, oddities }),
            // The first finding names the place better than whoever could not read on.
            Err(fault) => Err(oddities.into_iter().next().map_or(fault, Fault::from)),
        }
    }

    /// From a SEND of a station to what it is. All that is sent like this is kept, and no more than that.
    pub fn read_send(
        &self,
        action: &str,
        payload: &RawValue,
        validation: Validation,
    ) -> Result<Call, Fault> {
        let action = self.known(action)?;
        if !action.is_unconfirmed() {
            let why = "this action comes as a CALL, which is answered";
            return Err(Fault::new(ErrorCode::NotSupported, why));
        }
        let oddities = self.check(action, payload, validation)?;
        Ok(Call { action, request: Request::Other, oddities })
    }

    /// What is not as the tables say, where that is no reason to refuse it.
    fn check(
        &self,
        action: &Action,
        payload: &RawValue,
        validation: Validation,
    ) -> Result<Vec<Finding>, Fault> {
        match validation {
            Validation::Strict => match self.catalogue.first_finding(&action.request, payload) {
                Some(finding) => Err(finding.into()),
                None => Ok(Vec::new()),
            },
            Validation::Lenient => Ok(self.catalogue.findings(&action.request, payload)),
        }
    }

    /// A CALL to a station, as it is sent: what the tables say, in their order and without spaces.
    pub fn write_command(&self, action: &str, payload: &RawValue) -> Result<Box<RawValue>, Fault> {
        let action = self.known(action)?;
        if !action.direction.is_to_station() {
            return Err(Fault::new(
                ErrorCode::NotSupported,
                "this action is for a station to send, not for the central system",
            ));
        }
        match self.catalogue.first_finding(&action.request, payload) {
            Some(finding) => Err(finding.into()),
            None => Ok(self.catalogue.arrange(&action.request, payload)),
        }
    }

    /// What is wrong with a station's answer to a CALL of ours.
    pub fn check_answer(&self, action: &str, payload: &RawValue) -> Option<Finding> {
        let response = self.action(action)?.response.as_ref()?;
        self.catalogue.first_finding(response, payload)
    }

    /// What the sender of a wrong message is told, as this version spells it.
    pub fn problem(&self, fault: &Fault) -> Problem {
        Problem {
            code: (self.spell)(fault.code).to_owned(),
            description: fault.description.clone().into_owned(),
            details: frame::empty_object(),
        }
    }

    fn known(&self, action: &str) -> Result<&'static Action, Fault> {
        let unknown = || Fault::new(ErrorCode::NotImplemented, "this action is not known");
        self.action(action).ok_or_else(unknown)
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
        assert_eq!(choice(&["ocpp2.0.1.1"], Some("ocpp2.0.1")), Some("ocpp2.0.1"));
        assert_eq!(choice(&["ocpp2.0.1.1"], None), None);
        assert_eq!(choice(&[], Some("ocpp9")), None);
    }
}
