//! Links as capabilities: who holds one may fetch or send one file, for one station, as long as its transfer is open. Pure;
//! knows no transfer.
//!
//! The path says which transfer it is, so that a refusal can be told with the station's name; the secret behind it opens
//! it. What follows the secret is for the station: some look at a file's ending, some add a name of their own.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use super::Key;
use crate::domain::{LINK_PATH, StationId, hex, segment, segments};

/// What opens one transfer: 256 bits. Has no `Debug`, so that no log can show it.
pub struct Secret(String);

impl Secret {
    pub fn new(random: [u8; 32]) -> Self {
        Self(URL_SAFE_NO_PAD.encode(random))
    }

    /// What is kept of it.
    pub fn digest(&self) -> String {
        digest(&self.0)
    }
}

fn digest(secret: &str) -> String {
    hex(&Sha256::digest(secret))
}

/// The address that a station is told. `name` is what it shall think that the file is called.
pub fn url(base: &str, (station, number): &Key, secret: &Secret, name: &str) -> String {
    let (station, name, secret) = (segment(station.as_str()), segment(name), &secret.0);
    format!("{base}{LINK_PATH}{station}/{number}/{secret}/{name}")
}

/// What a path asks for.
#[derive(Debug, PartialEq, Eq)]
pub struct Followed {
    pub(super) key: Key,
    /// Of the secret in it.
    pub(super) digest: String,
}

/// `None` for a path that is no link. What stands before it is a proxy's affair.
pub fn read(path: &str) -> Option<Followed> {
    let mut parts = segments(path).skip_while(|part| {
        let own = LINK_PATH.trim_matches('/');
        part.as_deref() != Some(own)
    });
    parts.next()?;
    let station = StationId::new(&parts.next()??).ok()?;
    let number = parts.next()??.parse().ok()?;
    Some(Followed { key: (station, number), digest: digest(&parts.next()??) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(station: &str) -> Key {
        (StationId::new(station).unwrap(), crate::domain::TransferNo::FIRST)
    }

    #[test]
    fn a_link_leads_back_to_its_transfer_whatever_a_station_adds() {
        let secret = Secret::new([7; 32]);
        for station in ["CS1", "a b:é"] {
            let url = url("https://h:1/proxy", &key(station), &secret, "fw 2.bin");
            let path = url.strip_prefix("https://h:1").unwrap();
            let wanted = Followed { key: key(station), digest: secret.digest() };
            for added in ["", "/", "/diag.zip", "x.zip"] {
                assert_eq!(read(&format!("{path}{added}")).as_ref(), Some(&wanted), "{added:?}");
            }
            assert_eq!(read(&path.replace('/', "//")).as_ref(), Some(&wanted));
        }
    }

    #[test]
    fn what_is_no_link_names_nobody() {
        for path in ["/", "/station-files", "/station-files/CS1/0/x", "/station-files/CS1/1", "/x"]
        {
            assert_eq!(read(path), None, "{path}");
        }
    }

    #[test]
    fn another_secret_has_another_digest() {
        assert_ne!(Secret::new([7; 32]).digest(), Secret::new([8; 32]).digest());
        assert_eq!(Secret::new([0; 32]).0.len(), 43);
    }
}
