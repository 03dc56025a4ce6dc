//! The certificate that this server shows: from files of the operator or from the house's authority, and replaced while
//! stations are connected. Knows no connection: whoever is in stays in, whoever comes next sees the new one.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use tokio_rustls::rustls::crypto::ring::sign::any_supported_type;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::authority::{Authority, AuthorityError};
use super::certificate::Certificate;
use crate::domain::Millis;

/// Between two looks at the files.
const LOOK: Duration = Duration::from_secs(30);

/// How long before its end a certificate that the authority makes is made anew.
const REMAKE_BEFORE: Duration = Duration::from_secs(86_400 * 30);

/// Where the server's certificate comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// PEM: the chain, the server's own certificate first, and its key.
    Files { certificate: PathBuf, key: PathBuf },
    /// The house's authority makes it, for these names.
    Authority { names: Vec<String> },
}

/// Why there is no certificate to show, or no other one.
#[derive(Debug, thiserror::Error)]
pub enum OwnError {
    #[error("cannot read {}: {why}; it must be PEM", path.display())]
    Unreadable { path: PathBuf, why: String },
    #[error("{} holds no certificate in PEM", path.display())]
    NoCertificate { path: PathBuf },
    #[error("the key in {} does not belong to the certificate in {}", key.display(), certificate.display())]
    NotAPair { certificate: PathBuf, key: PathBuf },
    #[error("the key cannot be used: {0}; use ECDSA on P-256 or P-384, or RSA")]
    OddKey(String),
    #[error("the certificate has expired; put a newer one there first")]
    Expired,
    #[error(transparent)]
    Authority(#[from] AuthorityError),
}

/// See the module.
#[derive(Debug)]
pub struct Own {
    source: Source,
    shown: ArcSwap<Shown>,
}

#[derive(Debug)]
struct Shown {
    key: Arc<CertifiedKey>,
    certificate: Certificate,
}

impl Own {
    pub fn open(source: Source, authority: &Authority, now: Millis) -> Result<Self, OwnError> {
        let shown = load(&source, authority, now)?;
        Ok(Self { source, shown: ArcSwap::from_pointee(shown) })
    }

    pub fn source(&self) -> &Source {
        &self.source
    }

    /// What is shown now.
    pub fn certificate(&self) -> Certificate {
        self.shown.load().certificate.clone()
    }

    /// Replaces what is shown when its files have changed, or when it ends soon and the authority can make another, until
    /// told to stop.
    pub async fn keep(
        self: Arc<Self>,
        authority: Arc<Authority>,
        now: fn() -> Millis,
        stop: CancellationToken,
    ) {
        let mut seen = self.stamp();
        while stop.run_until_cancelled(tokio::time::sleep(LOOK)).await.is_some() {
            let stamp = self.stamp();
            let ends_soon = matches!(self.source, Source::Authority { .. })
                && self.certificate().not_after <= now() + REMAKE_BEFORE;
            if stamp == seen && !ends_soon {
                continue;
            }
            seen = stamp;
            match self.reload(&authority, now()) {
                Ok(it) => {
                    let until = it.not_after.rfc3339();
                    info!(serial = it.serial, until, "the server's certificate was replaced");
                }
                Err(error) => warn!(%error, "the server's certificate stays as it was"),
            }
        }
    }

    /// When the files were last written, as far as anybody knows.
    fn stamp(&self) -> [Option<SystemTime>; 2] {
        let written = |path: &PathBuf| path.metadata().and_then(|it| it.modified()).ok();
        match &self.source {
            Source::Files { certificate, key } => [written(certificate), written(key)],
            Source::Authority { .. } => [None, None],
        }
    }

    /// Reads the files again, or has a new one made. What cannot be used changes nothing.
    pub fn reload(&self, authority: &Authority, now: Millis) -> Result<Certificate, OwnError> {
        let shown = load(&self.source, authority, now)?;
        if shown.certificate.not_after <= now {
            return Err(OwnError::Expired);
        }
        let certificate = shown.certificate.clone();
        self.shown.store(Arc::new(shown));
        Ok(certificate)
    }
}

impl ResolvesServerCert for Own {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.shown.load().key.clone())
    }
}

fn load(source: &Source, authority: &Authority, now: Millis) -> Result<Shown, OwnError> {
    let (chain, key) = match source {
        Source::Files { certificate, key } => read_files(certificate, key)?,
        Source::Authority { names } => {
            let made = authority.for_server(names, now)?;
            (made.chain, made.key)
        }
    };
    let certificate = chain.first().and_then(|der| Certificate::read(der));
    let certificate = certificate.ok_or_else(|| no_certificate(source))?;
    let key = any_supported_type(&key).map_err(|error| OwnError::OddKey(error.to_string()))?;
    let pair = CertifiedKey::new(chain, key);
    match (pair.keys_match(), source) {
        (Err(_), Source::Files { certificate, key }) => {
            Err(OwnError::NotAPair { certificate: certificate.clone(), key: key.clone() })
        }
        _ => Ok(Shown { key: Arc::new(pair), certificate }),
    }
}

fn read_files(
    certificate: &PathBuf,
    key: &PathBuf,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), OwnError> {
    let unreadable = |path: &PathBuf, why: String| OwnError::Unreadable { path: path.clone(), why };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unreadable(certificate, error.to_string()))?;
    if chain.is_empty() {
        return Err(OwnError::NoCertificate { path: certificate.clone() });
    }
    let private =
        PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable(key, error.to_string()))?;
    Ok((chain, private))
}

fn no_certificate(source: &Source) -> OwnError {
    match source {
        Source::Files { certificate, .. } => OwnError::NoCertificate { path: certificate.clone() },
        Source::Authority { .. } => {
            AuthorityError::from(rcgen::Error::CouldNotParseCertificate).into()
        }
    }
}
