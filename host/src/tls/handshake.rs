//! TLS with one peer: what the server shows, what it wants to see, and why a handshake failed. Knows no station: whether
//! the certificate that was shown is the right one is decided at the door.

use std::cell::RefCell;
use std::io;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::client::danger::HandshakeSignatureValid;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, UnixTime};
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use tokio_rustls::rustls::{
    AlertDescription, CertificateError, DigitallySignedStruct, DistinguishedName, Error,
    RootCertStore, ServerConfig, SignatureScheme,
};

use super::authority::Authority;
use super::certificate::Certificate;
use super::own::Own;
use super::wire::Wire;

tokio::task_local! {
    /// The certificate that the peer of this handshake showed and that was not believed.
    static DISBELIEVED: RefCell<Option<Certificate>>;
}

/// Why a handshake came to nothing.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub struct Refused {
    pub why: String,
    /// Whose certificate it showed, by that certificate's own word, when that is what was wrong.
    pub claims: Option<String>,
}

/// See the module. Cheap to clone.
#[derive(Clone)]
pub struct Handshake {
    acceptor: TlsAcceptor,
}

impl Handshake {
    /// Stations may show a certificate of `authority`; one that shows any other does not come in.
    pub fn new(own: Arc<Own>, authority: &Authority) -> Result<Self, Error> {
        let provider = Arc::new(ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(authority.der().clone())?;
        let believes = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone())
            .allow_unauthenticated()
            .build()
            .map_err(|error| Error::General(error.to_string()))?;
        // TLS 1.2 and 1.3, as OCPP asks for (2.0.1 part 2, A00).
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(Arc::new(Witness(believes)))
            .with_cert_resolver(own);
        // A resumed session would skip the look at the certificate, and would cost memory for every station.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)) })
    }

    /// The stream, and the certificate that the peer showed, if any.
    pub async fn accept(&self, stream: TcpStream) -> Result<(Wire, Option<Certificate>), Refused> {
        let shaking = async {
            let accepted = self.acceptor.accept(stream).await;
            accepted.map_err(|error| Refused {
                why: reason(&error),
                claims: DISBELIEVED.with(RefCell::take).and_then(|shown| shown.common_name),
            })
        };
        let stream = DISBELIEVED.scope(RefCell::default(), shaking).await?;
        let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
        let shown = shown.and_then(|der| Certificate::read(der));
        Ok((Wire::Tls(Box::new(stream.into())), shown))
    }
}

/// In words that tell an operator where to look.
fn reason(error: &io::Error) -> String {
    let known = error.get_ref().and_then(|error| error.downcast_ref::<Error>());
    match known {
        Some(Error::AlertReceived(
            alert @ (AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateExpired),
        )) => format!(
            "the station does not trust this server's certificate (alert {alert:?}); does it have the certificate of \
             the authority, and the intermediate ones, and is its clock right?"
        ),
        Some(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
            "the certificate that the station showed was not signed by this house's authority"
                .to_owned()
        }
        Some(Error::InvalidCertificate(why)) => {
            format!("the certificate that the station showed is not good: {why}")
        }
        Some(Error::PeerIncompatible(why)) => {
            format!("nothing in common with the station: {why:?}; TLS 1.2 and 1.3 are spoken here")
        }
        Some(error) => error.to_string(),
        None => error.to_string(),
    }
}

/// Believes as WebPKI does, and remembers what it did not believe.
#[derive(Debug)]
struct Witness(Arc<dyn ClientCertVerifier>);

impl ClientCertVerifier for Witness {
    fn client_auth_mandatory(&self) -> bool {
        self.0.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.0.verify_client_cert(end_entity, intermediates, now).inspect_err(|_| {
            // Outside of a handshake nobody asks.
            let _ = DISBELIEVED.try_with(|shown| shown.replace(Certificate::read(end_entity)));
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
