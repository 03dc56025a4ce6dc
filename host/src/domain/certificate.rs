//! Certificates of stations as the records know them. Knows no key and no authority.

use serde::{Deserialize, Serialize};

use super::Millis;

/// A certificate that the house signed. It lets its station in as long as it is on record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StationCertificate {
    /// SHA-256 of the whole, in hexadecimal.
    pub fingerprint: String,
    pub common_name: String,
    pub not_before: Millis,
    pub not_after: Millis,
    /// When the station said that it took it, or first came in with it.
    pub installed: Option<Millis>,
    /// When the station was last asked to have the next one signed.
    pub renewal_asked: Option<Millis>,
    pub pem: String,
}

/// What a station asked to have signed, until it has the certificate. A station has one: a newer takes its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateRequest {
    /// PKCS#10 in PEM, as it came.
    pub request: String,
    /// By which the station knows it again.
    pub number: Option<i64>,
    pub asked: Millis,
    /// Of the certificate, once it is signed.
    pub serial: Option<String>,
    /// How often the station was told without an answer.
    pub tries: u32,
}
