//! Who may come in: what the records want of a station against what its connection has to show. Knows no socket and no
//! HTTP.

use std::net::SocketAddr;

use tracing::{info, warn};

use super::credentials::{Credentials, spellings};
use super::handling::Handling;
use crate::domain::{
    SecurityProfile, StationCertificate, StationId, StationPath, StationRecord, Validation,
    Versioned,
};
use crate::ocpp::Dialect;
use crate::store::{Commit, CommitError, Expect, Store, StoreError};
use crate::tls::Certificate;

/// See the module.
pub struct Admission {
    pub store: Store,
    pub credentials: Credentials,
    /// Stations that nobody registered may come in, without a password.
    pub accept_unknown: bool,
    /// Below which stations connect.
    pub path: StationPath,
    /// For stations whose record does not say how strict to be.
    pub validation: Validation,
}

/// What a request asks for, as far as its head tells. Holds a password: never to be printed.
pub(super) struct Knock {
    pub(super) station: StationId,
    pub(super) password: Option<Vec<u8>>,
    /// The subprotocols that it names.
    pub(super) offered: Vec<String>,
    pub(super) accept_key: String,
}

/// How a connection came about.
pub(super) struct Way {
    pub(super) peer: SocketAddr,
    pub(super) is_tls: bool,
    /// Signed by the house's authority and good today; whose it is remains to be seen.
    pub(super) certificate: Option<Certificate>,
}

impl Way {
    pub(super) fn in_the_clear(peer: SocketAddr) -> Self {
        Self { peer, is_tls: false, certificate: None }
    }
}

/// A station that may come in.
pub(super) struct Admitted {
    pub(super) profile: SecurityProfile,
    /// `None`: no subprotocol in common.
    pub(super) dialect: Option<&'static Dialect>,
    pub(super) handling: Handling,
}

/// Why a request does not come in.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("stations do not connect here")]
    NoSuchPath,
    #[error("this is a WebSocket endpoint for charging stations")]
    NotWebSocket,
    #[error("the user name must be the station's id, and the header `Basic`")]
    BadAuthorization,
    #[error("the station is not known")]
    Unknown,
    #[error("the password is wrong or missing")]
    WrongPassword,
    #[error("it came with security profile {has}, and {least} is the least for it")]
    TooWeak { has: SecurityProfile, least: SecurityProfile },
    #[error("the certificate {serial} of {name} is not on record as this station's")]
    ForeignCertificate { serial: String, name: String },
    #[error("the records cannot be read or written")]
    Records(#[from] StoreError),
}

/// How a station proved itself, and what that says of its record.
struct Shown {
    profile: SecurityProfile,
    /// It came with the password that it was told to take.
    took_next_password: bool,
}

impl Admission {
    /// How the station proved itself and what to speak with it, if it may come in at all.
    pub(super) async fn admit(&self, knock: &Knock, way: &Way) -> Result<Admitted, Refusal> {
        let mut found = self.store.read::<StationRecord>(&knock.station)?;
        if found.is_none() && self.accept_unknown {
            self.register(&knock.station).await?;
            // Somebody else may have been quicker, and have set a password.
            found = self.store.read::<StationRecord>(&knock.station)?;
        }
        let found = found.ok_or(Refusal::Unknown)?;
        let shown = self.prove(knock, way, &found.value).await?;
        let dialect = Dialect::choose(&knock.offered, found.value.wanted_protocol.as_deref());
        let handling = Handling::of(&found.value, self.validation);
        let profile = shown.profile;
        self.learn(&knock.station, found, &shown).await;
        Ok(Admitted { profile, dialect, handling })
    }

