//! The hook `tariff` as Rust functions: terms and prices, with what a plugin says held to size and sense.

use std::pin::pin;

use serde::Serialize;
use tokio::time::{Instant, timeout_at};

use super::bindings::exports::plugpoint::plugin::tariff as wit;
use super::context::{Call, begin, tidy};
use super::error::CallError;
use super::instance::Instance;
use super::lent::Lists;
use super::limits::{
    MAX_BILL, MAX_DRIVER_TEXT, MAX_EXTRAS, MAX_KIND, MAX_LINES, MAX_TERMS, MAX_TEXT,
};
use super::plugin::{Plugin, lend};
use crate::domain::{
    Bill, Currency, Effects, Interval, Line, Micros, Millis, OfferAsk, Pinned, PriceAsk, Terms,
};

impl Plugin {
    /// Asks for terms. `None` leaves the session to the next tariff. A call that fails has no effects.
    pub async fn offer(
        &self,
        ask: &OfferAsk,
        deadline: Instant,
    ) -> Result<(Option<Terms>, Effects), CallError> {
        self.booked(pin!(self.ask_for_terms(ask, deadline))).await.result
    }

    /// Computes a bill on terms that were pinned. A calculation: it has no effects.
    pub async fn price(&self, ask: &PriceAsk, deadline: Instant) -> Result<Bill, CallError> {
        self.booked(pin!(self.ask_for_a_price(ask, deadline))).await.result
    }

    async fn ask_for_terms(
        &self,
        ask: &OfferAsk,
        deadline: Instant,
    ) -> Result<(Option<Terms>, Effects), CallError> {
        let mut lease = self.pool.lend(&self.blueprint, deadline).await?;
        let Instance { store, tariff: Some(guest), .. } = &mut *lease.instance else {
            return Ok((None, Effects::default()));
        };
        let about = &*ask.about;
        begin(store, Call::new(self.blueprint.limits.call_cpu, Some(about.token.clone())));
        let lists = Lists::of(&about.station);
        let session = about.session.map(|session| session.to_string());
        let question = lend(about, &lists, session.as_deref());
        let call = guest.call_offer(&mut *store, question, ask.account.as_deref());
        let outcome = timeout_at(deadline, call).await;
        let (terms, effects) = lease.settle(outcome)?;
        Ok((terms.map(take_terms).transpose()?, effects))
    }

    async fn ask_for_a_price(&self, ask: &PriceAsk, deadline: Instant) -> Result<Bill, CallError> {
        let mut lease = self.pool.lend(&self.blueprint, deadline).await?;
        let Instance { store, tariff: Some(guest), .. } = &mut *lease.instance else {
            return Err(CallError::Told("it has no tariff any more".to_owned()));
        };
        begin(store, Call::new(self.blueprint.limits.call_cpu, None));
        let Pinned { zone, terms, .. } = &ask.pinned;
        let used: Vec<wit::Interval> = ask.used.iter().map(lend_interval).collect();
        let lent = wit::TermsParam {
            id: &terms.id,
            body: &terms.body,
            currency: &terms.currency.to_string(),
            driver_text: &terms.driver_text,
        };
        let call = guest.call_price(&mut *store, lent, zone, &used, ask.closed);
        let outcome = timeout_at(deadline, call).await;
        let (bill, _discarded) = lease.settle(outcome)?;
        take_bill(bill, &terms.currency)
    }
}

fn lend_interval(interval: &Interval) -> wit::Interval<'_> {
    wit::Interval {
        start: interval.start.0,
        end: interval.end.0,
        energy_mwh: interval.energy.0,
        activity: interval.activity.as_str(),
    }
}

fn nonsense<T>(what: &str) -> Result<T, CallError> {
    Err(CallError::Nonsense(what.to_owned()))
}

fn take_terms(terms: wit::TermsResult) -> Result<Terms, CallError> {
    let wit::TermsResult { id, body, currency, driver_text } = terms;
    let Ok(currency) = Currency::try_from(currency) else {
        return nonsense("the currency must be three capitals");
    };
    let (id, driver_text) = (tidy(&id, MAX_TEXT, None), tidy(&driver_text, MAX_DRIVER_TEXT, None));
    sized("terms", Terms { id, body, currency, driver_text }, MAX_TERMS)
}

/// The answer itself, if it can be kept.
fn sized<T: Serialize>(what: &str, answer: T, most: usize) -> Result<T, CallError> {
    match serde_json::to_vec(&answer) {
        Ok(json) if json.len() <= most => Ok(answer),
        _ => Err(CallError::Nonsense(format!("{what} may have {most} bytes as JSON"))),
    }
}

fn take_bill(bill: wit::Bill, currency: &Currency) -> Result<Bill, CallError> {
    if bill.lines.len() > MAX_LINES {
        return Err(CallError::Nonsense(format!("a bill may have {MAX_LINES} lines")));
    }
    let bill = Bill {
        lines: bill.lines.into_iter().map(take_line).collect(),
        total_minor: bill.total_minor,
        next_change: bill.next_change.map(Millis),
    };
    if !bill.adds_up(currency) {
        return nonsense("the total is not what the lines add up to");
    }
    sized("a bill", bill, MAX_BILL)
}

fn take_line(line: wit::Line) -> Line {
    let extras = line.more.into_iter().take(MAX_EXTRAS);
    Line {
        kind: tidy(&line.kind, MAX_KIND, None),
        net: Micros(line.net),
        tax: Micros(line.tax),
        more: extras
            .map(|(name, text)| (tidy(&name, MAX_KIND, None), tidy(&text, MAX_TEXT, None)))
            .collect(),
    }
}
