//! One connector and the car in front of it. Knows no message and no server.

use std::time::Duration;

use super::message::{ChargeNo, Ending, Limit};
use crate::domain::{IdToken, Millis};

/// What a connector is doing.
#[derive(Debug, Clone)]
pub(super) enum Doing {
    /// Nobody is here; the next driver comes at this time.
    Waiting {
        until: Millis,
    },
    /// A card was shown and the server was asked; perhaps because it had ordered it.
    Asking {
        order: Option<i64>,
    },
    Charging(Charge),
    /// Taken out of service by the operator.
    Closed,
}

/// A transaction as the station's hardware knows it.
#[derive(Debug, Clone)]
pub(super) struct Charge {
    pub(super) no: ChargeNo,
    pub(super) card: IdToken,
    pub(super) began: Millis,
    pub(super) ends: Millis,
    /// Why it then ends.
    pub(super) ending: Ending,
    pub(super) meter_start_wh: u64,
    pub(super) next_reading: Millis,
    /// Messages of this charge so far: the next one's number.
    pub(super) messages: u32,
}

/// What a connector is like, seen from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    Free,
    Preparing,
    Charging,
    Closed,
}

#[derive(Debug, Clone)]
pub(super) struct Bay {
    /// From 1.
    pub(super) connector: u32,
    pub(super) doing: Doing,
    /// The register when nothing charges; a running charge reckons from it.
    pub(super) register_wh: u64,
    /// To be closed when the running transaction ends.
    pub(super) closing: bool,
}

impl Bay {
    pub(super) fn new(connector: u32, register_wh: u64, first_driver: Millis) -> Self {
        let doing = Doing::Waiting { until: first_driver };
        Self { connector, doing, register_wh, closing: false }
    }

    pub(super) const fn condition(&self) -> Condition {
        match self.doing {
            Doing::Waiting { .. } => Condition::Free,
            Doing::Asking { .. } => Condition::Preparing,
            Doing::Charging(_) => Condition::Charging,
            Doing::Closed => Condition::Closed,
        }
    }

    pub(super) const fn charge(&self) -> Option<&Charge> {
        match &self.doing {
            Doing::Charging(charge) => Some(charge),
            _ => None,
        }
    }

    pub(super) const fn charge_mut(&mut self) -> Option<&mut Charge> {
        match &mut self.doing {
            Doing::Charging(charge) => Some(charge),
            _ => None,
        }
    }

    pub(super) const fn is_free(&self) -> bool {
        matches!(self.doing, Doing::Waiting { .. })
    }

    /// When time alone changes something here.
    pub(super) fn wake_at(&self) -> Option<Millis> {
        match &self.doing {
            Doing::Waiting { until } => Some(*until),
            Doing::Charging(charge) => Some(charge.ends.min(charge.next_reading)),
            Doing::Asking { .. } | Doing::Closed => None,
        }
    }
}

const MS_PER_HOUR: u128 = 3_600_000;

impl Charge {
    /// Ends it no later than it may go. What has flowed beyond the limit by then has flowed.
    pub(super) fn keep_within(&mut self, limit: Limit, power_w: u32, speed: u32) {
        let flow = (u128::from(power_w) * u128::from(speed)).max(1);
        let energy = limit.energy_wh.map(|wh| u128::from(wh) * MS_PER_HOUR / flow);
        let energy = energy.map(|ms| Duration::from_millis(u64::try_from(ms).unwrap_or(u64::MAX)));
        for (after, ending) in [(energy, Ending::EnergyLimit), (limit.time, Ending::TimeLimit)] {
            if let Some(ends) = after.map(|after| self.began + after).filter(|at| *at < self.ends) {
                (self.ends, self.ending) = (ends, ending);
            }
        }
    }

    pub(super) const fn next_number(&mut self) -> u32 {
        let number = self.messages;
        self.messages += 1;
        number
    }

    /// What has flowed by `now`, in watt-hours.
    pub(super) fn delivered_wh(&self, now: Millis, power_w: u32, speed: u32) -> u64 {
        let elapsed: Duration = now.min(self.ends).since(self.began);
        let watt_ms = u128::from(power_w) * u128::from(speed) * elapsed.as_millis();
        u64::try_from(watt_ms / MS_PER_HOUR).unwrap_or(u64::MAX)
    }
}
