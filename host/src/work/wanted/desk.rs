//! What operators say and see of wanted settings. Knows no HTTP and sends nothing.

use super::round::Picture;
use super::tongue::canonical;
use super::{Setting, Wishes};
use crate::domain::{
    MAX_WISHES, Millis, StationId, StationRecord, Unwantable, Versioned, Wish, WishName, WishState,
};
use crate::station::registry::Registry;
use crate::store::{All, Commit, CommitError, Expect, Order, Store, StoreError, Unwritten};

/// Wishes that one request for those that are not met looks at.
const MAX_LOOKED_AT: usize = 10_000;

/// Why something is not wanted of a station.
#[derive(Debug, thiserror::Error)]
pub enum NotWanted {
    #[error("there is no station '{0}'")]
    UnknownStation(StationId),
    #[error("{MAX_WISHES} settings are wanted of this station, and no more fit")]
    Full,
    #[error(transparent)]
    Unwantable(#[from] Unwantable),
    #[error(transparent)]
    Store(#[from] Unwritten),
}

impl From<StoreError> for NotWanted {
    fn from(error: StoreError) -> Self {
        Self::Store(error.into())
    }
}

impl From<CommitError> for NotWanted {
    fn from(error: CommitError) -> Self {
        Self::Store(error.into())
    }
}

/// One setting of one station, wanted and seen.
#[derive(Debug, Clone)]
pub struct Seen {
    pub station: StationId,
    pub setting: Setting,
    pub state: WishState,
}

impl Wishes {
    /// From now on the station is to have this. To say it again has it tried again.
    pub async fn want(
        &self,
        station: &StationId,
        name: WishName,
        value: String,
    ) -> Result<Seen, NotWanted> {
        let name = canonical(name);
        let wish = Wish::new(&name, value, (self.now)())?;
        let is_known = self.store.read::<StationRecord>(station)?.is_some();
        if !is_known && self.registry.live(station).is_none() {
            return Err(NotWanted::UnknownStation(station.clone()));
        }
        let key = (station.clone(), name);
        let is_new = self.store.read::<Wish>(&key)?.is_none();
        if is_new && self.store.count::<Wish>(station, MAX_WISHES)? >= MAX_WISHES {
            return Err(NotWanted::Full);
        }
        let mut commit = Commit::new();
        commit.put(&key, &wish, Expect::Any).synced();
        self.store.commit(commit).await?;
        self.bell.ring(station);
        let all = of_station(&self.store, &self.registry, station, (self.now)())?;
        let found = all.into_iter().find(|seen| seen.setting.name == key.1);
        found.ok_or(NotWanted::Store(StoreError::Unavailable.into()))
    }

    /// The station may have what it has. `false` when nothing was wanted.
    pub async fn unwant(&self, station: &StationId, name: WishName) -> Result<bool, Unwritten> {
        let key = (station.clone(), canonical(name));
        let Some(Versioned { revision, .. }) = self.store.read::<Wish>(&key)? else {
            return Ok(false);
        };
        let mut commit = Commit::new();
        commit.delete::<Wish>(&key, Expect::Revision(revision)).synced();
        self.store.commit(commit).await?;
        self.bell.ring(station);
        Ok(true)
    }

    /// All that is wanted of a station.
    pub fn of(&self, store: &Store, station: &StationId) -> Result<Vec<Seen>, StoreError> {
        of_station(store, &self.registry, station, (self.now)())
    }

    /// What is not met, of all stations, going on behind a station, and behind which to go on. A page may have less than
    /// `limit` and even nothing, and is not the last one while it says where to go on.
    pub fn unmet(
        &self,
        store: &Store,
        after: Option<StationId>,
        limit: usize,
    ) -> Result<(Vec<Seen>, Option<StationId>), StoreError> {
        let (mut found, mut looked_at, mut after) = (Vec::new(), 0, after);
        while let Some(station) = next_station(store, after.take())? {
            let all = of_station(store, &self.registry, &station, (self.now)())?;
            looked_at += all.len();
            found.extend(all.into_iter().filter(|seen| seen.state != WishState::Met));
            if found.len() >= limit || looked_at >= MAX_LOOKED_AT {
                return Ok((found, Some(station)));
            }
            after = Some(station);
        }
        Ok((found, None))
    }
}

/// The first station with wishes behind this one.
fn next_station(store: &Store, after: Option<StationId>) -> Result<Option<StationId>, StoreError> {
    let mut last = None;
    if let Some(station) = &after {
        let its_last = store.page::<Wish>(station, None, Order::Descending, 1)?;
        last = its_last.into_iter().next().map(|(key, _)| key);
        if last.is_none() {
            // It has none any more.
            last = WishName::new(" ").ok().map(|least| (station.clone(), least));
        }
    }
    let next = store.page::<Wish>(All, last.as_ref(), Order::Ascending, 1)?;
    Ok(next.into_iter().next().map(|((station, _), _)| station))
}

fn of_station(
    store: &Store,
    registry: &Registry,
    station: &StationId,
    now: Millis,
) -> Result<Vec<Seen>, StoreError> {
    let live = registry.live(station);
    let Picture { situation, settings, .. } = Picture::read(store, station, live.as_ref())?;
    let seen = |setting: Setting| {
        let state = setting.state(&situation, now);
        Seen { station: station.clone(), setting, state }
    };
    Ok(settings.into_iter().map(seen).collect())
}
