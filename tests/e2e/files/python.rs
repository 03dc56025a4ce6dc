//! A station that is not ours, with an HTTP client that is not ours: Python's `http.client`.

use std::process::Stdio;

use serde_json::json;
use tokio::process::Command;

use super::{file, sha256, start, transfer};
use crate::independent_client::{Transcript, made, script};
use crate::support::PASSWORD;

const STATION: &str = "PY-F";

#[tokio::test(flavor = "multi_thread")]
async fn a_python_station_fetches_firmware_in_parts_and_sends_its_log_as_a_form() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(&dir.path().join("data"), "").await;
    let (api, cli) = (server.api(), server.cli());
    api.register(STATION).await;
    let (firmware, content) = file(dir.path(), "fw.bin", "5.0", 700_001);
    cli.done(&["firmware", "add", firmware.to_str().unwrap()]).await;
    let mut station = Command::new(made("python", "py/bin/python"))
        .arg(script("pypi_files.py"))
        .args([&format!("ws://{}/ocpp", server.stations), STATION, PASSWORD])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut transcript = Transcript::of(&mut station);
    transcript.step("ready").await;
    cli.done(&["station", "firmware", STATION, "fw.bin", "--wait"]).await;
    let fetched = transcript.step("fetched").await;
    assert_eq!(fetched["sha256"], sha256(&content));
    let out = dir.path().join("log");
    cli.done(&["station", "log", STATION, "--out", out.to_str().unwrap()]).await;
    let sent = transcript.step("sent").await;
    assert_eq!(sent["sha256"], sha256(&std::fs::read(&out).unwrap()));
    assert!(station.wait().await.unwrap().success());
    for (number, tries, bytes) in [(1, 2, 700_001), (2, 1, 100_000)] {
        let ended = transfer(&api, STATION, number).await;
        assert_eq!(ended["ended"]["outcome"], "done");
        assert_eq!((&ended["tries"], &ended["bytes"]), (&json!(tries), &json!(bytes)), "{ended:#}");
    }
    assert!(server.stop().await.success());
}
