//! Frames that are mended on their way, and calls that plugins answer: good plugins, bad ones, and none.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Api, Cli, Reply, Server, Socket, guest, handshake};

const CARD: &str = "HOOK-CARD";

/// Calls that a station sends at once, before it hears an answer.
const BURST: usize = 12;

/// Longer than anything takes to reach the records.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the bad plugin does to frames, and the kinds of failure as which that may be counted.
const ACTS: [(&str, &[&str]); 6] = [
    ("loop", &["cpu-budget"]),
    ("trap", &["trap"]),
    ("cannot-tell", &["told"]),
    ("nonsense", &["nonsense"]),
    ("long", &["nonsense", "trap"]),
    ("forge", &["nonsense"]),
];

struct House {
    server: Server,
    api: Api,
    cli: Cli,
}

impl House {
    async fn open(data: &Path) -> Self {
        let server = Server::open_house(data).await;
        let (api, cli) = (server.api(), server.cli());
        api.allow(CARD).await;
        Self { server, api, cli }
    }

    async fn station(&self, id: &str, tags: &[&str]) -> Socket {
        self.api.put(&format!("/v1/stations/{id}"), json!({ "tags": tags })).await;
        let path = format!("/ocpp/{id}");
        handshake(self.server.stations, &path, Some("ocpp1.6"), None).await.ok().unwrap()
    }

    async fn load(&self, plugin: &str, settings: Value) {
        self.api.load(plugin, &guest(plugin), &settings.to_string()).await;
    }

    /// The failures of a plugin's version in service, by kind.
    async fn failures(&self, plugin: &str) -> Value {
        let plugin = self.api.get(&format!("/v1/plugins/{plugin}")).await;
        plugin["running"]["failures"].clone()
    }

    async fn facts(&self, kind: &str) -> Vec<Value> {
        let facts = self.api.facts().await.into_iter();
        facts.filter(|fact| fact["kind"] == kind).collect()
    }
}

fn answer(reply: Reply) -> Value {
    match reply {
        Reply::Result { payload, .. } => payload,
        other => panic!("{other:?}"),
    }
}

async fn say(station: &mut Socket, text: &str) -> Reply {
    station.say(text.to_owned()).await;
    station.hear().await
}

