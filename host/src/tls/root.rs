//! A root certificate by the hashes with which OCPP names it. Knows nobody who would trust it.

use sha2::{Digest as _, Sha256};
use x509_parser::certificate::X509Certificate;
use x509_parser::pem::parse_x509_pem;
use x509_parser::prelude::FromDer as _;

use crate::domain::hex;

/// `CertificateHashDataType` of OCPP, with SHA-256 and in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootHashes {
    /// Of the issuer's name as DER.
    pub issuer_name: String,
    /// Of the issuer's public key, without what says which kind of key it is.
    pub issuer_key: String,
    pub serial: String,
}

impl RootHashes {
    /// `None` for what is no certificate, or is signed by another: then its issuer's key is not in it.
    pub fn read(pem: &str) -> Option<Self> {
        let (_, block) = parse_x509_pem(pem.as_bytes()).ok()?;
        let (_, root) = X509Certificate::from_der(&block.contents).ok()?;
        let issuer = root.issuer().as_raw();
        (issuer == root.subject().as_raw()).then(|| Self {
            issuer_name: hex(&Sha256::digest(issuer)),
            issuer_key: hex(&Sha256::digest(&root.public_key().subject_public_key.data)),
            serial: hex(root.raw_serial()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_is_named_by_itself_and_any_other_certificate_is_not() {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec![]).unwrap();
        params.serial_number = Some(vec![0x12, 0xab].into());
        let root = params.self_signed(&key).unwrap();
        let hashes = RootHashes::read(&root.pem()).unwrap();
        assert_eq!(hashes.serial, "12ab");
        let (_, read) = X509Certificate::from_der(root.der()).unwrap();
        let point = read.public_key().subject_public_key.data.as_ref();
        assert_eq!(hashes.issuer_key, hex(&Sha256::digest(point)));

        let issuer = rcgen::Issuer::from_params(&params, &key);
        let mut leaf = rcgen::CertificateParams::new(vec!["leaf.example".to_owned()]).unwrap();
        leaf.distinguished_name.push(rcgen::DnType::CommonName, "leaf");
        let leaf = leaf.signed_by(&rcgen::KeyPair::generate().unwrap(), &issuer).unwrap();
        assert_eq!(RootHashes::read(&leaf.pem()), None);
        assert_eq!(RootHashes::read("no certificate"), None);
    }
}
