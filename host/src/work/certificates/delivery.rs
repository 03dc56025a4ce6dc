//! One certificate, from the wish to the station's word that it took it. Knows no other station.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use tracing::{error, info, warn};

use crate::domain::{
    CertificateChange, CertificateRequest, Fact, FactBody, Millis, Stamp, StationCertificate,
    StationId, Versioned,
};
use crate::station::registry::{Command, CommandFailure, Registry};
use crate::store::{Commit, CommitError, Expect, Order, Store, StoreError};
use crate::tls::{Authority, AuthorityError, BadRequest, Signed, SigningRequest};

/// How long a station may take to answer: it checks the certificate first, with a slow processor.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// How often a station is told that does not answer. By then it has asked again, as OCPP has it, or has given up.
const MAX_TRIES: u32 = 5;

/// Certificates of one station that are on record. One is in use, one may be on its way; a station that asks again and
/// again loses the oldest.
const MAX_CERTIFICATES: usize = 8;

/// What a delivery works with. Cheap to clone.
#[derive(Clone)]
pub(super) struct Rim {
    pub(super) store: Store,
    pub(super) registry: Registry,
    pub(super) authority: Arc<Authority>,
    pub(super) now: fn() -> Millis,
}

/// What came of a delivery.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Delivered {
    /// Nothing waits any more, or something else does.
    Over,
    /// To be tried again later.
    Unanswered,
}

