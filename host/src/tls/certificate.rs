//! What a certificate says of itself. Knows nobody who would believe it.

use sha2::{Digest as _, Sha256};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;
use x509_parser::time::ASN1Time;

use crate::domain::{Millis, hex};

/// A certificate as far as the house cares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Whose it is: the first common name of its subject.
    pub common_name: Option<String>,
    /// In hexadecimal.
    pub serial: String,
    /// SHA-256 of the whole, in hexadecimal.
    pub fingerprint: String,
    pub not_before: Millis,
    pub not_after: Millis,
}

impl Certificate {
    /// `None` for what is no certificate.
    pub fn read(der: &[u8]) -> Option<Self> {
        let (_, parsed) = X509Certificate::from_der(der).ok()?;
        let name = parsed.subject().iter_common_name().next();
        Some(Self {
            common_name: name.and_then(|name| name.as_str().ok()).map(str::to_owned),
            serial: hex(parsed.raw_serial()),
            fingerprint: hex(&Sha256::digest(der)),
            not_before: millis(parsed.validity().not_before),
            not_after: millis(parsed.validity().not_after),
        })
    }
}

fn millis(time: ASN1Time) -> Millis {
    Millis(u64::try_from(time.timestamp()).unwrap_or_default().saturating_mul(1000))
}
