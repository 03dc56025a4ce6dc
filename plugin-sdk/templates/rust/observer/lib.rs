//! Counts what happens, by kind. It observes: it is told and decides nothing.

use plugpoint_sdk::{Event, Lifecycle, NoSettings, Observer, state};

pub struct Policy;

plugpoint_sdk::export!(Policy: Observer);

impl Lifecycle for Policy {
    type Settings = NoSettings;

    fn configure(_: NoSettings) -> Result<Self, String> {
        Ok(Self)
    }
}

impl Observer for Policy {
    /// What it writes and how far it has come are saved together: every event counts once, whatever crashes.
    fn on_events(&self, batch: &[Event]) -> Result<(), String> {
        batch.iter().try_for_each(count)
    }
}

fn count(event: &Event) -> Result<(), String> {
    let before: u64 = state::load(&event.kind)?.unwrap_or_default();
    state::save(&event.kind, &(before + 1))
}

#[cfg(test)]
mod tests;
