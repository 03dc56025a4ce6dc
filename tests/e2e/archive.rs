//! An operator takes all records out of a stopped server and makes another one of them.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::json;

use crate::support::{Reply, Server, Start, connect};

fn plugpoint(arguments: &[&str], paths: &[(&str, &Path)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plugpoint"));
    command.args(arguments);
    for (option, path) in paths {
        if !option.is_empty() {
            command.arg(option);
        }
        command.arg(path);
    }
    command.output().unwrap()
}

fn succeeded(output: &Output) {
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_becomes_a_server_with_the_same_records() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let open_house = |data: &Path| Start::new(data).with(&["--accept-unknown-stations"]);
    let server = Server::start(open_house(&at("old"))).await;
    server.api().allow("CARD").await;
    let mut station = connect(server.stations, "MOVED").await;
    let start = json!({ "connectorId": 1, "idTag": "CARD", "meterStart": 5, "timestamp": "2026-01-02T03:04:05Z" });
    let reply = station.call("1", "StartTransaction", start.clone()).await;
    assert!(matches!(reply, Reply::Result { .. }), "{reply:?}");

    let export =
        |data: &Path, file: &Path| plugpoint(&["export"], &[("--data", data), ("-o", file)]);
    let too_early = export(&at("old"), &at("file"));
    assert_eq!(too_early.status.code(), Some(1));
    let complaint = String::from_utf8_lossy(&too_early.stderr).into_owned();
    assert!(complaint.contains("another server is using"), "{complaint}");
    assert!(!at("file").exists());

    let api = server.api();
    let (sessions, tokens) = (api.all("sessions", "").await, api.all("tokens", "").await);
    let facts = api.facts().await;
    assert!(server.stop().await.success());

    succeeded(&export(&at("old"), &at("file")));
    let mode = at("file").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "secrets are in it");
    assert_eq!(export(&at("old"), &at("file")).status.code(), Some(2), "it overwrites a file");

    let import = |file: &Path, data: &Path| plugpoint(&["import"], &[("", file), ("--data", data)]);
    assert_eq!(import(&at("file"), &at("old")).status.code(), Some(1), "it is not empty");
    succeeded(&import(&at("file"), &at("new")));
    succeeded(&export(&at("new"), &at("again")));
    let read = |name: &str| std::fs::read_to_string(at(name)).unwrap();
    assert!(read("file") == read("again"), "the lines differ");

    let server = Server::start(open_house(&at("new"))).await;
    let api = server.api();
    assert_eq!(api.all("sessions", "").await, sessions);
    assert_eq!(api.all("tokens", "").await, tokens);
    let kept = api.facts().await;
    assert!(kept.len() > facts.len() && kept[..facts.len()] == facts, "{kept:?}");
    // What the station repeats is still known.
    let mut station = connect(server.stations, "MOVED").await;
    match station.call("2", "StartTransaction", start).await {
        Reply::Result { payload, .. } => assert_eq!(payload["transactionId"], sessions[0]["id"]),
        other => panic!("{other:?}"),
    }
    assert!(server.stop().await.success());
}
