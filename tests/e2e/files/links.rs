//! What a link opens, and what it does not; who is refused is in the log, the link never is.

use std::time::Duration;

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{PATIENCE, file, sha256, start, transfer, until, with_files};
use crate::support::{Cli, PASSWORD, Reply, Server, Socket, connect, handshake};

const STATION: &str = "FILES";

/// Has the operator ask, and the station take the call: the operator's word, and the link.
async fn asked(
    cli: &Cli,
    socket: &mut Socket,
    words: &[&str],
    action: &str,
    answer: Value,
) -> (Value, Value) {
    let (cli, words) = (cli.clone(), words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>());
    let asking: JoinHandle<Value> = tokio::spawn(async move {
        cli.json(&words.iter().map(String::as_str).collect::<Vec<_>>()).await
    });
    let payload = socket.is_called(action, answer).await;
    (asking.await.unwrap(), payload)
}

/// The station says how far it is.
async fn tell(socket: &mut Socket, action: &str, payload: Value) {
    let reply = socket.call("said", action, payload).await;
    assert!(matches!(reply, Reply::Result { .. }), "{reply:?}");
}

async fn put(link: &str, content: &[u8]) -> StatusCode {
    Client::new().put(link).body(content.to_owned()).send().await.unwrap().status()
}

fn secret_of(link: &str) -> &str {
    link.split('/').find(|part| part.len() == 43).expect("a link has a secret of 256 bits")
}

