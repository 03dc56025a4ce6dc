//! Answers DataTransfer of stations from a list, and counts what was asked. Knows no station.

mod settings;

use plugpoint_sdk::{Ask, Lifecycle, Reply, Responder, responder, state};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use settings::{Entry, Settings, Status};

pub struct DataTransfer {
    settings: Settings,
}

plugpoint_sdk::export!(DataTransfer: Responder);

impl Lifecycle for DataTransfer {
    type Settings = Settings;

    fn configure(settings: Settings) -> Result<Self, String> {
        settings.check()?;
        Ok(Self { settings })
    }
}

/// As much of the call as says who wants what. Every version calls it so.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Call {
    vendor_id: String,
    message_id: Option<String>,
}

#[derive(Serialize)]
struct Answer {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Value>,
}

impl Responder for DataTransfer {
    fn answer(&self, ask: &Ask, action: &str, payload: &str) -> Result<Option<Reply>, String> {
        if action != "DataTransfer" {
            return Ok(None);
        }
        let Call { vendor_id, message_id } = responder::read(action, payload)?;
        let answers = &self.settings.answers;
        let listed = answers.iter().find(|entry| entry.covers(&vendor_id, message_id.as_deref()));
        match listed {
            Some(entry) => {
                count(&ask.station.id, entry)?;
                reply(entry, &ask.station.protocol).map(Some)
            }
            None if answers.iter().any(|entry| entry.vendor == vendor_id) => {
                let status = Status::UnknownMessageId.as_str();
                Reply::of(&Answer { status, data: None }).map(Some)
            }
            None => Ok(None),
        }
    }
}

/// Kept with the fact that the call was made: once for every call, whatever crashes. By station, because stations that
/// change the same key at the same time would have to wait for each other.
fn count(station: &str, entry: &Entry) -> Result<(), String> {
    let key = format!("asked/{station}/{}", entry.name());
    let asked: u64 = state::load(&key)?.unwrap_or(0);
    state::save(&key, &(asked + 1))
}

fn reply(entry: &Entry, protocol: &str) -> Result<Reply, String> {
    if let Some(code) = &entry.refuse {
        return Ok(Reply::refuse(code, "not here"));
    }
    let data = entry.data.clone().map(|data| match data {
        data if protocol != "ocpp1.6" || data.is_string() => data,
        data => Value::String(data.to_string()),
    });
    Reply::of(&Answer { status: entry.status.as_str(), data })
}

#[cfg(test)]
mod tests;
