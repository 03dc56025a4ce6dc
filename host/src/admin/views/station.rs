//! A station as the API shows it, and what an operator may change of it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Change, Timestamp, WattHours};
use crate::domain::{
    Acceptance, ConnectorState, Pings, Place, PluginName, SecurityProfile, Session, SessionId,
    StationId, Validation,
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StationsPage {
    pub stations: Vec<StationView>,
    /// Pass it as `after` to go on; `null` at the end.
    pub next: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StationView {
    pub id: StationId,
    pub online: bool,
    /// The subprotocol of the running connection, for example `ocpp1.6`.
    pub protocol: Option<String>,
    /// The subprotocol that alone is spoken with it; `null` for the newest that both know.
    pub wanted_protocol: Option<String>,
    /// What the station is to be given as the server's address, as it is.
    #[serde(default)]
    pub urls: Vec<String>,
    /// The same for stations that add their id by themselves.
    #[serde(default)]
    pub urls_without_id: Vec<String>,
    /// `null`: what the server is set to.
    pub validation: Option<Validation>,
    /// What it is told when it boots.
    #[serde(default)]
    pub acceptance: Acceptance,
    /// `null`: after a long silence.
    #[serde(default)]
    pub pings: Option<Pings>,
    /// Seconds without a word after which its connection is given up; `null`: three heartbeats.
    #[serde(default)]
    pub silence_seconds: Option<u32>,
    /// It is told what a session costs so far, to show it to the driver.
    pub shows_cost: bool,
    /// Address of the running connection.
    pub peer: Option<String>,
    pub vendor: Option<String>,
    pub model: Option<String>,
    pub serial: Option<String>,
    pub firmware: Option<String>,
    /// IANA zone name; `UTC` counts while it is `null`.
    pub zone: Option<String>,
    /// ISO 4217 code.
    pub currency: Option<String>,
    pub tags: Vec<String>,
    pub settings: Map<String, Value>,
    pub has_password: bool,
    /// The security profile of the running connection: 0 (its name alone), 1 (password), 2 (password over TLS), 3 (certificate).
    #[serde(default)]
    pub security_profile: Option<SecurityProfile>,
    /// The weakest with which it may come in; `null` for 1 if it has a password, else 0.
    #[serde(default)]
    pub least_security_profile: Option<SecurityProfile>,
    /// Once it has come in with a stronger profile, that becomes its weakest.
    #[serde(default)]
    pub raises_security: bool,
    pub last_seen: Option<Timestamp>,
    pub connectors: Vec<ConnectorView>,
    /// The sessions that run there, by connector.
    #[serde(default)]
    pub charging: Vec<ChargingView>,
}

/// A session that runs, in short; `GET /v1/sessions/{id}` has all of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChargingView {
    pub session: SessionId,
    pub evse: Option<u32>,
    pub connector: Option<u32>,
    pub started: Timestamp,
    /// So far.
    pub energy_wh: WattHours,
    /// `null` when no plugin decided and the configured default counted.
    pub decided_by: Option<PluginName>,
    /// What the policies said, in one sentence; `null` until a card was shown.
    pub why: Option<String>,
}

impl ChargingView {
    pub fn of(session: Session) -> Self {
        let energy_wh = WattHours(session.energy());
        let Place { evse, connector } = session.place;
        let (decided_by, why) = match session.decision {
            Some(decision) => (decision.decided_by, Some(decision.why)),
            None => (None, None),
        };
        let started = Timestamp(session.started.best());
        Self { session: session.id, evse, connector, started, energy_wh, decided_by, why }
    }

    pub fn place(&self) -> Place {
        Place { evse: self.evse, connector: self.connector }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConnectorView {
    /// `null` where the protocol counts connectors only.
    pub evse: Option<u32>,
    pub connector: Option<u32>,
    /// In the station's words, for example `Charging`.
    pub status: String,
    pub error: Option<String>,
    pub info: Option<String>,
    pub at: Timestamp,
}

impl ConnectorView {
    pub fn of(place: Place, state: ConnectorState) -> Self {
        let ConnectorState { status, error, info, at } = state;
        let Place { evse, connector } = place;
        Self { evse, connector, status, error, info, at: Timestamp(at) }
    }

    pub fn place(&self) -> Place {
        Place { evse: self.evse, connector: self.connector }
    }
}

/// `PUT /v1/stations/{id}`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StationChange {
    #[serde(skip_serializing_if = "Change::is_keep")]
    pub zone: Change<String>,
    #[serde(skip_serializing_if = "Change::is_keep")]
    pub currency: Change<String>,
    #[serde(skip_serializing_if = "Change::is_keep")]
    pub tags: Change<Vec<String>>,
    #[serde(skip_serializing_if = "Change::is_keep")]
    pub settings: Change<Map<String, Value>>,
    #[serde(skip_serializing_if = "Change::is_keep")]
    pub wanted_protocol: Change<String>,
    #[serde(skip_serializing_if = "Change::is_keep")]
    pub validation: Change<Validation>,
    #[serde(skip_serializing_if = "Change::is_keep")]
    pub acceptance: Change<Acceptance>,
    #[serde(skip_serializing_if = "Change::is_keep")]
    pub pings: Change<Pings>,
    #[serde(skip_serializing_if = "Change::is_keep")]
    pub silence_seconds: Change<u32>,
    #[serde(skip_serializing_if = "Change::is_keep")]
    pub shows_cost: Change<bool>,
    #[serde(skip_serializing_if = "Change::is_keep")]
    pub least_security_profile: Change<SecurityProfile>,
    #[serde(skip_serializing_if = "Change::is_keep")]
    pub raises_security: Change<bool>,
}

impl StationChange {
    /// It changes how the station is dealt with, which counts from its next connection on.
    pub fn is_of_handling(&self) -> bool {
        let is_kept = self.validation.is_keep()
            && self.acceptance.is_keep()
            && self.pings.is_keep()
            && self.silence_seconds.is_keep();
        !is_kept
    }
}

/// `PUT /v1/stations/{id}/password`. Has no `Debug`, so that no log can show it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    pub password: String,
}
