//! One shelf while something changes on it: what is there, what is to be there, and how the numbers move. Knows no row
//! and no message.

use std::collections::BTreeMap;

use crate::domain::{
    Gone, GoneWhy, Holding, HoldingKind, HoldingRecords, IdToken, MAX_HOLDING_KEY, Millis,
    Pseudonym, ReadFailed, Shelf, ShelfMoves, StationId,
};

pub(super) struct Bench<'a> {
    station: &'a StationId,
    pub(super) kind: HoldingKind,
    records: &'a dyn HoldingRecords,
    now: Millis,
    pub(super) shelf: Shelf,
    read: Shelf,
    revision: u64,
    /// As they were read.
    was: BTreeMap<String, Option<Holding>>,
    /// Those that have changed.
    is: BTreeMap<String, Option<Holding>>,
    has_read_all: bool,
    /// What can make room: what had gone when room was first looked for, the oldest last.
    gone: Option<Vec<String>>,
}

impl<'a> Bench<'a> {
    pub(super) fn open(
        station: &'a StationId,
        kind: HoldingKind,
        records: &'a dyn HoldingRecords,
        now: Millis,
    ) -> Result<Self, ReadFailed> {
        let shelf = records.shelf(station, kind)?;
        Ok(Self {
            station,
            kind,
            records,
            now,
            read: shelf.value.clone(),
            shelf: shelf.value,
            revision: shelf.revision,
            was: BTreeMap::new(),
            is: BTreeMap::new(),
            has_read_all: false,
            gone: None,
        })
    }

    pub(super) fn token_name(&self, token: &IdToken) -> Pseudonym {
        self.records.token_name(token)
    }

    pub(super) fn get(&mut self, key: &str) -> Result<Option<Holding>, ReadFailed> {
        if let Some(changed) = self.is.get(key) {
            return Ok(changed.clone());
        }
        if let Some(read) = self.was.get(key) {
            return Ok(read.clone());
        }
        let found = if self.has_read_all || self.shelf.kept == 0 {
            None
        } else {
            self.records.holding(self.station, self.kind, key)?
        };
        self.was.insert(key.to_owned(), found.clone());
        Ok(found)
    }

    /// Everything that is on the shelf now.
    pub(super) fn all(&mut self) -> Result<Vec<(String, Holding)>, ReadFailed> {
        if !self.has_read_all {
            for (key, holding) in self.records.holdings(self.station, self.kind)? {
                self.was.insert(key, Some(holding));
            }
            self.has_read_all = true;
        }
        let mut all = self.was.clone();
        all.extend(self.is.clone());
        Ok(all.into_iter().filter_map(|(key, holding)| Some((key, holding?))).collect())
    }

    pub(super) fn put(&mut self, key: &str, holding: Holding) -> Result<(), ReadFailed> {
        if self.get(key)?.is_none() {
            if key.len() > MAX_HOLDING_KEY || !self.has_room()? {
                self.shelf.left_out += 1;
                return Ok(());
            }
            self.shelf.kept += 1;
        }
        self.is.insert(key.to_owned(), Some(holding));
        Ok(())
    }

    /// It is not there any more.
    pub(super) fn end(&mut self, key: &str, why: GoneWhy) -> Result<(), ReadFailed> {
        let Some(mut holding) = self.get(key)? else { return Ok(()) };
        if self.kind.forgets() {
            self.forget(key);
        } else if holding.gone.is_none() {
            holding.gone = Some(Gone { at: self.now, why });
            self.is.insert(key.to_owned(), Some(holding));
        }
        Ok(())
    }

    fn forget(&mut self, key: &str) {
        self.shelf.kept = self.shelf.kept.saturating_sub(1);
        self.is.insert(key.to_owned(), None);
    }

    /// What has gone longest makes room.
    fn has_room(&mut self) -> Result<bool, ReadFailed> {
        if self.shelf.kept < self.kind.most() {
            return Ok(true);
        }
        let mut gone = match self.gone.take() {
            Some(gone) => gone,
            None => self.all_gone()?,
        };
        let mut has_room = false;
        while !has_room && let Some(oldest) = gone.pop() {
            // It may have come back meanwhile.
            has_room = self.get(&oldest)?.is_some_and(|holding| holding.gone.is_some());
            if has_room {
                self.forget(&oldest);
            }
        }
        self.gone = Some(gone);
        Ok(has_room)
    }

    fn all_gone(&mut self) -> Result<Vec<String>, ReadFailed> {
        let gone = |(key, holding): (String, Holding)| holding.gone.map(|gone| (gone.at, key));
        let mut gone: Vec<_> = self.all()?.into_iter().filter_map(gone).collect();
        gone.sort_unstable_by(|one, other| other.cmp(one));
        Ok(gone.into_iter().map(|(_, key)| key).collect())
    }

    /// What has changed; `None` when nothing has.
    pub(super) fn close(mut self) -> Option<ShelfMoves> {
        for (key, after) in &self.is {
            let before = self.was.get(key).and_then(Option::as_ref);
            for (holding, sign) in [(before, -1), (after.as_ref(), 1)] {
                let Some(holding) = holding else { continue };
                let count = |is: bool| if is { sign } else { 0 };
                let shelf = &mut self.shelf;
                shelf.held = shelf.held.saturating_add_signed(count(holding.is_held()));
                shelf.differing = shelf.differing.saturating_add_signed(count(holding.differs()));
            }
        }
        if self.shelf == self.read && self.is.is_empty() {
            return None;
        }
        self.shelf.changed = self.now;
        Some(ShelfMoves {
            kind: self.kind,
            shelf: self.shelf,
            revision: self.revision,
            holdings: self.is.into_iter().collect(),
        })
    }
}
