//! The names by which facts know id tokens: a digest under a key that never leaves the store. Knows no record of a
//! token.

use hmac::{Hmac, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::domain::{IdToken, Pseudonym, hex};

use super::commit::{Commit, Expect};
use super::engine::{Batch, Engine};
use super::keys::{self, Table};
use super::ledger::Ledger;
use super::records::{self, Record};
use super::{OpenError, StoreError};

/// Bytes of the digest that make a name: 32 hexadecimal digits.
const NAME: usize = 16;

/// Under which name the key is kept.
const KEY_NAME: &str = "pseudonyms";

/// A key of the store's own.
#[derive(Serialize, Deserialize)]
pub(super) struct Secret {
    key: [u8; 32],
}

impl Record for Secret {
    type Key = String;
    const TABLE: Table = Table::Secret;
    const VERSION: u8 = 1;
}

pub(super) struct Pseudonyms {
    keyed: Hmac<Sha256>,
}

impl Pseudonyms {
    /// Takes the key from the records, or makes one and applies it. The caller syncs before anybody gets a name.
    pub(super) fn recover(ledger: &mut Ledger, engine: &dyn Engine) -> Result<Self, OpenError> {
        let name = KEY_NAME.to_owned();
        let kept = engine.get(&keys::key(Secret::TABLE, &name))?;
        let secret = match kept {
            Some(bytes) => records::decode::<Secret>(&bytes)?.value,
            None => {
                let mut key = [0; 32];
                getrandom::fill(&mut key).map_err(OpenError::NoRandom)?;
                let secret = Secret { key };
                let mut commit = Commit::new();
                commit.put(&name, &secret, Expect::Absent);
                let mut batch = Batch::default();
                if ledger.admit(commit, &mut batch, engine)?.is_err() {
                    return Err(StoreError::Damaged { table: Secret::TABLE }.into());
                }
                engine.apply(batch)?;
                secret
            }
        };
        let keyed = Hmac::new_from_slice(&secret.key).expect("HMAC takes a key of any length");
        Ok(Self { keyed })
    }

    pub(super) fn of(&self, token: &IdToken) -> Pseudonym {
        let mut keyed = self.keyed.clone();
        keyed.update(token.canonical().as_bytes());
        let digest = keyed.finalize().into_bytes();
        Pseudonym(hex(&digest[..NAME]))
    }
}
