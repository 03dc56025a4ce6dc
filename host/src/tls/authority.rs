//! The house's certificate authority: one key of its own, which signs stations' requests and the server's own
//! certificate. Knows no station's record; what it signed is for others to write down.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PublicKeyData, SanType, SerialNumber,
};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;
use x509_parser::time::ASN1Time;

use super::certificate::Certificate;
use super::private_file;
use super::signing_request::SigningRequest;
use crate::domain::Millis;

/// The authority's files, in a directory of the data directory.
const DIRECTORY: &str = "ca";
const CERTIFICATE_FILE: &str = "ca.pem";
const KEY_FILE: &str = "ca.key";

const DAY: Duration = Duration::from_secs(86_400);

/// How long the authority's own certificate is good: longer than most stations live, which have it built in.
const AUTHORITY_LIFE: Duration = Duration::from_secs(86_400 * 365 * 20);

/// How long a station's certificate is good. Stations are asked to renew a month before.
const STATION_LIFE: Duration = Duration::from_secs(86_400 * 365);

/// How long a certificate of the server's own is good. It is made anew at every start.
const SERVER_LIFE: Duration = Duration::from_secs(86_400 * 90);

/// Certificates are good from a day before they were made: stations' clocks run behind.
const EARLIER: Duration = DAY;

/// Random bytes in a serial number. RFC 5280 allows 20.
const SERIAL_BYTES: usize = 16;

/// Why there is no authority, or why it does not sign.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    #[error("cannot {doing} {}: {source}", path.display())]
    File { doing: &'static str, path: PathBuf, source: io::Error },
    #[error(
        "{} holds no usable certificate and key of an authority ({why}); restore both from a copy, or remove the \
         directory and let the server make a new authority, which every station then has to be told of",
        path.display()
    )]
    Unusable { path: PathBuf, why: String },
    #[error("the operating system gave no random bytes for a serial number")]
    NoRandomness,
    #[error("the certificate cannot be made: {0}")]
    Making(#[from] rcgen::Error),
}

/// See the module. Has no `Debug`: it holds the key.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    der: CertificateDer<'static>,
    certificate: Certificate,
    organisation: String,
}

/// A certificate that was just signed.
#[derive(Debug, Clone)]
pub struct Signed {
    pub pem: String,
    pub certificate: Certificate,
}

/// A certificate for this server, with its key.
pub(super) struct ForServer {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
}

impl Authority {
    /// The authority of the data directory `data`; made now if there is none. `organisation` counts only then.
    pub fn open_or_create(
        data: &Path,
        organisation: &str,
        now: Millis,
    ) -> Result<Self, AuthorityError> {
        let dir = data.join(DIRECTORY);
        let (certificate, key) = (dir.join(CERTIFICATE_FILE), dir.join(KEY_FILE));
        match (read(&certificate)?, read(&key)?) {
            (Some(certificate), Some(key)) => Self::of(&dir, certificate, &key),
            (None, None) => Self::create(&dir, organisation, now),
            (Some(_), None) => Err(unusable(&dir, format!("{KEY_FILE} is missing"))),
            (None, Some(_)) => Err(unusable(&dir, format!("{CERTIFICATE_FILE} is missing"))),
        }
    }

    fn create(dir: &Path, organisation: &str, now: Millis) -> Result<Self, AuthorityError> {
        let failed = |source| AuthorityError::File { doing: "make", path: dir.to_owned(), source };
        make_private(dir).map_err(failed)?;
        let key = KeyPair::generate()?;
        let mut params = params(now, AUTHORITY_LIFE)?;
        params.distinguished_name = subject("Charging stations", organisation);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let pem = params.self_signed(&key)?.pem();
        let key = key.serialize_pem();
        // The certificate last: nobody can have it while its key may still be lost.
        for (name, content) in [(KEY_FILE, &key), (CERTIFICATE_FILE, &pem)] {
            let path = dir.join(name);
            private_file::write(&path, content.as_bytes())
                .map_err(|source| AuthorityError::File { doing: "write", path, source })?;
        }
        tracing::info!(path = %dir.display(), "made a new certificate authority");
        Self::of(dir, pem, &key)
    }

