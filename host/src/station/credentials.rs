//! Whether a station is who it says: HTTP Basic against an argon2 hash. Knows no socket and no record.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use argon2::password_hash::PasswordHash;
use argon2::{Argon2, PasswordVerifier};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

use crate::domain::{SecurityProfile, StationId, hex};

/// Verified passwords that are remembered: one digest of 32 bytes each.
const MAX_REMEMBERED: usize = 100_000;

/// Longest `Authorization` header that is looked at, in bytes.
const MAX_HEADER: usize = 1024;

/// Shortest key in hexadecimal, in characters: 16 bytes.
const MIN_HEX: usize = 32;

/// How a connection proved itself. Later variants are better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Proof {
    /// It only knows the station's name (security profile 0).
    Name,
    /// It knows the station's password (security profiles 1 and 2).
    Password,
    /// It holds the key of a certificate of the station (security profile 3).
    Certificate,
}

impl From<SecurityProfile> for Proof {
    fn from(profile: SecurityProfile) -> Self {
        match profile {
            SecurityProfile::Name => Self::Name,
            SecurityProfile::Password | SecurityProfile::TlsWithPassword => Self::Password,
            SecurityProfile::TlsWithCertificate => Self::Certificate,
        }
    }
}

/// User and password of an `Authorization: Basic` header (RFC 7617). A password is bytes: some stations send
/// binary keys (OCPP 1.6 security extension, use case A00). `None` when it is no such header.
pub fn read_basic(header: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    if header.len() > MAX_HEADER {
        return None;
    }
    let (scheme, rest) = header.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    let pair = STANDARD.decode(rest.trim_ascii()).ok()?;
    let colon = pair.iter().position(|b| *b == b':')?;
    Some((pair[..colon].to_vec(), pair[colon + 1..].to_vec()))
}

/// The passwords that a station may mean by what it sent: that itself, and what it stands for if it is hexadecimal or is
/// no text. Half of the field sends the key of OCPP 1.6 in the spelling in which it was told it, the other half the bytes
/// that this spells (1.6 security whitepaper, use case A00).
pub(super) fn spellings(password: &[u8]) -> Vec<Vec<u8>> {
    let is_text = password.iter().all(|byte| (b' '..=b'~').contains(byte));
    let other = if is_text { unhex(password) } else { Some(hex(password).into_bytes()) };
    std::iter::once(password.to_vec()).chain(other).collect()
}

/// `None` for what is too short to be a key in hexadecimal, or is none.
fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    let digit =
        |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let digits: Vec<u8> = text.iter().map(digit).collect::<Option<_>>()?;
    let is_key = digits.len() >= MIN_HEX && digits.len().is_multiple_of(2);
    is_key.then(|| digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

/// Checks passwords, a few at a time, and remembers under a key of this process which were right: argon2 takes
/// 17 ms of CPU, and ten thousand stations come back at once after a cut.
pub struct Credentials {
    key: [u8; 32],
    verified: Mutex<HashMap<StationId, [u8; 32]>>,
    at_once: Arc<Semaphore>,
}

impl Credentials {
    /// `key` is fresh randomness; `at_once` is how many hashes may be computed at the same time.
    pub fn new(key: [u8; 32], at_once: usize) -> Self {
        let at_once = Arc::new(Semaphore::new(at_once));
        Self { key, verified: Mutex::default(), at_once }
    }

    /// Whether `password` is the one behind `hash` (a PHC string).
    pub async fn verify(&self, station: &StationId, password: &[u8], hash: &str) -> bool {
        let digest = self.digest(password, hash);
        let known = self.remembered().get(station).copied();
        if known.is_some_and(|known| known.ct_eq(&digest).into()) {
            return true;
        }
        let Ok(turn) = self.at_once.clone().acquire_owned().await else { return false };
        let (password, hash) = (password.to_vec(), hash.to_owned());
        let check = tokio::task::spawn_blocking(move || {
            // Held by the work and not by whoever asked: who hangs up frees no turn while the work goes on.
            let _turn = turn;
            PasswordHash::new(&hash)
                .is_ok_and(|hash| Argon2::default().verify_password(&password, &hash).is_ok())
        });
        let is_right = check.await.unwrap_or(false);
        if is_right {
            let mut verified = self.remembered();
            if verified.len() < MAX_REMEMBERED || verified.contains_key(station) {
                verified.insert(station.clone(), digest);
            }
        }
        is_right
    }

    /// Covers the hash as well: a changed password makes what was remembered worthless.
    fn digest(&self, password: &[u8], hash: &str) -> [u8; 32] {
        // HMAC takes keys of any length: this cannot fail.
        let mut mac = match Hmac::<Sha256>::new_from_slice(&self.key) {
            Ok(mac) => mac,
            Err(_) => unreachable!("HMAC takes keys of any length"),
        };
        mac.update(hash.as_bytes());
        mac.update(&[0]);
        mac.update(password);
        mac.finalize().into_bytes().into()
    }

    fn remembered(&self) -> std::sync::MutexGuard<'_, HashMap<StationId, [u8; 32]>> {
        self.verified.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use argon2::PasswordHasher;
    use argon2::password_hash::SaltString;

    use super::*;

    fn hash_of(password: &[u8]) -> String {
        let salt = SaltString::encode_b64(b"0123456789abcdef").unwrap();
        Argon2::default().hash_password(password, &salt).unwrap().to_string()
    }

    #[test]
    fn a_password_may_hold_colons_and_bytes_that_are_no_text() {
        let header = [b"Basic ".to_vec(), STANDARD.encode(b"CS1:a:\xff").into_bytes()].concat();
        assert_eq!(read_basic(&header), Some((b"CS1".to_vec(), b"a:\xff".to_vec())));
        assert_eq!(read_basic(b"Bearer abc"), None);
        assert_eq!(read_basic(b"Basic !!!"), None);
    }

    #[test]
    fn a_key_is_the_same_key_in_hexadecimal() {
        let bytes = b"\x01\xfe0123456789abcd".to_vec();
        let spelt = hex(&bytes).into_bytes();
        assert_eq!(spellings(&bytes), [bytes.clone(), spelt.clone()]);
        assert_eq!(spellings(&spelt), [spelt.clone(), bytes.clone()]);
        assert_eq!(spellings(&spelt.to_ascii_uppercase())[1], bytes);
        assert_eq!(spellings(b"correct-horse-battery").len(), 1);
        assert_eq!(spellings(b"abcdef").len(), 1, "too short for a key");
    }

    #[tokio::test]
    async fn the_right_password_is_let_in_and_a_changed_one_forgotten() {
        let credentials = Credentials::new([7; 32], 1);
        let station = StationId::new("CS1").unwrap();
        let (old, new) = (hash_of(b"old"), hash_of(b"new"));
        assert!(!credentials.verify(&station, b"wrong", &old).await);
        assert!(credentials.verify(&station, b"old", &old).await);
        assert!(credentials.verify(&station, b"old", &old).await, "from memory");
        assert!(!credentials.verify(&station, b"old", &new).await);
        assert!(credentials.verify(&station, b"new", &new).await);
    }
}
