//! Simulated stations fetch firmware and come back with it, and send their logs, on every version and over TLS.

use std::path::Path;

use plugpoint::sim::{Endpoint, Event, Misdeed, Odds, Protocol};
use plugpoint::tls::Caller;
use serde_json::json;

use super::{PATIENCE, file, start, transfer, until};
use crate::support::{Fleet, Server, profile};

/// A station of that version that waits to be told what to do, and is there.
async fn station(server: &Server, endpoint: &Endpoint, id: &str, how: (Protocol, Odds)) -> Fleet {
    server.api().register(id).await;
    let mut profile = profile(id, 1, &[]);
    (profile.protocol, profile.faults.breaks) = how;
    let mut fleet = Fleet::start(vec![profile], endpoint);
    let is_up = |heard: &[plugpoint::sim::Report]| {
        heard.iter().any(|report| matches!(report.event, Event::Booted { .. }))
    };
    fleet.listen_until("it has booted", PATIENCE, is_up).await;
    fleet
}

async fn firmware_of(server: &Server, station: &str) -> String {
    let seen = server.api().get(&format!("/v1/stations/{station}")).await;
    seen["firmware"].as_str().unwrap_or_default().to_owned()
}

/// Adds a firmware whose first line is its version; a simulated station takes that for its own.
async fn add(server: &Server, dir: &Path, version: &str, more: &[&str]) -> Vec<u8> {
    let (path, content) = file(dir, &format!("fw-{version}.bin"), version, 2_000_000);
    let words = ["firmware", "add", path.to_str().unwrap(), "--version", version];
    let (said, aside) = server.cli().done(&[&words[..], more].concat()).await;
    assert!(said.contains("sha256") && aside.contains("100 % of 2000000 bytes"), "{said}{aside}");
    content
}