/// Why a delivery stops before the station is told.
#[derive(Debug, thiserror::Error)]
enum Stuck {
    #[error(transparent)]
    Read(#[from] StoreError),
    #[error(transparent)]
    Commit(#[from] CommitError),
    #[error(transparent)]
    Sign(#[from] AuthorityError),
    #[error(transparent)]
    Request(#[from] BadRequest),
    #[error("the call cannot be written: {0}")]
    Call(#[from] serde_json::Error),
}

/// A wish whose certificate is on record.
struct Ready {
    request: Versioned<CertificateRequest>,
    serial: String,
    certificate: Versioned<StationCertificate>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CertificateSigned<'a> {
    certificate_chain: &'a str,
    /// Not in OCPP 1.6, which knows one kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<i64>,
}

impl Rim {
    pub(super) async fn deliver(&self, station: &StationId, protocol: &str) -> Delivered {
        match self.try_to_deliver(station, protocol).await {
            Ok(delivered) => delivered,
            Err(Stuck::Commit(CommitError::Conflict(_))) => Delivered::Over,
            Err(why) => {
                error!(%station, %why, "a certificate waits");
                Delivered::Unanswered
            }
        }
    }

    async fn try_to_deliver(
        &self,
        station: &StationId,
        protocol: &str,
    ) -> Result<Delivered, Stuck> {
        let Some(ready) = self.make_ready(station).await? else { return Ok(Delivered::Over) };
        let call = CertificateSigned {
            certificate_chain: &ready.certificate.value.pem,
            certificate_type: (!is_first_family(protocol)).then_some("ChargingStationCertificate"),
            request_id: ready.request.value.number,
        };
        let command = Command {
            action: "CertificateSigned".to_owned(),
            payload: to_raw_value(&call)?,
            timeout: ANSWER_WITHIN,
        };
        match self.registry.command(station, command).await {
            Ok(answer) if is_accepted(&answer) => self.taken(station, ready).await,
            Ok(_) => self.rejected(station, ready, "its answer says so").await,
            Err(CommandFailure::Refused { code, .. }) => self.rejected(station, ready, &code).await,
            Err(CommandFailure::Invalid(fault)) => {
                self.rejected(station, ready, &fault.description).await
            }
            Err(
                failure @ (CommandFailure::TimedOut
                | CommandFailure::Unfit { .. }
                | CommandFailure::Disconnected
                | CommandFailure::Offline
                | CommandFailure::Busy
                | CommandFailure::ShuttingDown),
            ) => self.unanswered(station, ready, &failure).await,
        }
    }

    /// What waits, signed now if it was not.
    async fn make_ready(&self, station: &StationId) -> Result<Option<Ready>, Stuck> {
        let Some(request) = self.store.read::<CertificateRequest>(station)? else {
            return Ok(None);
        };
        let Some(serial) = request.value.serial.clone() else {
            return self.sign(station, request).await.map(Some);
        };
        let key = (station.clone(), serial.clone());
        match self.store.read::<StationCertificate>(&key)? {
            Some(certificate) => Ok(Some(Ready { request, serial, certificate })),
            None => {
                // Somebody removed it before the station had it.
                let mut commit = Commit::new();
                commit.delete::<CertificateRequest>(station, Expect::Revision(request.revision));
                self.store.commit(commit).await?;
                Ok(None)
            }
        }
    }

    async fn sign(
        &self,
        station: &StationId,
        request: Versioned<CertificateRequest>,
    ) -> Result<Ready, Stuck> {
        let wanted = SigningRequest::read(&request.value.request)?;
        let signed = self.authority.sign(&wanted, (self.now)())?;
        let mut commit = Commit::new();
        let (serial, certificate) = keep_signed(&mut commit, station, signed);
        let told = CertificateRequest { serial: Some(serial.clone()), ..request.value };
        commit.put(station, &told, Expect::Revision(request.revision)).synced();
        for old in self.superfluous(station)? {
            commit.delete::<StationCertificate>(&old, Expect::Any);
        }
        let receipt = self.store.commit(commit).await?;
        let revision = |n: usize| receipt.revisions.get(n).copied().unwrap_or_default();
        let certificate = Versioned { value: certificate, revision: revision(0) };
        let request = Versioned { value: told, revision: revision(1) };
        Ok(Ready { request, serial, certificate })
    }

    /// What has to go so that the next one fits.
    fn superfluous(&self, station: &StationId) -> Result<Vec<(StationId, String)>, StoreError> {
        let all = self.store.page::<StationCertificate>(
            station,
            None,
            Order::Ascending,
            2 * MAX_CERTIFICATES,
        )?;
        let excess = (all.len() + 1).saturating_sub(MAX_CERTIFICATES);
        let mut by_age: Vec<_> =
            all.into_iter().map(|(key, it)| (it.value.not_after, key)).collect();
        by_age.sort();
        Ok(by_age.into_iter().take(excess).map(|(_, key)| key).collect())
    }

    async fn taken(&self, station: &StationId, ready: Ready) -> Result<Delivered, Stuck> {
        let Ready { request, serial, certificate } = ready;
        let Versioned { value: mut certificate, revision } = certificate;
        let now = (self.now)();
        certificate.installed.get_or_insert(now);
        let mut commit = Commit::new();
        let until = Some(certificate.not_after);
        let (change, told) = (CertificateChange::Installed, Some(serial.clone()));
        commit.fact(fact(station, now, change, told, until, None), None);
        commit.put(&(station.clone(), serial.clone()), &certificate, Expect::Revision(revision));
        commit.delete::<CertificateRequest>(station, Expect::Revision(request.revision));
        self.store.commit(commit).await?;
        info!(%station, serial, until = certificate.not_after.rfc3339(), "has its certificate");
        Ok(Delivered::Over)
    }

    async fn rejected(
        &self,
        station: &StationId,
        ready: Ready,
        why: &str,
    ) -> Result<Delivered, Stuck> {
        warn!(%station, serial = ready.serial, why, "did not take its certificate");
        let mut commit = Commit::new();
        let (change, serial) = (CertificateChange::Rejected, Some(ready.serial.clone()));
        let why = Some(why.to_owned());
        commit.fact(fact(station, (self.now)(), change, serial, None, why), None);
        commit.delete::<StationCertificate>(&(station.clone(), ready.serial), Expect::Any);
        commit.delete::<CertificateRequest>(station, Expect::Revision(ready.request.revision));
        self.store.commit(commit).await?;
        Ok(Delivered::Over)
    }

    /// The station may have it all the same: the certificate stays, and lets it in if it comes with it.
    async fn unanswered(
        &self,
        station: &StationId,
        ready: Ready,
        failure: &CommandFailure,
    ) -> Result<Delivered, Stuck> {
        let Versioned { value: mut request, revision } = ready.request;
        request.tries += 1;
        let mut commit = Commit::new();
        if request.tries < MAX_TRIES {
            commit.put(station, &request, Expect::Revision(revision));
        } else {
            warn!(%station, serial = ready.serial, %failure, "does not say whether it took its certificate");
            commit.delete::<CertificateRequest>(station, Expect::Revision(revision));
        }
        self.store.commit(commit).await?;
        Ok(if request.tries < MAX_TRIES { Delivered::Unanswered } else { Delivered::Over })
    }
}

/// Puts what was signed on record: from then on it lets the station in.
pub fn keep_signed(
    commit: &mut Commit,
    station: &StationId,
    signed: Signed,
) -> (String, StationCertificate) {
    let Signed { pem, certificate } = signed;
    let record = StationCertificate {
        fingerprint: certificate.fingerprint,
        common_name: certificate.common_name.unwrap_or_default(),
        not_before: certificate.not_before,
        not_after: certificate.not_after,
        installed: None,
        renewal_asked: None,
        pem,
    };
    let key = (station.clone(), certificate.serial);
    commit.put(&key, &record, Expect::Absent);
    (key.1, record)
}

fn fact(
    station: &StationId,
    now: Millis,
    change: CertificateChange,
    serial: Option<String>,
    until: Option<Millis>,
    why: Option<String>,
) -> Fact {
    let body = FactBody::CertificateChanged { change, serial, until, why };
    Fact { station: Some(station.clone()), stamp: Stamp::here(now), body }
}

/// OCPP 1.6, as opposed to the family of 2.x.
pub(in crate::work) fn is_first_family(protocol: &str) -> bool {
    protocol.starts_with("ocpp1.")
}

/// Whether an answer's status is `Accepted`.
pub(super) fn is_accepted(answer: &RawValue) -> bool {
    let answer: serde_json::Value = serde_json::from_str(answer.get()).unwrap_or_default();
    answer["status"] == "Accepted"
}
