//! Certificates and passwords as the API shows them. No key and no password is ever in an answer.

use serde::{Deserialize, Serialize};

use super::Timestamp;
use crate::domain::StationCertificate;
use crate::tls::Certificate;

/// `GET /v1/ca`: the authority of the house.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorityView {
    /// The organisation in every certificate that it signs.
    pub organisation: String,
    pub serial: String,
    /// SHA-256 of the certificate, in hexadecimal.
    pub fingerprint: String,
    pub until: Timestamp,
    /// For stations to trust, in PEM.
    pub certificate: String,
}

/// `GET /v1/tls`: what the server shows to stations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerCertificateView {
    /// Where it comes from: the path of a file, or `the built-in authority`.
    pub source: String,
    pub common_name: Option<String>,
    pub serial: String,
    pub fingerprint: String,
    pub from: Timestamp,
    pub until: Timestamp,
}

impl ServerCertificateView {
    pub fn of(source: String, certificate: Certificate) -> Self {
        let Certificate { common_name, serial, fingerprint, not_before, not_after } = certificate;
        let (from, until) = (Timestamp(not_before), Timestamp(not_after));
        Self { source, common_name, serial, fingerprint, from, until }
    }
}

/// `GET /v1/stations/{id}/certificates`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificatesPage {
    pub certificates: Vec<CertificateView>,
    /// Always `null`: a station has a handful.
    pub next: Option<String>,
}

/// A certificate that lets its station in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateView {
    pub serial: String,
    pub common_name: String,
    /// SHA-256 of the certificate, in hexadecimal.
    pub fingerprint: String,
    pub from: Timestamp,
    pub until: Timestamp,
    /// When the station took it, or first came in with it; `null` while nobody knows.
    pub installed: Option<Timestamp>,
    /// When the station was last asked to have the next one signed.
    pub renewal_asked: Option<Timestamp>,
    /// In PEM.
    pub certificate: String,
}

impl CertificateView {
    pub fn of(serial: String, certificate: StationCertificate) -> Self {
        let StationCertificate { fingerprint, common_name, pem, .. } = certificate;
        Self {
            serial,
            common_name,
            fingerprint,
            from: Timestamp(certificate.not_before),
            until: Timestamp(certificate.not_after),
            installed: certificate.installed.map(Timestamp),
            renewal_asked: certificate.renewal_asked.map(Timestamp),
            certificate: pem,
        }
    }
}

/// `POST /v1/stations/{id}/certificates`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SigningRequestBody {
    /// PKCS#10 in PEM.
    pub request: String,
}

/// `POST /v1/stations/{id}/password/rotate`. Has no `Debug`, so that no log can show it.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rotation {
    /// What the station is to take; made here when it is left out, and then nobody but the station knows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
}

/// What the station said of a password that it was told to take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotatedView {
    pub status: Rotated,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rotated {
    /// It counts from now on, and the one before does not.
    Accepted,
    /// It counts from the station's next start on; until it comes in with it, both do.
    RebootRequired,
}
