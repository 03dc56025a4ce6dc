//! A station's life without a socket: the tests are the server and the clock.

use std::time::Duration;

use serde_json::value::to_raw_value;
use serde_json::{Value, json};

use super::{Charger, Event, Input, Output, Pace, Profile, Protocol};
use crate::domain::{IdToken, Millis, StationId};
use crate::ocpp::Dialect;

/// A server of ten lines, and a clock that jumps.
struct World {
    dialect: &'static Dialect,
    charger: Charger,
    now: Millis,
    online: bool,
    reachable: bool,
    next_transaction: i64,
    /// What the station said, as `(action, payload)`.
    heard: Vec<(&'static str, Value)>,
    /// What the station answered to calls.
    answers: Vec<Value>,
    events: Vec<Event>,
    done: bool,
}

impl World {
    fn new(cards: &[&str]) -> Self {
        Self::speaking(Protocol::Ocpp16, cards)
    }

    fn speaking(protocol: Protocol, cards: &[&str]) -> Self {
        let cards = cards.iter().map(|card| IdToken::new(card).unwrap()).collect();
        let profile = Profile {
            id: StationId::new("CS1").unwrap(),
            protocol,
            password: None,
            vendor: "Test".to_owned(),
            model: "One".to_owned(),
            connectors: 1,
            register_wh: 1000,
            power_w: 11_000,
            cards,
            pace: Pace::default(),
            seed: 7,
        };
        let now = Millis(1_700_000_000_000);
        Self {
            dialect: Dialect::choose(&[protocol.subprotocol().to_owned()], None).unwrap(),
            charger: Charger::new(profile, now),
            now,
            online: false,
            reachable: true,
            next_transaction: 41,
            heard: Vec::new(),
            answers: Vec::new(),
            events: Vec::new(),
            done: false,
        }
    }

    fn give(&mut self, input: Input) {
        let mut out = Vec::new();
        self.charger.handle(self.now, input, &mut out);
        for output in out {
            match output {
                Output::Dial if self.reachable => {
                    self.online = true;
                    self.give(Input::Opened);
                }
                Output::Dial => self.give(Input::Closed { why: "refused".to_owned() }),
                Output::HangUp => self.lose_connection(),
                Output::Call { id, action, payload } => {
                    assert!(self.online, "{action} was said into the void");
                    let raw = to_raw_value(&payload).unwrap();
                    let read = self.dialect.read_call(action, &raw);
                    assert!(read.is_ok(), "{action} {payload}: {:?}", read.err());
                    let answer = self.answer(action, &payload);
                    self.heard.push((action, payload));
                    if let Some(payload) = answer {
                        self.give(Input::Answer { id, payload });
                    }
                }
                Output::Answer { payload, .. } => self.answers.push(payload),
                Output::Refuse { .. } => {}
                Output::Report(event) => self.events.push(event),
                Output::Done => self.done = true,
            }
        }
    }

    fn answer(&mut self, action: &str, payload: &Value) -> Option<Value> {
        let cards = [payload.get("idTag"), payload.pointer("/idToken/idToken")];
        let blocked = cards.into_iter().flatten().any(|card| card == "BLOCKED");
        let status = json!({ "status": if blocked { "Blocked" } else { "Accepted" } });
        Some(match action {
            "BootNotification" => {
                json!({ "status": "Accepted", "interval": 60, "currentTime": "" })
            }
            "Authorize" => json!({ "idTagInfo": status, "idTokenInfo": status }),
            "StartTransaction" => {
                self.next_transaction += 1;
                json!({ "idTagInfo": status, "transactionId": self.next_transaction })
            }
            "TransactionEvent" if payload["eventType"] == "Started" => {
                json!({ "idTokenInfo": status })
            }
            "TransactionEvent" if payload["eventType"] == "Ended" => json!({ "totalCost": 4.2 }),
            _ => json!({}),
        })
    }

    fn lose_connection(&mut self) {
        self.online = false;
        self.give(Input::Closed { why: "cut".to_owned() });
    }

    /// Lets time pass until `enough` or an hour.
    fn until(&mut self, enough: impl Fn(&Self) -> bool) {
        let end = self.now + Duration::from_secs(3600);
        while !enough(self) {
            let wake = self.charger.wake_at();
            assert!(wake <= end, "an hour went by; said: {:?}", self.actions());
            self.now = self.now.max(wake);
            self.give(Input::Tick);
        }
    }

    fn call(&mut self, action: &str, payload: Value) {
        if self.dialect.action(action).is_some() {
            let raw = to_raw_value(&payload).unwrap();
            self.dialect.check_command(action, &raw).unwrap();
        }
        let action = action.to_owned();
        self.give(Input::Call { id: "c1".to_owned(), action, payload });
    }

    fn actions(&self) -> Vec<&'static str> {
        self.heard.iter().map(|(action, _)| *action).collect()
    }

    fn count(&self, wanted: &str) -> usize {
        self.heard.iter().filter(|(action, _)| *action == wanted).count()
    }

    fn last(&self, wanted: &str) -> &Value {
        &self.heard.iter().rfind(|(action, _)| *action == wanted).unwrap().1
    }
}

fn stops(world: &World) -> usize {
    world.events.iter().filter(|event| matches!(event, Event::Stopped { .. })).count()
}

