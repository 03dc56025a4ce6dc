//! Stations that knocked and that nobody registered, as the API shows them.

use serde::{Deserialize, Serialize};

use super::Timestamp;
use crate::domain::StationId;
use crate::station::registry::Stranger;

/// `GET /v1/unknown-stations`, who knocked last first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UnknownStationsPage {
    pub stations: Vec<UnknownStationView>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UnknownStationView {
    pub id: StationId,
    pub first: Timestamp,
    pub last: Timestamp,
    /// How often it knocked since the server started.
    pub knocks: u32,
    /// Where it knocked from last.
    pub peer: String,
    /// The subprotocols that it named.
    pub offered: Vec<String>,
    /// It came with a password, which nobody looked at.
    pub has_password: bool,
}

impl From<Stranger> for UnknownStationView {
    fn from(stranger: Stranger) -> Self {
        let Stranger { id, first, last, knocks, peer, offered, has_password } = stranger;
        let (first, last) = (Timestamp(first), Timestamp(last));
        Self { id, first, last, knocks, peer: peer.to_string(), offered, has_password }
    }
}
