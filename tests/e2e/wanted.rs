//! An operator says what a station is to be configured with, and the house sees to it: when the station comes, after a
//! crash, against a station that changes it back, and never against its word.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Api, PASSWORD, Reply, Server, Socket, Start, handshake};

const STATION: &str = "WANTED";

/// Nothing is asked of a station for so long: far longer than the house waits before it asks.
const QUIET: Duration = Duration::from_secs(4);

async fn comes(server: &Server, subprotocol: &str) -> Socket {
    let path = format!("/ocpp/{STATION}");
    let login = Some((STATION, PASSWORD));
    let mut socket = handshake(server.stations, &path, Some(subprotocol), login).await.unwrap();
    let boot = match subprotocol {
        "ocpp1.6" => json!({ "chargePointVendor": "Sea", "chargePointModel": "Star" }),
        _ => {
            json!({ "reason": "PowerUp", "chargingStation": { "model": "Star", "vendorName": "Sea" } })
        }
    };
    let answer = socket.call("boot", "BootNotification", boot).await;
    assert!(matches!(answer, Reply::Result { .. }), "{answer:?}");
    socket
}

async fn house() -> (tempfile::TempDir, Server) {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(Start::new(&dir.path().join("data"))).await;
    server.api().register(STATION).await;
    (dir, server)
}

async fn want(api: &Api, name: &str, value: &str) {
    let path = format!("/v1/stations/{STATION}/wanted/{name}");
    api.put(&path, json!({ "value": value })).await;
}

