//! An operator says what a station is to be configured with, and the house sees to it: when the station comes, after a
//! crash, against a station that changes it back, and never against its word.

use std::process::Stdio;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::independent_client::{Transcript, made, script};
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
    let path = format!("/v1/stations/{STATION}");
    api.put(&path, json!({ "acceptance": "rejected" })).await;
    let mut station = comes(&server, "ocpp1.6").await;
    assert_eq!(station.hear_within(QUIET).await, Reply::Silence, "it is not let in");
    api.put(&path, json!({ "acceptance": "pending" })).await;
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

/// How the station's list stands, as soon as it stands so.
async fn list_stands(api: &Api, state: &str, version: u32) -> Value {
    let path = format!("/v1/stations/{STATION}/local-list");
    let wait = async {
        loop {
            let list = api.get(&path).await;
            if list["state"] == state && list["version_wanted"] == version {
                return list;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    match tokio::time::timeout(Duration::from_secs(30), wait).await {
        Ok(list) => list,
        Err(_) => panic!("the list is not {state} {version}: {}", api.get(&path).await),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_card_leaves_the_list_of_an_old_station_that_is_online() {
    let (_dir, server) = house().await;
    let api = server.api();
    for card in ["CARD-1", "CARD-2", "CARD-3"] {
        api.allow(card).await;
    }
    api.block("CARD-3").await;
    let keep = ["station", "local-list", STATION, "--from-tokens"];
    assert!(server.cli().done(&keep).await.0.contains("unknown"));
    let mut station = comes(&server, "ocpp1.6").await;
    station.is_called("GetLocalListVersion", json!({ "listVersion": 0 })).await;
    let full = station.is_called("SendLocalList", yes()).await;
    let entry = |card: &str| json!({ "idTag": card, "idTagInfo": { "status": "Accepted" } });
    let list = json!({ "listVersion": 1, "updateType": "Full",
                       "localAuthorizationList": [entry("CARD-1"), entry("CARD-2")] });
    assert_eq!(full, list);
    list_stands(&api, "met", 1).await;

    api.block("CARD-1").await;
    let change = station.is_called("SendLocalList", yes()).await;
    let without = json!({ "listVersion": 2, "updateType": "Differential",
                          "localAuthorizationList": [{ "idTag": "CARD-1" }] });
    assert_eq!(change, without);
    let met = list_stands(&api, "met", 2).await;
    assert_eq!((&met["entries"], &met["entries_there"]), (&json!(1), &json!(1)));

    api.allow("CARD-1").await;
    station.is_called("SendLocalList", json!({ "status": "VersionMismatch" })).await;
    station.is_called("GetLocalListVersion", json!({ "listVersion": 40 })).await;
    let full = station.is_called("SendLocalList", yes()).await;
    let kind = (&full["updateType"], &full["listVersion"]);
    assert_eq!(kind, (&json!("Full"), &json!(41)), "{full}");
    list_stands(&api, "met", 41).await;

    drop(station);
    let mut station = comes(&server, "ocpp1.6").await;
    station.is_called("GetLocalListVersion", json!({ "listVersion": 0 })).await;
    let again = station.is_called("SendLocalList", json!({ "status": "Failed" })).await;
    assert_eq!(again["updateType"], "Full", "it has lost its list: {again}");
    let refused = list_stands(&api, "refused", 42).await;
    assert_eq!(refused["said"]["status"], "Failed");
    assert_eq!(station.hear_within(QUIET).await, Reply::Silence, "it is not told the same again");
    let table = server.cli().done(&["station", "local-list", STATION]).await.0;
    assert!(table.contains("refused") && table.contains("Failed"), "{table}");
    server.cli().done(&["station", "local-list", STATION, "--off"]).await;
    let gone = server.cli().refused(&["station", "local-list", STATION]).await;
    assert!(gone.contains("--from-tokens"), "{gone}");
    assert!(server.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_the_second_family_survives_a_crash_and_a_station_without_lists_is_left_alone() {
    for subprotocol in ["ocpp2.0.1", "ocpp2.1"] {
        let (dir, server) = house().await;
        let api = server.api();
        let fleet = json!({ "group": "fleet", "expires": "2099-01-01T00:00:00Z" });
        api.put("/v1/tokens/04A2B3C4D5E6F7", fleet).await;
        api.allow("GUEST").await;
        let path = format!("/v1/stations/{STATION}/local-list");
        api.put(&path, json!({ "groups": ["fleet"] })).await;
        let mut station = comes(&server, subprotocol).await;
        station.is_called("GetLocalListVersion", json!({ "versionNumber": 0 })).await;
        let full = station.is_called("SendLocalList", yes()).await;
        let listed = full["localAuthorizationList"].as_array().unwrap();
        let token = json!({ "idToken": "04A2B3C4D5E6F7", "type": "ISO14443" });
        assert!(listed.len() == 1 && listed[0]["idToken"] == token, "{full}");
        assert_eq!(listed[0]["idTokenInfo"]["groupIdToken"]["idToken"], "fleet", "{full}");
        list_stands(&api, "met", 1).await;
        // The next synced commit brings to the disk what was noted softly before it.
        api.allow("BARRIER").await;
        server.kill().await;
        let server = Server::start(Start::new(&dir.path().join("data"))).await;
        let mut station = comes(&server, subprotocol).await;
        station.is_called("GetLocalListVersion", json!({ "versionNumber": 1 })).await;
        assert_eq!(station.hear_within(QUIET).await, Reply::Silence, "it has what it is to have");
        list_stands(&server.api(), "met", 1).await;
        server.api().block("04A2B3C4D5E6F7").await;
        let Reply::Call { id, action, payload } = station.hear().await else { panic!("no call") };
        assert_eq!(
            (action.as_str(), &payload["updateType"]),
            ("SendLocalList", &json!("Differential"))
        );
        station.say(json!([4, id, "NotSupported", "", {}]).to_string()).await;
        list_stands(&server.api(), "absent", 2).await;
        server.api().allow("04A2B3C4D5E6F7").await;
        assert_eq!(station.hear_within(QUIET).await, Reply::Silence, "it has no lists");
        assert!(server.stop().await.success());
    }
}

/// It is not ours: the PyPI package `ocpp`.
#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_station_gets_its_settings_and_loses_a_blocked_card() {
    let (_dir, server) = house().await;
    let (api, cli) = (server.api(), server.cli());
    for card in ["CARD-1", "CARD-2"] {
        api.allow(card).await;
    }
    let settings = ["HeartbeatInterval=300", "LocalAuthListEnabled=true", "NoSuchKey=1"];
    cli.done(&[&["station", "config", "want", STATION], settings.as_slice()].concat()).await;
    cli.done(&["station", "local-list", STATION, "--from-tokens"]).await;
    let mut process = Command::new(made("python", "py/bin/python"))
        .arg(script("pypi_wanted.py"))
        .args([&format!("ws://{}/ocpp", server.stations), STATION, PASSWORD])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut transcript = Transcript::of(&mut process);
    transcript.step("in").await;
    for (key, value) in [("HeartbeatInterval", "300"), ("LocalAuthListEnabled", "true")] {
        let set = transcript.step("set").await;
        assert_eq!((&set["key"], &set["value"]), (&json!(key), &json!(value)));
    }
    let full = transcript.step("list").await;
    assert_eq!((&full["update"], &full["cards"]), (&json!("Full"), &json!(["CARD-1", "CARD-2"])));
    stands(&api, "HeartbeatInterval", "met").await;
    stands(&api, "NoSuchKey", "absent").await;
    list_stands(&api, "met", 1).await;
    api.block("CARD-2").await;
    let change = transcript.step("list").await;
    assert_eq!((&change["update"], &change["cards"]), (&json!("Differential"), &json!(["CARD-1"])));
    list_stands(&api, "met", 2).await;
    assert!(server.stop().await.success());
}
