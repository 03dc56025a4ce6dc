//! What the demo's sessions cost, and by which terms. Decides nothing.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::admin::views::{BillView, EventBody};
use crate::domain::{Currency, SessionId};

/// The bills that were seen, by the terms that they rest on.
#[derive(Debug, Default)]
pub(super) struct Bills {
    /// The terms of sessions that have no final bill yet.
    terms: BTreeMap<SessionId, String>,
    totals: BTreeMap<String, Total>,
}

/// Terms have one currency.
#[derive(Debug)]
struct Total {
    sessions: u64,
    minor: i64,
    currency: Currency,
}

impl Bills {
    /// Takes note of an event, and adds to its line what the line does not say: the terms of a bill.
    pub(super) fn note(&mut self, body: &EventBody) -> Option<String> {
        match body {
            EventBody::TermsPinned { session, terms: Some(terms), .. } => {
                self.terms.insert(*session, terms.id.clone());
                None
            }
            EventBody::SessionPriced { session, bill, .. } => {
                let terms = self.terms.remove(session)?;
                let BillView { currency, total_minor, .. } = bill;
                let added = format!(", by the terms '{terms}'");
                let nothing = || Total { sessions: 0, minor: 0, currency: currency.clone() };
                let total = self.totals.entry(terms).or_insert_with(nothing);
                total.sessions += 1;
                total.minor = total.minor.saturating_add(*total_minor);
                Some(added)
            }
            EventBody::SessionUnpriced { session, .. } => {
                self.terms.remove(session);
                None
            }
            _ => None,
        }
    }

    pub(super) fn sentence(&self) -> Option<String> {
        let totals = self.totals.iter().map(|(terms, total)| {
            let Total { sessions, minor, currency } = total;
            format!("{sessions} by '{terms}' for {} {currency}", currency.amount(*minor))
        });
        let totals = totals.collect::<Vec<_>>();
        (!totals.is_empty()).then(|| format!("bills: {}", totals.join("; ")))
    }

    /// By the terms' names.
    pub(super) fn json(&self) -> Value {
        let totals = self.totals.iter().map(|(terms, total)| {
            let Total { sessions, minor, currency } = total;
            let total = json!({ "sessions": sessions, "total_minor": minor, "currency": currency });
            (terms.clone(), total)
        });
        Value::Object(totals.collect())
    }
}
