//! What a station asks to have signed: read once, and believed only as far as its signature goes. Knows no authority and
//! no station.

use rcgen::SubjectPublicKeyInfo;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::pem::parse_x509_pem;
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::PublicKey;

/// Longest request that is looked at, in bytes. OCPP allows 5500 characters.
const MAX_PEM: usize = 8 << 10;

/// Weakest keys that are signed, in bits (OCPP 2.0.1 part 2, use case A00, asks for no less).
const LEAST_RSA: usize = 2048;
const LEAST_CURVE: usize = 256;

/// A request whose sender holds the key that it names.
#[derive(Debug)]
pub struct SigningRequest {
    /// Whose certificate it is to be.
    pub common_name: String,
    pub(super) key: SubjectPublicKeyInfo,
}

/// Why a request is not signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadRequest {
    #[error("the request is longer than {MAX_PEM} bytes")]
    TooLong,
    #[error("the request is no PKCS#10 request in PEM")]
    Unreadable,
    #[error("the request is not signed with the key that it names")]
    BadSignature,
    #[error("the request has no common name")]
    Nameless,
    #[error("the key is too weak: at least {LEAST_CURVE} bits of a curve, or {LEAST_RSA} of RSA")]
    WeakKey,
    #[error("the key is of a kind that is not signed here: use ECDSA on P-256 or P-384, or RSA")]
    OddKey,
}

impl SigningRequest {
    /// Extensions that it asks for are not looked at: what a certificate is good for is the authority's to say.
    pub fn read(pem: &str) -> Result<Self, BadRequest> {
        if pem.len() > MAX_PEM {
            return Err(BadRequest::TooLong);
        }
        let (_, block) = parse_x509_pem(pem.as_bytes()).map_err(|_| BadRequest::Unreadable)?;
        let (rest, request) = X509CertificationRequest::from_der(&block.contents)
            .map_err(|_| BadRequest::Unreadable)?;
        if !rest.is_empty() {
            return Err(BadRequest::Unreadable);
        }
        request.verify_signature().map_err(|_| BadRequest::BadSignature)?;
        let info = &request.certification_request_info;
        let is_strong = match info.subject_pki.parsed() {
            Ok(PublicKey::RSA(key)) => key.key_size() >= LEAST_RSA,
            Ok(PublicKey::EC(point)) => point.key_size() >= LEAST_CURVE,
            _ => return Err(BadRequest::OddKey),
        };
        if !is_strong {
            return Err(BadRequest::WeakKey);
        }
        let key =
            SubjectPublicKeyInfo::from_der(info.subject_pki.raw).map_err(|_| BadRequest::OddKey)?;
        let name = info.subject.iter_common_name().next().and_then(|name| name.as_str().ok());
        let common_name = name.filter(|name| !name.is_empty()).ok_or(BadRequest::Nameless)?;
        Ok(Self { common_name: common_name.to_owned(), key })
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ECDSA_P384_SHA384, PKCS_ED25519};

    use super::*;

    fn request(name: Option<&str>, key: &KeyPair) -> String {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        if let Some(name) = name {
            params.distinguished_name.push(DnType::CommonName, name);
        }
        params.serialize_request(key).unwrap().pem().unwrap()
    }

    #[test]
    fn a_request_names_its_station() {
        let pem = request(Some("CS1"), &KeyPair::generate().unwrap());
        assert_eq!(SigningRequest::read(&pem).unwrap().common_name, "CS1");
        let windows = pem.replace('\n', "\r\n");
        assert_eq!(SigningRequest::read(&windows).unwrap().common_name, "CS1");
        let key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
        assert!(SigningRequest::read(&request(Some("CS1"), &key)).is_ok());
    }

    #[test]
    fn what_is_not_signed_here_is_refused_with_its_reason() {
        let why = |pem: &str| SigningRequest::read(pem).unwrap_err();
        let key = KeyPair::generate().unwrap();
        assert_eq!(why(&request(None, &key)), BadRequest::Nameless);
        assert_eq!(why("hello"), BadRequest::Unreadable);
        assert_eq!(why(&"x".repeat(MAX_PEM + 1)), BadRequest::TooLong);
        let odd = KeyPair::generate_for(&PKCS_ED25519).unwrap();
        assert_eq!(why(&request(Some("CS1"), &odd)), BadRequest::OddKey);
    }

    #[test]
    fn a_request_for_somebody_elses_key_is_refused() {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::default();
        let mut der = params.serialize_request(&key).unwrap().der().to_vec();
        // The last bytes are the signature's.
        let last = der.len() - 1;
        der[last] ^= 1;
        let pem = pem_of(&der);
        assert_eq!(SigningRequest::read(&pem).unwrap_err(), BadRequest::BadSignature);
    }

    fn pem_of(der: &[u8]) -> String {
        use base64::Engine as _;
        let body = base64::engine::general_purpose::STANDARD.encode(der);
        let lines: Vec<_> = body.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
        let body = lines.join("\n");
        format!("-----BEGIN CERTIFICATE REQUEST-----\n{body}\n-----END CERTIFICATE REQUEST-----\n")
    }
}