    fn of(dir: &Path, pem: String, key: &str) -> Result<Self, AuthorityError> {
        let der = CertificateDer::from_pem_slice(pem.as_bytes())
            .map_err(|error| unusable(dir, error.to_string()))?;
        let organisation = check(&der, key).map_err(|why| unusable(dir, why))?;
        let key = KeyPair::from_pem(key).map_err(|error| unusable(dir, error.to_string()))?;
        let issuer = Issuer::from_ca_cert_der(&der, key)
            .map_err(|error| unusable(dir, error.to_string()))?;
        let certificate = Certificate::read(&der)
            .ok_or_else(|| unusable(dir, "the certificate cannot be read".to_owned()))?;
        Ok(Self { issuer, pem, der, certificate, organisation })
    }

    /// The authority's certificate, for stations to trust.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Whose stations these are: the organisation in every certificate.
    pub fn organisation(&self) -> &str {
        &self.organisation
    }

    pub(super) fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// Signs what a station asked for. Whether it may have it is decided before.
    pub fn sign(&self, request: &SigningRequest, now: Millis) -> Result<Signed, AuthorityError> {
        let mut params = params(now, STATION_LIFE)?;
        params.distinguished_name = subject(&request.common_name, &self.organisation);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let made = self.make(params, &request.key)?;
        let certificate = Certificate::read(made.der());
        let certificate = certificate.ok_or(rcgen::Error::CouldNotParseCertificate)?;
        Ok(Signed { pem: made.pem(), certificate })
    }

    /// A certificate for this server under these names, with a key of its own.
    pub(super) fn for_server(
        &self,
        names: &[String],
        now: Millis,
    ) -> Result<ForServer, AuthorityError> {
        let key = KeyPair::generate()?;
        let mut params = params(now, SERVER_LIFE)?;
        let first = names.first().map_or("localhost", String::as_str);
        params.distinguished_name = subject(first, &self.organisation);
        params.subject_alt_names =
            names.iter().map(|name| alternative(name)).collect::<Result<_, _>>()?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let made = self.make(params, &key)?;
        let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
        Ok(ForServer { chain: vec![made.der().clone()], key })
    }

    fn make(
        &self,
        mut params: CertificateParams,
        key: &impl PublicKeyData,
    ) -> Result<rcgen::Certificate, AuthorityError> {
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        Ok(params.signed_by(key, &self.issuer)?)
    }
}

/// Whose authority it is. That certificate and key belong together is found out before anything is signed with them.
fn check(der: &CertificateDer<'_>, key: &str) -> Result<String, String> {
    let (_, parsed) = X509Certificate::from_der(der).map_err(|error| error.to_string())?;
    let key = KeyPair::from_pem(key).map_err(|error| error.to_string())?;
    if parsed.public_key().subject_public_key.data.as_ref() != key.public_key_raw() {
        return Err("the key is not the certificate's".to_owned());
    }
    let organisation = parsed.subject().iter_organization().next();
    Ok(organisation.and_then(|it| it.as_str().ok()).unwrap_or_default().to_owned())
}

fn params(now: Millis, life: Duration) -> Result<CertificateParams, AuthorityError> {
    let mut serial = [0; SERIAL_BYTES];
    getrandom::fill(&mut serial).map_err(|_| AuthorityError::NoRandomness)?;
    // A serial number is positive, and as long as it looks.
    serial[0] = serial[0] & 0x7f | 0x40;
    let mut params = CertificateParams::default();
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    let time = |at: Millis| {
        let seconds = i64::try_from(at.0 / 1000).unwrap_or(i64::MAX);
        ASN1Time::from_timestamp(seconds).map(|time| time.to_datetime())
    };
    let begin = Millis(now.0.saturating_sub(u64::try_from(EARLIER.as_millis()).unwrap_or(0)));
    let (Ok(begin), Ok(end)) = (time(begin), time(now + life)) else {
        return Err(rcgen::Error::Time.into());
    };
    (params.not_before, params.not_after) = (begin, end);
    Ok(params)
}

