//! One CALL of a station, from request to answer. Sans-IO; knows no frame, no socket, no engine and no plugin.
//!
//! The stages are *look* (what the records say), *ask* (what the policies say), *price* (what the tariffs say), *commit*,
//! *answer*; a request passes those it needs. An answer that rests on a commit is [`Sealed`] until the receipt is there.

mod asking;
mod committed;

use std::time::{Duration, Instant};

pub(super) use asking::Open;

use super::display;
use super::holdings::Holdings;
pub(super) use super::looks::{Found, Ground, Look, Named};
use super::scribe::{Scribe, barrier};
use super::tariff::{Draft, Plan};
use crate::domain::{
    Acceptance, AuthorizeAsk, Decision, Effects, Phase, Session, SessionId, StationRecord,
    TariffAsk, TariffSaid, Verdict,
};
use crate::holdings::Heard;
use crate::ocpp::{Answer, Cost, CostToShow, Dialect, ErrorCode, Fault, Request};
use crate::store::{Commit, Receipt, StoreError};

/// How often a call is taken up again when its commit met a change that somebody else made meanwhile.
const MAX_TRIES: u32 = 4;

/// What an exchange needs next.
pub(super) enum Step {
    Look(Look),
    Ask(Box<AuthorizeAsk>, Instant),
    Respond(Box<Open>, Instant),
    Price(Box<TariffAsk>, Instant),
    Commit(Commit),
    Done(Result<Answer, Fault>),
}

/// What a station that boots is told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Welcome {
    pub(super) acceptance: Acceptance,
    pub(super) interval: Duration,
}

/// An answer that may not leave before its commit. Only a receipt opens it.
struct Sealed(Result<Answer, Fault>);

impl Sealed {
    fn open(self, _durable: &Receipt) -> Result<Answer, Fault> {
        self.0
    }
}

/// Why the policies were asked: what becomes of their decision.
#[derive(Clone)]
pub(super) enum Grounds {
    Authorize(Named),
    Event(Ground),
    Start { token: Named, id: SessionId, twin_revision: Option<u64> },
    Open(Box<Open>),
}

enum Stage {
    Looking,
    Asking(Grounds),
    /// Everything but the price is settled.
    Pricing(Box<Draft>, Answer, Option<Grounds>),
    /// Keeps what was asked, if anything was: a decision whose grounds have moved is asked for again.
    Committing(Sealed, Option<Grounds>),
    Over,
}

/// See the module.
pub(super) struct Exchange {
    scribe: Scribe,
    request: Request,
    deadline: Instant,
    welcome: Welcome,
    ask: Option<Box<AuthorizeAsk>>,
    stage: Stage,
    tries: u32,
    doubt: Option<Box<str>>,
    shows_cost: bool,
    /// Boxed: few stations have any.
    to_show: Option<Box<CostToShow>>,
    /// Boxed: few calls say anything of the things that the station holds.
    holdings: Option<Box<Holdings>>,
}

impl Exchange {
    pub(super) fn begin(
        scribe: Scribe,
        request: Request,
        heard: Option<Heard>,
        deadline: Instant,
        welcome: Welcome,
    ) -> (Self, Step) {
        let mut exchange = Self {
            scribe,
            request,
            deadline,
            welcome,
            ask: None,
            stage: Stage::Over,
            tries: 0,
            doubt: None,
            shows_cost: false,
            to_show: None,
            holdings: heard.map(Holdings::of),
        };
        let step = exchange.take_up();
        (exchange, step)
    }