    async fn prove(
        &self,
        knock: &Knock,
        way: &Way,
        record: &StationRecord,
    ) -> Result<Shown, Refusal> {
        let least = record.least_profile();
        if let Some(certificate) = &way.certificate {
            self.recognise(&knock.station, certificate).await?;
            let profile = SecurityProfile::TlsWithCertificate;
            return Ok(Shown { profile, took_next_password: false });
        }
        // A station that had no password may have taken its first.
        let may_have_one = record.next_password_hash.is_some() && knock.password.is_some();
        let has_password = record.password_hash.is_some() || may_have_one;
        let profile = match (has_password, way.is_tls) {
            (false, _) => SecurityProfile::Name,
            (true, false) => SecurityProfile::Password,
            (true, true) => SecurityProfile::TlsWithPassword,
        };
        // Before the password is looked at: who may not come in this way learns nothing about it.
        if profile < least {
            return Err(Refusal::TooWeak { has: profile, least });
        }
        let took_next_password = has_password && self.check_password(knock, record).await?;
        Ok(Shown { profile, took_next_password })
    }

    /// Whether it is the next password that was right.
    async fn check_password(&self, knock: &Knock, record: &StationRecord) -> Result<bool, Refusal> {
        let password = knock.password.as_deref().ok_or(Refusal::WrongPassword)?;
        let hashes = [(&record.password_hash, false), (&record.next_password_hash, true)];
        for spelling in spellings(password) {
            for (hash, is_next) in hashes {
                let Some(hash) = hash else { continue };
                if self.credentials.verify(&knock.station, &spelling, hash).await {
                    return Ok(is_next);
                }
            }
        }
        Err(Refusal::WrongPassword)
    }

    /// What is taken off the records does not let anybody in any more: that is how a certificate is revoked.
    async fn recognise(&self, station: &StationId, shown: &Certificate) -> Result<(), Refusal> {
        let key = (station.clone(), shown.serial.clone());
        let known = self.store.read::<StationCertificate>(&key)?;
        let Some(known) = known.filter(|known| known.value.fingerprint == shown.fingerprint) else {
            let name = shown.common_name.clone().unwrap_or_else(|| "nobody".to_owned());
            return Err(Refusal::ForeignCertificate { serial: shown.serial.clone(), name });
        };
        if known.value.installed.is_none() {
            let mut certificate = known.value;
            certificate.installed = Some(super::actor::now().wall);
            let mut commit = Commit::new();
            commit.put(&key, &certificate, Expect::Revision(known.revision));
            self.note(station, commit).await;
        }
        Ok(())
    }

    /// What the station showed is evidence: of the password that it has, and of how well it can do.
    async fn learn(&self, station: &StationId, found: Versioned<StationRecord>, shown: &Shown) {
        let Versioned { value: mut record, revision } = found;
        let is_raised = record.raises_security && shown.profile > record.least_profile();
        if is_raised {
            record.security_profile = Some(shown.profile);
        }
        if shown.took_next_password {
            record.password_hash = record.next_password_hash.take();
        }
        if is_raised || shown.took_next_password {
            let mut commit = Commit::new();
            commit.put(station, &record, Expect::Revision(revision)).synced();
            if self.note(station, commit).await && is_raised {
                info!(%station, profile = %shown.profile, "from now on it has to come in like this");
            }
        }
    }

    /// Whoever changed the record in the same moment counts; the station shows the same again when it comes again.
    async fn note(&self, station: &StationId, commit: Commit) -> bool {
        match self.store.commit(commit).await {
            Ok(_) => true,
            Err(CommitError::Conflict(_)) => false,
            Err(error) => {
                warn!(%station, %error, "what it showed at the door is not on record");
                false
            }
        }
    }

    async fn register(&self, station: &StationId) -> Result<(), StoreError> {
        let record =
            StationRecord { first_seen: Some(super::actor::now().wall), ..Default::default() };
        let mut commit = Commit::new();
        commit.put(station, &record, Expect::Absent).synced();
        match self.store.commit(commit).await {
            // Somebody else registered it in the same moment.
            Ok(_) | Err(CommitError::Conflict(_)) => Ok(()),
            Err(_) => Err(StoreError::Unavailable),
        }
    }
}
