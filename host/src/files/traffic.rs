//! Requests for files that are under way: how many of each station, and how far each has come. Knows no file.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Key;
use crate::domain::StationId;

/// See the module. Cheap to clone.
#[derive(Clone)]
pub(super) struct Traffic {
    most: usize,
    under_way: Arc<Mutex<UnderWay>>,
}

#[derive(Default)]
struct UnderWay {
    stations: HashMap<StationId, usize>,
    far: HashMap<Key, u64>,
}

/// Leave for one request, given back when it is dropped.
pub(super) struct Turn {
    traffic: Traffic,
    key: Key,
}

impl Traffic {
    pub(super) fn new(most: usize) -> Self {
        Self { most, under_way: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, UnderWay> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `None` while the station has as many under way as it may.
    pub(super) fn enter(&self, key: &Key) -> Option<Turn> {
        let mut under_way = self.lock();
        let count = under_way.stations.entry(key.0.clone()).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        under_way.far.insert(key.clone(), 0);
        Some(Turn { traffic: self.clone(), key: key.clone() })
    }

    /// How far into its file the request is that is under way for this transfer.
    pub(super) fn far(&self, key: &Key) -> Option<u64> {
        self.lock().far.get(key).copied()
    }
}

impl Turn {
    pub(super) fn note(&self, far: u64) {
        self.traffic.lock().far.insert(self.key.clone(), far);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut under_way = self.traffic.lock();
        under_way.far.remove(&self.key);
        if let Some(count) = under_way.stations.get_mut(&self.key.0) {
            *count -= 1;
            if *count == 0 {
                under_way.stations.remove(&self.key.0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::TransferNo;

    #[test]
    fn a_station_has_only_so_many_under_way_and_others_are_not_held_up_by_it() {
        let key = |station: &str| (StationId::new(station).unwrap(), TransferNo::FIRST);
        let traffic = Traffic::new(1);
        let turn = traffic.enter(&key("A")).unwrap();
        turn.note(5);
        assert_eq!(traffic.far(&key("A")), Some(5));
        assert!(traffic.enter(&key("A")).is_none());
        assert!(traffic.enter(&key("B")).is_some());
        drop(turn);
        assert_eq!(traffic.far(&key("A")), None);
        assert!(traffic.enter(&key("A")).is_some());
    }
}
