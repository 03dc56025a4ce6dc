//! What stations are to be configured with, as the API shows it. Knows no protocol.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Timestamp;
use crate::domain::{Content, Meaning, StationId, StationWord, WishName, WishState};
use crate::work::SeenSetting;

/// Body of `PUT /v1/stations/{id}/wanted/{name}`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WishBody {
    pub value: String,
}

/// `GET /v1/stations/{id}/wanted` and `GET /v1/wanted`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WishesPage {
    pub wanted: Vec<WishView>,
    /// The station behind which to go on, to be passed as `after`; `null` at the end.
    pub next: Option<String>,
}

/// One setting of one station.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WishView {
    pub station: StationId,
    pub name: WishName,
    pub wanted: String,
    /// What the station has, as far as is known; `null` when nobody knows.
    pub seen: Option<String>,
    pub state: WishState,
    /// Since when it is wanted.
    pub since: Timestamp,
    /// The station's last word on the setting, as opposed to its value.
    pub said: Option<SaidView>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SaidView {
    pub meaning: Meaning,
    /// As the station wrote it.
    pub status: String,
    pub reason: Option<String>,
    pub at: Timestamp,
}

impl WishView {
    pub fn of(seen: SeenSetting) -> Self {
        let SeenSetting { station, setting, state } = seen;
        let wish = setting.wish;
        Self {
            station,
            name: setting.name,
            wanted: wish.value,
            seen: setting.seen.as_ref().and_then(text),
            state,
            since: Timestamp(wish.since),
            said: wish.word.map(SaidView::of),
        }
    }
}

impl SaidView {
    pub(super) fn of(word: StationWord) -> Self {
        let StationWord { at, meaning, status, reason, .. } = word;
        Self { meaning, status, reason, at: Timestamp(at) }
    }
}

/// A text without its quotes.
fn text(content: &Content) -> Option<String> {
    if content.withheld.is_some() {
        return None;
    }
    match serde_json::from_str(&content.text) {
        Ok(Value::String(text)) => Some(text),
        Ok(Value::Null) | Err(_) => None,
        Ok(other) => Some(other.to_string()),
    }
}
