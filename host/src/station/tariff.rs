//! What a call makes of a session, and what the tariffs are still to be asked before it is committed. Pure; knows no
//! stage and no plugin.

use std::time::Duration;

use crate::charging;
use crate::domain::{
    AuthorizeAsk, Fact, FactBody, Millis, Offer, OfferAsk, Session, Stamp, TariffAsk, TariffSaid,
};
use crate::store::{Commit, Expect, UnpricedSession};

/// Between two prices of a session that runs.
const PRICE_EVERY: Duration = Duration::from_secs(60);

/// What a call makes of the records.
pub(super) enum Plan {
    /// No session changes.
    Plain(Commit),
    Session(Box<Draft>),
}

impl Plan {
    pub(super) fn commit(&mut self) -> &mut Commit {
        match self {
            Self::Plain(commit) => commit,
            Self::Session(draft) => &mut draft.commit,
        }
    }

    pub(super) fn session(
        commit: Commit,
        session: Session,
        expect: Expect,
        received: Millis,
    ) -> Self {
        let was_unpriced = session.is_unpriced();
        let draft = Draft {
            commit,
            session,
            expect,
            received,
            was_unpriced,
            is_refused: false,
            is_priced: false,
        };
        Self::Session(Box::new(draft))
    }
}

/// A commit but for one session, whose terms and price may have to be asked for first.
pub(super) struct Draft {
    pub(super) commit: Commit,
    pub(super) session: Session,
    expect: Expect,
    /// When the call arrived.
    received: Millis,
    /// It waits for its bill already.
    was_unpriced: bool,
    /// The tariffs did not give what they were asked for: they are not asked again for this call.
    is_refused: bool,
    /// This call has given the session a new price.
    pub(super) is_priced: bool,
}

impl Draft {
    /// The next question to the tariffs, if there is one. Terms are for sessions that were permitted just now, by the
    /// answer to `asked`; a price is for sessions that ended, and now and then for those that run.
    pub(super) fn question(&self, asked: Option<&AuthorizeAsk>) -> Option<TariffAsk> {
        let session = &self.session;
        if self.is_refused {
            return None;
        }
        if session.terms.is_none() {
            let permit = session.decision.as_ref()?.permit()?;
            let about = Box::new(asked?.clone());
            return Some(TariffAsk::Offer(OfferAsk { about, account: permit.account.clone() }));
        }
        let is_due = self.is_price_due(!session.is_active());
        charging::price_ask(session).filter(|_| is_due).map(TariffAsk::Price)
    }

    fn is_price_due(&self, closed: bool) -> bool {
        let energy = self.session.energy();
        match &self.session.bill {
            None => closed || energy.0 > 0,
            // An event that comes late may still change what was used.
            Some(priced) if closed => !priced.closed || priced.energy != energy,
            Some(priced) => self.received.since(priced.at) >= PRICE_EVERY,
        }
    }

    /// Takes an answer in. A session goes its way without terms and without a bill, too.
    pub(super) fn answered(&mut self, said: TariffSaid) {
        match said {
            TariffSaid::Offered(offer) => self.offered(offer),
            TariffSaid::Priced(Ok((bill, version))) => {
                let fact = charging::priced(&mut self.session, bill, version, self.received);
                self.facts(fact);
                self.is_priced = true;
            }
            TariffSaid::Priced(Err(why)) => {
                self.is_refused = true;
                let fact = charging::unpriced(&mut self.session, why);
                self.facts(fact);
            }
        }
    }

    fn offered(&mut self, offer: Offer) {
        let Offer { pinned, failure } = offer;
        self.is_refused = pinned.is_none();
        if pinned.is_some() || failure.is_some() {
            self.session.terms.clone_from(&pinned);
            self.session.unpriced = failure.clone().filter(|_| pinned.is_none());
            self.facts([FactBody::TermsPinned { session: self.session.id, pinned, failure }]);
        }
    }

    fn facts(&mut self, bodies: impl IntoIterator<Item = FactBody>) {
        for body in bodies {
            let station = Some(self.session.station.clone());
            self.commit.fact(Fact { station, stamp: Stamp::here(self.received), body }, None);
        }
    }

    /// A session without its bill is noted, in the same commit, for whoever prices it later.
    pub(super) fn into_commit(mut self) -> Commit {
        let id = self.session.id;
        match (self.was_unpriced, self.session.is_unpriced()) {
            (false, true) => {
                self.commit.put(&id, &UnpricedSession {}, Expect::Any);
            }
            (true, false) => {
                self.commit.delete::<UnpricedSession>(&id, Expect::Any);
            }
            _ => {}
        }
        self.commit.put(&id, &self.session, self.expect);
        self.commit
    }
}
