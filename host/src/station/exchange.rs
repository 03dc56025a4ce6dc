//! One CALL of a station, from request to answer. Sans-IO; knows no frame, no socket, no engine and no plugin.
//!
//! The stages are *look* (what the records say), *ask* (what the policies say), *commit*, *answer*; a request passes
//! those it needs. An answer that rests on a commit is [`Sealed`] until the receipt is there.

use std::time::{Duration, Instant};

use super::scribe::{Scribe, barrier};
use crate::domain::{
    AuthorizeAsk, ConnectorId, Decision, Effects, IdToken, Millis, MilliwattHours, Pseudonym,
    Purpose, Refusal, Session, SessionId, StationRecord, Verdict, Versioned,
};
use crate::ocpp::{Answer, Dialect, ErrorCode, Fault, Request};
use crate::store::{Commit, CommitError, Conflict, Receipt, StoreError};

/// How often a call is taken up again when its commit met a change that somebody else made meanwhile.
const MAX_TRIES: u32 = 4;

/// What the records are asked.
#[derive(Debug)]
pub enum Look {
    Station,
    /// The station, and the token's pseudonym.
    Token(IdToken),
    /// The same, and whether this start was reported before; a fresh session id in case it was not.
    Start {
        token: IdToken,
        connector: ConnectorId,
        at: Millis,
        meter: MilliwattHours,
    },
    Session {
        session: Option<SessionId>,
        token: Option<IdToken>,
    },
}

/// What the records say. One variant per [`Look`].
#[derive(Debug)]
pub enum Found {
    Station(Versioned<StationRecord>),
    Token { station: StationRecord, token: Named },
    Start { station: StationRecord, token: Named, twin: Option<Box<Twin>>, fresh: SessionId },
    Session { session: Option<Box<Versioned<Session>>>, token: Option<Named> },
}

/// A token as the records know it.
#[derive(Debug, Clone)]
pub struct Named {
    pub token: IdToken,
    pub pseudonym: Pseudonym,
    /// The way back from the pseudonym to the token is on record.
    pub is_recorded: bool,
}

/// A start with the same content, and the session that came of it.
#[derive(Debug)]
pub struct Twin {
    pub revision: u64,
    pub session: Session,
}

/// What an exchange needs next.
pub(super) enum Step {
    Look(Look),
    Ask(Box<AuthorizeAsk>, Instant),
    Commit(Commit),
    Done(Result<Answer, Fault>),
}

/// An answer that may not leave before its commit. Only a receipt opens it.
struct Sealed(Answer);

impl Sealed {
    fn open(self, _durable: &Receipt) -> Answer {
        self.0
    }
}

/// Why the policies were asked: what becomes of their decision.
#[derive(Clone)]
enum Grounds {
    Authorize(Named),
    Start { token: Named, id: SessionId, twin_revision: Option<u64> },
}

enum Stage {
    Looking,
    Asking(Grounds),
    /// Keeps what was asked, if anything was: a decision whose grounds have moved is asked for again.
    Committing(Sealed, Option<Grounds>),
    Over,
}

/// See the module.
pub(super) struct Exchange {
    scribe: Scribe,
    request: Request,
    deadline: Instant,
    heartbeat: Duration,
    ask: Option<Box<AuthorizeAsk>>,
    stage: Stage,
    tries: u32,
}

impl Exchange {
    pub(super) fn begin(
        scribe: Scribe,
        request: Request,
        deadline: Instant,
        heartbeat: Duration,
    ) -> (Self, Step) {
        let mut exchange =
            Self { scribe, request, deadline, heartbeat, ask: None, stage: Stage::Over, tries: 0 };
        let step = exchange.take_up();
        (exchange, step)
    }