fn subject(name: &str, organisation: &str) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::OrganizationName, organisation);
    subject.push(DnType::CommonName, name);
    subject
}

fn alternative(name: &str) -> Result<SanType, rcgen::Error> {
    match name.parse::<IpAddr>() {
        Ok(address) => Ok(SanType::IpAddress(address)),
        Err(_) => Ok(SanType::DnsName(name.try_into()?)),
    }
}

fn unusable(dir: &Path, why: String) -> AuthorityError {
    AuthorityError::Unusable { path: dir.to_owned(), why }
}

fn read(path: &Path) -> Result<Option<String>, AuthorityError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(AuthorityError::File { doing: "read", path: path.to_owned(), source }),
    }
}

fn make_private(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::domain::hex;

    const NOW: Millis = Millis(1_772_000_000_000);

    fn request(name: &str) -> SigningRequest {
        let mut params = CertificateParams::default();
        params.distinguished_name = subject(name, "whoever");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let request = params.serialize_request(&KeyPair::generate().unwrap()).unwrap();
        SigningRequest::read(&request.pem().unwrap()).unwrap()
    }

    #[test]
    fn the_authority_is_made_once_and_only_its_owner_can_read_its_key() {
        let data = tempfile::tempdir().unwrap();
        let open = |organisation| Authority::open_or_create(data.path(), organisation, NOW);
        let (first, again) = (open("Sunny Parking").unwrap(), open("another name").unwrap());
        assert_eq!(first.certificate(), again.certificate());
        assert_eq!(again.organisation(), "Sunny Parking");
        let key = data.path().join("ca").join(KEY_FILE);
        assert_eq!(fs::metadata(key).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn half_an_authority_is_not_replaced_by_a_new_one() {
        let data = tempfile::tempdir().unwrap();
        let open = || Authority::open_or_create(data.path(), "Sunny Parking", NOW);
        open().unwrap();
        let key = data.path().join("ca").join(KEY_FILE);
        fs::write(&key, KeyPair::generate().unwrap().serialize_pem()).unwrap();
        assert!(open().err().unwrap().to_string().contains("not the certificate's"));
        fs::remove_file(&key).unwrap();
        assert!(open().err().unwrap().to_string().contains("restore both from a copy"));
    }

    #[test]
    fn a_station_gets_a_certificate_for_its_name_and_nothing_else_that_it_asked_for() {
        let data = tempfile::tempdir().unwrap();
        let authority = Authority::open_or_create(data.path(), "Sunny Parking", NOW).unwrap();
        let signed = authority.sign(&request("CS1"), NOW).unwrap();
        assert_eq!(signed.certificate.common_name.as_deref(), Some("CS1"));
        assert_eq!(signed.certificate.not_after, NOW + STATION_LIFE);
        assert!(signed.certificate.not_before < NOW);
        let der = CertificateDer::from_pem_slice(signed.pem.as_bytes()).unwrap();
        let (_, parsed) = X509Certificate::from_der(&der).unwrap();
        assert!(!parsed.is_ca());
        let organisation = parsed.subject().iter_organization().next().unwrap();
        assert_eq!(organisation.as_str(), Ok("Sunny Parking"));
        let other = authority.sign(&request("CS1"), NOW).unwrap();
        assert_ne!(signed.certificate.serial, other.certificate.serial);
    }

    #[test]
    fn serial_numbers_are_written_as_people_compare_them() {
        let data = tempfile::tempdir().unwrap();
        let authority = Authority::open_or_create(data.path(), "Sunny Parking", NOW).unwrap();
        let serial = &authority.certificate().serial;
        assert_eq!(serial.len(), 2 * SERIAL_BYTES);
        assert_eq!(
            *serial,
            hex(X509Certificate::from_der(authority.der()).unwrap().1.raw_serial())
        );
    }
}
