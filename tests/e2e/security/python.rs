//! A client that is not ours, with a TLS that is not ours: Python's `ssl` is OpenSSL.

use std::process::Stdio;

use serde_json::json;
use tokio::process::Command;

use super::guarded;
use crate::independent_client::{Transcript, made, script};
use crate::support::{PASSWORD, signing_request};

const STATION: &str = "PY-S";

#[tokio::test]
async fn a_python_station_takes_a_new_key_and_a_certificate_and_comes_back_with_each() {
    let dir = tempfile::tempdir().unwrap();
    let server = guarded(&dir.path().join("data")).await;
    let (api, cli) = (server.api(), server.cli());
    api.register(STATION).await;
    cli.done(&["station", "set", STATION, "--least-profile", "2", "--raise-profile"]).await;
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("ca.pem"), cli.done(&["ca", "export"]).await.0).unwrap();
    let (key, request) = signing_request(STATION);
    std::fs::write(path("station.key"), key.serialize_pem()).unwrap();
    std::fs::write(path("request.pem"), request).unwrap();

    let url = format!("wss://localhost:{}/ocpp", server.tls().port());
    let files = ["ca.pem", "station.key", "request.pem", "certificate.pem"].map(path);
    let mut station = Command::new(made("python", "py/bin/python"))
        .arg(script("pypi_security.py"))
        .args([&url, STATION, PASSWORD])
        .args(files)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut transcript = Transcript::of(&mut station);
    transcript.step("in with the password").await;
    let rotated = cli.json(&["station", "password", STATION, "--rotate"]).await;
    assert_eq!(rotated["status"], "accepted");
    transcript.step("new key").await;
    transcript.step("in with the new key").await;
    assert_eq!(transcript.step("request").await["status"], "Accepted");
    transcript.step("in with the certificate").await;
    assert_eq!(transcript.step("refused").await["status"], 403);
    transcript.step("done").await;
    assert!(station.wait().await.unwrap().success());
    let shown = api.get(&format!("/v1/stations/{STATION}")).await;
    assert_eq!(shown["least_security_profile"], json!(3), "{shown}");
    assert!(server.stop().await.success());
}
