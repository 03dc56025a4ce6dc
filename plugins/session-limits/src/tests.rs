use plugpoint_sdk::sessions::Session;
use plugpoint_sdk::testing::{Command, Loaded, NEW_YEAR, Stage, event, session, timer};
use plugpoint_sdk::{Event, Outcome, Refusal};

use super::{LOOK_AROUND, SessionLimits};

const KWH: i64 = 1_000_000;

fn limits(settings: &str) -> Loaded<SessionLimits> {
    Stage::new().load(settings).unwrap()
}

fn charged(energy_mwh: i64) -> Session {
    Session { energy_mwh, ..session(7) }
}

fn metered() -> Event {
    event("meter-values", r#"{"session": 7, "readings": []}"#)
}

fn calls(limits: &Loaded<SessionLimits>) -> Vec<(&str, &str)> {
    let calls = limits.commands().iter();
    calls.map(|Command { action, payload, .. }| (action.as_str(), payload.as_str())).collect()
}

fn last(limits: &Loaded<SessionLimits>) -> String {
    String::from_utf8(limits.state("last/CS-1").unwrap().to_vec()).unwrap()
}

#[test]
fn a_session_is_stopped_once_when_it_has_its_energy() {
    let mut limits = limits(r#"{"max-wh": 10000}"#);
    limits.session(charged(9 * KWH));
    limits.on_events(&[metered()]).unwrap();
    assert_eq!(calls(&limits), []);

    limits.session(charged(10 * KWH));
    limits.on_events(&[metered(), metered()]).unwrap();
    limits.on_events(&[metered()]).unwrap();
    assert_eq!(calls(&limits), [("RemoteStopTransaction", r#"{"transactionId":7}"#)]);
    assert_eq!(
        limits.events(),
        [("limit-reached".into(), r#"{"session":"7","why":"energy"}"#.into())]
    );
    let answer = Outcome::Answered(Some(r#"{"status":"Accepted"}"#.to_owned()));
    limits.end("command-1", answer).unwrap();
    assert_eq!(last(&limits), r#"{"session":"7","why":"energy","outcome":"Accepted"}"#);
    assert_eq!(limits.state("command/command-1"), None);
}

#[test]
fn the_tighter_of_permit_and_operator_counts_and_the_protocol_decides_how_to_say_it() {
    let mut limits = limits(r#"{"max-wh": 10000}"#);
    limits.session(Session {
        protocol: "ocpp2.0.1".to_owned(),
        transaction: "tx-9".to_owned(),
        max_mwh: Some(5_000_000),
        ..charged(5 * KWH)
    });
    limits.on_events(&[event("transaction-updated", r#"{"session": 7}"#)]).unwrap();
    assert_eq!(calls(&limits), [("RequestStopTransaction", r#"{"transactionId":"tx-9"}"#)]);
}

#[test]
fn time_is_up_although_the_station_says_nothing() {
    let mut limits = limits(r#"{"max-minutes": 60}"#);
    limits.session(session(7));
    limits.on_events(&[event("transaction-started", r#"{"session": 7}"#)]).unwrap();
    limits.pass(59 * 60_000);
    limits.handle(&timer(LOOK_AROUND)).unwrap();
    assert_eq!(calls(&limits), []);
    limits.pass(2 * 60_000);
    limits.handle(&timer(LOOK_AROUND)).unwrap();
    limits.handle(&timer(LOOK_AROUND)).unwrap();
    assert_eq!(calls(&limits).len(), 1);
}

#[test]
fn a_session_that_has_ended_is_forgotten_and_not_stopped() {
    let mut limits = limits(r#"{"max-wh": 1000, "max-minutes": 1}"#);
    limits.session(session(7));
    limits.on_events(&[event("transaction-started", r#"{"session": 7}"#)]).unwrap();
    limits.session(Session { ended: Some(NEW_YEAR + 5), ..charged(2 * KWH) });
    limits.on_events(&[metered(), event("transaction-ended", r#"{"session": 7}"#)]).unwrap();
    limits.pass(60 * 60_000);
    limits.handle(&timer(LOOK_AROUND)).unwrap();
    assert_eq!(calls(&limits), []);
}

#[test]
fn a_station_that_does_not_stop_is_asked_again_and_not_for_ever() {
    let mut limits = limits(r#"{"max-wh": 1000}"#);
    limits.session(charged(KWH));
    limits.on_events(&[metered()]).unwrap();
    limits.end("command-1", Outcome::Unknown("timed-out".to_owned())).unwrap();
    let (code, description) = ("InternalError".to_owned(), String::new());
    limits.end("command-2", Outcome::Refused(Refusal { code, description })).unwrap();
    limits.end("command-3", Outcome::Expired).unwrap();
    assert_eq!(calls(&limits).len(), 3);
    assert_eq!(last(&limits), r#"{"session":"7","why":"energy","outcome":"expired"}"#);
}

#[test]
fn without_a_limit_and_without_a_session_nothing_is_done() {
    let mut limits = limits("{}");
    limits.session(charged(900 * KWH));
    let nobodys = event("meter-values", r#"{"session": null, "readings": []}"#);
    let unknown = event("meter-values", r#"{"session": 8, "readings": []}"#);
    limits.on_events(&[metered(), nobodys, unknown]).unwrap();
    assert_eq!(calls(&limits), []);
}
