//! Whom a station of the stories trusts, and what it has to show: keys and certificates, good and bad ones.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

const DAY: Duration = Duration::from_secs(86_400);

/// A station's key and its certificate, in PEM.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// A station's key, and what it sends to have it signed.
pub(crate) fn signing_request(name: &str) -> (KeyPair, String) {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    let key = KeyPair::generate().unwrap();
    let request = params.serialize_request(&key).unwrap().pem().unwrap();
    (key, request)
}

/// What one handshake rests on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trust<'a> {
    /// In PEM; the station believes nobody else.
    pub(crate) authority: &'a str,
    pub(crate) identity: Option<&'a Identity>,
}

impl<'a> Trust<'a> {
    pub(crate) fn in_server(authority: &'a str) -> Self {
        Self { authority, identity: None }
    }

    pub(crate) fn showing(self, identity: &'a Identity) -> Self {
        Self { identity: Some(identity), ..self }
    }

    pub(crate) fn client(self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.authority.as_bytes()).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        Arc::new(match self.identity {
            None => config.with_no_client_auth(),
            Some(Identity { certificate, key }) => {
                let chain = CertificateDer::pem_slice_iter(certificate.as_bytes());
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
                config.with_client_auth_cert(chain.map(Result::unwrap).collect(), key).unwrap()
            }
        })
    }
}

/// The server's own authority, with its key: what nobody but the server should have.
pub(crate) fn authority(data: &Path) -> (String, Issuer<'static, KeyPair>) {
    let read = |name| std::fs::read_to_string(data.join("ca").join(name)).unwrap();
    let (pem, key) = (read("ca.pem"), KeyPair::from_pem(&read("ca.key")).unwrap());
    let issuer = Issuer::from_ca_cert_pem(&pem, key).unwrap();
    (pem, issuer)
}

/// Somebody else's authority.
pub(crate) fn foreign_authority() -> (String, Issuer<'static, KeyPair>) {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "Somebody else");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    (pem, Issuer::new(params, key))
}

impl Identity {
    /// A certificate for `name` that ends so many days from now; in the past if the number is negative.
    pub(crate) fn signed_by(issuer: &Issuer<'_, KeyPair>, name: &str, days: i32) -> Self {
        let end = match u32::try_from(days) {
            Ok(days) => SystemTime::now() + DAY * days,
            Err(_) => SystemTime::now() - DAY * days.unsigned_abs(),
        };
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_before = (end - DAY * 100).into();
        params.not_after = end.into();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, issuer).unwrap().pem();
        Self { certificate, key: key.serialize_pem() }
    }

    /// The pair for a server on `localhost`.
    pub(crate) fn of_server(issuer: &Issuer<'_, KeyPair>) -> Self {
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, issuer).unwrap().pem();
        Self { certificate, key: key.serialize_pem() }
    }
}
