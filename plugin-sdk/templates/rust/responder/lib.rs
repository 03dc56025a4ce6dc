//! Answers the messages of one vendor. Everything else is left to others.

use plugpoint_sdk::{Ask, Lifecycle, Reply, Responder, responder, state};
use serde::{Deserialize, Serialize};

pub struct Policy {
    settings: Settings,
}

/// What the operator may set. A typing error is refused and not ignored.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    vendor: String,
}

plugpoint_sdk::export!(Policy: Responder);

impl Lifecycle for Policy {
    type Settings = Settings;

    fn configure(settings: Settings) -> Result<Self, String> {
        Ok(Self { settings })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Call {
    vendor_id: String,
}

#[derive(Serialize)]
struct Answer {
    status: &'static str,
}

impl Responder for Policy {
    /// `None` leaves the call to the next plugin, and in the end to the server. What it writes is kept with the fact
    /// that the station called.
    fn answer(&self, ask: &Ask, action: &str, payload: &str) -> Result<Option<Reply>, String> {
        if action != "DataTransfer" {
            return Ok(None);
        }
        let call: Call = responder::read(action, payload)?;
        if call.vendor_id != self.settings.vendor {
            return Ok(None);
        }
        let before: u64 = state::load(&ask.station.id)?.unwrap_or_default();
        state::save(&ask.station.id, &(before + 1))?;
        Reply::of(&Answer { status: "Accepted" }).map(Some)
    }
}

#[cfg(test)]
mod tests;
