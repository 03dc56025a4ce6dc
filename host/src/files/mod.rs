//! Files between the house and its stations: the links that stations are given, what lies on the disk, and the listener where
//! stations fetch firmware and send logs. Knows no OCPP message: what stations are told of a link is `work`'s to say.
//!
//! - `link` and `range` are pure: from a path or a header to what is wanted.
//! - `depot` is the disk, `book` the records, `traffic` what is under way.
//! - `door` lets stations in, one request at a time; `fetch` and `send` carry out what the link is for.

mod book;
mod depot;
mod door;
mod fetch;
mod firmware;
mod link;
mod patient;
mod range;
mod send;
mod traffic;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use crate::domain::{Millis, StationId, Transfer, TransferNo};
use crate::store::Store;

pub use book::fact;
pub use depot::{Depot, Incoming, Shelf, Stored, Unwritable};
pub use door::Door;
pub use firmware::NotShelved;
pub use link::{Followed, Secret, read as read_link, url};

/// What bounds everything here. Sizes are in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The largest file that a station may send.
    pub upload: u64,
    /// The largest firmware that an operator may add.
    pub firmware: u64,
    /// Of what stations have sent, altogether. Beyond it the oldest goes.
    pub keep_bytes: u64,
    /// With less than this free on the disk, nothing is taken in.
    pub floor: u64,
    /// How long it is kept.
    pub keep: Duration,
    /// Requests of one station that may be under way at once.
    pub at_once: usize,
    /// From the making of a link to its end.
    pub link: Duration,
}

/// The name of a transfer in the whole house.
pub type Key = (StationId, TransferNo);

/// What everybody who deals with files holds. Cheap to clone.
#[derive(Clone)]
pub struct Files {
    pub store: Store,
    pub depot: Arc<Depot>,
    pub bounds: Bounds,
    /// What stations are told the listener's address is; `None` when there is no listener.
    pub base: Option<String>,
    pub now: fn() -> Millis,
    traffic: traffic::Traffic,
    /// Held by whoever changes what firmware there is.
    shelving: Arc<Mutex<()>>,
}

impl Files {
    pub fn new(
        store: Store,
        depot: Depot,
        bounds: Bounds,
        base: Option<String>,
        now: fn() -> Millis,
    ) -> Self {
        let traffic = traffic::Traffic::new(bounds.at_once);
        let (depot, shelving) = (Arc::new(depot), Arc::default());
        Self { store, depot, bounds, base, now, traffic, shelving }
    }

    /// The transfer with what is known of the request that is under way.
    pub fn as_of_now(&self, key: &Key, mut transfer: Transfer) -> Transfer {
        if let Some(far) = self.traffic.far(key) {
            transfer.bytes = far;
        }
        transfer
    }
}