    pub(super) fn dialect(&self) -> &'static Dialect {
        self.scribe.dialect
    }

    pub(super) fn action(&self) -> &'static str {
        self.scribe.action.name
    }

    /// The first step, also when everything has to be looked at again.
    fn take_up(&mut self) -> Step {
        self.tries += 1;
        let look = match &self.request {
            Request::Heartbeat => return self.done(Answer::Heartbeat),
            Request::Status(status) => {
                let commit = self.scribe.status(status);
                return self.commit(commit, Answer::Noted, None);
            }
            Request::Other => {
                let reply = Answer::Stock(self.scribe.action.reply);
                return self.commit(self.scribe.other(), reply, None);
            }
            Request::Boot(_) => Look::Station,
            Request::Authorize { token } => Look::Token(token.clone()),
            Request::Start(start) => Look::Start {
                token: start.token.clone(),
                connector: start.connector,
                at: start.at.millis.unwrap_or_default(),
                meter: start.meter,
            },
            Request::Meter { session, .. } => Look::Session { session: *session, token: None },
            Request::Stop(stop) => {
                Look::Session { session: stop.session, token: stop.token.clone() }
            }
        };
        self.stage = Stage::Looking;
        Step::Look(look)
    }

    pub(super) fn found(&mut self, found: Result<Box<Found>, StoreError>) -> Step {
        if !matches!(self.stage, Stage::Looking) {
            return self.lost_thread();
        }
        let Ok(found) = found else {
            return self.fail(ErrorCode::InternalError, "the records cannot be read: try again");
        };
        match (&self.request, *found) {
            (Request::Boot(boot), Found::Station(station)) => {
                let commit = self.scribe.boot(boot, station);
                self.commit(commit, Answer::Boot { interval: self.heartbeat }, None)
            }
            (Request::Authorize { .. }, Found::Token { station, token }) => {
                self.ask(station, Grounds::Authorize(token))
            }
            (Request::Start(_), Found::Start { station, token, twin, fresh }) => match twin {
                Some(twin) if twin.session.is_active() => {
                    let (session, verdict) = (twin.session.id, twin.session.decision.verdict);
                    self.commit(barrier(), Answer::Started { session, verdict }, None)
                }
                twin => {
                    let twin_revision = twin.map(|twin| twin.revision);
                    self.ask(station, Grounds::Start { token, id: fresh, twin_revision })
                }
            },
            (Request::Meter { connector, readings, .. }, Found::Session { session, .. }) => {
                let commit = self.scribe.meter(*connector, session, readings);
                self.commit(commit, Answer::Noted, None)
            }
            (Request::Stop(stop), Found::Session { session, token }) => {
                let commit = self.scribe.stop(stop, session, token);
                self.commit(commit, Answer::Noted, None)
            }
            _ => self.lost_thread(),
        }
    }

    pub(super) fn decided(&mut self, decision: Decision, effects: Effects) -> Step {
        let Stage::Asking(grounds) = std::mem::replace(&mut self.stage, Stage::Over) else {
            return self.lost_thread();
        };
        let verdict = decision.verdict.clone();
        let mut commit = Commit::new();
        let answer = match (&self.request, &grounds) {
            (Request::Authorize { .. }, Grounds::Authorize(token)) => {
                self.scribe.authorized(&mut commit, token, decision);
                Answer::Authorize { verdict }
            }
            (Request::Start(start), Grounds::Start { token, id, twin_revision }) => {
                self.scribe.started(&mut commit, start, token, *id, *twin_revision, decision);
                Answer::Started { session: *id, verdict }
            }
            _ => return self.lost_thread(),
        };
        commit.effects(effects);
        self.commit(commit, answer, Some(grounds))
    }

    pub(super) fn committed(&mut self, result: Result<Receipt, CommitError>) -> Step {
        let Stage::Committing(sealed, grounds) = std::mem::replace(&mut self.stage, Stage::Over)
        else {
            return self.lost_thread();
        };
        match result {
            Ok(receipt) => self.done(sealed.open(&receipt)),
            Err(CommitError::Conflict(conflict)) if self.tries < MAX_TRIES => {
                match (conflict, grounds, self.ask.clone()) {
                    (Conflict::Effects, Some(grounds), Some(ask)) => {
                        self.tries += 1;
                        self.stage = Stage::Asking(grounds);
                        Step::Ask(ask, self.deadline)
                    }
                    _ => self.take_up(),
                }
            }
            // The policies' own state moves too fast: what happened is recorded all the same, and refused.
            Err(CommitError::Conflict(Conflict::Effects))
                if grounds.is_some() && self.tries == MAX_TRIES =>
            {
                self.tries += 1;
                self.stage = grounds.map_or(Stage::Over, Stage::Asking);
                let why = "the policies' state changed during every attempt".to_owned();
                let verdict = Verdict::Refuse(Refusal::Other("contended".to_owned()));
                let decision = Decision { verdict, decided_by: None, why, opinions: Vec::new() };
                self.decided(decision, Effects::default())
            }
            Err(CommitError::Conflict(_) | CommitError::Overloaded) => {
                self.fail(ErrorCode::GenericError, "the server is busy: try again")
            }
            Err(CommitError::Unstorable(_)) => self
                .fail(ErrorCode::PropertyConstraintViolation, "the message is too large to keep"),
            Err(CommitError::NoSpace) => {
                self.fail(ErrorCode::InternalError, "the server's disk is full: try again later")
            }
            Err(CommitError::Unavailable) => self
                .fail(ErrorCode::InternalError, "the server cannot keep records: try again later"),
        }
    }

    fn ask(&mut self, station: StationRecord, grounds: Grounds) -> Step {
        let (purpose, token, connector, session, at) = match (&self.request, &grounds) {
            (Request::Start(start), Grounds::Start { token, id, .. }) => {
                (Purpose::Start, token, Some(start.connector), Some(*id), Some(start.at))
            }
            (_, Grounds::Authorize(token) | Grounds::Start { token, .. }) => {
                (Purpose::Authorize, token, None, None, None)
            }
        };
        let (vendor, model) = station.boot.map(|boot| (boot.vendor, boot.model)).unzip();
        let ask = Box::new(AuthorizeAsk {
            station: self.scribe.station.clone(),
            protocol: self.scribe.dialect.subprotocol,
            vendor,
            model,
            zone: station.zone.unwrap_or_else(|| "UTC".to_owned()),
            tags: station.tags,
            connector,
            session,
            stamp: self.scribe.stamp(at),
            offline: false,
            purpose,
            token: token.token.clone(),
        });
        self.ask = Some(ask.clone());
        self.stage = Stage::Asking(grounds);
        Step::Ask(ask, self.deadline)
    }

    fn commit(&mut self, commit: Commit, answer: Answer, grounds: Option<Grounds>) -> Step {
        self.stage = Stage::Committing(Sealed(answer), grounds);
        Step::Commit(commit)
    }

    fn done(&mut self, answer: Answer) -> Step {
        self.stage = Stage::Over;
        Step::Done(Ok(answer))
    }

    fn fail(&mut self, code: ErrorCode, why: &'static str) -> Step {
        self.stage = Stage::Over;
        Step::Done(Err(Fault::new(code, why)))
    }

    /// The driver answered something that was not asked: a defect of ours, and the station must still get an answer.
    fn lost_thread(&mut self) -> Step {
        self.fail(ErrorCode::InternalError, "the server lost the thread of this call: try again")
    }
}