/// No link can be read from what the server has logged.
fn assert_untold(server: &Server, links: &[&str]) {
    let log = server.log();
    for link in links {
        assert!(!log.contains(secret_of(link)), "a secret is in the log");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_comes_as_a_body_or_in_a_form_and_is_fetched_byte_for_byte() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(&dir.path().join("data"), "").await;
    let (api, cli) = (server.api(), server.cli());
    api.register(STATION).await;
    let mut socket = connect(server.stations, STATION).await;
    let (_, content) = file(dir.path(), "sent", "a log", 300_000);
    let answer = json!({ "fileName": "diag.zip" });
    let words = ["station", "log", STATION];
    let (begun, payload) = asked(&cli, &mut socket, &words, "GetDiagnostics", answer.clone()).await;
    assert_eq!((&begun["id"], &begun["command"]), (&json!(1), &json!(1)));
    let link = payload["location"].as_str().unwrap();
    assert!(link.starts_with(&format!("http://{}/station-files/{STATION}/1/", server.files())));
    tell(&mut socket, "DiagnosticsStatusNotification", json!({ "status": "Uploading" })).await;
    // Some take the address for that of a folder.
    assert_eq!(put(&format!("{link}/diag.zip"), &content).await, 200);
    tell(&mut socket, "DiagnosticsStatusNotification", json!({ "status": "Uploaded" })).await;
    let ended = transfer(&api, STATION, 1).await;
    assert_eq!(ended["ended"]["outcome"], "done");
    assert_eq!((&ended["bytes"], &ended["tries"]), (&json!(300_000), &json!(1)));
    let told: Vec<_> = ended["told"].as_array().unwrap().iter().map(|it| &it["status"]).collect();
    assert_eq!(told, ["Uploading", "Uploaded"]);

    let out = dir.path().join("fetched");
    cli.done(&["station", "transfers", STATION, "1", "--out", out.to_str().unwrap()]).await;
    assert!(std::fs::read(&out).unwrap() == content, "it is not the file that was sent");

    // The next one comes as a browser would send it.
    let (_, payload) = asked(&cli, &mut socket, &words, "GetDiagnostics", answer).await;
    let form = "--B\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nhello\r\n\
        --B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"../../../etc/passwd\"\r\n\
        Content-Type: application/zip\r\n\r\n";
    let body = [form.as_bytes(), &content, b"\r\n--B--\r\n"].concat();
    let second = payload["location"].as_str().unwrap();
    let sent = Client::new()
        .post(second)
        .header("content-type", "multipart/form-data; boundary=B")
        .body(body)
        .send()
        .await
        .unwrap();
    assert_eq!(sent.status(), 200);
    let received = transfer(&api, STATION, 2).await["received"].clone();
    assert_eq!((&received["bytes"], &received["kept"]), (&json!(300_000), &json!(true)));
    assert_eq!(received["sha256"], ended["received"]["sha256"]);
    assert_untold(&server, &[link, second]);
    let list = cli.done(&["station", "transfers", STATION]).await.0;
    assert!(list.contains("done") && list.contains("asked, 100 %"), "{list}");
    let whole = cli.json(&["station", "transfers", STATION]).await;
    assert_eq!(whole["transfers"].as_array().unwrap().len(), 2);
    let commands = cli.done(&["station", "commands", STATION, "--all"]).await.0;
    assert!(commands.contains("GetDiagnostics"), "{commands}");
    let kept = api.get(&format!("/v1/stations/{STATION}/commands/1")).await;
    assert_eq!(kept["payload"], json!(null), "no record of a command keeps a link");
    assert!(server.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_is_foreign_used_up_or_too_old_opens_nothing_and_the_log_says_whose_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(&dir.path().join("data"), "link-seconds = 3\n").await;
    let (api, cli) = (server.api(), server.cli());
    let mut sockets = Vec::new();
    let mut links = Vec::new();
    for station in ["FILES-A", "FILES-B"] {
        api.register(station).await;
        let mut socket = connect(server.stations, station).await;
        let words = ["station", "log", station, "--timeout", "1"];
        let (_, payload) =
            asked(&cli, &mut socket, &words, "GetDiagnostics", json!({ "fileName": "x" })).await;
        links.push(payload["location"].as_str().unwrap().to_owned());
        sockets.push(socket);
    }
    let (a, b) = (&links[0], &links[1]);
    let refused = |why: &str, station: &str| {
        let log = server.log();
        let told = log.lines().any(|line| line.contains(why) && line.contains(station));
        assert!(told, "nothing of {station} and {why:?} in the log:\n{log}");
    };
    // The secret of one station with the name of the other, and a guess.
    let crossed = a.replace(secret_of(a), secret_of(b));
    assert_eq!(put(&crossed, b"x").await, 404);
    refused("not the link of this transfer", "FILES-A");
    assert_eq!(put(&a.replace("/1/", "/7/"), b"x").await, 404);
    refused("no such transfer", "FILES-A");
    // The right link in the wrong direction.
    assert_eq!(Client::new().get(b).send().await.unwrap().status(), 405);
    refused("is not for GET", "FILES-B");
    // Used up.
    assert_eq!(put(a, b"log").await, 200);
    tell(&mut sockets[0], "DiagnosticsStatusNotification", json!({ "status": "Uploaded" })).await;
    assert_eq!(put(a, b"again").await, 410);
    refused("the transfer has ended", "FILES-A");
    // Too old.
    let wait = async {
        while put(b, b"late").await != 410 {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap();
    refused("its time is over", "FILES-B");
    let ended = until(&api, "FILES-B", 1, "it ends by itself", |it| !it["ended"].is_null()).await;
    assert_eq!(ended["ended"]["outcome"], "expired");
    assert_untold(&server, &[a, b]);
    assert!(server.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_too_large_is_refused_and_leaves_nothing_on_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let server = start(&data, "upload-mib = 1\n").await;
    let (api, cli) = (server.api(), server.cli());
    api.register(STATION).await;
    let login = Some((STATION, PASSWORD));
    let path = format!("/ocpp/{STATION}");
    let mut socket = handshake(server.stations, &path, Some("ocpp2.0.1"), login).await.unwrap();
    let words = ["station", "log", STATION, "--security"];
    let (_, payload) =
        asked(&cli, &mut socket, &words, "GetLog", json!({ "status": "Accepted" })).await;
    assert_eq!(payload["logType"], "SecurityLog");
    let link = payload["log"]["remoteLocation"].as_str().unwrap();
    let (_, large) = file(dir.path(), "large", "too much", (1 << 20) + 1);
    assert_eq!(put(link, &large).await, 413);
    // And where nobody says beforehand how much it is.
    let pieces = futures_util::stream::iter([Ok::<_, std::io::Error>(large.clone())]);
    let body = reqwest::Body::wrap_stream(pieces);
    assert_eq!(Client::new().put(link).body(body).send().await.unwrap().status(), 413);
    assert_eq!(std::fs::read_dir(data.join("files/uploads")).unwrap().count(), 0);
    assert!(server.log().contains("larger than the 1048576 bytes"), "{}", server.log());
    // The link is as good as before.
    assert_eq!(put(link, &large[1..]).await, 200);
    let request = payload["requestId"].clone();
    tell(
        &mut socket,
        "LogStatusNotification",
        json!({ "status": "UploadFailure", "requestId": request }),
    )
    .await;
    let failed = transfer(&api, STATION, 1).await;
    assert_eq!(failed["ended"]["outcome"], "failed", "the station has the last word: {failed:#}");
    assert_eq!(failed["received"]["bytes"], 1 << 20, "and what came is kept");
    assert!(server.stop().await.success());
}

/// Sends a part of a log, and the rest of it when it is told to.
fn put_slowly(link: &str) -> (oneshot::Sender<()>, JoinHandle<StatusCode>) {
    let (go_on, gate) = oneshot::channel();
    let pieces = futures_util::stream::unfold((0, Some(gate)), |(n, gate)| async move {
        match (n, gate) {
            (0, gate) => Some((Ok::<_, std::io::Error>(vec![1; 50_000]), (1, gate))),
            (1, Some(gate)) => {
                gate.await.unwrap();
                Some((Ok(vec![2; 50_000]), (2, None)))
            }
            _ => None,
        }
    });
    let sending = Client::new().put(link).body(reqwest::Body::wrap_stream(pieces)).send();
    (go_on, tokio::spawn(async move { sending.await.unwrap().status() }))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_on_its_way_is_kept_when_the_station_was_too_quick_and_not_when_its_link_is_taken_back()
 {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let server = start(&data, "at-once = 1\n").await;
    let (api, cli) = (server.api(), server.cli());
    api.register(STATION).await;
    let mut socket = connect(server.stations, STATION).await;
    let words = ["station", "log", STATION];
    for number in 1..=2 {
        let answer = json!({ "fileName": "x" });
        let payload = asked(&cli, &mut socket, &words, "GetDiagnostics", answer).await.1;
        let link = payload["location"].as_str().unwrap();
        let (go_on, sending) = put_slowly(link);
        until(&api, STATION, number, "some has come", |it| it["bytes"] == 50_000).await;
        assert_eq!(put(link, b"meanwhile").await, 429, "one at a time");
        if number == 1 {
            let uploaded = json!({ "status": "Uploaded" });
            tell(&mut socket, "DiagnosticsStatusNotification", uploaded).await;
        } else {
            cli.done(&["station", "transfers", STATION, "2", "--revoke"]).await;
        }
        go_on.send(()).unwrap();
        let (status, bytes) = if number == 1 { (200, json!(100_000)) } else { (410, json!(null)) };
        assert_eq!(sending.await.unwrap(), status);
        assert_eq!(transfer(&api, STATION, number).await["received"]["bytes"], bytes);
    }
    assert_eq!(std::fs::read_dir(data.join("files/uploads")).unwrap().count(), 1);
    assert!(server.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_the_middle_loses_no_transfer_and_both_go_on_afterwards() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let (firmware, content) = file(dir.path(), "fw.bin", "2.0", 3_000_000);
    let server = start(&data, "").await;
    let (stations, files) = (server.stations, server.files());
    let (api, cli) = (server.api(), server.cli());
    api.register(STATION).await;
    cli.done(&["firmware", "add", firmware.to_str().unwrap(), "--version", "2.0"]).await;
    let mut socket = connect(stations, STATION).await;
    let words = ["station", "firmware", STATION, "fw.bin"];
    let (_, payload) = asked(&cli, &mut socket, &words, "UpdateFirmware", json!({})).await;
    let link = payload["location"].as_str().unwrap().to_owned();
    let words = ["station", "log", STATION];
    let (_, payload) =
        asked(&cli, &mut socket, &words, "GetDiagnostics", json!({ "fileName": "x" })).await;
    let upload = payload["location"].as_str().unwrap().to_owned();
    // Half of the firmware is here, and half of the log is there.
    let mut fetching = Client::new().get(&link).send().await.unwrap();
    assert_eq!(fetching.headers()["etag"], format!("\"{}\"", sha256(&content)));
    let mut got = fetching.chunk().await.unwrap().unwrap().to_vec();
    let half = futures_util::stream::unfold(0, |n| async move {
        match n {
            0 => Some((Ok::<_, std::io::Error>(vec![7; 100_000]), 1)),
            _ => std::future::pending().await,
        }
    });
    let sending =
        tokio::spawn(Client::new().put(&upload).body(reqwest::Body::wrap_stream(half)).send());
    until(&api, STATION, 2, "some of the log has come", |it| it["bytes"] == 100_000).await;
    server.kill().await;
    assert!(sending.await.unwrap().is_err());

    let settings = format!("listen = \"{files}\"\n");
    let config = data.with_extension("toml");
    let again = with_files(&data, "").on(stations);
    std::fs::write(&config, format!("[files]\n{settings}")).unwrap();
    let server = Server::start(again).await;
    let api = server.api();
    assert_eq!(std::fs::read_dir(data.join("files/uploads")).unwrap().count(), 0);
    let rest = Client::new()
        .get(&link)
        .header("range", format!("bytes={}-", got.len()))
        .header("if-range", format!("\"{}\"", sha256(&content)))
        .send()
        .await
        .unwrap();
    assert_eq!(rest.status(), 206);
    got.extend(rest.bytes().await.unwrap());
    assert!(got == content, "the two halves are not the file");
    assert_eq!(put(&upload, b"the whole log").await, 200);
    let mut socket = connect(server.stations, STATION).await;
    tell(&mut socket, "FirmwareStatusNotification", json!({ "status": "Downloaded" })).await;
    tell(&mut socket, "FirmwareStatusNotification", json!({ "status": "Installed" })).await;
    tell(&mut socket, "DiagnosticsStatusNotification", json!({ "status": "Uploaded" })).await;
    for number in [1, 2] {
        assert_eq!(transfer(&api, STATION, number).await["ended"]["outcome"], "done");
    }
    let facts = api.facts().await;
    let steps: Vec<_> = facts.iter().filter(|it| it["kind"] == "transfer-moved").collect();
    let of = |number: u32| {
        let own = steps.iter().filter(|it| it["data"]["transfer"] == number);
        own.map(|it| it["data"]["step"].as_str().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(of(1), ["asked", "told", "done"]);
    assert_eq!(of(2), ["asked", "received", "done"]);
    assert!(server.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_ends_when_the_station_refuses_or_drops_it_or_the_operator_takes_it_back() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    // Stations reach it through a proxy.
    let server = start(&data, "url = \"https://files.example/pp/\"\n").await;
    let (api, cli) = (server.api(), server.cli());
    api.register(STATION).await;
    let words = ["station", "log", STATION];
    assert!(cli.refused(&words).await.contains("which version of OCPP"));
    cli.done(&["station", "set", STATION, "--protocol", "ocpp2.0.1"]).await;
    assert!(cli.refused(&words).await.contains("no connection"));
    let list = api.get(&format!("/v1/stations/{STATION}/transfers")).await;
    assert_eq!(list["transfers"], json!([]), "what was never asked is not on record");
    let none = ["station", "firmware", STATION, "nothing.bin"];
    assert!(cli.refused(&none).await.contains("no firmware 'nothing.bin'"));

    let queued = cli.json(&["station", "log", STATION, "--queue", "1h"]).await;
    assert_eq!(queued["ended"], json!(null));
    let login = Some((STATION, PASSWORD));
    let path = format!("/ocpp/{STATION}");
    let mut socket = handshake(server.stations, &path, Some("ocpp2.0.1"), login).await.unwrap();
    socket.is_called("GetLog", json!({ "status": "Rejected" })).await;
    let ended = until(&api, STATION, 1, "it was refused", |it| !it["ended"].is_null()).await;
    assert_eq!(ended["ended"]["outcome"], "refused");
    assert_eq!(ended["ended"]["why"], "Rejected");

    // A second request of its kind makes the station drop the first, and the operator takes that one back.
    let mut links = Vec::new();
    for status in ["Accepted", "AcceptedCanceled"] {
        let answer = json!({ "status": status });
        let payload = asked(&cli, &mut socket, &words, "GetLog", answer).await.1;
        let link = payload["log"]["remoteLocation"].as_str().unwrap();
        assert!(link.starts_with("https://files.example/pp/station-files/"), "{link}");
        links.push(link.replace("https://files.example", &format!("http://{}", server.files())));
    }
    let dropped = transfer(&api, STATION, 2).await;
    assert_eq!(dropped["ended"]["why"], "AcceptedCanceled", "{dropped:#}");
    let revoked = cli.done(&["station", "transfers", STATION, "3", "--revoke"]).await.0;
    assert!(revoked.contains("was taken back"), "{revoked}");
    assert_eq!(put(&links[1], b"late").await, 410);
    assert_untold(&server, &[&links[0], &links[1]]);
    assert!(server.stop().await.success());

    let closed = Server::start(crate::support::Start::new(&data)).await;
    assert!(closed.cli().refused(&words).await.contains("--files ADDR:PORT"));
    assert!(closed.stop().await.success());
}
