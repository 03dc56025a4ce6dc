//! Stations that are moved to TLS from afar. They are not ours: Python's `ssl` and the PyPI package `ocpp`.

use std::process::Stdio;

use serde_json::json;
use tokio::process::Command;

use super::{guarded, refusal_says};
use crate::independent_client::{Transcript, made, script};
use crate::support::{PASSWORD, handshake};

/// Moves one station and expects these steps of it between its two visits.
async fn moved(version: &str, steps: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let server = guarded(&dir.path().join("data")).await;
    let (api, cli) = (server.api(), server.cli());
    let station = format!("MOVE-{version}");
    api.register(&station).await;
    let authority = dir.path().join("ca.pem");
    std::fs::write(&authority, cli.done(&["ca", "export"]).await.0).unwrap();
    let (plain, secure) = (
        format!("ws://{}/ocpp", server.stations),
        format!("wss://localhost:{}/ocpp", server.tls().port()),
    );
    let mut process = Command::new(made("python", "py/bin/python"))
        .arg(script("pypi_upgrade.py"))
        .args([version, &plain, &secure, &station, PASSWORD])
        .arg(&authority)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut transcript = Transcript::of(&mut process);
    assert_eq!(transcript.step("in").await["url"], "ws");

    let upgrade = ["station", "upgrade", &station, "--to", "2", "--address", &secure];
    let shown = cli.json(&upgrade).await;
    for step in steps {
        transcript.step(step).await;
    }
    assert_eq!(transcript.step("in").await["url"], "wss");
    assert_eq!(shown["security_profile"], json!(2), "{shown}");
    assert_eq!(shown["least_security_profile"], json!(2), "{shown}");

    // The weaker way is closed behind it.
    let login = Some((station.as_str(), PASSWORD));
    let refused =
        handshake(server.stations, &format!("/ocpp/{station}"), Some("ocpp1.6"), login).await;
    assert_eq!(refused.err(), Some(403));
    refusal_says(&server, &[&station, "came with security profile 1", "is the least for it"]).await;
    assert!(server.stop().await.success());
}

#[tokio::test]
async fn a_1_6_station_is_moved_to_tls_and_does_not_come_back_without() {
    moved("v16", &[]).await;
}

#[tokio::test]
async fn a_2_0_1_station_is_told_where_to_go_and_moved_to_tls() {
    moved("v201", &["told another connection", "told another order", "told to restart"]).await;
}

#[tokio::test]
async fn a_station_that_could_not_come_back_is_left_where_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let server = guarded(&dir.path().join("data")).await;
    let (api, cli) = (server.api(), server.cli());
    api.register("CS1").await;
    let login = Some(("CS1", PASSWORD));
    let _socket = handshake(server.stations, "/ocpp/CS1", Some("ocpp1.6"), login).await.unwrap();
    let error = cli.refused(&["station", "upgrade", "CS1", "--to", "3"]).await;
    assert!(error.contains("has no certificate to come back with"), "{error}");
    assert!(error.contains("plugpoint station certificates CS1 --renew"), "{error}");
    let shown = api.get("/v1/stations/CS1").await;
    assert_eq!(shown["raises_security"], json!(false), "{shown}");
    assert!(server.stop().await.success());
}
