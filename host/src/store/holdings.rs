//! What stations hold, as the records have it. Knows nothing of how it got there.

use crate::domain::{
    Holding, HoldingKind, HoldingRecords, IdToken, Pseudonym, ReadFailed, Shelf, StationId,
    Versioned,
};

use super::engine::Order;
use super::policy_records::told;
use super::{Store, StoreError};

impl Store {
    /// What is known of one thing at one station; [`Holding::seen`] says what the station has.
    pub fn holding(
        &self,
        station: &StationId,
        kind: HoldingKind,
        key: &str,
    ) -> Result<Option<Holding>, StoreError> {
        let found = self.read::<Holding>(&(station.clone(), kind, key.to_owned()))?;
        Ok(found.map(|record| record.value))
    }

    /// What there is at a station, by kind, in numbers.
    pub fn shelves(&self, station: &StationId) -> Result<Vec<(HoldingKind, Shelf)>, StoreError> {
        let limit = HoldingKind::ALL.len();
        let found = self.page::<Shelf>(station, None, Order::Ascending, limit)?;
        Ok(found.into_iter().map(|((_, kind), shelf)| (kind, shelf.value)).collect())
    }

    /// At most `limit` things of a kind, in the order of their keys, going on after `after`.
    pub fn holdings(
        &self,
        station: &StationId,
        kind: HoldingKind,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Holding)>, StoreError> {
        let after = after.map(|key| (station.clone(), kind, key.to_owned()));
        let scope = (station, &kind);
        let found = self.page::<Holding>(scope, after.as_ref(), Order::Ascending, limit)?;
        Ok(found.into_iter().map(|((_, _, key), holding)| (key, holding.value)).collect())
    }
}

impl HoldingRecords for Store {
    fn shelf(
        &self,
        station: &StationId,
        kind: HoldingKind,
    ) -> Result<Versioned<Shelf>, ReadFailed> {
        let nothing = || Versioned { value: Shelf::default(), revision: 0 };
        let found = self.read::<Shelf>(&(station.clone(), kind)).map_err(told)?;
        Ok(found.unwrap_or_else(nothing))
    }

    fn holding(
        &self,
        station: &StationId,
        kind: HoldingKind,
        key: &str,
    ) -> Result<Option<Holding>, ReadFailed> {
        Self::holding(self, station, kind, key).map_err(told)
    }

    fn holdings(
        &self,
        station: &StationId,
        kind: HoldingKind,
    ) -> Result<Vec<(String, Holding)>, ReadFailed> {
        Self::holdings(self, station, kind, None, kind.most() as usize).map_err(told)
    }

    fn token_name(&self, token: &IdToken) -> Pseudonym {
        self.pseudonym(token)
    }
}
