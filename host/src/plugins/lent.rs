//! The station that a question is about in the contract's types, all of it borrowed. Knows no question.

use super::bindings::plugpoint::plugin::types::StationParam;
use crate::domain::AskedStation;

/// The lists of a station that is lent: they have to live as long as the call.
pub(super) struct Lists<'a> {
    tags: Vec<&'a str>,
    more: Vec<(&'a str, &'a str)>,
}

impl<'a> Lists<'a> {
    pub(super) fn of(station: &'a AskedStation) -> Self {
        let said = [("serial", &station.serial), ("firmware", &station.firmware)];
        let more = said.into_iter().filter_map(|(name, said)| Some((name, said.as_deref()?)));
        Self { tags: station.tags.iter().map(String::as_str).collect(), more: more.collect() }
    }
}

pub(super) fn lend_station<'a>(
    station: &'a AskedStation,
    lists: &'a Lists<'a>,
) -> StationParam<'a> {
    StationParam {
        id: station.id.as_str(),
        protocol: station.protocol,
        vendor: station.vendor.as_deref(),
        model: station.model.as_deref(),
        zone: &station.zone,
        tags: &lists.tags,
        more: &lists.more,
    }
}
