//! A charging session as it is kept and shown. Knows nothing of how it moves from state to state: see `charging`.

use serde::{Deserialize, Serialize};

use super::{
    ConnectorId, Decision, Millis, MilliwattHours, Pseudonym, SessionId, Stamp, StationId,
};

/// One car, one connector, from plug to bill. The record format is versioned by the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    pub id: SessionId,
    pub station: StationId,
    pub connector: ConnectorId,
    /// The subprotocol in which it was reported, for example `ocpp1.6`.
    pub protocol: String,
    /// The transaction's name on the wire: the number itself on 1.6, the station's own text on 2.x.
    pub transaction: String,
    pub token: Pseudonym,
    /// What the policies said when it started. A refused start is still a session: the station reported it.
    pub decision: Decision,
    pub started: Stamp,
    pub meter_start: MilliwattHours,
    /// Newest register reading, if any came after the start.
    pub last_reading: Option<(Millis, MilliwattHours)>,
    pub ended: Option<Ending>,
}

/// How a session ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    pub stamp: Stamp,
    pub meter_stop: MilliwattHours,
    /// As the station put it, for example `Local` or `EVDisconnected`; `None` when it did not say.
    pub reason: Option<String>,
    /// The token shown to stop, when one was.
    pub token: Option<Pseudonym>,
}

impl Session {
    /// Energy delivered so far: from the start's register to the end's, or to the newest reading.
    pub fn energy(&self) -> MilliwattHours {
        let register = match (&self.ended, self.last_reading) {
            (Some(ending), _) => ending.meter_stop,
            (None, Some((_, reading))) => reading,
            (None, None) => self.meter_start,
        };
        register - self.meter_start
    }

    pub fn is_active(&self) -> bool {
        self.ended.is_none()
    }
}
