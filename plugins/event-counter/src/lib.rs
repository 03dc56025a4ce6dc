//! Counts the sessions and the energy of every station. Knows nothing of who charged and what it cost.

use plugpoint_sdk::{Event, Lifecycle, NoSettings, Observer, state};
use serde::{Deserialize, Serialize};

/// What is kept of one station, under its id.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Tally {
    sessions: u64,
    /// Of sessions that have ended. A whole number, because sums of fractions drift.
    energy_mwh: i64,
}

/// As much of `transaction-ended` as is counted. Watt-hours have up to three decimals.
#[derive(Deserialize)]
struct Ended {
    energy_wh: f64,
}

pub struct EventCounter;

plugpoint_sdk::export!(EventCounter: Observer);

impl Lifecycle for EventCounter {
    type Settings = NoSettings;

    fn configure(_: NoSettings) -> Result<Self, String> {
        Ok(Self)
    }
}

impl Observer for EventCounter {
    fn on_events(&self, batch: &[Event]) -> Result<(), String> {
        batch.iter().try_for_each(count)
    }
}

fn count(event: &Event) -> Result<(), String> {
    let Some(station) = &event.station else { return Ok(()) };
    let mut tally: Tally = state::load(station)?.unwrap_or_default();
    match event.kind.as_str() {
        "transaction-started" => tally.sessions += 1,
        "transaction-ended" => {
            tally.energy_mwh += (event.read::<Ended>()?.energy_wh * 1000.0).round() as i64;
        }
        _ => return Ok(()),
    }
    state::save(station, &tally)
}

#[cfg(test)]
mod tests;