#[tokio::test(flavor = "multi_thread")]
async fn firmware_is_fetched_over_every_version_and_the_station_comes_back_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(&dir.path().join("data"), "").await;
    let (api, cli) = (server.api(), server.cli());
    add(&server, dir.path(), "2.0.0", &[]).await;
    for (n, protocol) in Protocol::ALL.into_iter().enumerate() {
        // One of them loses the connection half-way, and goes on where it was.
        let breaks = if n == 1 { Odds::percent(100) } else { Odds::NEVER };
        let id = format!("FW-{n}");
        let mut fleet = station(&server, &server.endpoint(), &id, (protocol, breaks)).await;
        assert_eq!(firmware_of(&server, &id).await, "1.0.0");
        let words = ["station", "firmware", &id, "fw-2.0.0.bin", "--wait", "--within", "2m"];
        let (said, aside) = cli.done(&words).await;
        assert!(said.contains("Installed") && aside.contains("transfer 1"), "{said}{aside}");
        assert_eq!(firmware_of(&server, &id).await, "2.0.0", "as it says when it boots");
        let ended = transfer(&api, &id, 1).await;
        assert_eq!(ended["ended"]["outcome"], "done");
        assert_eq!(ended["bytes"], ended["size"]);
        assert_eq!(ended["tries"], if n == 1 { 2 } else { 1 }, "{ended:#}");
        assert_eq!(ended["request"].is_number(), protocol != Protocol::Ocpp16);
        let told: Vec<_> =
            ended["told"].as_array().unwrap().iter().map(|it| &it["status"]).collect();
        assert_eq!(told, ["Downloading", "Downloaded", "Installing", "Installed"]);
        fleet.wind_down(PATIENCE).await;
        let broke = fleet.count(|it| *it == Event::Misbehaved(Misdeed::BrokeOff));
        assert_eq!(broke, usize::from(n == 1));
        let fetched = |it: &Event| matches!(it, Event::FirmwareFetched { bytes: 2_000_000, .. });
        assert_eq!(fleet.count(fetched), 1, "{}", fleet.summary());
    }
    let list = cli.json(&["firmware", "list"]).await;
    assert_eq!(list["firmware"][0]["version"], "2.0.0");
    cli.done(&["firmware", "remove", "fw-2.0.0.bin"]).await;
    let left = std::fs::read_dir(server.data.join("files/firmware")).unwrap().count();
    assert_eq!(left, 0, "a file that no name leads to is removed");
    assert!(server.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_firmware_goes_out_with_its_signature() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(&dir.path().join("data"), "").await;
    let (api, cli) = (server.api(), server.cli());
    let certificate = dir.path().join("vendor.pem");
    let (pem, _) = crate::support::foreign_authority();
    std::fs::write(&certificate, pem).unwrap();
    let certificate = certificate.to_str().unwrap();
    let signed = ["--signing-certificate", certificate, "--signature", "c2lnbmF0dXJl"];
    add(&server, dir.path(), "3.0.0", &signed).await;
    for (protocol, action) in
        [(Protocol::Ocpp16, "SignedUpdateFirmware"), (Protocol::Ocpp201, "UpdateFirmware")]
    {
        let id = format!("SIGNED-{}", protocol.subprotocol());
        let fleet = station(&server, &server.endpoint(), &id, (protocol, Odds::NEVER)).await;
        cli.done(&["station", "firmware", &id, "fw-3.0.0.bin", "--wait"]).await;
        assert_eq!(firmware_of(&server, &id).await, "3.0.0");
        let ended = transfer(&api, &id, 1).await;
        let told = ended["told"].as_array().unwrap();
        assert!(told.iter().any(|it| it["status"] == "SignatureVerified"), "{ended:#}");
        let command = api.get(&format!("/v1/stations/{id}/commands/1")).await;
        assert_eq!(command["action"], action);
        drop(fleet);
    }
    assert!(server.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_the_one_that_the_station_sent_and_one_that_breaks_off_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(&dir.path().join("data"), "").await;
    let (api, cli) = (server.api(), server.cli());
    for (n, protocol) in Protocol::ALL.into_iter().enumerate() {
        let id = format!("LOG-{n}");
        let mut fleet = station(&server, &server.endpoint(), &id, (protocol, Odds::NEVER)).await;
        let out = dir.path().join(&id);
        let kind = if n == 2 { "--security" } else { "--diagnostics" };
        let words = ["station", "log", &id, kind, "--out", out.to_str().unwrap(), "--json"];
        let ended: serde_json::Value = serde_json::from_str(&cli.done(&words).await.0).unwrap();
        fleet.wind_down(PATIENCE).await;
        let written = fleet.heard.iter().find_map(|report| match &report.event {
            Event::LogWritten { bytes, sha256 } => Some((*bytes, sha256.clone())),
            _ => None,
        });
        let (bytes, sha256) = written.expect("it has sent a log");
        assert_eq!(ended["received"]["sha256"], sha256.as_str());
        let content = std::fs::read(&out).unwrap();
        assert_eq!(content.len() as u64, bytes);
        assert_eq!(super::sha256(&content), sha256, "it is another file");
    }
    let id = "LOG-BREAKS";
    let how = (Protocol::Ocpp201, Odds::percent(100));
    let _fleet = station(&server, &server.endpoint(), id, how).await;
    let why = cli.refused(&["station", "log", id, "--wait"]).await;
    assert!(why.contains("UploadFailure"), "{why}");
    let failed = until(&api, id, 1, "the try is counted", |it| it["tries"] == 1).await;
    assert_eq!(failed["received"], json!(null), "half a log is none");
    assert!(server.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn where_stations_use_tls_so_do_their_files() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let tls = super::with_files(&data, "").with(&["--listen-tls", "127.0.0.1:0"]);
    let server = Server::start(tls).await;
    let cli = server.cli();
    let trust = dir.path().join("ca.pem");
    std::fs::write(&trust, cli.done(&["ca", "export"]).await.0).unwrap();
    let endpoint: Endpoint = format!("wss://{}/ocpp", server.tls()).parse().unwrap();
    let endpoint = endpoint.called_by(Caller::read(&trust, None).unwrap());
    add(&server, dir.path(), "4.0.0", &[]).await;
    let id = "FILES-TLS";
    let how = (Protocol::Ocpp21, Odds::NEVER);
    let _fleet = station(&server, &endpoint, id, how).await;
    cli.done(&["station", "firmware", id, "fw-4.0.0.bin", "--wait"]).await;
    assert_eq!(firmware_of(&server, id).await, "4.0.0");
    let out = dir.path().join("log");
    cli.done(&["station", "log", id, "--out", out.to_str().unwrap()]).await;
    assert!(std::fs::read_to_string(&out).unwrap().contains("firmware 4.0.0"));
    assert!(server.stop().await.success());
}
