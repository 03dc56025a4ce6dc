//! Writes down what a call reports: the facts and records of one commit. Pure; knows no stage, no frame and no engine.

use super::exchange::Named;
use crate::charging::{self, Started, Stopped};
use crate::domain::{
    BootInfo, ConnectorId, ConnectorState, Decision, Ending, Fact, FactBody, MeterReading, Millis,
    Purpose, Session, SessionId, Stamp, StationId, StationRecord, Versioned,
};
use crate::ocpp::{Action, Boot, Dialect, Start, StationTime, Status, Stop};
use crate::store::{Commit, Expect, OpenSession, SeenStart, StationSession, TokenName};

/// One call, as far as the records care.
pub(super) struct Scribe {
    pub(super) station: StationId,
    pub(super) dialect: &'static Dialect,
    pub(super) action: &'static Action,
    /// The message as it came.
    pub(super) raw: String,
    pub(super) received: Millis,
}

impl Scribe {
    pub(super) fn other(&self) -> Commit {
        let mut commit = Commit::new();
        let body = FactBody::Other { action: self.action.name.to_owned() };
        commit.fact(self.fact(None, body), Some(self.raw.clone()));
        commit
    }

    pub(super) fn boot(&self, boot: &Boot, station: Versioned<StationRecord>) -> Commit {
        let info = BootInfo {
            vendor: boot.vendor.clone(),
            model: boot.model.clone(),
            serial: boot.serial.clone(),
            firmware: boot.firmware.clone(),
            at: self.received,
        };
        let mut record = station.value;
        record.boot = Some(info.clone());
        record.first_seen.get_or_insert(self.received);
        let mut commit = Commit::new();
        commit.fact(self.fact(None, FactBody::Booted(info)), Some(self.raw.clone()));
        commit.put(&self.station, &record, Expect::Revision(station.revision));
        commit
    }

    pub(super) fn status(&self, status: &Status) -> Commit {
        let stamp = self.stamp(status.at);
        let state = ConnectorState {
            status: status.status.clone(),
            error: status.error.clone(),
            info: status.info.clone(),
            at: stamp.best(),
        };
        let mut commit = Commit::new();
        commit.put(&(self.station.clone(), status.connector), &state, Expect::Any);
        let body = FactBody::ConnectorStatus { connector: status.connector, state };
        commit.fact(self.fact(status.at, body), Some(self.raw.clone()));
        commit
    }

    pub(super) fn authorized(&self, commit: &mut Commit, token: &Named, decision: Decision) {
        let body = FactBody::AuthorizeAsked {
            token: token.pseudonym.clone(),
            purpose: Purpose::Authorize,
            decision,
        };
        commit.fact(self.fact(None, body), Some(self.raw.clone()));
        remember(commit, token);
    }

    pub(super) fn started(
        &self,
        commit: &mut Commit,
        start: &Start,
        token: &Named,
        id: SessionId,
        twin_revision: Option<u64>,
        decision: Decision,
    ) {
        let stamp = self.stamp(Some(start.at));
        let session = charging::start(Started {
            id,
            station: self.station.clone(),
            connector: start.connector,
            protocol: self.dialect.subprotocol,
            transaction: id.to_string(),
            token: token.pseudonym.clone(),
            decision: decision.clone(),
            stamp,
            meter: start.meter,
        });
        let body = FactBody::TransactionStarted {
            session: id,
            connector: start.connector,
            token: token.pseudonym.clone(),
            meter: start.meter,
            decision,
        };
        commit.fact(self.fact(Some(start.at), body), Some(self.raw.clone()));
        commit.put(&id, &session, Expect::Absent);
        commit.put(&(self.station.clone(), id), &StationSession {}, Expect::Absent);
        let open = (self.station.clone(), start.connector, id);
        commit.put(&open, &OpenSession { session: id }, Expect::Absent);
        let at = start.at.millis.unwrap_or_default();
        let seen =
            (self.station.clone(), start.connector, at, start.meter, token.pseudonym.clone());
        let expect = twin_revision.map_or(Expect::Absent, Expect::Revision);
        commit.put(&seen, &SeenStart { session: id }, expect);
        remember(commit, token);
    }

    pub(super) fn meter(
        &self,
        connector: ConnectorId,
        session: Option<Box<Versioned<Session>>>,
        readings: &[MeterReading],
    ) -> Commit {
        let mut commit = Commit::new();
        let own = session.filter(|session| session.value.station == self.station);
        let body = FactBody::MeterValues {
            connector,
            session: own.as_ref().map(|session| session.value.id),
            readings: readings.to_vec(),
        };
        commit.fact(self.fact(None, body), Some(self.raw.clone()));
        if let Some(Versioned { value: mut session, revision }) = own.map(|own| *own)
            && charging::meter(&mut session, readings, Stamp::here(self.received))
        {
            commit.put(&session.id, &session, Expect::Revision(revision));
        }
        commit
    }

    /// A stop of a session that had ended already is acknowledged and changes nothing.
    pub(super) fn stop(
        &self,
        stop: &Stop,
        session: Option<Box<Versioned<Session>>>,
        token: Option<Named>,
    ) -> Commit {
        let mut commit = Commit::new();
        let own = session.filter(|session| session.value.station == self.station);
        let Some(Versioned { value: mut session, revision }) = own.map(|own| *own) else {
            // Never guessed: which session a stop without a name belongs to is for people to say.
            let body = FactBody::OrphanStop {
                transaction: stop.transaction.clone(),
                meter: stop.meter,
                reason: stop.reason.clone(),
            };
            commit.fact(self.fact(Some(stop.at), body), Some(self.raw.clone()));
            return commit;
        };
        let stamp = self.stamp(Some(stop.at));
        charging::meter(&mut session, &stop.readings, stamp);
        let ending = Ending {
            stamp,
            meter_stop: stop.meter,
            reason: stop.reason.clone(),
            token: token.as_ref().map(|token| token.pseudonym.clone()),
        };
        if charging::stop(&mut session, ending) == Stopped::Before {
            return barrier();
        }
        if !stop.readings.is_empty() {
            let body = FactBody::MeterValues {
                connector: session.connector,
                session: Some(session.id),
                readings: stop.readings.clone(),
            };
            commit.fact(self.fact(None, body), None);
        }
        let body = FactBody::TransactionEnded {
            session: session.id,
            meter: stop.meter,
            energy: session.energy(),
            reason: stop.reason.clone(),
        };
        commit.fact(self.fact(Some(stop.at), body), Some(self.raw.clone()));
        commit.put(&session.id, &session, Expect::Revision(revision));
        let open = (self.station.clone(), session.connector, session.id);
        commit.delete::<OpenSession>(&open, Expect::Any);
        if let Some(token) = &token {
            remember(&mut commit, token);
        }
        commit
    }

    pub(super) fn stamp(&self, at: Option<StationTime>) -> Stamp {
        at.map_or(Stamp::here(self.received), |at| at.stamp(self.received))
    }

    fn fact(&self, at: Option<StationTime>, body: FactBody) -> Fact {
        Fact { station: Some(self.station.clone()), stamp: self.stamp(at), body }
    }
}

/// Changes nothing, and makes sure that what an answer repeats is on the disk.
pub(super) fn barrier() -> Commit {
    let mut commit = Commit::new();
    commit.synced();
    commit
}

fn remember(commit: &mut Commit, token: &Named) {
    if !token.is_recorded {
        commit.put(&token.pseudonym, &TokenName { token: token.token.clone() }, Expect::Any);
    }
}
