//! A station's local list that is kept in step with the operator's tokens, as the API shows it. Names no card.

use serde::{Deserialize, Serialize};

use super::{SaidView, Timestamp};
use crate::domain::WishState;
use crate::work::SeenList;

/// Body of `PUT /v1/stations/{id}/local-list`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LocalListBody {
    /// Only cards of these groups; none for all.
    #[serde(default)]
    pub groups: Vec<String>,
}

/// `GET /v1/stations/{id}/local-list`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LocalListView {
    /// Empty for all cards.
    pub groups: Vec<String>,
    pub state: WishState,
    /// The newest version that was given out.
    pub version_wanted: u32,
    /// `null` while nobody knows.
    pub version_there: Option<i64>,
    /// Cards that are to be on the list.
    pub entries: usize,
    /// Cards that are on it, as far as the station took them from here.
    pub entries_there: usize,
    /// Cards for which there is no room, or whose number is too long for this version of OCPP.
    pub left_out: usize,
    /// Since when it is kept.
    pub since: Timestamp,
    /// Why the station does not take it.
    pub said: Option<SaidView>,
}

impl LocalListView {
    pub fn of(seen: SeenList) -> Self {
        let SeenList { list, state, there, entries, left_out } = seen;
        Self {
            groups: list.groups,
            state,
            version_wanted: list.version,
            version_there: there,
            entries,
            entries_there: list.taken.map_or(0, |taken| taken.entries.len()),
            left_out,
            since: Timestamp(list.since),
            said: list.word.map(SaidView::of),
        }
    }
}
