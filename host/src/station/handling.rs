//! How one station is dealt with: what its record says, or the server's settings where it says nothing. Knows no socket.

use crate::domain::{Acceptance, Pings, StationRecord, Validation};

/// See the module. Settled when the station connects: what an operator changes counts from the next connection on.
#[derive(Debug, Clone, Copy, Default)]
pub struct Handling {
    pub validation: Validation,
    pub acceptance: Acceptance,
    /// `None`: after a long silence, to learn whether the connection is still there.
    pub pings: Option<Pings>,
    /// Seconds; `None`: as long as the heartbeat that stations are told allows.
    pub silence: Option<u32>,
}

impl Handling {
    pub fn of(record: &StationRecord, validation: Validation) -> Self {
        Self {
            validation: record.validation.unwrap_or(validation),
            acceptance: record.acceptance,
            pings: record.pings,
            silence: record.silence_seconds,
        }
    }
}
