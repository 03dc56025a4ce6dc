//! Conversations about money: the terms at the start, the running price, the bill at the end.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use super::{Bench, verdict};
use crate::domain::{
    Bill, Currency, FactBody, Interval, Line, Micros, Offer, Permit, Pinned, PluginName, Refusal,
    Session, TariffAsk, TariffSaid, Terms, Verdict,
};
use crate::store::UnpricedSession;

/// A tariff of so many cents a kilowatt-hour, which it writes into its terms, and what it was asked.
pub(super) struct PerKwh {
    asked: Rc<RefCell<Vec<TariffAsk>>>,
    cents: Rc<RefCell<i64>>,
}

impl PerKwh {
    /// Puts it into service. A negative price makes it fail.
    pub(super) fn at(cents: i64, bench: &mut Bench) -> Self {
        let tariff = Self { asked: Rc::default(), cents: Rc::new(RefCell::new(cents)) };
        let (asked, cents) = (tariff.asked.clone(), tariff.cents.clone());
        bench.tariff = Box::new(move |ask| {
            asked.borrow_mut().push(ask.clone());
            answer(ask, *cents.borrow())
        });
        tariff
    }

    /// Swaps it for another version, or breaks it.
    fn swap(&self, cents: i64) {
        *self.cents.borrow_mut() = cents;
    }

    fn offers(&self) -> usize {
        let asked = self.asked.borrow();
        asked.iter().filter(|ask| matches!(ask, TariffAsk::Offer(_))).count()
    }

    fn prices(&self) -> Vec<(bool, Vec<Interval>)> {
        let asked = self.asked.borrow();
        let prices = asked.iter().filter_map(|ask| match ask {
            TariffAsk::Price(ask) => Some((ask.closed, ask.used.clone())),
            TariffAsk::Offer(_) => None,
        });
        prices.collect()
    }
}

fn answer(ask: &TariffAsk, cents: i64) -> TariffSaid {
    match ask {
        TariffAsk::Offer(_) if cents < 0 => {
            TariffSaid::Offered(Offer { pinned: None, failure: Some("per-kwh 1 trapped".into()) })
        }
        TariffAsk::Offer(ask) => {
            let terms = Terms {
                id: "per-kwh".into(),
                body: cents.to_string(),
                currency: Currency::try_from("EUR".to_owned()).unwrap(),
                driver_text: format!("{cents} ct/kWh"),
            };
            let plugin = PluginName::new("per-kwh").unwrap();
            let zone = ask.about.station.zone.clone();
            let pinned = Some(Pinned { plugin, version: "1".into(), zone, terms });
            TariffSaid::Offered(Offer { pinned, failure: None })
        }
        TariffAsk::Price(_) if cents < 0 => TariffSaid::Priced(Err("per-kwh 2 trapped".into())),
        TariffAsk::Price(ask) => {
            let mwh: i64 = ask.used.iter().map(|interval| interval.energy.0).sum();
            let cents: i64 = ask.pinned.terms.body.parse().unwrap();
            let net = Micros(mwh * cents / 100);
            let line = Line { kind: "energy".into(), net, tax: Micros(0), more: vec![] };
            let total_minor = (net.0 + 5_000) / 10_000;
            let bill = Bill { lines: vec![line], total_minor, next_change: None };
            TariffSaid::Priced(Ok((bill, "1".into())))
        }
    }
}

/// Later than anything that the stations here report, so that their clocks are believed. Milliseconds.
pub(super) const AN_HOUR: u64 = 3_600_000;

pub(super) const START: &str = r#"[2,"1","StartTransaction",{"connectorId":1,"idTag":"CARD1","meterStart":1000,"timestamp":"2026-01-01T10:00:00Z"}]"#;
pub(super) const STOP: &str = r#"[2,"9","StopTransaction",{"transactionId":1,"meterStop":9000,"timestamp":"2026-01-01T10:20:00Z","reason":"Local"}]"#;

pub(super) fn meter(minute: u32, wh: u32) -> String {
    format!(
        r#"[2,"m{minute}","MeterValues",{{"connectorId":1,"transactionId":1,"meterValue":[{{"timestamp":"2026-01-01T10:{minute:02}:00Z","sampledValue":[{{"value":"{wh}"}}]}}]}}]"#
    )
}

