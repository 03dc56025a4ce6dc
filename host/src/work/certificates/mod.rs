//! Certificates on their way to stations: what a station asked to have signed is signed and told to it, and a station
//! whose certificate ends soon is asked to have the next one signed. Knows no payload but its own and no key.
//!
//! What waits is on record (`CertificateRequest`), written in the commit that accepted the wish. Signing is one commit,
//! and so is what the station said of it: whatever crashes, a certificate is told again, which does no harm, and none
//! is lost.

mod delivery;
mod renewal;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::error;

use self::delivery::{Delivered, Rim};
use crate::domain::{CertificateRequest, Millis, StationId};
use crate::station::registry::Registry;
use crate::store::{All, Order, Store, StoreError};
use crate::tls::Authority;

pub(in crate::work) use self::delivery::is_first_family;
pub use self::delivery::keep_signed;
pub use self::renewal::{NotRenewed, ask_to_renew};

/// Stations that are told at once.
const MAX_UNDER_WAY: usize = 64;

/// Wishes read at a time.
const PAGE: usize = 256;

/// From a station's connection to the first call: it reports its boot first.
const SETTLE: Duration = Duration::from_secs(2);

/// Until a station is told again that did not answer.
const AGAIN: Duration = Duration::from_secs(60);

/// Between two looks at what ends soon.
const RENEWAL_LOOK: Duration = Duration::from_secs(3600);

/// The longest wait without a look at the clock, which somebody may set.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Until records that could not be read are tried again.
const UNREADABLE: Duration = Duration::from_secs(5);

/// See the module.
pub struct Certificates {
    rim: Rim,
    /// Who waits for a certificate, and since when it is not to be told before.
    waiting: BTreeMap<StationId, Millis>,
    busy: BTreeSet<StationId>,
    under_way: FuturesUnordered<BoxFuture<'static, (StationId, Delivered)>>,
}

impl Certificates {
    pub fn new(
        store: Store,
        registry: Registry,
        authority: Arc<Authority>,
        now: fn() -> Millis,
    ) -> Self {
        let rim = Rim { store, registry, authority, now };
        let (waiting, busy) = (BTreeMap::new(), BTreeSet::new());
        Self { rim, waiting, busy, under_way: FuturesUnordered::new() }
    }

    /// Signs, tells and renews until told to stop; then lets what is under way end.
    pub async fn keep(mut self, stop: CancellationToken) {
        let mut post = self.rim.store.post();
        let mut arrivals = self.rim.registry.arrivals();
        let mut seen = None;
        let mut next_look = Instant::now();
        while !stop.is_cancelled() {
            arrivals.mark_unchanged();
            let requests = post.borrow_and_update().requests;
            if seen != Some(requests) {
                match read(self.rim.store.clone()).await {
                    Ok(stations) => self.take_over(stations),
                    Err(error) => {
                        error!(%error, "certificates wait: the records cannot be read");
                        sleep(UNREADABLE).await;
                        continue;
                    }
                }
                seen = Some(requests);
            }
            if next_look <= Instant::now() {
                next_look = Instant::now() + RENEWAL_LOOK;
                tokio::spawn(renewal::round(self.rim.clone()));
            }
            let pause = self.start_what_is_due();
            tokio::select! {
                () = stop.cancelled() => break,
                changed = post.changed() => if changed.is_err() { break },
                changed = arrivals.changed() => if changed.is_err() { break },
                Some((station, delivered)) = self.under_way.next() => {
                    self.ended(&station, delivered);
                    // A newer wish may have come meanwhile.
                    seen = None;
                }
                () = sleep(pause) => {}
            }
        }
        while self.under_way.next().await.is_some() {}
    }

    fn take_over(&mut self, stations: Vec<StationId>) {
        let told = std::mem::take(&mut self.waiting);
        let due = |station| (told.get(&station).copied().unwrap_or_default(), station);
        self.waiting = stations.into_iter().map(due).map(|(due, station)| (station, due)).collect();
    }

    fn ended(&mut self, station: &StationId, delivered: Delivered) {
        self.busy.remove(station);
        match delivered {
            Delivered::Over => self.waiting.remove(station),
            Delivered::Unanswered => self.waiting.insert(station.clone(), (self.rim.now)() + AGAIN),
        };
    }

    /// Begins every delivery that can be made now. Returns how long nothing more will be due by itself.
    fn start_what_is_due(&mut self) -> Duration {
        let now = (self.rim.now)();
        let mut wake = now + LONGEST_WAIT;
        for (station, not_before) in &self.waiting {
            if self.busy.contains(station) || self.under_way.len() >= MAX_UNDER_WAY {
                continue;
            }
            let live = self.rim.registry.live(station).filter(|live| live.online);
            let Some((live, protocol)) = live.and_then(|live| live.protocol.map(|it| (live, it)))
            else {
                continue;
            };
            let due = (live.booted.unwrap_or(live.since) + SETTLE).max(*not_before);
            if due > now {
                wake = wake.min(due);
                continue;
            }
            let (rim, station) = (self.rim.clone(), station.clone());
            self.busy.insert(station.clone());
            self.under_way.push(Box::pin(async move {
                let delivered = rim.deliver(&station, protocol).await;
                (station, delivered)
            }));
        }
        wake.since(now)
    }
}

/// Who waits, read where waiting for the disk holds nobody up.
async fn read(store: Store) -> Result<Vec<StationId>, StoreError> {
    let reading = tokio::task::spawn_blocking(move || {
        let mut stations: Vec<StationId> = Vec::new();
        loop {
            let after = stations.last();
            let page = store.page::<CertificateRequest>(All, after, Order::Ascending, PAGE)?;
            let is_last = page.len() < PAGE;
            stations.extend(page.into_iter().map(|(station, _)| station));
            if is_last {
                return Ok(stations);
            }
        }
    });
    reading.await.unwrap_or_else(|died| std::panic::resume_unwind(died.into_panic()))
}
