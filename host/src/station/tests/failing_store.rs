//! The store fails at its first, second, … n-th operation while a car charges. The station repeats what was refused, as
//! stations do, and finds a server that was started again over what its disk held.

use std::sync::Arc;

use super::{Bench, counting, station};
use crate::domain::{FactBody, MilliwattHours, Session};
use crate::ocpp::{Dialect, v2, v16};
use crate::store::{MemoryEngine, OpenSession, Order, StationSession, Store};

/// A whole session on OCPP 1.6; the start and the stop are said twice.
const OVER_1_6: &str = r#"
    > [2,"{id}","BootNotification",{"chargePointVendor":"Acme","chargePointModel":"One"}]
    < [3,"{id}",{"currentTime":"2026-01-01T10:00:00Z","interval":300,"status":"Accepted"}]
    > [2,"{id}","StatusNotification",{"connectorId":1,"errorCode":"NoError","status":"Preparing"}]
    < [3,"{id}",{}]
    > [2,"{id}","Authorize",{"idTag":"CARD1"}]
    < [3,"{id}",{"idTagInfo":{"status":"Accepted"}}]
    > [2,"{id}","StartTransaction",{"connectorId":1,"idTag":"CARD1","meterStart":1000,"timestamp":"2026-01-01T10:00:00Z"}]
    < [3,"{id}",{"idTagInfo":{"status":"Accepted"},"transactionId":{transaction}}]
    > [2,"{id}","StartTransaction",{"connectorId":1,"idTag":"CARD1","meterStart":1000,"timestamp":"2026-01-01T10:00:00Z"}]
    < [3,"{id}",{"idTagInfo":{"status":"Accepted"},"transactionId":{transaction}}]
    > [2,"{id}","StatusNotification",{"connectorId":1,"errorCode":"NoError","status":"Charging"}]
    < [3,"{id}",{}]
    > [2,"{id}","MeterValues",{"connectorId":1,"transactionId":{transaction},"meterValue":[{"timestamp":"2026-01-01T10:00:00Z","sampledValue":[{"value":"4.5","unit":"kWh"}]}]}]
    < [3,"{id}",{}]
    > [2,"{id}","StopTransaction",{"transactionId":{transaction},"meterStop":9000,"timestamp":"2026-01-01T10:20:00Z","reason":"Local"}]
    < [3,"{id}",{}]
    > [2,"{id}","StopTransaction",{"transactionId":{transaction},"meterStop":9000,"timestamp":"2026-01-01T10:20:00Z","reason":"Local"}]
    < [3,"{id}",{}]
    > [2,"{id}","StatusNotification",{"connectorId":1,"errorCode":"NoError","status":"Available"}]
    < [3,"{id}",{}]
    "#;