fn total(session: &Session) -> Option<(i64, bool)> {
    session.bill.as_ref().map(|priced| (priced.bill.total_minor, priced.closed))
}

fn money(bench: &Bench) -> Vec<FactBody> {
    let about_money = |fact: &FactBody| {
        matches!(
            fact,
            FactBody::TermsPinned { .. }
                | FactBody::SessionPriced { .. }
                | FactBody::SessionUnpriced { .. }
        )
    };
    bench.facts().into_iter().filter(about_money).collect()
}

#[test]
fn a_session_has_its_terms_at_the_start_and_its_bill_at_the_end() {
    let mut bench = Bench::new();
    bench.clock = AN_HOUR;
    let tariff = PerKwh::at(40, &mut bench);
    let account = Some("42".to_owned());
    bench.policy = Box::new(move |_| {
        Some(verdict(Verdict::Permit(Permit { account: account.clone(), ..Permit::default() })))
    });
    assert_eq!(
        bench.says(START),
        r#"[3,"1",{"idTagInfo":{"status":"Accepted"},"transactionId":1}]"#
    );
    assert_eq!(bench.session(1).terms.unwrap().terms.driver_text, "40 ct/kWh");
    let TariffAsk::Offer(offer) = tariff.asked.borrow()[0].clone() else { panic!() };
    assert_eq!(offer.account.as_deref(), Some("42"));
    bench.says(&meter(10, 4500));
    assert_eq!(bench.says(STOP), r#"[3,"9",{}]"#);
    let session = bench.session(1);
    assert_eq!(total(&session), Some((320, true)));
    assert_eq!(session.unpriced, None);
    let (closed, used) = tariff.prices().pop().unwrap();
    let energies: Vec<_> = used.iter().map(|interval| interval.energy.0).collect();
    assert_eq!((closed, energies), (true, vec![3_500_000, 4_500_000]));
    let facts = money(&bench);
    assert!(
        matches!(
            facts.as_slice(),
            [
                FactBody::TermsPinned { pinned: Some(_), failure: None, .. },
                FactBody::SessionPriced { .. },
            ]
        ),
        "{facts:?}"
    );
}

#[test]
fn terms_that_are_pinned_stay_to_the_cent_when_the_tariff_is_swapped() {
    let mut bench = Bench::new();
    let tariff = PerKwh::at(40, &mut bench);
    bench.says(START);
    tariff.swap(99);
    bench.says(STOP);
    assert_eq!(total(&bench.session(1)), Some((320, true)));
    assert_eq!(tariff.offers(), 1);
}

#[test]
fn a_broken_tariff_keeps_nobody_from_charging_and_the_record_says_why() {
    let mut bench = Bench::new();
    let tariff = PerKwh::at(-1, &mut bench);
    let answer = bench.says(START);
    assert!(answer.contains("Accepted"), "{answer}");
    let session = bench.session(1);
    assert_eq!((session.terms, session.unpriced), (None, Some("per-kwh 1 trapped".into())));
    assert_eq!(bench.says(STOP), r#"[3,"9",{}]"#);
    assert_eq!((tariff.offers(), tariff.prices().len()), (1, 0), "no terms, no price");
    assert!(!bench.session(1).is_active());
}

#[test]
fn a_stop_is_taken_in_though_it_cannot_be_priced() {
    let mut bench = Bench::new();
    let tariff = PerKwh::at(40, &mut bench);
    bench.says(START);
    tariff.swap(-1);
    assert_eq!(bench.says(STOP), r#"[3,"9",{}]"#);
    let session = bench.session(1);
    assert!(!session.is_active() && session.terms.is_some());
    assert_eq!((total(&session), session.unpriced), (None, Some("per-kwh 2 trapped".into())));
    assert!(matches!(money(&bench).last(), Some(FactBody::SessionUnpriced { .. })));
    let noted = bench.store.read::<UnpricedSession>(&session.id).unwrap();
    assert!(noted.is_some(), "for whoever prices it later");
}

#[test]
fn who_is_refused_is_offered_nothing() {
    let mut bench = Bench::new();
    let tariff = PerKwh::at(40, &mut bench);
    bench.policy = Box::new(|_| Some(verdict(Verdict::Refuse(Refusal::Blocked))));
    bench.says(START);
    bench.says(STOP);
    assert!(tariff.asked.borrow().is_empty());
    assert!(money(&bench).is_empty());
}

#[test]
fn the_running_price_follows_the_meter_once_a_minute() {
    let mut bench = Bench::new();
    let tariff = PerKwh::at(40, &mut bench);
    bench.says(START);
    bench.says(&meter(1, 2000));
    assert_eq!(total(&bench.session(1)), Some((40, false)));
    bench.wait(Duration::from_secs(59));
    bench.says(&meter(2, 3000));
    assert_eq!(total(&bench.session(1)), Some((40, false)), "too early");
    bench.wait(Duration::from_secs(1));
    bench.says(&meter(3, 4000));
    assert_eq!(total(&bench.session(1)), Some((120, false)));
    assert_eq!(tariff.prices().len(), 2);
    assert_eq!(money(&bench).len(), 1, "a running price is no fact");
}

pub(super) fn event(kind: &str, number: u32, more: &str) -> String {
    format!(
        r#"[2,"e{number}","TransactionEvent",{{"eventType":"{kind}","timestamp":"2026-01-01T10:{number}0:00Z","triggerReason":"MeterValuePeriodic","seqNo":{number},"transactionInfo":{{"transactionId":"t-1"{more}}}]"#
    )
}

pub(super) fn register(minute: u32, wh: u32, context: &str) -> String {
    format!(
        r#","meterValue":[{{"timestamp":"2026-01-01T10:{minute}:00Z","sampledValue":[{{"value":{wh},"context":"{context}"}}]}}]"#
    )
}

pub(super) const CARD: &str = r#","idToken":{"idToken":"CARD1","type":"ISO14443"}"#;

#[test]
fn over_2_0_1_the_driver_is_told_the_cost_at_the_end_also_when_the_end_is_repeated() {
    let mut bench = Bench::of_2_0_1();
    bench.clock = AN_HOUR;
    let tariff = PerKwh::at(40, &mut bench);
    let begin = register(10, 1000, "Transaction.Begin");
    let plugged = event("Started", 1, &format!(r#","chargingState":"EVConnected"}}{begin}"#));
    assert_eq!(bench.says(&plugged), r#"[3,"e1",{}]"#);
    assert_eq!(tariff.offers(), 0, "nobody has shown a card");
    let shown = event("Updated", 2, &format!(r#","chargingState":"Charging"}}{CARD}"#));
    assert_eq!(bench.says(&shown), r#"[3,"e2",{"idTokenInfo":{"status":"Accepted"}}]"#);
    assert_eq!(tariff.offers(), 1);
    let full = event("Updated", 3, r#","chargingState":"SuspendedEV"}"#);
    assert_eq!(bench.says(&full), r#"[3,"e3",{}]"#);
    let end = register(50, 9000, "Transaction.End");
    let unplugged = event("Ended", 5, &format!("}}{end}"));
    let told = r#"[3,"e5",{"totalCost":3.20}]"#;
    assert_eq!(bench.says(&unplugged), told);
    assert_eq!(bench.says(&unplugged), told, "the same once more");

    let (_, used) = tariff.prices().pop().unwrap();
    let used: Vec<_> = used.iter().map(|i| (i.activity.as_str(), i.energy.0)).collect();
    assert_eq!(used, [("idle", 0), ("charging", 8_000_000), ("idle", 0)]);
}

#[test]
fn an_end_that_comes_before_its_start_is_priced_when_the_start_comes() {
    let mut bench = Bench::of_2_0_1();
    let tariff = PerKwh::at(40, &mut bench);
    let end = register(50, 9000, "Transaction.End");
    assert_eq!(bench.says(&event("Ended", 5, &format!("}}{end}"))), r#"[3,"e5",{}]"#);
    let begin = register(10, 1000, "Transaction.Begin");
    bench.says(&event("Started", 1, &format!("}}{CARD}{begin}")));
    assert_eq!(total(&bench.session(1)), Some((320, true)));
    assert_eq!((tariff.offers(), tariff.prices().len()), (1, 1));
}
