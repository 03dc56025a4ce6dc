//! A station's life without a socket: the tests are the server and the clock.

mod faults;
mod files;
mod newest_version;
mod second_version;
mod shelf;

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::value::to_raw_value;
use serde_json::{Value, json};

use super::{Charger, Errand, Event, Faults, Input, Misdeed, Output, Pace, Profile, Protocol};
use crate::domain::{IdToken, Millis, StationId, Validation};
use crate::ocpp::Dialect;

/// A server of ten lines, and a clock that jumps.
struct World {
    dialect: &'static Dialect,
    charger: Charger,
    now: Millis,
    online: bool,
    reachable: bool,
    next_transaction: i64,
    /// How far charges may go.
    limit: Option<Value>,
    /// What the station said, as `(action, payload)`.
    heard: Vec<(&'static str, Value)>,
    ids: Vec<String>,
    /// What the station has still to be told.
    inbox: VecDeque<Input>,
    most_open: usize,
    /// What the station answered to calls.
    answers: Vec<Value>,
    events: Vec<Event>,
    /// Files to be carried.
    errands: Vec<Errand>,
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
            faults: Faults::default(),
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
            limit: None,
            heard: Vec::new(),
            ids: Vec::new(),
            inbox: VecDeque::new(),
            most_open: 0,
            answers: Vec::new(),
            events: Vec::new(),
            errands: Vec::new(),
            done: false,
        }
    }

    /// Until everything that comes of it has come.
    fn give(&mut self, input: Input) {
        self.inbox.push_back(input);
        while let Some(input) = self.inbox.pop_front() {
            let mut out = Vec::new();
            self.charger.handle(self.now, input, &mut out);
            out.into_iter().for_each(|output| self.carry_out(output));
        }
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Dial if self.reachable => {
                self.online = true;
                self.inbox.push_back(Input::Opened);
            }
            Output::Dial => self.inbox.push_back(Input::Closed { why: "refused".to_owned() }),
            Output::HangUp | Output::Lose { .. } => self.cut(),
            Output::Call { id, action, payload } => {
                assert!(self.online, "{action} was said into the void");
                let raw = to_raw_value(&payload).unwrap();
                let read = self.dialect.read_call(action, &raw, Validation::Strict);
                assert!(read.is_ok(), "{action} {payload}: {:?}", read.err());
                let answer = self.answer(action, &payload);
                self.heard.push((action, payload));
                self.ids.push(id.clone());
                self.inbox.push_back(Input::Answer { id, payload: answer });
                self.most_open = self.most_open.max(self.inbox.len());
            }
            Output::Send { action, payload, .. } => {
                assert!(self.online, "{action} was said into the void");
                let raw = to_raw_value(&payload).unwrap();
                let read = self.dialect.read_send(action, &raw, Validation::Strict);
                assert!(read.is_ok(), "{action} {payload}: {:?}", read.err());
                self.heard.push((action, payload));
            }
            Output::Answer { payload, .. } => self.answers.push(payload),
            Output::Refuse { .. } => {}
            Output::Carry(errand) => self.errands.push(errand),
            Output::Report(event) => self.events.push(event),
            Output::Done => self.done = true,
        }
    }

    /// Answers on their way are lost with the connection.
    fn cut(&mut self) {
        self.online = false;
        self.inbox.retain(|input| !matches!(input, Input::Answer { .. }));
        self.inbox.push_back(Input::Closed { why: "cut".to_owned() });
    }

    fn answer(&mut self, action: &str, payload: &Value) -> Value {
        let cards = [payload.get("idTag"), payload.pointer("/idToken/idToken")];
        let blocked = cards.into_iter().flatten().any(|card| card == "BLOCKED");
        let status = json!({ "status": if blocked { "Blocked" } else { "Accepted" } });
        match action {
            "BootNotification" => {
                json!({ "status": "Accepted", "interval": 60, "currentTime": "" })
            }
            "Authorize" => json!({ "idTagInfo": status, "idTokenInfo": status }),
            "StartTransaction" => {
                self.next_transaction += 1;
                json!({ "idTagInfo": status, "transactionId": self.next_transaction })
            }
            "OpenPeriodicEventStream" => json!({ "status": "Accepted" }),
            "TransactionEvent" if payload["eventType"] == "Started" => match &self.limit {
                Some(limit) => json!({ "idTokenInfo": status, "transactionLimit": limit }),
                None => json!({ "idTokenInfo": status }),
            },
            "TransactionEvent" if payload["eventType"] == "Ended" => json!({ "totalCost": 4.2 }),
            _ => json!({}),
        }
    }

    fn lose_connection(&mut self) {
        self.cut();
        let closed = self.inbox.pop_back();
        closed.into_iter().for_each(|closed| self.give(closed));
    }

    fn misdeeds(&self, misdeed: Misdeed) -> usize {
        self.events.iter().filter(|event| **event == Event::Misbehaved(misdeed)).count()
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
            self.dialect.write_command(action, &raw).unwrap();
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
