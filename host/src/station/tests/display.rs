//! Conversations with stations that show their drivers what it costs: told after the answer, and only if set up so.

use std::time::Duration;

use serde_json::Value;

use super::tariff::{AN_HOUR, CARD, PerKwh, START, STOP, event, meter, register};
use super::{Bench, command, station};
use crate::domain::StationRecord;
use crate::station::commands::CommandId;
use crate::station::machine::Input;
use crate::store::{Commit, Expect};

/// A bench whose station shows costs, at 40 cents a kilowatt-hour.
fn shows(mut bench: Bench) -> Bench {
    bench.clock = AN_HOUR;
    let record = StationRecord { shows_cost: true, ..StationRecord::default() };
    let mut commit = Commit::new();
    commit.put(&station(), &record, Expect::Absent).synced();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(bench.store.commit(commit)).unwrap();
    PerKwh::at(40, &mut bench);
    bench
}

/// The next call of ours: its id, its action, its payload.
fn told(bench: &mut Bench) -> Option<(String, String, Value)> {
    let text = bench.sent.pop_front()?;
    let (kind, id, action, payload): (u32, String, String, Value) =
        serde_json::from_str(&text).unwrap();
    assert_eq!(kind, 2, "{text}");
    Some((id, action, payload))
}

/// The same, answered by the station.
fn taken(bench: &mut Bench, answer: &str) -> Option<(String, Value)> {
    let (id, action, payload) = told(bench)?;
    bench.input(Input::Text(format!(r#"[3,"{id}",{answer}]"#)));
    Some((action, payload))
}

const ACCEPTED: &str = r#"{"status":"Accepted"}"#;

/// Of a DataTransfer: what it is about, and what it says, digit by digit.
fn message(payload: &Value) -> (&str, &str) {
    assert_eq!(payload["vendorId"], "org.openchargealliance.costmsg");
    (payload["messageId"].as_str().unwrap(), payload["data"].as_str().unwrap())
}

#[test]
fn over_1_6_the_driver_reads_the_cost_once_a_minute_and_at_the_end() {
    let mut bench = shows(Bench::new());
    bench.says(START);
    assert_eq!(bench.says(&meter(10, 2000)), r#"[3,"m10",{}]"#, "the answer comes first");
    let (action, payload) = taken(&mut bench, ACCEPTED).unwrap();
    assert_eq!(action, "DataTransfer");
    assert_eq!(
        message(&payload),
        (
            "RunningCost",
            r#"{"transactionId":1,"timestamp":"2026-01-01T10:10:00.000Z","meterValue":2000,"cost":0.40,"state":"Charging","chargingPrice":{}}"#
        )
    );
    bench.says(&meter(11, 2500));
    assert_eq!(told(&mut bench), None, "too early for a new price");
    bench.wait(Duration::from_secs(60));
    bench.says(&meter(12, 3000));
    let (_, payload) = taken(&mut bench, ACCEPTED).unwrap();
    assert!(message(&payload).1.contains(r#""cost":0.80"#), "{payload}");

    assert_eq!(bench.says(STOP), r#"[3,"9",{}]"#);
    let (_, payload) = taken(&mut bench, ACCEPTED).unwrap();
    let expected = r#"{"transactionId":1,"cost":3.20,"priceText":"40 ct/kWh"}"#;
    assert_eq!(message(&payload), ("FinalCost", expected));
    assert!(bench.warnings.is_empty(), "{:?}", bench.warnings);
}

#[test]
fn over_2_0_1_the_running_cost_is_a_call_and_the_final_one_an_answer() {
    let mut bench = shows(Bench::of_2_0_1());
    let begin = register(10, 1000, "Transaction.Begin");
    bench.says(&event("Started", 1, &format!(r#"}}{CARD}{begin}"#)));
    let middle = register(20, 2500, "Sample.Periodic");
    let answer = bench.says(&event("Updated", 2, &format!("}}{middle}")));
    assert_eq!(answer, r#"[3,"e2",{}]"#, "2.0.1 wants no cost in it before the end");
    let frame = bench.sent.pop_front().unwrap();
    assert_eq!(frame, r#"[2,"00000007-1","CostUpdated",{"totalCost":0.60,"transactionId":"t-1"}]"#);
    bench.input(Input::Text(r#"[3,"00000007-1",{}]"#.to_owned()));
    let end = register(50, 9000, "Transaction.End");
    let answer = bench.says(&event("Ended", 3, &format!("}}{end}")));
    assert_eq!(answer, r#"[3,"e3",{"totalCost":3.20}]"#);
    assert_eq!(told(&mut bench), None, "said once");
}

#[test]
fn over_2_1_every_cost_stands_in_an_answer() {
    let mut bench = shows(Bench::of_2_1());
    let begin = register(10, 1000, "Transaction.Begin");
    bench.says(&event("Started", 1, &format!(r#"}}{CARD}{begin}"#)));
    let middle = register(20, 2500, "Sample.Periodic");
    let answer = bench.says(&event("Updated", 2, &format!("}}{middle}")));
    assert_eq!(answer, r#"[3,"e2",{"totalCost":0.60}]"#);
    assert_eq!(told(&mut bench), None, "said once");
    let end = register(50, 9000, "Transaction.End");
    let answer = bench.says(&event("Ended", 3, &format!("}}{end}")));
    assert_eq!(answer, r#"[3,"e3",{"totalCost":3.20}]"#);
    assert_eq!(told(&mut bench), None, "said once");
}

#[test]
fn a_station_of_which_nothing_is_said_is_told_nothing() {
    let mut bench = Bench::new();
    bench.clock = AN_HOUR;
    PerKwh::at(40, &mut bench);
    bench.says(START);
    bench.says(&meter(10, 2000));
    bench.says(STOP);
    assert_eq!(told(&mut bench), None);
}

#[test]
fn a_cost_waits_behind_an_open_call_and_a_newer_one_takes_its_place() {
    let mut bench = shows(Bench::new());
    bench.says(START);
    bench.input(Input::Command(CommandId(1), command("Reset", r#"{"type":"Soft"}"#)));
    let (reset, ..) = told(&mut bench).unwrap();
    bench.says(&meter(10, 2000));
    bench.says(STOP);
    bench.input(Input::Command(CommandId(2), command("ClearCache", "{}")));
    assert_eq!(told(&mut bench), None, "one call is open");
    bench.input(Input::Text(format!(r#"[3,"{reset}",{ACCEPTED}]"#)));
    assert_eq!(taken(&mut bench, ACCEPTED).unwrap().0, "ClearCache", "the operator comes first");
    let (_, payload) = taken(&mut bench, ACCEPTED).unwrap();
    assert_eq!(message(&payload).0, "FinalCost", "the running one is out of date");
    assert_eq!(told(&mut bench), None);
}

#[test]
fn a_station_that_does_not_take_it_is_not_told_again_and_the_operator_hears_of_it() {
    let mut bench = shows(Bench::new());
    bench.says(START);
    bench.says(&meter(10, 2000));
    taken(&mut bench, r#"{"status":"UnknownVendorId"}"#).unwrap();
    assert!(bench.warnings[0].contains("UnknownVendorId"), "{:?}", bench.warnings);
    bench.wait(Duration::from_secs(60));
    bench.says(&meter(11, 3000));
    assert_eq!(told(&mut bench), None);

    bench.link();
    bench.wait(Duration::from_secs(60));
    bench.says(&meter(12, 4000));
    assert!(told(&mut bench).is_some(), "it may have learnt it meanwhile");
    bench.input(Input::Unlinked { why: "cut".into() });
    assert_eq!(bench.warnings.len(), 1, "a lost message is no failure: {:?}", bench.warnings);
}
