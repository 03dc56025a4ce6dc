//! Calls that the core leaves open, and messages that were mended before they could be read.

use super::*;
use crate::domain::{Reply, Responded};

const ASKED: &str = r#"[2,"1","DataTransfer",{"vendorId":"V"}]"#;

fn plugin() -> PluginName {
    PluginName::new("answers").unwrap()
}

/// A plugin answers with this payload.
fn answers(open: &Open, payload: &str, effects: Effects) -> Input {
    let reply = open.fit(Reply::Answer(payload.to_owned())).unwrap();
    let reply = Some((plugin(), "1".to_owned(), reply));
    Input::Responded(Box::new(Responded { reply, failures: Vec::new(), is_asked: true }), effects)
}

/// It accepts, relying on a state that it read at this revision.
fn accepts(open: &Open, revision: u64) -> Input {
    let read = StateRead { plugin: plugin(), key: "k".to_owned(), revision };
    let write = StateWrite { plugin: plugin(), key: "k".to_owned(), value: Some(vec![1]) };
    let effects = Effects { reads: vec![read], writes: vec![write], ..Effects::default() };
    answers(open, r#"{"status":"Accepted"}"#, effects)
}

/// Who answered, as far as the log knows, and how many could not.
fn answered(bench: &Bench) -> Vec<(Option<String>, usize)> {
    let facts = bench.facts().into_iter().filter_map(|fact| match fact {
        FactBody::ActionAnswered { plugin, failures, .. } => {
            Some((plugin.map(|plugin| plugin.to_string()), failures.len()))
        }
        _ => None,
    });
    facts.collect()
}

#[test]
fn a_responder_whose_state_has_moved_is_asked_again_and_counts_once() {
    let mut bench = Bench::new();
    let mut tries = 0;
    bench.responder = Box::new(move |open| {
        tries += 1;
        accepts(open, if tries == 1 { 7 } else { 0 })
    });
    assert_eq!(bench.says(ASKED), r#"[3,"1",{"status":"Accepted"}]"#);
    assert_eq!(answered(&bench), [(Some("answers".to_owned()), 0)]);
}

#[test]
fn a_responder_that_never_catches_up_gives_way_to_the_core() {
    let mut bench = Bench::new();
    bench.responder = Box::new(|open| accepts(open, 7));
    assert_eq!(bench.says(ASKED), r#"[3,"1",{"status":"UnknownVendorId"}]"#);
    assert_eq!(answered(&bench), [(None, 1)]);
}

#[test]
fn an_answer_to_an_open_call_is_held_to_the_protocol() {
    let mut bench = Bench::new();
    bench.responder = Box::new(|open| {
        let misfit = open.fit(Reply::Answer(r#"{"status":"Perhaps"}"#.to_owned())).unwrap_err();
        assert!(misfit.contains("status"), "{misfit}");
        Input::Responded(Box::default(), Effects::default())
    });
    assert_eq!(bench.says(ASKED), r#"[3,"1",{"status":"UnknownVendorId"}]"#);
    assert_eq!(answered(&bench), [], "nobody was asked");
}

#[test]
fn what_only_the_newest_version_asks_is_open_as_well() {
    let mut bench = Bench::of_2_1();
    let asked = r#"[2,"1","VatNumberValidation",{"vatNumber":"NL01"}]"#;
    assert!(bench.says(asked).starts_with(r#"[4,"1","NotSupported""#), "without a plugin");
    bench.responder = Box::new(|open| {
        assert_eq!(
            (open.ask.action, open.ask.station.protocol),
            ("VatNumberValidation", "ocpp2.1")
        );
        let payload = r#"{ "vatNumber": "NL01", "status": "Accepted" }"#;
        answers(open, payload, Effects::default())
    });
    assert_eq!(bench.says(asked), r#"[3,"1",{"vatNumber":"NL01","status":"Accepted"}]"#);
    assert_eq!(answered(&bench), [(Some("answers".to_owned()), 0)]);
}

#[test]
fn what_the_station_said_is_on_record_and_not_what_was_made_of_it() {
    let mut bench = Bench::new();
    let original = ",".to_owned() + ASKED;
    bench.input(Input::Mended { text: ASKED.to_owned(), original: original.clone() });
    assert!(bench.sent.pop_front().unwrap().starts_with(r#"[3,"1""#));
    bench.facts();
    let facts = bench.store.facts(Seq(0), 100).unwrap();
    let texts = facts.iter().filter_map(|logged| bench.store.raw(logged.seq).unwrap());
    assert_eq!(texts.collect::<Vec<_>>(), [original]);
}