#[test]
fn a_station_boots_authorises_charges_and_stops() {
    let mut world = World::new(&["CARD"]);
    world.until(|world| stops(world) == 1);
    let said = world.actions();
    let calls = said.iter().filter(|a| !matches!(**a, "MeterValues" | "StatusNotification"));
    let calls = calls.copied().collect::<Vec<_>>();
    assert_eq!(calls, ["BootNotification", "Authorize", "StartTransaction", "StopTransaction"]);
    assert!(world.count("MeterValues") >= 2, "{said:?}");
    let stop = world.last("StopTransaction");
    assert_eq!(stop["transactionId"], 42);
    // 11 kW for 5 to 11 s at 240 times the clock: 3.6 to 8.1 kWh on top of the register's 1 kWh.
    let meter = stop["meterStop"].as_u64().unwrap();
    assert!((4600..=9100).contains(&meter), "{meter}");
}

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

#[test]
fn a_refused_card_starts_nothing_and_the_next_one_is_tried() {
    let mut world = World::new(&["BLOCKED", "CARD"]);
    world.until(|world| stops(world) == 2);
    assert_eq!(world.count("StartTransaction"), 2);
    let refusals = world.events.iter().filter(|e| matches!(e, Event::CardRefused { .. })).count();
    assert!(refusals >= 1);
}

#[test]
fn a_charge_goes_on_offline_and_is_told_afterwards_in_order() {
    let mut world = World::new(&["CARD"]);
    world.until(|world| world.count("StartTransaction") == 1);
    world.reachable = false;
    let cut_at = world.now;
    world.lose_connection();
    world.until(|world| world.now >= cut_at + Duration::from_secs(60));
    assert_eq!(world.count("StopTransaction"), 0);
    world.reachable = true;
    world.until(|world| stops(world) == 1);
    let replayed = world.events.iter().find_map(|event| match event {
        Event::Stopped { ended, replayed, .. } => Some((*ended, *replayed)),
        _ => None,
    });
    let (ended, replayed) = replayed.unwrap();
    assert!(replayed);
    assert!(ended < cut_at + Duration::from_secs(12), "the stop keeps its own time");
    let after = world.actions().into_iter().skip_while(|action| *action != "MeterValues");
    assert_eq!(after.clone().find(|a| *a == "StopTransaction"), Some("StopTransaction"));
    assert_eq!(world.count("BootNotification"), 1, "a lost connection is no reboot");
}

#[test]
fn an_unanswered_start_is_sent_again_with_the_same_content() {
    let mut world = World::new(&[]);
    world.until(|world| world.count("StatusNotification") == 1);
    let mut out = Vec::new();
    let call = Input::Call {
        id: "r".to_owned(),
        action: "RemoteStartTransaction".to_owned(),
        payload: json!({ "idTag": "CARD" }),
    };
    world.charger.handle(world.now, call, &mut out);
    let first = out.iter().find_map(|output| match output {
        Output::Call { action: "StartTransaction", payload, .. } => Some(payload.clone()),
        _ => None,
    });
    world.lose_connection();
    world.until(|world| world.count("StartTransaction") == 1);
    assert_eq!(Some(world.last("StartTransaction")), first.as_ref());
    world.until(|world| stops(world) == 1);
    assert!(world.events.iter().any(|e| matches!(e, Event::Started { replayed: true, .. })));
}

#[test]
fn remote_start_and_stop_really_start_and_stop() {
    let mut world = World::new(&[]);
    world.until(|world| world.count("StatusNotification") == 1);
    world.call("RemoteStartTransaction", json!({ "idTag": "CARD", "connectorId": 1 }));
    assert_eq!(world.last("StartTransaction")["idTag"], "CARD");
    world.call("RemoteStopTransaction", json!({ "transactionId": 41 }));
    assert_eq!(world.count("StopTransaction"), 0, "not its transaction");
    world.call("RemoteStopTransaction", json!({ "transactionId": 42 }));
    assert_eq!(world.last("StopTransaction")["reason"], "Remote");
}

#[test]
fn a_reset_ends_the_charge_and_boots_again() {
    let mut world = World::new(&[]);
    world.until(|world| world.count("StatusNotification") == 1);
    world.call("RemoteStartTransaction", json!({ "idTag": "CARD" }));
    world.call("Reset", json!({ "type": "Soft" }));
    world.until(|world| stops(world) == 1);
    assert_eq!(world.count("BootNotification"), 2);
    assert_eq!(world.last("StopTransaction")["reason"], "SoftReset");
}

#[test]
fn winding_down_ends_what_runs_and_starts_nothing() {
    let mut world = World::new(&["CARD"]);
    world.until(|world| world.count("StartTransaction") == 1);
    world.give(Input::WindDown);
    world.until(|world| world.done);
    assert_eq!(world.last("StopTransaction")["reason"], "Local");
    assert_eq!(world.count("StartTransaction"), 1);
}

#[test]
fn unknown_calls_are_refused_and_settings_are_kept() {
    let mut world = World::new(&[]);
    world.until(|world| world.count("StatusNotification") == 1);
    world.call("FlyToTheMoon", json!({}));
    world.call("ChangeConfiguration", json!({ "key": "HeartbeatInterval", "value": "5" }));
    world.call("ChangeConfiguration", json!({ "key": "NumberOfConnectors", "value": "5" }));
    world.call("ChangeConfiguration", json!({ "key": "Nonsense", "value": "5" }));
    let answers = world.events.iter().filter_map(|event| match event {
        Event::Commanded { answer, .. } => Some(*answer),
        _ => None,
    });
    let answers = answers.collect::<Vec<_>>();
    assert_eq!(answers, ["NotImplemented", "Accepted", "Rejected", "NotSupported"]);
    let before = world.now;
    world.until(|world| world.count("Heartbeat") == 1);
    assert_eq!(world.now.since(before), Duration::from_secs(5));
}
