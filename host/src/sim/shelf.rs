//! What a simulated station keeps for whoever sent it: charging profiles, reservations, the version of its local list. It
//! charges as before; it can be asked what it has. Knows no socket.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::message::Body;
use super::wire::{number, text};

/// Profiles and reservations of one station, each.
const MOST: usize = 64;

const ACCEPTED: &str = "Accepted";
const REJECTED: &str = "Rejected";

/// The part of the message in which the second family has what a profile has to be.
const CRITERIA: &str = "/chargingProfileCriteria";

#[derive(Debug, Default)]
pub(super) struct Shelf {
    /// By their numbers.
    profiles: BTreeMap<i64, Profile>,
    reservations: BTreeMap<i64, Value>,
    list_version: i64,
}

#[derive(Debug)]
struct Profile {
    /// The connector in 1.6.
    evse: i64,
    content: Value,
}

/// An answer, the word of it that tells the most, and what is told later on.
pub(super) struct Told {
    pub(super) payload: Value,
    pub(super) word: &'static str,
    pub(super) later: Vec<Body>,
}

impl Told {
    fn status(word: &'static str) -> Self {
        Self { payload: json!({ "status": word }), word, later: Vec::new() }
    }
}

impl Shelf {
    /// `None` for what is not kept here. Each member is looked for where either family has it; `stock` is what a station
    /// says that keeps nothing.
    pub(super) fn answer(&mut self, action: &str, asked: &Value, stock: &Value) -> Option<Told> {
        Some(match action {
            "SetChargingProfile" => self.set_profile(asked),
            "ClearChargingProfile" => self.clear_profiles(asked),
            "GetChargingProfiles" => self.report_profiles(asked),
            "ReserveNow" => self.reserve(asked),
            "CancelReservation" => {
                let number = number(asked, "/reservationId");
                let known = number.and_then(|number| self.reservations.remove(&number));
                Told::status(if known.is_some() { ACCEPTED } else { REJECTED })
            }
            "SendLocalList" => self.take_list(asked),
            "GetLocalListVersion" => {
                let members = stock.as_object().into_iter().flat_map(|stock| stock.keys());
                let version = members.map(|name| (name.clone(), json!(self.list_version)));
                Told { payload: version.collect(), word: "told", later: Vec::new() }
            }
            _ => return None,
        })
    }

    fn set_profile(&mut self, asked: &Value) -> Told {
        let evse = number(asked, "/evseId").or_else(|| number(asked, "/connectorId"));
        let content = asked.get("chargingProfile").or_else(|| asked.get("csChargingProfiles"));
        let Some((evse, content)) = evse.zip(content) else { return Told::status(REJECTED) };
        let id = number(content, "/id").or_else(|| number(content, "/chargingProfileId"));
        let Some(id) = id else { return Told::status(REJECTED) };
        if self.profiles.len() >= MOST && !self.profiles.contains_key(&id) {
            return Told::status(REJECTED);
        }
        self.profiles.insert(id, Profile { evse, content: content.clone() });
        Told::status(ACCEPTED)
    }

    fn clear_profiles(&mut self, asked: &Value) -> Told {
        let before = self.profiles.len();
        let id = number(asked, "/chargingProfileId").or_else(|| number(asked, "/id"));
        let criteria = asked.pointer(CRITERIA).unwrap_or(asked);
        self.profiles.retain(|own, profile| match id {
            Some(id) => *own != id,
            None => !profile.fits(criteria),
        });
        Told::status(if self.profiles.len() < before { ACCEPTED } else { "Unknown" })
    }

    fn report_profiles(&self, asked: &Value) -> Told {
        let wanted = asked.get("chargingProfile").unwrap_or(&Value::Null);
        let ids = wanted.get("chargingProfileId").and_then(Value::as_array);
        let is_wanted = |id: &i64| ids.is_none_or(|ids| ids.contains(&json!(id)));
        let is_there = |evse: i64| number(asked, "/evseId").is_none_or(|asked| asked == evse);
        let found = self.profiles.iter();
        let found: Vec<_> = found
            .filter(|(id, profile)| is_wanted(id) && is_there(profile.evse) && profile.fits(wanted))
            .collect();
        let part = |(n, (_, profile)): (usize, &(&i64, &Profile))| Body::FollowUp {
            action: "ReportChargingProfiles",
            payload: json!({
                "requestId": number(asked, "/requestId"), "chargingLimitSource": "CSO",
                "evseId": profile.evse, "chargingProfile": [profile.content],
                "tbc": n + 1 < found.len(),
            }),
        };
        let later: Vec<_> = found.iter().enumerate().map(part).collect();
        Told { later, ..Told::status(if found.is_empty() { "NoProfiles" } else { ACCEPTED }) }
    }

    fn reserve(&mut self, asked: &Value) -> Told {
        let id = number(asked, "/id").or_else(|| number(asked, "/reservationId"));
        match id {
            Some(id) if self.reservations.len() < MOST => {
                self.reservations.insert(id, asked.clone());
                Told::status(ACCEPTED)
            }
            _ => Told::status(REJECTED),
        }
    }

    /// A difference only counts on top of what came before it.
    fn take_list(&mut self, asked: &Value) -> Told {
        let version = number(asked, "/versionNumber").or_else(|| number(asked, "/listVersion"));
        let is_full = text(asked, "/updateType") == Some("Full");
        match version {
            Some(version) if is_full || version > self.list_version => {
                self.list_version = version;
                Told::status(ACCEPTED)
            }
            Some(_) => Told::status("VersionMismatch"),
            None => Told::status("Failed"),
        }
    }
}

impl Profile {
    /// It is what is asked for, as far as anything is.
    fn fits(&self, criteria: &Value) -> bool {
        let evse = number(criteria, "/evseId").or_else(|| number(criteria, "/connectorId"));
        let is_same = |member: &str| {
            criteria.get(member).is_none_or(|wanted| self.content.get(member) == Some(wanted))
        };
        evse.is_none_or(|evse| evse == self.evse)
            && is_same("chargingProfilePurpose")
            && is_same("stackLevel")
    }
}
