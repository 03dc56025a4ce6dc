//! A station that speaks OCPP 2.1: what the versions before it do not have.

use std::time::Duration;

use serde_json::json;

use super::super::{Event, Input, Protocol};
use super::{World, stops};

const STREAM: &str = "NotifyPeriodicEventStream";

#[test]
fn a_stream_that_the_server_wants_is_sent_while_a_car_charges() {
    let mut world = World::speaking(Protocol::Ocpp21, &["CARD"]);
    world.until(|world| stops(world) == 3);
    assert_eq!(world.count("OpenPeriodicEventStream"), 1);
    assert!(world.count(STREAM) >= 1, "{:?}", world.actions());
    assert_eq!(world.last(STREAM)["data"], json!([{ "t": 0, "v": "11000" }]));
    world.call("GetPeriodicEventStream", json!({}));
    let stream = json!({
        "id": 1, "variableMonitoringId": 1, "params": { "interval": 10, "values": 1 },
    });
    assert_eq!(world.answers[0], json!({ "constantStreamData": [stream] }));
}

#[test]
fn a_stream_comes_as_often_as_the_server_wants() {
    let mut world = World::speaking(Protocol::Ocpp21, &["CARD"]);
    world.until(|world| world.count("TransactionEvent") == 1);
    let before = world.count(STREAM);
    let adjust = |id| json!({ "id": id, "params": { "interval": 1 } });
    world.call("AdjustPeriodicEventStream", adjust(7));
    world.call("AdjustPeriodicEventStream", adjust(1));
    let answers = [json!({ "status": "Rejected" }), json!({ "status": "Accepted" })];
    assert_eq!(world.answers, answers);
    let began = world.now;
    world.until(|world| world.count(STREAM) == before + 3);
    assert_eq!(world.now.since(began), Duration::from_secs(3));
}

#[test]
fn an_answer_that_the_server_cannot_take_is_told_to_whoever_listens() {
    let mut world = World::speaking(Protocol::Ocpp21, &[]);
    let (code, description) = ("GenericError".to_owned(), "what?".to_owned());
    world.give(Input::AnswerRefused { code: code.clone(), description: description.clone() });
    assert!(world.events.contains(&Event::AnswerRefused { code, description }));
}

#[test]
fn the_version_before_has_no_streams() {
    let mut world = World::speaking(Protocol::Ocpp201, &["CARD"]);
    world.until(|world| stops(world) == 2);
    assert_eq!((world.count("OpenPeriodicEventStream"), world.count(STREAM)), (0, 0));
}

#[test]
fn a_charge_goes_no_further_than_the_server_allows() {
    for (limit, reason) in [
        (json!({ "maxEnergy": 2000.0, "maxTime": 3600 }), "EnergyLimitReached"),
        (json!({ "maxEnergy": 99_000, "maxTime": 3 }), "TimeLimitReached"),
    ] {
        let mut world = World::speaking(Protocol::Ocpp21, &["CARD"]);
        world.limit = Some(limit);
        world.until(|world| stops(world) == 1);
        let end = world.last("TransactionEvent");
        assert_eq!(
            (&end["triggerReason"], &end["transactionInfo"]["stoppedReason"]),
            (&json!(reason), &json!(reason))
        );
        let delivered_wh = world.events.iter().find_map(|event| match event {
            Event::Stopped { delivered_wh, .. } => Some(delivered_wh),
            _ => None,
        });
        let delivered_wh = delivered_wh.unwrap();
        // 11 kW at 240 times the clock give 733 Wh a second.
        assert!((1990..=2200).contains(delivered_wh), "{delivered_wh}");
    }
}
