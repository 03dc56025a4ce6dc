//! A plugin that watches sessions stops them at stations of both protocols; its calls survive an absence and a SIGKILL.

use std::time::Duration;

use plugpoint::sim::{Event, Pace, Profile, Report};
use serde_json::{Value, json};

use crate::support::{
    Api, Fleet, Reply, Server, Socket, Start, connect, guest, profile, version_of,
};

const PATIENCE: Duration = Duration::from_secs(60);

const CARD: &str = "LIMITED-CARD";

async fn house(data: &std::path::Path, limits: &str, stations: &[&str]) -> Server {
    let server = Server::start(Start::new(data)).await;
    let api = server.api();
    api.load("rfid-list", &guest("rfid-list"), "{}").await;
    api.load("session-limits", &guest("session-limits"), limits).await;
    api.allow(CARD).await;
    for station in stations {
        api.register(station).await;
    }
    server
}

/// Charges until somebody stops it.
fn tireless(id: &str, n: u64) -> Profile {
    let charge = Duration::from_secs(3600)..Duration::from_secs(3601);
    let pace = Pace { charge, ..Pace::brisk() };
    Profile { protocol: version_of(n), pace, ..profile(id, n, &[CARD]) }
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_stopped_at_their_limit_over_both_protocols() {
    let dir = tempfile::tempdir().unwrap();
    let stations = ["LIMIT-201", "LIMIT-16"];
    let server = house(&dir.path().join("data"), r#"{"max-wh": 2000}"#, &stations).await;
    let profiles = stations.iter().zip(0..).map(|(id, n)| tireless(id, n)).collect();
    let mut fleet = Fleet::start(profiles, &server.endpoint());
    let stopped = |heard: &[Report]| {
        let stopped_at = |id: &str| {
            let own = heard.iter().filter(|report| report.station.as_str() == id);
            own.filter(|report| matches!(report.event, Event::Stopped { .. })).count()
        };
        stations.iter().all(|id| stopped_at(id) >= 2)
    };
    fleet.listen_until("both have been stopped twice", PATIENCE, stopped).await;
    let api = server.api();
    for station in stations {
        let last = last(&api, station).await;
        println!("{station}: {last}");
        assert_eq!((&last["why"], &last["outcome"]), (&json!("energy"), &json!("Accepted")));
    }
    let ended = api.all("sessions", "&active=false").await;
    let over = |session: &&Value| session["energy_wh"].as_f64().unwrap() >= 2000.0;
    assert!(
        ended.iter().filter(|s| !s["ended"].is_null()).all(|session| over(&session)),
        "{ended:?}"
    );
    let by_plugin = |fact: &&Value| fact["data"]["plugin"] == "session-limits";
    let facts = api.facts().await;
    assert!(facts.iter().filter(by_plugin).count() >= 4);
    assert!(server.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_whose_time_is_up_is_stopped_by_a_timer() {
    let dir = tempfile::tempdir().unwrap();
    let server = house(&dir.path().join("data"), r#"{"max-minutes": 0}"#, &["TIMED"]).await;
    let mut fleet = Fleet::start(vec![tireless("TIMED", 1)], &server.endpoint());
    let stopped = |heard: &[Report]| heard.iter().any(|r| matches!(r.event, Event::Stopped { .. }));
    fleet.listen_until("the timer has fired", PATIENCE, stopped).await;
    assert_eq!(last(&server.api(), "TIMED").await["why"], "time");
}

/// The station is away when its session is over the limit; the server is killed while the stop waits, and again while the
/// station thinks about it.
#[tokio::test(flavor = "multi_thread")]
async fn a_command_waits_for_its_station_and_is_never_sent_twice_across_kills() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let server = house(&data, r#"{"max-wh": 2000}"#, &["AWAY"]).await;
    let address = server.stations;
    let mut socket = connect(address, "AWAY").await;
    let transaction = charge(&mut socket, 3000).await;
    drop(socket);
    until(&server.api(), "the stop waits", |inbox| inbox["commands"] == 1).await;
    server.kill().await;

    let server = Server::start(Start::new(&data).on(address)).await;
    until(&server.api(), "the stop still waits", |inbox| inbox["commands"] == 1).await;
    let mut socket = connect(address, "AWAY").await;
    let (first, asked) = stop_of(&mut socket).await;
    assert_eq!(asked, transaction);
    server.kill().await;

    let server = Server::start(Start::new(&data).on(address)).await;
    let api = server.api();
    // Nobody knows whether the station has heard it. The plugin is told so, and asks again.
    until(&api, "the plugin has asked again", |inbox| inbox["commands"] == 1).await;
    assert_eq!(last(&api, "AWAY").await["outcome"], "restarted");
    let mut socket = connect(address, "AWAY").await;
    let (second, asked) = stop_of(&mut socket).await;
    assert_eq!(asked, transaction);
    assert_ne!(first, second);
    socket.say(json!([3, second, { "status": "Accepted" }]).to_string()).await;
    until(&api, "everything is done", |inbox| inbox["commands"] == 0 && inbox["messages"] == 0)
        .await;
    assert_eq!(last(&api, "AWAY").await["outcome"], "Accepted");
    let outcomes: Vec<Value> = api
        .facts()
        .await
        .into_iter()
        .filter(|fact| fact["kind"] == "command-answered")
        .map(|fact| fact["data"]["outcome"].clone())
        .collect();
    println!("outcomes: {outcomes:?}");
    assert_eq!(outcomes, ["restarted", "answered"]);
    assert!(server.stop().await.success());
}

/// Starts a charge and reports that so much was delivered.
async fn charge(socket: &mut Socket, wh: u32) -> i64 {
    let start = json!({ "connectorId": 1, "idTag": CARD, "meterStart": 0, "timestamp": "2026-01-01T10:00:00Z" });
    let Reply::Result { payload, .. } = socket.call("s", "StartTransaction", start).await else {
        panic!("no start")
    };
    assert_eq!(payload["idTagInfo"]["status"], "Accepted");
    let transaction = payload["transactionId"].as_i64().unwrap();
    let values = json!([{ "timestamp": "2026-01-01T10:20:00Z", "sampledValue": [{ "value": wh.to_string() }] }]);
    let metered = json!({ "connectorId": 1, "transactionId": transaction, "meterValue": values });
    let reply = socket.call("m", "MeterValues", metered).await;
    assert!(matches!(reply, Reply::Result { .. }), "{reply:?}");
    transaction
}

/// The next call to the station has to be a stop. Its message id, and of which transaction.
async fn stop_of(socket: &mut Socket) -> (String, i64) {
    let reply = socket.hear().await;
    let Reply::Call { id, action, payload } = reply else { panic!("no call: {reply:?}") };
    assert_eq!(action, "RemoteStopTransaction");
    (id, payload["transactionId"].as_i64().unwrap())
}

/// What the plugin keeps of a station's newest stop, once there is something.
async fn last(api: &Api, station: &str) -> Value {
    let wait = async {
        loop {
            let page = api.get("/v1/plugins/session-limits/state?prefix=last/").await;
            let mut entries = page["state"].as_array().unwrap().iter();
            if let Some(entry) = entries.find(|entry| entry["key"] == format!("last/{station}")) {
                return serde_json::from_str(entry["text"].as_str().unwrap()).unwrap();
            }
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect("the plugin keeps what came of it")
}

/// Waits until the plugin's post stands so.
async fn until(api: &Api, what: &str, is_so: impl Fn(&Value) -> bool) {
    let wait = async {
        loop {
            let plugin = api.get("/v1/plugins/session-limits").await;
            if is_so(&plugin["running"]["inbox"]) {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("in vain: {what}"));
}