/// The same on OCPP 2.0.1; each event is said twice.
const OVER_2_0_1: &str = r#"
    > [2,"{id}","BootNotification",{"reason":"PowerUp","chargingStation":{"vendorName":"Acme","model":"Two"}}]
    < [3,"{id}",{"currentTime":"2026-01-01T10:00:00.000Z","interval":300,"status":"Accepted"}]
    > [2,"{id}","StatusNotification",{"timestamp":"2026-01-01T10:00:00Z","connectorStatus":"Occupied","evseId":1,"connectorId":1}]
    < [3,"{id}",{}]
    > [2,"{id}","Authorize",{"idToken":{"idToken":"CARD1","type":"ISO14443"}}]
    < [3,"{id}",{"idTokenInfo":{"status":"Accepted"}}]
    > [2,"{id}","TransactionEvent",{"eventType":"Started","timestamp":"2026-01-01T10:00:00Z","triggerReason":"Authorized","seqNo":0,"transactionInfo":{"transactionId":"t-1","chargingState":"Charging"},"evse":{"id":1,"connectorId":1},"idToken":{"idToken":"CARD1","type":"ISO14443"},"meterValue":[{"timestamp":"2026-01-01T10:00:00Z","sampledValue":[{"value":1000,"context":"Transaction.Begin"}]}]}]
    < [3,"{id}",{"idTokenInfo":{"status":"Accepted"}}]
    > [2,"{id}","TransactionEvent",{"eventType":"Started","timestamp":"2026-01-01T10:00:00Z","triggerReason":"Authorized","seqNo":0,"transactionInfo":{"transactionId":"t-1","chargingState":"Charging"},"evse":{"id":1,"connectorId":1},"idToken":{"idToken":"CARD1","type":"ISO14443"},"meterValue":[{"timestamp":"2026-01-01T10:00:00Z","sampledValue":[{"value":1000,"context":"Transaction.Begin"}]}]}]
    < [3,"{id}",{"idTokenInfo":{"status":"Accepted"}}]
    > [2,"{id}","TransactionEvent",{"eventType":"Updated","timestamp":"2026-01-01T10:10:00Z","triggerReason":"MeterValuePeriodic","seqNo":1,"transactionInfo":{"transactionId":"t-1","chargingState":"Charging"},"meterValue":[{"timestamp":"2026-01-01T10:10:00Z","sampledValue":[{"value":4500,"context":"Sample.Periodic"}]}]}]
    < [3,"{id}",{}]
    > [2,"{id}","TransactionEvent",{"eventType":"Ended","timestamp":"2026-01-01T10:20:00Z","triggerReason":"StopAuthorized","seqNo":2,"transactionInfo":{"transactionId":"t-1","stoppedReason":"Local"},"meterValue":[{"timestamp":"2026-01-01T10:20:00Z","sampledValue":[{"value":9000,"context":"Transaction.End"}]}]}]
    < [3,"{id}",{}]
    > [2,"{id}","TransactionEvent",{"eventType":"Ended","timestamp":"2026-01-01T10:20:00Z","triggerReason":"StopAuthorized","seqNo":2,"transactionInfo":{"transactionId":"t-1","stoppedReason":"Local"},"meterValue":[{"timestamp":"2026-01-01T10:20:00Z","sampledValue":[{"value":9000,"context":"Transaction.End"}]}]}]
    < [3,"{id}",{}]
    "#;

/// What a crash leaves of what was written and not synced.
#[derive(Debug, Clone, Copy)]
enum Kept {
    Nothing,
    /// As after the kill of a process, whose system goes on.
    All,
}

/// A station and the server that it talks to, over one disk.
struct World {
    dialect: &'static Dialect,
    engine: Arc<MemoryEngine>,
    /// `None` when the store could not be opened.
    bench: Option<Bench>,
    messages: u32,
    /// As the start was answered.
    transaction: Option<String>,
    restarts: u32,
}

impl World {
    /// Its store fails on the `n`-th operation, of which opening it takes the first few.
    fn new(dialect: &'static Dialect, n: u64) -> Self {
        let engine = Arc::new(MemoryEngine::new());
        engine.fail_on_call(n);
        let bench = serve(dialect, &engine);
        Self { dialect, engine, bench, messages: 0, transaction: None, restarts: 0 }
    }

