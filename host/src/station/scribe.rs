//! Writes down what a call reports: the facts and records of one commit. Pure; knows no stage, no frame and no engine.

use super::exchange::{Ground, Named};
use super::signing;
use super::tariff::Plan;
use crate::charging::{self, Started, Stopped};
use crate::domain::{
    BootInfo, CertificateChange, CertificateRequest, ConnectorState, Decision, Ending, Fact,
    FactBody, MeterReading, Millis, Phase, Place, Purpose, Session, SessionId, Stamp, StationId,
    StationRecord, Transfer, TransferNo, TransferStep, Versioned,
};
use crate::ocpp::{
    Action, Boot, Dialect, SecurityEvent, SignCertificate, Start, StationTime, Status, Stop,
    TransactionEvent, TransferWord,
};
use crate::store::{
    Commit, Expect, OpenSession, SeenEvent, SeenStart, StationSession, StationTransaction,
    TokenName,
};

/// Highest number of an EVSE or connector of which a state is kept. Sites of a hundred outlets are one station each.
const MAX_OUTLET: u32 = 999;

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
        if self.action.lasting {
            commit.synced();
        }
        commit
    }

    pub(super) fn security_event(&self, event: &SecurityEvent) -> Commit {
        let SecurityEvent { kind, info, at } = event;
        let body = FactBody::SecurityEvent { event: kind.clone(), info: info.clone() };
        let mut commit = Commit::new();
        commit.fact(self.fact(*at, body), Some(self.raw.clone()));
        commit
    }

    /// A word of the station on a transfer, if there is one that it can be about.
    pub(super) fn transfer_word(
        &self,
        word: &TransferWord,
        meant: Option<(TransferNo, Versioned<Transfer>)>,
    ) -> Commit {
        let mut commit = Commit::new();
        let mut step = TransferStep::Told;
        let transfer = meant.as_ref().map(|(number, _)| *number);
        if let Some((number, Versioned { value: mut transfer, revision })) = meant {
            step = transfer.hear(self.received, &word.status);
            commit.transfer(&(self.station.clone(), number), &transfer, Expect::Revision(revision));
        }
        let (topic, status) = (word.topic, Some(word.status.clone()));
        let body = FactBody::TransferMoved { transfer, topic, step, status };
        commit.fact(self.fact(None, body), Some(self.raw.clone()));
        commit
    }

    /// What a station wants signed waits from then on; or why it does not.
    pub(super) fn sign(
        &self,
        wanted: &SignCertificate,
        record: &StationRecord,
    ) -> (Commit, Option<String>) {
        let refusal = signing::check(wanted, &self.station, record).err();
        let refusal = refusal.map(|why| format!("no certificate: {why}"));
        let mut commit = Commit::new();
        let change = match &refusal {
            Some(_) => CertificateChange::Refused,
            None => CertificateChange::Asked,
        };
        let why = refusal.clone();
        let body = FactBody::CertificateChanged { change, serial: None, until: None, why };
        commit.fact(self.fact(None, body), Some(self.raw.clone()));
        if refusal.is_none() {
            let request = CertificateRequest {
                request: wanted.request.clone(),
                number: wanted.number,
                asked: self.received,
                serial: None,
                tries: 0,
            };
            commit.certificate_request(&self.station, &request);
        }
        (commit, refusal)
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
        if is_credible(status.place) {
            commit.put(&(self.station.clone(), status.place), &state, Expect::Any);
        }
        let body = FactBody::ConnectorStatus { place: status.place, state };
        commit.fact(self.fact(status.at, body), Some(self.raw.clone()));
        commit
    }

    pub(super) fn authorized(&self, token: &Named, decision: Decision) -> Commit {
        let mut commit = Commit::new();
        let body = FactBody::AuthorizeAsked {
            token: token.pseudonym.clone(),
            purpose: Purpose::Authorize,
            decision,
        };
        commit.fact(self.fact(None, body), Some(self.raw.clone()));
        remember(&mut commit, token);
        commit
    }

    pub(super) fn started(
        &self,
        start: &Start,
        token: &Named,
        id: SessionId,
        twin_revision: Option<u64>,
        decision: Decision,
    ) -> Plan {
        let mut commit = Commit::new();
        let stamp = self.stamp(Some(start.at));
        let session = charging::start(Started {
            id,
            station: self.station.clone(),
            place: start.place,
            protocol: self.dialect.subprotocol,
            transaction: id.to_string(),
            token: Some(token.pseudonym.clone()),
            decision: Some(decision.clone()),
            stamp,
            meter: Some(start.meter),
        });
        let body = FactBody::TransactionStarted {
            session: id,
            place: start.place,
            token: Some(token.pseudonym.clone()),
            meter: Some(start.meter),
            decision: Some(decision),
        };
        commit.fact(self.fact(Some(start.at), body), Some(self.raw.clone()));
        self.begin(&mut commit, &session);
        let at = start.at.millis.unwrap_or_default();
        let seen = (self.station.clone(), start.place, at, start.meter, token.pseudonym.clone());
        let expect = twin_revision.map_or(Expect::Absent, Expect::Revision);
        commit.put(&seen, &SeenStart { session: id }, expect);
        remember(&mut commit, token);
        Plan::session(commit, session, Expect::Absent, self.received)
    }

    /// The ways to find a new session.
    fn begin(&self, commit: &mut Commit, session: &Session) {
        let station = || self.station.clone();
        commit.put(&(station(), session.id), &StationSession {}, Expect::Absent);
        if session.is_active() {
            let open = OpenSession { session: session.id };
            commit.put(&(station(), session.place, session.id), &open, Expect::Absent);
        }
    }

    /// One event of a transaction, with what the policies said if they were asked.
    pub(super) fn event(
        &self,
        event: &TransactionEvent,
        ground: Ground,
        decision: Option<Decision>,
    ) -> Plan {
        let mut commit = Commit::new();
        let stamp = self.stamp(Some(event.at));
        let pseudonym = ground.token.as_ref().map(|token| token.pseudonym.clone());
        let (mut session, revision) = match ground.session {
            Some(known) => (known.value, Some(known.revision)),
            None => (self.unheard_of(event, ground.fresh, stamp), None),
        };
        let was_at = session.place;
        let was_active = session.is_active();
        if let Some(decision) = &decision {
            session.token.clone_from(&pseudonym);
            session.decision = Some(decision.clone());
        }
        let stopped_by = pseudonym.filter(|_| event.phase == Phase::Ended);
        charging::take_event(
            &mut session,
            charging::Event {
                phase: event.phase,
                number: event.number,
                stamp,
                place: event.place,
                state: event.state.as_deref(),
                readings: &event.readings,
                reason: event.reason.as_deref(),
                stopped_by,
            },
        );
        self.event_facts(&mut commit, event, &session, decision);
        let expect = match revision {
            None => {
                self.begin(&mut commit, &session);
                let key = (self.station.clone(), event.transaction.clone());
                let index = StationTransaction { session: session.id };
                commit.put(&key, &index, Expect::Absent);
                Expect::Absent
            }
            Some(revision) => {
                self.keep_open_index(&mut commit, &session, was_active, was_at);
                Expect::Revision(revision)
            }
        };
        let key = (self.station.clone(), event.transaction.clone(), event.number);
        commit.put(&key, &SeenEvent { digest: event.digest.clone() }, Expect::Absent);
        if let Some(token) = &ground.token {
            remember(&mut commit, token);
        }
        Plan::session(commit, session, expect, self.received)
    }

    /// A transaction whose first event to arrive is this one, whichever it is.
    fn unheard_of(&self, event: &TransactionEvent, id: SessionId, stamp: Stamp) -> Session {
        charging::start(Started {
            id,
            station: self.station.clone(),
            place: event.place.unwrap_or(Place { evse: None, connector: None }),
            protocol: self.dialect.subprotocol,
            transaction: event.transaction.clone(),
            token: None,
            decision: None,
            stamp,
            meter: None,
        })
    }

    fn event_facts(
        &self,
        commit: &mut Commit,
        event: &TransactionEvent,
        session: &Session,
        decision: Option<Decision>,
    ) {
        if let (Some(decision), Some(token)) = (&decision, &session.token)
            && event.phase != Phase::Started
        {
            let (token, decision) = (token.clone(), decision.clone());
            let body = FactBody::AuthorizeAsked { token, purpose: Purpose::Start, decision };
            commit.fact(self.fact(Some(event.at), body), None);
        }
        if !event.readings.is_empty() {
            let body = FactBody::MeterValues {
                place: session.place,
                session: Some(session.id),
                readings: event.readings.clone(),
            };
            commit.fact(self.fact(Some(event.at), body), None);
        }
        let body = match event.phase {
            Phase::Started => FactBody::TransactionStarted {
                session: session.id,
                place: session.place,
                token: session.token.clone(),
                meter: session.meter_start,
                decision,
            },
            Phase::Updated => FactBody::TransactionUpdated {
                session: session.id,
                trigger: event.trigger.clone(),
                state: event.state.clone(),
            },
            Phase::Ended => FactBody::TransactionEnded {
                session: session.id,
                meter: session.ended.as_ref().and_then(|ending| ending.meter_stop),
                energy: session.energy(),
                reason: event.reason.clone(),
            },
        };
        commit.fact(self.fact(Some(event.at), body), Some(self.raw.clone()));
    }

    /// Open sessions are found by their place, which a later event may be the first to tell.
    fn keep_open_index(
        &self,
        commit: &mut Commit,
        session: &Session,
        was_active: bool,
        was_at: Place,
    ) {
        let key = |place| (self.station.clone(), place, session.id);
        let moved = was_at != session.place;
        if was_active && (moved || !session.is_active()) {
            commit.delete::<OpenSession>(&key(was_at), Expect::Any);
        }
        if session.is_active() && moved {
            let open = OpenSession { session: session.id };
            commit.put(&key(session.place), &open, Expect::Any);
        }
    }

    pub(super) fn meter(
        &self,
        place: Place,
        session: Option<Box<Versioned<Session>>>,
        readings: &[MeterReading],
    ) -> Plan {
        let mut commit = Commit::new();
        let own = session.filter(|session| session.value.station == self.station);
        let body = FactBody::MeterValues {
            place,
            session: own.as_ref().map(|session| session.value.id),
            readings: readings.to_vec(),
        };
        commit.fact(self.fact(None, body), Some(self.raw.clone()));
        if let Some(Versioned { value: mut session, revision }) = own.map(|own| *own)
            && charging::meter(&mut session, readings, Stamp::here(self.received))
        {
            return Plan::session(commit, session, Expect::Revision(revision), self.received);
        }
        Plan::Plain(commit)
    }

    /// A stop of a session that had ended already is acknowledged and changes nothing.
    pub(super) fn stop(
        &self,
        stop: &Stop,
        session: Option<Box<Versioned<Session>>>,
        token: Option<Named>,
    ) -> Plan {
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
            return Plan::Plain(commit);
        };
        let stamp = self.stamp(Some(stop.at));
        charging::meter(&mut session, &stop.readings, stamp);
        let ending = Ending {
            stamp,
            meter_stop: Some(stop.meter),
            reason: stop.reason.clone(),
            token: token.as_ref().map(|token| token.pseudonym.clone()),
        };
        if charging::stop(&mut session, ending) == Stopped::Before {
            return Plan::Plain(barrier());
        }
        if !stop.readings.is_empty() {
            let body = FactBody::MeterValues {
                place: session.place,
                session: Some(session.id),
                readings: stop.readings.clone(),
            };
            commit.fact(self.fact(None, body), None);
        }
        let body = FactBody::TransactionEnded {
            session: session.id,
            meter: Some(stop.meter),
            energy: session.energy(),
            reason: stop.reason.clone(),
        };
        commit.fact(self.fact(Some(stop.at), body), Some(self.raw.clone()));
        let open = (self.station.clone(), session.place, session.id);
        commit.delete::<OpenSession>(&open, Expect::Any);
        if let Some(token) = &token {
            remember(&mut commit, token);
        }
        Plan::session(commit, session, Expect::Revision(revision), self.received)
    }

    pub(super) fn stamp(&self, at: Option<StationTime>) -> Stamp {
        at.map_or(Stamp::here(self.received), |at| at.stamp(self.received))
    }

    pub(super) fn fact(&self, at: Option<StationTime>, body: FactBody) -> Fact {
        Fact { station: Some(self.station.clone()), stamp: self.stamp(at), body }
    }
}

/// A state is kept for each place that a station names, so that it must not name any number of them.
fn is_credible(place: Place) -> bool {
    [place.evse, place.connector].into_iter().flatten().all(|number| number <= MAX_OUTLET)
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
