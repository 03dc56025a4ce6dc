//! Conversations over OCPP 2.1: what it has and the versions before it do not.

use super::{Bench, command, permitted, verdict};
use crate::domain::{FactBody, Limits, Permit, Seq, Validation, Verdict};
use crate::ocpp::v2;
use crate::station::commands::CommandId;
use crate::station::handling::Handling;
use crate::station::machine::Input;
use crate::station::registry::CommandFailure;

const STREAM: &str = r#"[6,"s1","NotifyPeriodicEventStream",{"id":1,"pending":0,"basetime":"2026-01-01T10:00:00Z","data":[{"t":0,"v":"11000"}]}]"#;

fn streams(bench: &Bench) -> usize {
    let facts = bench.facts();
    let stream = FactBody::Other { action: "NotifyPeriodicEventStream".into() };
    facts.iter().filter(|fact| **fact == stream).count()
}

#[test]
fn a_send_is_kept_and_answered_by_nobody() {
    let mut bench = Bench::of_2_1();
    assert_eq!(bench.says(STREAM), "");
    assert_eq!(streams(&bench), 1);
    assert!(bench.warnings.is_empty(), "{:?}", bench.warnings);
    let text = bench.store.raw(Seq(bench.facts().len() as u64)).unwrap();
    assert_eq!(text.as_deref(), Some(STREAM), "as it came");
}