/// How a setting stands, as soon as it stands so.
async fn stands(api: &Api, name: &str, state: &str) -> Value {
    let path = format!("/v1/stations/{STATION}/wanted");
    let wait = async {
        loop {
            let page = api.get(&path).await;
            let found = page["wanted"].as_array().unwrap().iter().find(|it| it["name"] == name);
            if let Some(found) = found.filter(|it| it["state"] == state) {
                return found.clone();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    match tokio::time::timeout(Duration::from_secs(30), wait).await {
        Ok(found) => found,
        Err(_) => panic!("{name} is not {state}: {}", api.get(&path).await),
    }
}

fn keys(value: &str) -> Value {
    let key = json!({ "key": "HeartbeatInterval", "readonly": false, "value": value });
    json!({ "configurationKey": [key] })
}

fn yes() -> Value {
    json!({ "status": "Accepted" })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_for_an_old_station_that_is_away_is_carried_out_when_it_comes() {
    let (dir, server) = house().await;
    let want = ["station", "config", "want", STATION, "HeartbeatInterval=300"];
    assert!(server.cli().done(&want).await.0.contains("unknown"));
    server.kill().await;
    let server = Server::start(Start::new(&dir.path().join("data"))).await;
    let mut station = comes(&server, "ocpp1.6").await;
    let asked = station.is_called("GetConfiguration", keys("60")).await;
    assert_eq!(asked, json!({ "key": ["HeartbeatInterval"] }));
    let set = station.is_called("ChangeConfiguration", yes()).await;
    assert_eq!(set, json!({ "key": "HeartbeatInterval", "value": "300" }));
    // Nobody knows whether the server noted that the station took it.
    server.kill().await;
    let server = Server::start(Start::new(&dir.path().join("data"))).await;
    let mut station = comes(&server, "ocpp1.6").await;
    station.is_called("GetConfiguration", keys("300")).await;
    let met = stands(&server.api(), "HeartbeatInterval", "met").await;
    assert_eq!((&met["wanted"], &met["seen"]), (&json!("300"), &json!("300")));
    assert_eq!(station.hear_within(QUIET).await, Reply::Silence, "there is nothing left to do");
    let table = server.cli().done(&["station", "config", "drift", STATION]).await.0;
    assert!(table.contains("met"), "{table}");
    assert!(server.cli().done(&["station", "config", "drift"]).await.0.contains("nothing"));
    let secret = ["station", "config", "want", STATION, "AuthorizationKey=0123456789abcdef"];
    let why = server.cli().run(&secret).await;
    assert!(!why.status.success() && String::from_utf8_lossy(&why.stderr).contains("--rotate"));
    server.cli().done(&["station", "config", "unwant", STATION, "HeartbeatInterval"]).await;
    let page = server.api().get(&format!("/v1/stations/{STATION}/wanted")).await;
    assert_eq!(page["wanted"], json!([]));
    assert!(server.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn wishes_for_a_station_of_the_second_family_go_together_and_say_what_became_of_each() {
    let (_dir, server) = house().await;
    let api = server.api();
    for (name, value) in [
        ("OCPPCommCtrlr.HeartbeatInterval", "300"),
        ("TxCtrlr.EVConnectionTimeOut", "45"),
        ("[1] EVSE.Colour", "red"),
        ("[1] EVSE.Power", "11000"),
    ] {
        want(&api, &name.replace(' ', "%20"), value).await;
    }
    let mut station = comes(&server, "ocpp2.0.1").await;
    let Reply::Call { id, action, payload } = station.hear().await else { panic!("no call") };
    assert_eq!(action, "GetVariables");
    let answers = |values: &[(&str, &str)]| {
        let asked = payload["getVariableData"].as_array().unwrap().clone();
        let results = asked.into_iter().map(|mut it| {
            let name = it["variable"]["name"].as_str().unwrap().to_owned();
            match values.iter().find(|(variable, _)| *variable == name) {
                Some((_, value)) => {
                    it["attributeStatus"] = "Accepted".into();
                    it["attributeValue"] = (*value).into();
                }
                None => it["attributeStatus"] = "UnknownVariable".into(),
            }
            it
        });
        json!({ "getVariableResult": results.collect::<Vec<_>>() })
    };
    let first = [("HeartbeatInterval", "60"), ("EVConnectionTimeOut", "30"), ("Power", "11000.0")];
    station.say(json!([3, id, answers(&first)]).to_string()).await;
    let Reply::Call { id, action, payload: set } = station.hear().await else { panic!("no call") };
    assert_eq!(action, "SetVariables");
    let mut results = set["setVariableData"].clone();
    assert_eq!(results.as_array().unwrap().len(), 2, "what is there already is not set: {set}");
    for result in results.as_array_mut().unwrap() {
        result.as_object_mut().unwrap().remove("attributeValue");
        let is_heartbeat = result["variable"]["name"] == "HeartbeatInterval";
        result["attributeStatus"] = if is_heartbeat { "RebootRequired" } else { "Rejected" }.into();
    }
    station.say(json!([3, id, json!({ "setVariableResult": results })]).to_string()).await;
    stands(&api, "OCPPCommCtrlr.HeartbeatInterval", "reboot-required").await;
    let refused = stands(&api, "TxCtrlr.EVConnectionTimeOut", "refused").await;
    assert_eq!((&refused["seen"], &refused["said"]["status"]), (&json!("30"), &json!("Rejected")));
    stands(&api, "[1] EVSE.Colour", "absent").await;
    stands(&api, "[1] EVSE.Power", "met").await;
    let drift = server.cli().json(&["station", "config", "drift"]).await;
    assert_eq!(drift["wanted"].as_array().unwrap().len(), 3, "{drift}");
    assert!(server.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_station_that_changes_a_value_back_is_corrected_and_then_only_shown() {
    let (_dir, server) = house().await;
    let api = server.api();
    let mut station = comes(&server, "ocpp1.6").await;
    assert_eq!(station.hear_within(QUIET).await, Reply::Silence, "nothing is wanted of it");
    want(&api, "HeartbeatInterval", "300").await;
    station.is_called("GetConfiguration", keys("60")).await;
    for _ in 0..3 {
        station.is_called("ChangeConfiguration", yes()).await;
        station.is_called("GetConfiguration", keys("60")).await;
    }
    let drifts = stands(&api, "HeartbeatInterval", "drifts").await;
    assert_eq!((&drifts["seen"], &drifts["said"]["status"]), (&json!("60"), &json!("Accepted")));
    assert_eq!(station.hear_within(QUIET).await, Reply::Silence, "it is left alone");
    // What somebody else learns of it counts as well.
    let read = api.command(STATION, "GetConfiguration", json!({}));
    let (read, _) = tokio::join!(read, station.is_called("GetConfiguration", keys("300")));
    assert!(read.0.is_success(), "{read:?}");
    stands(&api, "HeartbeatInterval", "met").await;
    assert!(server.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_wish_is_shown_and_not_repeated_until_it_changes() {
    let (_dir, server) = house().await;
    let api = server.api();
    want(&api, "HeartbeatInterval", "1").await;
    let mut station = comes(&server, "ocpp1.6").await;
    station.is_called("GetConfiguration", keys("60")).await;
    station.is_called("ChangeConfiguration", json!({ "status": "Rejected" })).await;
    stands(&api, "HeartbeatInterval", "refused").await;
    drop(station);
    let mut station = comes(&server, "ocpp1.6").await;
    assert_eq!(station.hear_within(QUIET).await, Reply::Silence, "it has said no");
    want(&api, "HeartbeatInterval", "30").await;
    station.is_called("GetConfiguration", keys("60")).await;
    let set = station.is_called("ChangeConfiguration", yes()).await;
    assert_eq!(set["value"], "30");
    station.is_called("GetConfiguration", keys("30")).await;
    stands(&api, "HeartbeatInterval", "met").await;
    let path = format!("/v1/stations/{STATION}/wanted/NoSuch");
    let (status, why) = api.try_send(Method::DELETE, &path, None).await;
    assert_eq!((status.as_u16(), &why["error"]["code"]), (404, &json!("wish-not-found")));
    assert!(server.stop().await.success());
}
