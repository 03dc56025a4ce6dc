//! What a station that can show it is told of a session's cost. Pure; knows no frame, no tariff and no engine.

use crate::charging;
use crate::domain::{Activity, Priced, Session};
use crate::ocpp::{Cost, CostToShow, MeterAt};

/// What the session costs, with nothing to be added; `None` while it runs, and without a bill.
pub(super) fn final_cost(session: &Session) -> Option<Cost> {
    amount(session).filter(|(_, priced)| priced.closed).map(|(cost, _)| cost)
}

/// What the session costs as far as it has a bill; there may be more to come.
pub(super) fn cost_by_now(session: &Session) -> Option<Cost> {
    amount(session).map(|(cost, _)| cost)
}

fn amount(session: &Session) -> Option<(Cost, &Priced)> {
    let (priced, pinned) = session.bill.as_ref().zip(session.terms.as_ref())?;
    let decimals = pinned.terms.currency.decimals();
    Some((Cost { minor: priced.bill.total_minor, decimals }, priced))
}

/// The newest bill as the driver may read it; `None` without one.
pub(super) fn cost(session: &Session) -> Option<CostToShow> {
    let (cost, priced) = amount(session)?;
    let charges = |activity| activity == Activity::Charging;
    let stretches = charging::intervals(session);
    Some(CostToShow {
        transaction: session.transaction.clone(),
        cost,
        is_final: priced.closed,
        meter: session.last_reading.map(|(at, register)| MeterAt { at, register }),
        is_charging: stretches.last().is_some_and(|stretch| charges(stretch.activity)),
        price_text: session.terms.as_ref()?.terms.driver_text.clone(),
    })
}

/// What an answer to a call of ours says that the station will not do it; `None` when it did, or does not say.
pub(super) fn refusal(answer: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Answer {
        status: Option<String>,
    }
    let Answer { status } = serde_json::from_str(answer).ok()?;
    status.filter(|status| status != "Accepted")
}