    pub(super) fn dialect(&self) -> &'static Dialect {
        self.scribe.dialect
    }

    pub(super) fn is_boot(&self) -> bool {
        matches!(self.request, Request::Boot(_))
    }

    pub(super) fn action(&self) -> &'static str {
        self.scribe.action.name
    }

    /// The first step, also when everything has to be looked at again.
    fn take_up(&mut self) -> Step {
        self.tries += 1;
        self.to_show = None;
        match &self.holdings {
            Some(holdings) => {
                self.stage = Stage::Looking;
                Step::Look(holdings.look())
            }
            None => self.look(),
        }
    }

    /// The first step of the request itself.
    fn look(&mut self) -> Step {
        let look = match &self.request {
            Request::Heartbeat => return self.done(Answer::Heartbeat),
            Request::Status(status) => {
                let commit = self.scribe.status(status);
                return self.commit(commit, Answer::Noted, None);
            }
            Request::Other => {
                let reply = self.stock_reply();
                return self.commit_then(self.scribe.other(), reply, None);
            }
            Request::AuthorizeNobody => {
                let answer = Answer::Authorize { verdict: Verdict::Pass };
                return self.commit(self.scribe.other(), answer, None);
            }
            Request::Security(event) => {
                let commit = self.scribe.security_event(event);
                return self.commit(commit, Answer::Noted, None);
            }
            Request::Boot(_) | Request::Sign(_) | Request::Open { .. } => Look::Station,
            Request::Transfer(word) => Look::Transfer { topic: word.topic, request: word.request },
            Request::Authorize { shown } => Look::Token(shown.token.clone()),
            Request::Start(start) => Look::Start {
                token: start.shown.token.clone(),
                place: start.place,
                at: start.at.millis.unwrap_or_default(),
                meter: start.meter,
            },
            Request::Meter { session, .. } => Look::Session { session: *session, token: None },
            Request::Stop(stop) => {
                Look::Session { session: stop.session, token: stop.token.clone() }
            }
            Request::Event(event) => Look::Event {
                transaction: event.transaction.clone(),
                number: event.number,
                token: event.shown.as_ref().map(|shown| shown.token.clone()),
            },
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
        if let Found::Holdings(moves) = *found {
            if let Some(holdings) = &mut self.holdings {
                holdings.moves = moves;
            }
            return self.look();
        }
        match (&self.request, *found) {
            (Request::Boot(boot), Found::Station(station)) => {
                let commit = self.scribe.boot(boot, station);
                let Welcome { acceptance, interval } = self.welcome;
                self.commit(commit, Answer::Boot { acceptance, interval }, None)
            }
            (Request::Sign(wanted), Found::Station(station)) => {
                let (commit, refusal) = self.scribe.sign(wanted, &station.value);
                let accepted = refusal.is_none();
                self.doubt = refusal.map(String::into_boxed_str);
                self.commit(commit, Answer::Signing { accepted }, None)
            }
            (Request::Open { .. }, Found::Station(station)) => self.found_open(station.value),
            (Request::Transfer(word), Found::Transfer(meant)) => {
                let commit = self.scribe.transfer_word(word, meant);
                self.commit(commit, Answer::Noted, None)
            }
            (Request::Authorize { .. }, Found::Token { station, token }) => {
                self.ask(station, Grounds::Authorize(token))
            }
            (Request::Start(_), Found::Replay { session, verdict }) => {
                let verdict = verdict.unwrap_or(Verdict::Pass);
                self.commit(barrier(), Answer::Started { session, verdict }, None)
            }
            (Request::Start(_), Found::Start { station, token, twin_revision, fresh }) => {
                self.ask(station, Grounds::Start { token, id: fresh, twin_revision })
            }
            (
                Request::Meter { place, readings, .. },
                Found::Session { session, shows_cost, .. },
            ) => {
                self.shows_cost = shows_cost;
                let plan = self.scribe.meter(*place, session, readings);
                self.settle(plan, Answer::Noted, None)
            }
            (Request::Stop(stop), Found::Session { session, token, shows_cost }) => {
                self.shows_cost = shows_cost;
                let plan = self.scribe.stop(stop, session, token);
                self.settle(plan, Answer::Noted, None)
            }
            (Request::Event(_), Found::Event { station, ground, seen }) => {
                self.event(station, ground, seen)
            }
            _ => self.lost_thread(),
        }
    }

    /// An event that came before is answered as before; one with a token that nobody was asked about is asked about.
    fn event(&mut self, station: StationRecord, ground: Ground, seen: Option<String>) -> Step {
        let Request::Event(event) = &self.request else { return self.lost_thread() };
        self.shows_cost = station.shows_cost;
        let known = ground.session.as_ref().map(|session| &session.value);
        let decision = known.and_then(|session| session.decision.as_ref());
        let shown = ground.token.as_ref();
        if let Some(seen) = seen {
            let is_same = seen == event.digest;
            let verdict = shown.and(decision).map(|decision| decision.verdict.clone());
            let cost = known.and_then(|session| self.cost_to_tell(session));
            let answer = Answer::Event { phase: event.phase, verdict, cost };
            let step = self.commit(barrier(), answer, None);
            return if is_same { step } else { self.doubtful(step) };
        }
        let is_known = decision.is_some()
            && known.and_then(|session| session.token.as_ref()) == shown.map(|it| &it.pseudonym);
        match shown {
            Some(_) if event.phase != Phase::Ended && !is_known => {
                self.ask(station, Grounds::Event(ground))
            }
            shown => {
                let verdict = shown.and(decision).map(|decision| decision.verdict.clone());
                let answer = Answer::Event { phase: event.phase, verdict, cost: None };
                let plan = self.scribe.event(event, ground, None);
                self.settle(plan, answer, None)
            }
        }
    }

    /// The first word on a number counts. That a second one differs is for the operator to know.
    fn doubtful(&mut self, step: Step) -> Step {
        self.doubt = Some("an event differs from the one that came under its number before".into());
        step
    }

    /// What the operator should know of the call, once.
    pub(super) fn take_doubt(&mut self) -> Option<Box<str>> {
        self.doubt.take()
    }

    pub(super) fn decided(&mut self, decision: Decision, effects: Effects) -> Step {
        let Stage::Asking(grounds) = std::mem::replace(&mut self.stage, Stage::Over) else {
            return self.lost_thread();
        };
        let verdict = decision.verdict.clone();
        let (mut plan, answer) = match (&self.request, &grounds) {
            (Request::Authorize { .. }, Grounds::Authorize(token)) => {
                let plan = Plan::Plain(self.scribe.authorized(token, decision));
                (plan, Answer::Authorize { verdict })
            }
            (Request::Start(start), Grounds::Start { token, id, twin_revision }) => {
                let plan = self.scribe.started(start, token, *id, *twin_revision, decision);
                (plan, Answer::Started { session: *id, verdict })
            }
            (Request::Event(event), Grounds::Event(ground)) => {
                let plan = self.scribe.event(event, ground.clone(), Some(decision));
                let (phase, verdict) = (event.phase, Some(verdict));
                (plan, Answer::Event { phase, verdict, cost: None })
            }
            _ => return self.lost_thread(),
        };
        plan.commit().effects(effects);
        self.settle(plan, answer, Some(grounds))
    }

    /// Asks the tariffs what they have to be asked, then commits.
    fn settle(&mut self, plan: Plan, mut answer: Answer, grounds: Option<Grounds>) -> Step {
        let draft = match plan {
            Plan::Plain(commit) => return self.commit(commit, answer, grounds),
            Plan::Session(draft) => draft,
        };
        let asked = grounds.as_ref().and(self.ask.as_deref());
        if let Some(question) = draft.question(asked) {
            self.stage = Stage::Pricing(draft, answer, grounds);
            return Step::Price(Box::new(question), self.deadline);
        }
        if let Answer::Event { cost, .. } = &mut answer {
            *cost = self.cost_to_tell(&draft.session);
        }
        if self.shows_cost && draft.is_priced {
            self.to_show = display::cost(&draft.session).map(Box::new);
        }
        self.commit(draft.into_commit(), answer, grounds)
    }

    /// What the driver is told of the session in the answer, as far as the version has a place for it there.
    fn cost_to_tell(&self, session: &Session) -> Option<Cost> {
        let Request::Event(event) = &self.request else { return None };
        match event.phase {
            Phase::Started => None,
            Phase::Updated => display::cost_by_now(session).filter(|_| self.shows_cost),
            Phase::Ended => display::final_cost(session),
        }
    }

    /// What the station is to be told beside the answer, once that is on the disk.
    pub(super) fn take_to_show(&mut self) -> Option<Box<CostToShow>> {
        self.to_show.take()
    }

    pub(super) fn priced(&mut self, said: TariffSaid, effects: Effects) -> Step {
        let Stage::Pricing(mut draft, answer, grounds) =
            std::mem::replace(&mut self.stage, Stage::Over)
        else {
            return self.lost_thread();
        };
        draft.answered(said);
        draft.commit.effects(effects);
        self.settle(Plan::Session(draft), answer, grounds)
    }

    fn commit(&mut self, commit: Commit, answer: Answer, grounds: Option<Grounds>) -> Step {
        self.commit_then(commit, Ok(answer), grounds)
    }

    fn commit_then(
        &mut self,
        mut commit: Commit,
        reply: Result<Answer, Fault>,
        grounds: Option<Grounds>,
    ) -> Step {
        if let Some(holdings) = &self.holdings {
            holdings.join(&mut commit, &self.scribe.station);
        }
        self.stage = Stage::Committing(Sealed(reply), grounds);
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
