//! A station that speaks OCPP 2.0.1.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::{Charger, Event, Protocol};
use super::{World, stops};

#[test]
fn a_charge_of_the_second_version_is_told_by_numbered_events() {
    let mut world = World::speaking(Protocol::Ocpp201, &["CARD"]);
    world.until(|world| stops(world) == 1);
    let events = world.heard.iter().filter(|(action, _)| *action == "TransactionEvent");
    let events = events.map(|(_, event)| event).collect::<Vec<_>>();
    let (first, last) = (events[0], *events.last().unwrap());
    assert_eq!(first["eventType"], "Started");
    assert_eq!(first["idToken"], json!({ "idToken": "CARD", "type": "ISO14443" }));
    assert_eq!(last["eventType"], "Ended");
    assert_eq!(last["transactionInfo"]["stoppedReason"], "EVDisconnected");
    assert!(events.len() >= 4, "{events:?}");
    for (number, event) in events.iter().enumerate() {
        assert_eq!(event["seqNo"], number, "{event}");
        assert_eq!(
            event["transactionInfo"]["transactionId"],
            first["transactionInfo"]["transactionId"]
        );
        assert_eq!(event.get("offline"), None);
    }
    let register = |event: &Value| event["meterValue"][0]["sampledValue"][0]["value"].as_u64();
    let Some(Event::Stopped { transaction, delivered_wh, meter_wh, .. }) =
        world.events.iter().find(|event| matches!(event, Event::Stopped { .. }))
    else {
        panic!("{:?}", world.events)
    };
    assert_eq!(first["transactionInfo"]["transactionId"], transaction.as_str());
    assert_eq!(register(first), Some(1000));
    assert_eq!(register(last), Some(*meter_wh));
    assert_eq!(*meter_wh, 1000 + delivered_wh);
    let shown = Event::CostShown { transaction: transaction.clone(), cost: "4.2".to_owned() };
    assert!(world.events.contains(&shown), "{:?}", world.events);
}

#[test]
fn events_that_happened_offline_say_so_and_keep_their_numbers() {
    let mut world = World::speaking(Protocol::Ocpp201, &["CARD"]);
    world.until(|world| world.count("TransactionEvent") == 1);
    world.reachable = false;
    let cut_at = world.now;
    world.lose_connection();
    world.until(|world| world.now >= cut_at + Duration::from_secs(60));
    world.reachable = true;
    world.until(|world| stops(world) == 1);
    let events = world.heard.iter().filter(|(action, _)| *action == "TransactionEvent");
    let events = events.map(|(_, event)| event).collect::<Vec<_>>();
    let first = &events[0]["transactionInfo"]["transactionId"];
    let of_first = |event: &&&Value| event["transactionInfo"]["transactionId"] == *first;
    let events = events.iter().filter(of_first).collect::<Vec<_>>();
    assert!(events.len() > 2, "{events:?}");
    for (number, event) in events.into_iter().enumerate() {
        assert_eq!(event["seqNo"], number);
        let offline = event.get("offline").cloned();
        assert_eq!(offline, (number > 0).then_some(json!(true)), "{event}");
    }
}

#[test]
fn no_two_charges_have_one_name_even_after_a_power_cut() {
    let name = |seconds| {
        let mut world = World::speaking(Protocol::Ocpp201, &["CARD"]);
        let later = world.now + Duration::from_secs(seconds);
        world.charger = Charger::new(world.charger.profile.clone(), later);
        world.until(|world| world.count("TransactionEvent") == 1);
        world.last("TransactionEvent")["transactionInfo"]["transactionId"].clone()
    };
    assert_ne!(name(0), name(1));
}

#[test]
fn the_second_version_is_started_stopped_and_asked_in_its_own_words() {
    let mut world = World::speaking(Protocol::Ocpp201, &[]);
    world.until(|world| world.count("StatusNotification") == 1);
    let token = json!({ "idToken": "CARD", "type": "ISO14443" });
    let order = json!({ "remoteStartId": 7, "idToken": token, "evseId": 1 });
    world.call("RequestStartTransaction", order);
    let started = world.last("TransactionEvent").clone();
    assert_eq!(started["triggerReason"], "RemoteStart");
    assert_eq!(started["transactionInfo"]["remoteStartId"], 7);
    let transaction = &started["transactionInfo"]["transactionId"];
    world.call("CostUpdated", json!({ "transactionId": transaction, "totalCost": 1.25 }));
    world.call("Reset", json!({ "type": "OnIdle" }));
    world.call("GetTransactionStatus", json!({ "transactionId": transaction }));
    world.call("RequestStopTransaction", json!({ "transactionId": "another" }));
    world.call("RequestStopTransaction", json!({ "transactionId": transaction }));
    assert_eq!(world.last("TransactionEvent")["triggerReason"], "RemoteStop");
    let heartbeat = json!({ "component": { "name": "OCPPCommCtrlr" }, "variable": { "name": "HeartbeatInterval" } });
    let unknown = json!({ "component": { "name": "Moon" }, "variable": { "name": "Phase" } });
    world.call("GetVariables", json!({ "getVariableData": [heartbeat, unknown] }));
    let words = world.events.iter().filter_map(|event| match event {
        Event::Commanded { answer, .. } => Some(*answer),
        _ => None,
    });
    let words = words.collect::<Vec<_>>();
    assert_eq!(words, ["Accepted", "noted", "Scheduled", "told", "Rejected", "Accepted", "listed"]);
    assert_eq!(world.answers[3], json!({ "messagesInQueue": false, "ongoingIndicator": true }));
    let told = &world.answers[6]["getVariableResult"];
    assert_eq!(
        (&told[0]["attributeValue"], &told[1]["attributeStatus"]),
        (&json!("60"), &json!("UnknownVariable"))
    );
    world.until(|world| world.count("BootNotification") == 2);
}