/// A start with a comma in front of it.
fn broken_start(id: &str, at: &str) -> String {
    format!(
        r#",[2,"{id}","StartTransaction",{{"connectorId":1,"idTag":"{CARD}","meterStart":0,"timestamp":"{at}"}}]"#
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_station_that_talks_nonsense_charges_with_its_quirks_and_not_without() {
    let dir = tempfile::tempdir().unwrap();
    let house = House::open(&dir.path().join("data")).await;
    let mut station = house.station("MEND", &["mend"]).await;
    let mut strict = house.station("STRICT", &[]).await;
    let boot = json!({ "chargePointVendor": "AEFA", "chargePointModel": "One", "firmwareVersion": "1.4.2" });
    assert_eq!(answer(station.call("1", "BootNotification", boot).await)["status"], "Accepted");
    let early = "2026-03-01T10:00:00Z";
    let refused = say(&mut station, &broken_start("2", early)).await;
    assert!(matches!(refused, Reply::Error { .. }), "{refused:?}");

    let rules = json!([
        { "vendors": ["Other"], "brackets": true },
        { "vendors": ["aefa"], "firmware": ["1.4"], "commas": true, "fill": { "transactionId": 0 },
          "profiles": { "max-stack-level": 0, "unit": "A" } }
    ]);
    house.load("frame-mender", json!({ "rules": rules })).await;
    let original = broken_start("3", early);
    let started = answer(say(&mut station, &original).await);
    assert_eq!(started["idTagInfo"]["status"], "Accepted", "{started}");
    let metered = r#"[2,"4","MeterValues",{"connectorId":1,"transactionId":,"meterValue":[{"timestamp":"2026-03-01T10:05:00Z","sampledValue":[{"value":"500"}]}]}]"#;
    assert_eq!(answer(say(&mut station, metered).await), json!({}));
    let stop = json!({ "transactionId": started["transactionId"], "meterStop": 900, "timestamp": "2026-03-01T10:10:00Z" });
    answer(station.call("5", "StopTransaction", stop).await);
    let sessions = house.api.all("sessions", "&station=MEND").await;
    assert_eq!((sessions.len(), &sessions[0]["energy_wh"]), (1, &json!(900)), "{sessions:?}");
    let refused = say(&mut strict, &broken_start("6", early)).await;
    assert!(matches!(refused, Reply::Error { .. }), "nobody else is mended: {refused:?}");

    check_record(&house, &original).await;
    check_profile(&house, &mut station).await;

    house.cli.done(&["plugin", "unload", "frame-mender"]).await;
    let refused = say(&mut station, &broken_start("7", "2026-03-01T11:00:00Z")).await;
    assert!(matches!(refused, Reply::Error { .. }), "{refused:?}");
    assert!(house.server.stop().await.success());
}

/// What the station sent is with the fact and, beside what became of it, among the station's frames.
async fn check_record(house: &House, original: &str) {
    let started = house.facts("transaction-started").await;
    let event = house.cli.json(&["events", "show", &started[0]["seq"].to_string()]).await;
    assert_eq!(event["text"], original);
    let frames = house.cli.json(&["station", "frames", "MEND"]).await;
    let frames = frames["frames"].as_array().unwrap();
    assert_eq!(frames.len(), 2, "{frames:?}");
    let first = &frames[1];
    assert_eq!((&first["number"], &first["way"]), (&json!(1), &json!("inbound")));
    assert_eq!((&first["original"], &first["changed"]), (&json!(original), &json!(original[1..])));
    assert_eq!(first["by"], json!([{ "plugin": "frame-mender", "version": "0.1.0" }]));
    let (shown, _) = house.cli.done(&["station", "frames", "MEND", "--limit", "1"]).await;
    assert!(shown.contains("#2 ") && shown.contains("inbound by frame-mender 0.1.0"), "{shown}");
}

/// Sends a profile of 6.9 kW for connector 7 on stack level 7; gives back what the station hears.
async fn send_profile(house: &House, id: &str, station: &mut Socket) -> Value {
    let periods = json!([{ "startPeriod": 0, "limit": 6900.0 }]);
    let schedule = json!({ "chargingRateUnit": "W", "chargingSchedulePeriod": periods });
    let profile = json!({
        "chargingProfileId": 1, "stackLevel": 7, "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Relative", "chargingSchedule": schedule
    });
    let order = json!({ "connectorId": 7, "csChargingProfiles": profile });
    let (answered, heard) = tokio::join!(
        house.api.command(id, "SetChargingProfile", order),
        station.is_called("SetChargingProfile", json!({ "status": "Accepted" })),
    );
    assert_eq!(answered.1["response"]["status"], "Accepted", "{answered:?}");
    heard
}

/// A profile is sent as this model takes it, and the record has both.
async fn check_profile(house: &House, station: &mut Socket) {
    let heard = &send_profile(house, "MEND", station).await["csChargingProfiles"];
    assert_eq!(heard["stackLevel"], 0, "{heard}");
    assert_eq!(heard["chargingSchedule"]["chargingRateUnit"], "A", "{heard}");
    assert_eq!(heard["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"], 10.0, "{heard}");
    let frames = house.api.get("/v1/stations/MEND/frames?limit=1").await;
    assert_eq!(frames["frames"][0]["way"], "outbound", "{frames}");
    assert!(frames["frames"][0]["original"].as_str().unwrap().contains(r#""stackLevel":7"#));
    assert_eq!(frames["next"], "3");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quirk_that_misbehaves_loses_no_frame_and_disturbs_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let house = House::open(&dir.path().join("data")).await;
    let mut marked = house.station("MARKED", &["marked"]).await;
    let mut unmarked = house.station("UNMARKED", &[]).await;
    for (act, kinds) in ACTS {
        house.load("bad-frames", json!({ "act": act })).await;
        let ids: Vec<_> = (0..BURST).map(|n| format!("{act}-{n}")).collect();
        for id in &ids {
            marked.say(json!([2, id, "Authorize", { "idTag": CARD }]).to_string()).await;
        }
        answer(unmarked.call(act, "Heartbeat", json!({})).await);
        for wanted in &ids {
            let Reply::Result { id, payload } = marked.hear().await else {
                panic!("{act}: {wanted}")
            };
            assert_eq!((&id, &payload["idTagInfo"]["status"]), (wanted, &json!("Accepted")));
        }
        let failures = house.failures("bad-frames").await;
        println!("{act}: {failures}");
        let counted = kinds.iter().filter_map(|kind| failures[*kind].as_u64()).sum::<u64>();
        assert!(counted > 0, "{act}: {failures}");
    }
    assert_eq!(house.api.get("/v1/stations/MARKED/frames").await["frames"], json!([]));
    assert!(house.api.state("bad-frames").await.is_empty(), "a frame's call has no effects");
    let asked = house.facts("authorize-asked").await;
    assert_eq!(asked.len(), ACTS.len() * BURST, "every frame was read once");
    assert!(house.server.stop().await.success());
}

fn data_transfer(vendor: &str, message: &str) -> Value {
    json!({ "vendorId": vendor, "messageId": message })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_the_core_leaves_open_is_answered_by_the_first_plugin_that_can() {
    let dir = tempfile::tempdir().unwrap();
    let house = House::open(&dir.path().join("data")).await;
    let mut station = house.station("ASKS", &["marked"]).await;
    let price = || data_transfer("V", "Price");
    let nobody = answer(station.call("1", "DataTransfer", price()).await);
    assert_eq!(nobody, json!({ "status": "UnknownVendorId" }));
    assert_eq!(house.facts("action-answered").await, [json!(null); 0], "nobody was asked");

    let answers = json!([
        { "vendor": "V", "message": "Price", "data": "0.39" },
        { "vendor": "V", "message": "Set", "refuse": "SecurityError" }
    ]);
    house.load("data-transfer", json!({ "answers": answers })).await;
    house.load("bad-frames", json!({ "act": "nonsense" })).await;
    let told = answer(station.call("2", "DataTransfer", price()).await);
    assert_eq!(told, json!({ "status": "Accepted", "data": "0.39" }));
    let refused = station.call("3", "DataTransfer", data_transfer("V", "Set")).await;
    assert!(
        matches!(&refused, Reply::Error { code, .. } if code == "SecurityError"),
        "{refused:?}"
    );
    let unknown = answer(station.call("4", "DataTransfer", data_transfer("W", "Price")).await);
    assert_eq!(unknown, json!({ "status": "UnknownVendorId" }), "the core's own word");

    let facts = house.facts("action-answered").await;
    let said = facts.iter().map(|fact| {
        let (plugin, code) = (&fact["data"]["plugin"], &fact["data"]["code"]);
        (plugin.as_str(), code.as_str(), fact["data"]["failures"].as_array().unwrap().len())
    });
    let mender = Some("data-transfer");
    let expected = [(mender, None, 1), (mender, Some("SecurityError"), 1), (None, None, 1)];
    assert_eq!(said.collect::<Vec<_>>(), expected, "{facts:?}");
    assert!(facts[0].to_string().contains("bad-frames 0.1.0 gave an answer that cannot be used"));
    assert!(house.failures("bad-frames").await["nonsense"].as_u64() >= Some(3));
    let (tail, _) = house.cli.done(&["events", "tail", "--after", "0", "--no-follow"]).await;
    assert!(tail.contains("DataTransfer was answered by data-transfer 0.1.0"), "{tail}");
    assert!(tail.contains("DataTransfer was refused (SecurityError) by data-transfer"), "{tail}");
    let order = house.cli.json(&["plugin", "order", "responder", "data-transfer"]).await;
    assert_eq!(order["asked"][0]["plugin"], "data-transfer");
    answer(station.call("5", "DataTransfer", price()).await);
    let last = house.facts("action-answered").await.pop().unwrap();
    assert_eq!(last["data"]["failures"], json!([]), "the operator's order counts");
    assert!(house.server.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_responder_counts_is_counted_once_for_every_call() {
    const STATIONS: usize = 4;
    const CALLS: usize = 25;
    let dir = tempfile::tempdir().unwrap();
    let house = House::open(&dir.path().join("data")).await;
    house.load("data-transfer", json!({ "answers": [{ "vendor": "V" }] })).await;
    let mut talks = Vec::new();
    for n in 0..STATIONS {
        let mut station = house.station(&format!("COUNTS-{n}"), &[]).await;
        talks.push(tokio::spawn(async move {
            let mut accepted = 0;
            for call in 0..CALLS {
                let asked = data_transfer("V", "Ping");
                let told = answer(station.call(&call.to_string(), "DataTransfer", asked).await);
                accepted += usize::from(told["status"] == "Accepted");
            }
            accepted
        }));
    }
    let mut accepted = 0;
    for talk in talks {
        accepted += talk.await.unwrap();
    }
    let facts = house.facts("action-answered").await;
    let by_plugin = facts.iter().filter(|fact| fact["data"]["plugin"] == "data-transfer").count();
    assert_eq!((facts.len(), by_plugin, accepted), [STATIONS * CALLS; 3].into());
    let counted = house.api.state("data-transfer").await;
    assert_eq!(counted.len(), STATIONS, "{counted:?}");
    assert!(counted.values().all(|count| *count == CALLS.to_string()), "{counted:?}");
    assert!(house.server.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_station_says_before_it_goes_is_read_though_its_quirks_take_their_time() {
    let dir = tempfile::tempdir().unwrap();
    let house = House::open(&dir.path().join("data")).await;
    house.load("bad-frames", json!({ "act": "loop" })).await;
    let mut station = house.station("GOES", &["marked"]).await;
    for n in 0..BURST {
        let call = json!([2, n.to_string(), "Authorize", { "idTag": CARD }]);
        station.say(call.to_string()).await;
    }
    // It goes in order: whoever resets a connection takes back what was not read yet.
    station.say(Message::Close(None)).await;
    while !matches!(station.hear().await, Reply::Closed(_)) {}
    let mut again = house.station("GOES", &["marked"]).await;
    let Reply::Result { id, .. } = again.call("back", "Heartbeat", json!({})).await else {
        panic!("no answer to the heartbeat")
    };
    assert_eq!(id, "back", "the answers to the other connection went nowhere");
    let asked = async { while house.facts("authorize-asked").await.len() < BURST {} };
    tokio::time::timeout(PATIENCE, asked).await.expect("every card is on record");
    assert!(house.server.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_station_that_talks_faster_than_its_quirks_is_heard_in_order_to_the_last_word() {
    const WORDS: usize = 200;
    let dir = tempfile::tempdir().unwrap();
    let house = House::open(&dir.path().join("data")).await;
    house.load("bad-frames", json!({ "act": "loop" })).await;
    let mut station = house.station("TALKS", &["marked"]).await;
    for n in 0..WORDS {
        station.say(json!([2, n.to_string(), "Heartbeat", {}]).to_string()).await;
    }
    for n in 0..WORDS {
        let Reply::Result { id, .. } = station.hear().await else { panic!("no answer to {n}") };
        assert_eq!(id, n.to_string());
    }
    assert!(house.server.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn quirks_are_passed_in_the_operators_order_and_tags_count_from_the_next_frame_on() {
    let dir = tempfile::tempdir().unwrap();
    let house = House::open(&dir.path().join("data")).await;
    for (name, connector) in [("first", 1), ("second", 2)] {
        let rules = json!({ "rules": [{ "profiles": { "connector": connector } }] });
        house.api.load(name, &guest("frame-mender"), &rules.to_string()).await;
    }
    let mut station = house.station("ORDER", &[]).await;
    assert_eq!(connector(&house, &mut station).await, 7, "it has no quirks yet");
    house.api.put("/v1/stations/ORDER", json!({ "tags": ["mend"] })).await;
    assert_eq!(connector(&house, &mut station).await, 2, "by name, and the last word counts");
    house.cli.done(&["plugin", "order", "quirks", "second", "first"]).await;
    assert_eq!(connector(&house, &mut station).await, 1);
    let frames = house.api.get("/v1/stations/ORDER/frames?limit=1").await;
    let by = frames["frames"][0]["by"].as_array().unwrap().iter().map(|by| &by["plugin"]);
    assert_eq!(by.collect::<Vec<_>>(), ["second", "first"]);
    assert!(house.server.stop().await.success());
}

/// For which connector the station gets a profile that was meant for connector 7.
async fn connector(house: &House, station: &mut Socket) -> Value {
    send_profile(house, "ORDER", station).await["connectorId"].take()
}
