//! Stations that are not as others, or not let in yet. Each test stands for a complaint in docs/field-notes.md.

use super::*;
use crate::domain::{Acceptance, Pings, Validation};
use crate::ocpp::v2;

const START: &str = r#"[2,"s","StartTransaction",{"connectorId":1,"idTag":"C","meterStart":0,"timestamp":"2026-01-01T10:00:00Z"}]"#;

/// Over the same store, with other words of the operator.
fn handled(handling: Handling) -> Bench {
    let mut bench = Bench::new();
    bench.link_as(&v16::DIALECT, handling);
    bench
}

fn lenient() -> Bench {
    handled(Handling { validation: Validation::Lenient, ..Handling::default() })
}

/// What was refused, and the text that is kept of it.
fn refused(bench: &Bench) -> Vec<(Option<String>, String)> {
    bench.facts();
    let facts = bench.store.facts(Seq(0), 1000).unwrap();
    let refused = facts.into_iter().filter_map(|logged| match logged.fact.body {
        FactBody::MessageRefused { action, .. } => {
            Some((action, bench.store.raw(logged.seq).unwrap().unwrap_or_default()))
        }
        _ => None,
    });
    refused.collect()
}

#[test]
fn a_pending_station_boots_and_says_what_it_is_asked_for_and_nothing_else() {
    let mut bench = handled(Handling { acceptance: Acceptance::Pending, ..Handling::default() });
    bench.transcript(
        r#"
        > [2,"1","BootNotification",{"chargePointVendor":"Acme","chargePointModel":"One"}]
        < [3,"1",{"currentTime":"2026-01-01T10:00:00Z","interval":60,"status":"Pending"}]
        "#,
    );
    assert!(bench.says(START).starts_with(r#"[4,"s","SecurityError""#));
    assert_eq!(bench.sessions(), 0);
    assert_eq!(refused(&bench), [(Some("StartTransaction".to_owned()), START.to_owned())]);

    let status = r#"[2,"2","StatusNotification",{"connectorId":1,"errorCode":"NoError","status":"Available"}]"#;
    assert!(bench.says(status).contains("SecurityError"));
    let trigger = command("TriggerMessage", r#"{"requestedMessage":"StatusNotification"}"#);
    bench.input(Input::Command(CommandId(1), trigger));
    assert!(bench.sent.pop_front().unwrap().contains("TriggerMessage"));
    assert_eq!(bench.says(status), r#"[3,"2",{}]"#);

    bench.link();
    assert!(bench.says(START).starts_with(r#"[3,"s""#), "accepted, without another boot");
}

#[test]
fn a_rejected_station_is_neither_heard_nor_told_anything() {
    let mut bench = handled(Handling { acceptance: Acceptance::Rejected, ..Handling::default() });
    let boot = r#"[2,"1","BootNotification",{"chargePointVendor":"A","chargePointModel":"B"}]"#;
    assert!(bench.says(boot).contains(r#""status":"Rejected""#));
    assert!(bench.says(r#"[2,"2","Heartbeat",{}]"#).contains("SecurityError"));
    bench.input(Input::Command(CommandId(1), command("ClearCache", "{}")));
    assert!(matches!(bench.settled[0], (_, Err(CommandFailure::Invalid(_)))));
    assert!(bench.sent.is_empty());
}

#[test]
fn over_2_0_1_a_pending_station_may_send_the_report_that_it_was_asked_for() {
    let mut bench = Bench::new();
    let handling = Handling { acceptance: Acceptance::Pending, ..Handling::default() };
    bench.link_as(&v2::V201, handling);
    let report =
        r#"[2,"1","NotifyReport",{"requestId":7,"generatedAt":"2026-01-01T10:00:00Z","seqNo":0}]"#;
    assert!(bench.says(report).contains("SecurityError"));
    let ask = command("GetBaseReport", r#"{"requestId":7,"reportBase":"FullInventory"}"#);
    bench.input(Input::Command(CommandId(1), ask));
    bench.sent.clear();
    assert_eq!(bench.says(report), r#"[3,"1",{}]"#);
}

#[test]
fn calls_of_a_connection_that_broke_do_not_crowd_the_next_one() {
    let mut bench = Bench::new();
    bench.policy = Box::new(|_| None);
    bench.says(r#"[2,"card","Authorize",{"idTag":"C"}]"#);
    for _ in 0..16 {
        assert_eq!(bench.says(r#"[2,"h","Heartbeat",{}]"#), "", "it waits");
    }
    let refused = bench.says(r#"[2,"h","Heartbeat",{}]"#);
    assert!(refused.contains("too many calls at once"), "{refused}");
    bench.input(Input::Unlinked { why: "cut".into() });
    bench.link();
    assert_eq!(bench.says(r#"[2,"h","Heartbeat",{}]"#), "", "it waits like others");
    bench.input(Input::Decided(permitted().0, Effects::default()));
    assert_eq!(bench.sent.len(), 1, "only the new connection hears an answer");
}

#[test]
fn what_is_refused_is_on_record_with_its_text_and_a_flood_of_it_is_not() {
    let mut bench = Bench::new();
    let broken = r#"[2,"1","MeterValues",{"connectorId":1,"transactionId":,"meterValue":[]}]"#;
    let leading_comma = r#",[2,"2","Heartbeat",{}]"#;
    let odd_kind = r#"[1,"3","Heartbeat",{}]"#;
    for text in [broken, leading_comma, odd_kind] {
        assert!(bench.says(text).starts_with("[4,"), "{text}");
    }
    let texts: Vec<_> = refused(&bench).into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, [broken, leading_comma, odd_kind]);
    assert_eq!(bench.says(r#"[2,"4","Heartbeat",{}]"#).split('"').nth(1), Some("4"));
    for _ in 0..100 {
        bench.says("nonsense");
    }
    assert_eq!(refused(&bench).len(), 20);
}

#[test]
fn a_lenient_station_keeps_the_good_samples_and_the_operator_reads_which_are_odd() {
    let mut bench = lenient();
    assert!(bench.says(START).contains(r#""transactionId":1"#));
    let meter = r#"[2,"m","MeterValues",{"connectorId":1,"transactionId":1,"meterValue":[
        {"timestamp":"2026-01-01T10:01:00Z","sampledValue":[{"value":""},{"value":"50","unit":"Hertz","measurand":"Frequency"},{"value":1500}]},
        {"timestamp":"2026-01-01T10:02:00Z","sampledValue":[]}]}]"#;
    assert_eq!(bench.says(meter), r#"[3,"m",{}]"#);
    assert_eq!(bench.session(1).energy(), MilliwattHours::from_wh(1500));
    let told = bench.warnings.join("\n");
    assert!(
        told.contains("`meterValue[0].sampledValue[2].value` is not a text; and 1 more"),
        "{told}"
    );

    let mut strict = Bench::new();
    assert!(strict.says(meter).starts_with(r#"[4,"m""#));
    assert_eq!(refused(&strict)[0].1, meter, "refused, and not lost");
}

#[test]
fn readings_of_no_transaction_and_of_connector_0_are_kept_and_touch_no_session() {
    let mut bench = lenient();
    bench.says(START);
    let answer = bench.says(
        r#"[2,"m","MeterValues",{"connectorId":0,"transactionId":0,"meterValue":[{"timestamp":"2026-01-01T10:01:00Z","sampledValue":[{"value":"9999999"}]}]}]"#,
    );
    assert_eq!(answer, r#"[3,"m",{}]"#);
    assert_eq!(bench.session(1).energy(), MilliwattHours(0));
    let status = r#"[2,"z","StatusNotification",{"connectorId":0,"errorCode":"NoError","status":"Available"}]"#;
    assert_eq!(bench.says(status), r#"[3,"z",{}]"#);
}

#[test]
fn a_start_that_is_sent_three_times_under_one_id_is_one_session() {
    let mut bench = Bench::new();
    let answers: Vec<_> = (0..3).map(|_| bench.says(START)).collect();
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(bench.sessions(), 1);
}

#[test]
fn the_first_stop_counts_and_a_stop_that_names_no_transaction_ends_none() {
    let mut bench = Bench::new();
    bench.says(START);
    let stop = |transaction: i64, meter: u32| {
        format!(
            r#"[2,"x","StopTransaction",{{"transactionId":{transaction},"meterStop":{meter},"timestamp":"2026-01-01T10:20:00Z"}}]"#
        )
    };
    for nobody in [-1, 0, -17, 4711] {
        assert_eq!(bench.says(&stop(nobody, 1)), r#"[3,"x",{}]"#);
    }
    assert!(bench.session(1).is_active());
    for meter in [5000, 6000, 0] {
        assert_eq!(bench.says(&stop(1, meter)), r#"[3,"x",{}]"#);
    }
    assert_eq!(bench.session(1).energy(), MilliwattHours::from_wh(5000));
}

#[test]
fn an_answer_that_comes_too_late_is_not_taken_for_that_of_the_next_call() {
    let mut bench = Bench::new();
    bench.input(Input::Command(CommandId(1), command("ClearCache", "{}")));
    let id = |frame: Option<String>| frame.unwrap().split('"').nth(1).unwrap().to_owned();
    let first = id(bench.sent.pop_front());
    bench.wait(Duration::from_secs(31));
    bench.input(Input::Command(CommandId(2), command("ClearCache", "{}")));
    let second = id(bench.sent.pop_front());
    bench.says(&format!(r#"[4,"{first}","InternalError","late",{{}}]"#));
    assert_eq!(bench.settled.len(), 1, "only the one that timed out");
    bench.says(&format!(r#"[3,"{second}",{{"status":"Accepted"}}]"#));
    assert!(matches!(bench.settled[1], (CommandId(2), Ok(_))));
}

#[test]
fn connector_numbers_that_no_station_has_take_no_place() {
    let mut bench = lenient();
    for number in (0..1000).map(|n| 1_634_030_126 + n) {
        let status = format!(
            r#"[2,"c","StatusNotification",{{"connectorId":{number},"errorCode":"NoError","status":"Available"}}]"#
        );
        assert_eq!(bench.says(&status), r#"[3,"c",{}]"#);
    }
    let of = station();
    let page = bench.store.page::<crate::domain::ConnectorState>(&of, None, Order::Ascending, 10);
    assert!(page.unwrap().is_empty());
}

#[test]
fn a_station_that_dislikes_pings_is_hung_up_on_without_one() {
    let mut bench = handled(Handling { pings: Some(Pings::Never), ..Handling::default() });
    bench.wait(Duration::from_secs(899));
    assert!(!bench.hung_up);
    bench.wait(Duration::from_secs(2));
    assert_eq!((bench.pings, bench.hung_up), (0, true));
}

#[test]
fn a_call_without_an_object_is_taken_of_a_lenient_station() {
    let null = r#"[2,"1","Heartbeat",null]"#;
    let odd_error =
        r#"[2,"2","StatusNotification",{"connectorId":1,"errorCode":"Error","status":"Faulted"}]"#;
    let mut bench = lenient();
    assert!(bench.says(null).starts_with(r#"[3,"1""#));
    assert_eq!(bench.says(odd_error), r#"[3,"2",{}]"#);
    let mut strict = Bench::new();
    assert!(strict.says(null).starts_with(r#"[4,"1""#));
    assert!(strict.says(odd_error).starts_with(r#"[4,"2","PropertyConstraintViolation""#));
}

#[test]
fn a_configuration_of_numbers_is_handed_on_of_a_lenient_station() {
    let answered = |bench: &mut Bench| {
        bench.input(Input::Command(CommandId(1), command("GetConfiguration", "{}")));
        let call = bench.sent.pop_front().unwrap();
        let id = call.split('"').nth(1).unwrap();
        bench.says(&format!(
            r#"[3,"{id}",{{"configurationKey":[{{"key":"NumberOfConnectors","readonly":true,"value":1634030126}}]}}]"#
        ));
        bench.settled.pop().unwrap().1
    };
    let answer = answered(&mut lenient()).unwrap();
    assert!(answer.get().contains("1634030126"), "{answer}");
    assert!(answered(&mut Bench::new()).is_err(), "a strict reader takes no number for a text");
}
