//! The station's side of the handshake: whom it believes, and what it shows. Knows no endpoint.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, Error, RootCertStore};

use super::wire::Wire;

/// Why nobody can be called like this.
#[derive(Debug, thiserror::Error)]
pub enum BadTrust {
    #[error("cannot read {}: {why}; it must be PEM", path.display())]
    Unreadable { path: PathBuf, why: String },
    #[error("these certificates cannot be used: {0}")]
    Unusable(#[from] Error),
}

/// See the module. Cheap to clone.
#[derive(Clone)]
pub struct Caller {
    connector: TlsConnector,
}

impl std::fmt::Debug for Caller {
    /// It may hold a key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Caller").finish_non_exhaustive()
    }
}

impl Caller {
    /// Believes servers that an authority of the file `trust` has signed; shows certificate and key, if there are any.
    pub fn read(trust: &Path, identity: Option<(&Path, &Path)>) -> Result<Self, BadTrust> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(trust)? {
            roots.add(certificate)?;
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots);
        let config = match identity {
            None => config.with_no_client_auth(),
            Some((certificate, key)) => {
                let private = PrivateKeyDer::from_pem_file(key);
                let private = private.map_err(|error| unreadable(key, &error))?;
                config.with_client_auth_cert(certificates(certificate)?, private)?
            }
        };
        Ok(Self { connector: TlsConnector::from(Arc::new(config)) })
    }

    /// TLS with the server that `host` is to be.
    pub async fn call(&self, host: &str, stream: TcpStream) -> io::Result<Wire> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let stream = self.connector.connect(name, stream).await?;
        Ok(Wire::Tls(Box::new(stream.into())))
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, BadTrust> {
    CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &impl ToString) -> BadTrust {
    BadTrust::Unreadable { path: path.to_owned(), why: error.to_string() }
}