    /// One message under an id of its own; whether it was answered rightly. Anything but that and an OCPP error is
    /// wrong.
    fn says(&mut self, said: &str, right: &str) -> bool {
        let Some(bench) = &mut self.bench else { return false };
        self.messages += 1;
        let id = self.messages.to_string();
        let fill = |text: &str, transaction: &Option<String>| {
            let transaction = transaction.as_deref().unwrap_or("{transaction}");
            text.replace("{id}", &id).replace("{transaction}", transaction)
        };
        let answer = bench.says(&fill(said, &self.transaction));
        if answer.starts_with(&format!(r#"[4,"{id}","InternalError""#)) {
            return false;
        }
        if self.transaction.is_none() && right.contains("{transaction}") {
            self.transaction = transaction_in(&answer);
        }
        assert_eq!(answer, fill(right, &self.transaction));
        true
    }

    /// The power goes and comes back.
    fn restart(&mut self, kept: Kept) {
        self.restarts += 1;
        let batches = match kept {
            Kept::Nothing => 0,
            Kept::All => self.engine.unsynced(),
        };
        self.engine = Arc::new(self.engine.crash_keeping(batches));
        self.bench = serve(self.dialect, &self.engine);
    }

    /// A whole session; whether the store has failed on the way.
    fn charge(&mut self, script: &str, kept: Kept) -> bool {
        let mut lines = script.lines().map(str::trim).filter(|line| !line.is_empty());
        while let Some(said) = lines.next().and_then(|line| line.strip_prefix("> ")) {
            let right = lines.next().and_then(|line| line.strip_prefix("< ")).unwrap();
            if !self.says(said, right) {
                assert!(!self.says(said, right), "a store that has failed keeps nothing: {said}");
                self.restart(kept);
                assert!(self.says(said, right), "it fails once: {said}");
            }
        }
        self.restarts > 0 || self.engine.has_failed()
    }

    fn check(&mut self) {
        let bench = self.bench.as_ref().unwrap();
        let page = |order| bench.store.page::<StationSession>(&station(), None, order, 9).unwrap();
        let sessions = page(Order::Ascending);
        let [((_, id), _)] = sessions.as_slice() else { panic!("{} sessions", sessions.len()) };
        let acknowledged =
            self.transaction.as_ref().map(|transaction| transaction.parse().unwrap());
        assert!(acknowledged.is_none_or(|acknowledged| *id == acknowledged), "{id}");
        let session = bench.store.read::<Session>(id).unwrap().unwrap().value;
        assert_eq!(session.energy(), MilliwattHours::from_wh(8000));
        assert_eq!(session.ended.as_ref().unwrap().reason.as_deref(), Some("Local"));
        assert!(session.decision.unwrap().permit().is_some() && session.token.is_some());
        let open = bench.store.page::<OpenSession>(&station(), None, Order::Ascending, 9).unwrap();
        assert!(open.is_empty(), "{open:?}");

        let facts = bench.facts();
        let count =
            |wanted: fn(&FactBody) -> bool| facts.iter().filter(|fact| wanted(fact)).count();
        assert_eq!(count(|fact| matches!(fact, FactBody::TransactionStarted { .. })), 1);
        assert_eq!(count(|fact| matches!(fact, FactBody::TransactionEnded { .. })), 1);
        assert_eq!(count(|fact| matches!(fact, FactBody::OrphanStop { .. })), 0);
        let counted = counting::counted(&bench.store);
        assert_eq!(counted, counting::decided(&facts), "what a policy wrote has its fact");
    }
}

/// A server over this disk, unless its store cannot be opened.
fn serve(dialect: &'static Dialect, engine: &Arc<MemoryEngine>) -> Option<Bench> {
    let store = Store::on_engine(engine.clone()).ok()?;
    let records = store.clone();
    let mut bench = Bench::over(engine.clone(), store);
    bench.policy = Box::new(move |_| Some(counting::decide(&records)));
    bench.link_over(dialect);
    Some(bench)
}

fn transaction_in(answer: &str) -> Option<String> {
    let (_, number) = answer.split_once(r#""transactionId":"#)?;
    Some(number.chars().take_while(char::is_ascii_digit).collect())
}

/// Lets every operation of a session fail in turn, and counts them.
fn fail_everywhere(dialect: &'static Dialect, script: &str) -> u64 {
    for n in 1.. {
        for kept in [Kept::Nothing, Kept::All] {
            let mut world = World::new(dialect, n);
            if !world.charge(script, kept) {
                return n - 1;
            }
            world.restart(Kept::Nothing);
            world.check();
        }
    }
    unreachable!("a session has an end")
}

#[test]
fn wherever_the_store_fails_a_session_over_1_6_is_recorded_once_and_as_acknowledged() {
    let operations = fail_everywhere(&v16::DIALECT, OVER_1_6);
    println!("each of {operations} operations failed in turn");
    assert!(operations > 20, "{operations}");
}

#[test]
fn wherever_the_store_fails_a_session_over_2_0_1_is_recorded_once_and_as_acknowledged() {
    let operations = fail_everywhere(&v2::V201, OVER_2_0_1);
    println!("each of {operations} operations failed in turn");
    assert!(operations > 20, "{operations}");
}
