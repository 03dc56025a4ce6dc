//! What a call makes of a session, and what the tariffs are still to be asked before it is committed. Pure; knows no
//! stage and no plugin.

use std::time::Duration;

use crate::charging;
use crate::domain::{
    AuthorizeAsk, Fact, FactBody, Millis, Offer, OfferAsk, PriceAsk, Priced, Session, Stamp,
    TariffAsk, TariffSaid,
};
use crate::store::{Commit, Expect};

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
        let draft =
            Draft { commit, session, expect, received, is_refused: false, is_priced: false };
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
        let Some(pinned) = &session.terms else {
            let permit = session.decision.as_ref()?.permit()?;
            let about = Box::new(asked?.clone());
            return Some(TariffAsk::Offer(OfferAsk { about, account: permit.account.clone() }));
        };
        let closed = !session.is_active();
        self.is_price_due(closed).then(|| {
            TariffAsk::Price(PriceAsk {
                session: session.id,
                pinned: pinned.clone(),
                used: charging::intervals(session),
                closed,
            })
        })
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
                let (energy, closed) = (self.session.energy(), !self.session.is_active());
                if let Some(pinned) = self.session.terms.as_ref().filter(|_| closed) {
                    self.fact(FactBody::SessionPriced {
                        session: self.session.id,
                        plugin: pinned.plugin.clone(),
                        version: version.clone(),
                        currency: pinned.terms.currency.clone(),
                        bill: bill.clone(),
                    });
                    self.session.unpriced = None;
                }
                let at = self.received;
                self.is_priced = true;
                self.session.bill = Some(Priced { bill, version, at, energy, closed });
            }
            TariffSaid::Priced(Err(why)) => {
                self.is_refused = true;
                if !self.session.is_active() {
                    self.session.unpriced = Some(why.clone());
                    self.fact(FactBody::SessionUnpriced { session: self.session.id, why });
                }
            }
        }
    }

    fn offered(&mut self, offer: Offer) {
        let Offer { pinned, failure } = offer;
        self.is_refused = pinned.is_none();
        if pinned.is_some() || failure.is_some() {
            self.session.terms.clone_from(&pinned);
            self.session.unpriced = failure.clone().filter(|_| pinned.is_none());
            self.fact(FactBody::TermsPinned { session: self.session.id, pinned, failure });
        }
    }

    fn fact(&mut self, body: FactBody) {
        let station = Some(self.session.station.clone());
        self.commit.fact(Fact { station, stamp: Stamp::here(self.received), body }, None);
    }

    pub(super) fn into_commit(mut self) -> Commit {
        self.commit.put(&self.session.id, &self.session, self.expect);
        self.commit
    }
}