#[test]
fn a_send_waits_for_no_call_and_no_call_waits_for_a_send() {
    let mut bench = Bench::of_2_1();
    bench.policy = Box::new(|_| None);
    bench.says(r#"[2,"1","Authorize",{"idToken":{"idToken":"C","type":"ISO14443"}}]"#);
    for n in 0..20 {
        assert_eq!(bench.says(&STREAM.replace("s1", &format!("s{n}"))), "");
    }
    assert_eq!(streams(&bench), 20, "though a policy thinks");
    let (decision, effects) = permitted();
    bench.input(Input::Decided(decision, effects));
    let answer = bench.sent.pop_front().unwrap();
    assert_eq!(answer, r#"[3,"1",{"idTokenInfo":{"status":"Accepted"}}]"#);
    assert!(bench.sent.is_empty(), "{:?}", bench.sent);
}

#[test]
fn a_send_that_is_wrong_is_told_to_the_operator_and_not_to_the_station() {
    let mut bench = Bench::of_2_1();
    let wrong = [
        r#"[6,"s1","NotifyPeriodicEventStream",{"id":1}]"#,
        r#"[6,"s2","Heartbeat",{}]"#,
        r#"[6,"s3","Dance",{}]"#,
        r#"[6,"s4"]"#,
    ];
    for text in wrong {
        assert_eq!(bench.says(text), "", "{text}");
    }
    assert_eq!((streams(&bench), bench.warnings.len()), (0, 4), "{:?}", bench.warnings);
    let refused = |fact: &&FactBody| matches!(fact, FactBody::MessageRefused { .. });
    assert_eq!(bench.facts().iter().filter(refused).count(), 4, "whoever mends it can read it");
    let call = STREAM.replace("[6,", "[2,");
    assert!(bench.says(&call).starts_with(r#"[4,"s1","NotSupported""#), "it is no call");
}

#[test]
fn an_answer_that_the_station_cannot_take_is_on_record() {
    let mut bench = Bench::of_2_1();
    bench.transcript(
        r#"
        > [2,"1","Heartbeat",{}]
        < [3,"1",{"currentTime":"2026-01-01T10:00:00.000Z"}]
        "#,
    );
    let cannot = r#"[5,"1","TypeConstraintViolation","no such year",{}]"#;
    assert_eq!(bench.says(cannot), "");
    assert_eq!(bench.says(cannot), "", "said twice");
    let refused = |action: Option<&str>| FactBody::AnswerRefused {
        action: action.map(ToOwned::to_owned),
        code: "TypeConstraintViolation".into(),
        description: "no such year".into(),
    };
    let facts = bench.facts();
    assert!(facts.ends_with(&[refused(Some("Heartbeat")), refused(None)]), "{facts:?}");
    assert!(bench.warnings[0].contains("our answer to Heartbeat"), "{:?}", bench.warnings);
}

/// Asks for something, and has it answered with what no table allows. What the station hears of that.
fn answers_nonsense(bench: &mut Bench) -> String {
    bench.input(Input::Command(CommandId(1), command("ClearCache", "{}")));
    bench.sent.pop_front().unwrap();
    bench.says(r#"[3,"00000007-1",{"status":"Perhaps"}]"#)
}

#[test]
fn a_nonsensical_answer_is_a_failure_for_whoever_asked_and_the_newest_version_hears_of_it() {
    let why = "`status` is none of the words that are allowed there";
    let told = format!(r#"[5,"00000007-1","PropertyConstraintViolation","{why}",{{}}]"#);
    for (mut bench, told) in
        [(Bench::of_2_1(), told.as_str()), (Bench::of_2_0_1(), ""), (Bench::new(), "")]
    {
        assert_eq!(answers_nonsense(&mut bench), told);
        let [(CommandId(1), Err(CommandFailure::Unfit { fault, answer }))] =
            bench.settled.as_slice()
        else {
            panic!("{:?}", bench.settled)
        };
        assert_eq!((&*fault.description, answer.get()), (why, r#"{"status":"Perhaps"}"#));
        assert!(bench.warnings[0].contains(why), "{:?}", bench.warnings);
    }
}

#[test]
fn a_station_that_may_be_odd_is_taken_at_its_word() {
    let mut bench = Bench::new();
    bench.link_as(&v2::V21, Handling { validation: Validation::Lenient, ..Handling::default() });
    assert_eq!(answers_nonsense(&mut bench), "");
    assert!(bench.settled[0].1.is_ok());
    assert!(bench.warnings[0].contains("odd, and taken"), "{:?}", bench.warnings);
    bench.says(r#"[6,"s1","NotifyPeriodicEventStream",{"id":1,"data":[]}]"#);
    assert_eq!(streams(&bench), 1);
}

#[test]
fn the_versions_before_know_neither_sends_nor_refused_answers() {
    for (mut bench, code, unreadable) in [
        (Bench::new(), "FormationViolation", "FormationViolation"),
        (Bench::of_2_0_1(), "MessageTypeNotSupported", "RpcFrameworkError"),
    ] {
        for (text, id) in [(STREAM, "s1"), (r#"[5,"1","GenericError","",{}]"#, "1")] {
            let why = "the protocol has no messages of this type";
            assert_eq!(bench.says(text), format!(r#"[4,"{id}","{code}","{why}",{{}}]"#));
        }
        let why = "the message is not JSON";
        assert_eq!(bench.says("nonsense"), format!(r#"[4,"-1","{unreadable}","{why}",{{}}]"#));
    }
}

#[test]
fn a_permit_tells_the_station_how_far_it_reaches() {
    let mut bench = Bench::of_2_1();
    let limits = Limits { max_mwh: Some(20_000_000), max_seconds: Some(3600), ..Limits::default() };
    let permit = Permit { limits, ..Permit::default() };
    bench.policy = Box::new(move |_| Some(verdict(Verdict::Permit(permit.clone()))));
    bench.transcript(
        r#"
        > [2,"1","TransactionEvent",{"eventType":"Started","timestamp":"2026-01-01T10:00:00Z","triggerReason":"Authorized","seqNo":0,"transactionInfo":{"transactionId":"t-1","chargingState":"Charging"},"evse":{"id":1,"connectorId":1},"idToken":{"idToken":"CARD1","type":"ISO14443"}}]
        < [3,"1",{"idTokenInfo":{"status":"Accepted"},"transactionLimit":{"maxEnergy":20000,"maxTime":3600}}]
        > [2,"2","TransactionEvent",{"eventType":"Ended","timestamp":"2026-01-01T10:20:00Z","triggerReason":"StopAuthorized","seqNo":1,"transactionInfo":{"transactionId":"t-1","stoppedReason":"Local"},"idToken":{"idToken":"CARD1","type":"ISO14443"}}]
        < [3,"2",{"idTokenInfo":{"status":"Accepted"}}]
        "#,
    );
    assert_eq!(bench.session(1).protocol, "ocpp2.1");
}
