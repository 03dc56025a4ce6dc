//! The firmware that stations may fetch: added, signed and removed. Knows no HTTP.

use super::{Files, Incoming, Shelf, Unwritable};
use crate::domain::{Firmware, FirmwareName, FirmwareSignature, Transfer};
use crate::store::{
    All, Commit, CommitError, Expect, OpenTransfer, Order, Store, StoreError, Unwritten,
};

/// Records that are read at a time.
const PAGE: usize = 256;

/// Why a firmware is not added, signed or removed.
#[derive(Debug, thiserror::Error)]
pub enum NotShelved {
    #[error("there is no firmware '{0}'")]
    NotFound(FirmwareName),
    #[error("there is a firmware '{0}' with another content")]
    Exists(FirmwareName),
    #[error("a transfer that is open fetches '{0}'")]
    InUse(FirmwareName),
    #[error(transparent)]
    Unwritable(#[from] Unwritable),
    #[error(transparent)]
    Store(#[from] Unwritten),
}

impl From<std::io::Error> for NotShelved {
    fn from(error: std::io::Error) -> Self {
        Self::Unwritable(error.into())
    }
}

impl From<StoreError> for NotShelved {
    fn from(error: StoreError) -> Self {
        Self::Store(error.into())
    }
}

impl From<CommitError> for NotShelved {
    fn from(error: CommitError) -> Self {
        Self::Store(error.into())
    }
}

impl Files {
    /// Puts a whole file on the shelf under a name. The same file under the same name may come again.
    pub async fn add_firmware(
        &self,
        name: &FirmwareName,
        version: Option<String>,
        incoming: Incoming,
    ) -> Result<Firmware, NotShelved> {
        // A removal must not take the file away between the disk and the record.
        let _shelf = self.shelving.lock().await;
        let found = self.store.read::<Firmware>(name)?;
        let sha256 = incoming.digest();
        if found.as_ref().is_some_and(|found| found.value.sha256 != sha256) {
            return Err(NotShelved::Exists(name.clone()));
        }
        let stored = incoming.finish(str::to_owned).await?;
        let before = found.map(|found| found.value);
        let firmware = Firmware {
            version: version.or_else(|| before.as_ref()?.version.clone()),
            sha256: stored.sha256,
            bytes: stored.bytes,
            added: (self.now)(),
            signature: before.and_then(|before| before.signature),
        };
        self.put(name, &firmware).await?;
        Ok(firmware)
    }

    pub async fn sign_firmware(
        &self,
        name: &FirmwareName,
        signature: FirmwareSignature,
    ) -> Result<Firmware, NotShelved> {
        let _shelf = self.shelving.lock().await;
        let found = self.store.read::<Firmware>(name)?;
        let found = found.ok_or_else(|| NotShelved::NotFound(name.clone()))?.value;
        let firmware = Firmware { signature: Some(signature), ..found };
        self.put(name, &firmware).await?;
        Ok(firmware)
    }

    async fn put(&self, name: &FirmwareName, firmware: &Firmware) -> Result<(), CommitError> {
        let mut commit = Commit::new();
        commit.put(name, firmware, Expect::Any).synced();
        self.store.commit(commit).await.map(drop)
    }

    /// Not while a station is to fetch it.
    pub async fn remove_firmware(&self, name: &FirmwareName) -> Result<(), NotShelved> {
        let _shelf = self.shelving.lock().await;
        let found = self.store.read::<Firmware>(name)?;
        let sha256 = found.ok_or_else(|| NotShelved::NotFound(name.clone()))?.value.sha256;
        if is_fetched(&self.store, &sha256)? {
            return Err(NotShelved::InUse(name.clone()));
        }
        let mut commit = Commit::new();
        commit.delete::<Firmware>(name, Expect::Any).synced();
        self.store.commit(commit).await?;
        if !is_shelved(&self.store, &sha256)? {
            self.depot.remove(Shelf::Firmware, &sha256).await?;
        }
        Ok(())
    }
}

/// Whether a transfer that is open is about that file.
fn is_fetched(store: &Store, sha256: &str) -> Result<bool, StoreError> {
    let mut after = None;
    loop {
        let open = store.page::<OpenTransfer>(All, after.as_ref(), Order::Ascending, PAGE)?;
        let is_last = open.len() < PAGE;
        for ((expires, station, number), _) in open {
            let transfer = store.read::<Transfer>(&(station.clone(), number))?;
            let firmware = transfer.and_then(|found| found.value.firmware);
            if firmware.is_some_and(|firmware| firmware.sha256 == sha256) {
                return Ok(true);
            }
            after = Some((expires, station, number));
        }
        if is_last {
            return Ok(false);
        }
    }
}

/// Whether a name leads to that file.
fn is_shelved(store: &Store, sha256: &str) -> Result<bool, StoreError> {
    let all = store.page::<Firmware>(All, None, Order::Ascending, usize::MAX)?;
    Ok(all.iter().any(|(_, firmware)| firmware.value.sha256 == sha256))
}
