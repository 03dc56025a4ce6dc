//! How stations of the field come in: under odd addresses, with odd protocols, or unknown. And what is said of them in
//! docs/field-notes.md.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::support::{PASSWORD, Reply, Server, Start, handshake};

/// Complaints of the field that the page answers.
const NOTES: usize = 54;

const OCPP_16: Option<&str> = Some("ocpp1.6");

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_is_refused_listed_adopted_and_told_where_to_connect() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("plugpoint.toml");
    std::fs::write(&config, "station-path = \"/charging/v1\"\n").unwrap();
    let start = Start::new(&dir.path().join("data"));
    let server = Server::start(start.with(&["--config", config.to_str().unwrap()])).await;
    let (cli, door) = (server.cli(), server.stations);

    let path = "/charging//v1/NEW%201/";
    for login in [None, Some(("NEW 1", PASSWORD))] {
        assert_eq!(handshake(door, path, OCPP_16, login).await.err(), Some(404));
    }
    assert_eq!(handshake(door, "/ocpp/NEW-2", OCPP_16, None).await.err(), Some(404));
    let unknown = cli.json(&["station", "unknown"]).await;
    let [stranger] = &unknown["stations"].as_array().unwrap()[..] else { panic!("{unknown}") };
    assert_eq!((&stranger["id"], &stranger["knocks"]), (&json!("NEW 1"), &json!(2)));
    assert_eq!(
        (&stranger["offered"], &stranger["has_password"]),
        (&json!(["ocpp1.6"]), &json!(true))
    );

    let why = cli.refused(&["station", "adopt", "NEW 2"]).await;
    assert!(why.contains("has knocked"), "{why}");
    let adopted = cli.json(&["station", "adopt", "NEW 1"]).await;
    let url = format!("ws://{door}/charging/v1/NEW%201");
    assert_eq!(adopted["urls"], json!([url]));
    assert_eq!(adopted["urls_without_id"], json!([format!("ws://{door}/charging/v1/")]));
    assert_eq!(cli.json(&["station", "unknown"]).await["stations"], json!([]));
    let (shown, _) = cli.done(&["station", "show", "NEW 1"]).await;
    assert!(shown.contains(&url), "{shown}");

    let told = url.strip_prefix(&format!("ws://{door}")).unwrap();
    let mut station = handshake(door, told, OCPP_16, None).await.ok().unwrap();
    assert!(matches!(station.call("1", "Heartbeat", json!({})).await, Reply::Result { .. }));
    assert!(server.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_station_with_an_odd_protocol_is_taken_at_its_operators_word() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::open_house(&dir.path().join("data")).await;
    let (api, door) = (server.api(), server.stations);
    api.put("/v1/stations/ODD", json!({ "wanted_protocol": "ocpp2.0.1" })).await;
    // A client that names a protocol insists on hearing one that it named.
    let mut station = handshake(door, "/ocpp/ODD", Some("ocpp2.0.1.1"), None).await.ok().unwrap();
    let reply = station.call("1", "Heartbeat", json!({})).await;
    assert!(matches!(reply, Reply::Result { .. }), "{reply:?}");
    assert_eq!(api.get("/v1/stations/ODD").await["protocol"], "ocpp2.0.1");
    assert!(server.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_station_waits_until_its_operator_has_accepted_it() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::open_house(&dir.path().join("data")).await;
    let (cli, door) = (server.cli(), server.stations);
    cli.done(&["station", "set", "WAITS", "--accept", "pending"]).await;
    let boot = || json!({ "chargePointVendor": "Acme", "chargePointModel": "One" });
    let mut station = handshake(door, "/ocpp/WAITS", OCPP_16, None).await.ok().unwrap();
    let Reply::Result { payload, .. } = station.call("1", "BootNotification", boot()).await else {
        panic!("no answer to the boot")
    };
    assert_eq!(payload["status"], "Pending");
    let reply = station.call("2", "Heartbeat", json!({})).await;
    assert!(matches!(&reply, Reply::Error { code, .. } if code == "SecurityError"), "{reply:?}");

    cli.done(&["station", "set", "WAITS", "--accept", "accepted"]).await;
    assert!(matches!(station.hear().await, Reply::Closed(_)), "it has to come again");
    let mut station = handshake(door, "/ocpp/WAITS", OCPP_16, None).await.ok().unwrap();
    let reply = station.call("3", "Heartbeat", json!({})).await;
    assert!(matches!(reply, Reply::Result { .. }), "{reply:?}");
    let refused = server.api().facts().await;
    let refused = refused.iter().find(|fact| fact["kind"] == "message-refused").unwrap();
    assert_eq!(refused["data"]["action"], "Heartbeat");
    assert!(server.stop().await.success());
}

/// One line of the page: `| 1 | complaint | who | how |`.
struct Row {
    number: usize,
    who: String,
    how: String,
}

fn rows(page: &str) -> Vec<Row> {
    let row = |line: &str| {
        let cells: Vec<_> = line.strip_prefix("| ")?.split(" | ").collect();
        let [number, _, who, how] = cells[..] else { return None };
        let how = how.trim_end_matches(" |").to_owned();
        Some(Row { number: number.trim().parse().ok()?, who: who.to_owned(), how })
    };
    page.lines().filter_map(row).collect()
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn every_complaint_of_the_field_has_its_answer_and_every_test_that_is_named_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let page = std::fs::read_to_string(root.join("docs/field-notes.md")).unwrap();
    let rows = rows(&page);
    let numbers: Vec<_> = rows.iter().map(|row| row.number).collect();
    assert_eq!(numbers, (1..=NOTES).collect::<Vec<_>>());

    let tests = ["host/src", "tests/e2e", "plugins/frame-mender/src"].map(|dir| root.join(dir));
    let tests = tests_in(&tests);
    for Row { number, who, how } in rows {
        let named: Vec<_> = quoted(&how).filter(|name| name.contains('_')).collect();
        match who.as_str() {
            "core" | "quirks" => assert!(!named.is_empty(), "row {number} names no test"),
            "declined" => assert!(how.len() > 20, "row {number} gives no reason"),
            other => panic!("row {number} is left to {other}"),
        }
        for name in named {
            assert!(tests.contains(name), "row {number}: there is no test {name}");
        }
    }
}

/// The names of all functions that stand below a `#[test]` or the like.
fn tests_in(folders: &[PathBuf]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut open = folders.to_vec();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            let source = std::fs::read_to_string(path).unwrap();
            let mut lines = source.lines().map(str::trim);
            while let Some(line) = lines.next() {
                if line == "#[test]" || line.starts_with("#[tokio::test") {
                    let name = lines.find_map(|line| Some(line.split_once("fn ")?.1));
                    names.extend(name.and_then(|name| Some(name.split_once('(')?.0.to_owned())));
                }
            }
        }
    }
    names
}
