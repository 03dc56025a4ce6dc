//! Changes of transfers' records that come from the files themselves. What stations say of them goes on record with their
//! messages, see `station`.

use tracing::warn;

use super::{Files, Key, Stored};
use crate::domain::{
    Fact, FactBody, Millis, Received, Stamp, Transfer, TransferStep, TransferTopic,
};
use crate::store::{Commit, CommitError, Conflict, Expect, Unwritten};

/// How often a change is tried again because the station's word came between.
const MAX_TRIES: u32 = 5;

/// A step of a transfer, for the log.
pub fn fact(
    (station, number): &Key,
    topic: TransferTopic,
    step: TransferStep,
    status: Option<String>,
    now: Millis,
) -> Fact {
    let body = FactBody::TransferMoved { transfer: Some(*number), topic, step, status };
    Fact { station: Some(station.clone()), stamp: Stamp::here(now), body }
}

impl Files {
    pub fn transfer(&self, key: &Key) -> Result<Option<Transfer>, Unwritten> {
        Ok(self.store.read::<Transfer>(key)?.map(|found| found.value))
    }

    /// Changes a transfer's record. `change` may run several times, each time on what is there; what it adds to the commit
    /// becomes true with it. `None` when there is no such transfer.
    pub async fn change(
        &self,
        key: &Key,
        change: impl Fn(&mut Transfer, &mut Commit),
    ) -> Result<Option<Transfer>, Unwritten> {
        let mut tries = 0;
        loop {
            let Some(found) = self.store.read::<Transfer>(key)? else { return Ok(None) };
            let (mut transfer, mut commit) = (found.value, Commit::new());
            change(&mut transfer, &mut commit);
            commit.transfer(key, &transfer, Expect::Revision(found.revision));
            tries += 1;
            match self.store.commit(commit).await {
                Ok(_) => return Ok(Some(transfer)),
                Err(CommitError::Conflict(Conflict::Record)) if tries < MAX_TRIES => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The link was followed, and so far.
    pub(super) async fn note_try(&self, key: &Key, far: u64) {
        let note = |transfer: &mut Transfer, _: &mut Commit| {
            transfer.tries += 1;
            transfer.bytes = transfer.bytes.max(far);
        };
        if let Err(error) = self.change(key, note).await {
            let (station, transfer) = key;
            warn!(%station, %transfer, %error, "how far a file came is not on record");
        }
    }

    /// A file is here whole. On the disk when this returns. `false` when its link was taken back on the way; a station that
    /// has said that it is done before its file was here is as good as any.
    pub(super) async fn note_received(
        &self,
        key: &Key,
        stored: &Stored,
    ) -> Result<bool, Unwritten> {
        let now = (self.now)();
        let change = |transfer: &mut Transfer, commit: &mut Commit| {
            transfer.tries += 1;
            if transfer.is_revoked() {
                return;
            }
            let Stored { name, bytes, sha256 } = stored.clone();
            transfer.bytes = bytes;
            transfer.received = Some(Received { at: now, bytes, sha256, file: name });
            let (topic, status) = (transfer.kind.topic(), Some(format!("{bytes} bytes")));
            commit.fact(fact(key, topic, TransferStep::Received, status, now), None);
        };
        let changed = self.change(key, change).await?;
        Ok(changed.is_some_and(|transfer| !transfer.is_revoked()))
    }
}
