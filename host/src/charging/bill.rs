//! How a price becomes part of a session, or the lack of one. Pure; knows no plugin and no commit.

use super::usage::intervals;
use crate::domain::{Bill, FactBody, Millis, PriceAsk, Priced, Session};

/// What does it cost so far? `None` without terms.
pub fn price_ask(session: &Session) -> Option<PriceAsk> {
    Some(PriceAsk {
        session: session.id,
        pinned: session.terms.clone()?,
        used: intervals(session),
        closed: !session.is_active(),
    })
}

/// Takes a bill in, and the version that computed it. A final one is a fact.
pub fn priced(session: &mut Session, bill: Bill, version: String, at: Millis) -> Option<FactBody> {
    let (energy, closed) = (session.energy(), !session.is_active());
    let fact = session.terms.as_ref().filter(|_| closed).map(|pinned| FactBody::SessionPriced {
        session: session.id,
        plugin: pinned.plugin.clone(),
        version: version.clone(),
        currency: pinned.terms.currency.clone(),
        bill: bill.clone(),
    });
    if fact.is_some() {
        session.unpriced = None;
    }
    session.bill = Some(Priced { bill, version, at, energy, closed });
    fact
}

/// Notes why there is no bill. While the session runs that means nothing: it is asked for again.
pub fn unpriced(session: &mut Session, why: String) -> Option<FactBody> {
    if session.is_active() {
        return None;
    }
    session.unpriced = Some(why.clone());
    Some(FactBody::SessionUnpriced { session: session.id, why })
}
