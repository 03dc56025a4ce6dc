//! An operator makes a plugin, runs it, sets it up, pauses it, and looks over its shoulder, all from the command line.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Reply, Server, Socket, Start, connect, guest, target_dir};

const STATION: &str = "OPERATED";
const CARD: &str = "OPERATED-CARD";

/// The SDK's folder in this clone.
fn sdk() -> String {
    format!("{}/../plugin-sdk", env!("CARGO_MANIFEST_DIR"))
}

/// What a new plugin needs was fetched for the others; the newest that is there will do.
const OFFLINE: (&str, &str) = ("CARGO_NET_OFFLINE", "true");

fn plugpoint(words: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plugpoint"));
    let output = command.args(words).env(OFFLINE.0, OFFLINE.1).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_owned()).unwrap();
    let said = text(&output.stderr) + &text(&output.stdout);
    println!("$ plugpoint {}\n{said}", words.join(" "));
    (output.status.code(), said)
}

/// Makes a plugin, passes its own tests, and builds it.
fn make(parent: &Path, name: &str, hook: &str) -> String {
    let (dir, file) = (parent.join(name), parent.join(format!("{name}.wasm")));
    let (dir, file) = (dir.to_str().unwrap(), file.to_str().unwrap());
    let new = ["plugin", "new", name, "--lang", "rust", "--hook", hook, "--dir", dir];
    let sdk = sdk();
    let new = [&new[..], &["--sdk", &sdk]].concat();
    assert_eq!(plugpoint(&new).0, Some(0));
    let (code, told) = plugpoint(&new);
    assert!(code == Some(1) && told.contains("is there already"), "nothing is overwritten: {told}");

    let natively = target_dir().join("plugins");
    let mut tests = Command::new("cargo");
    tests.args(["test", "--target-dir"]).arg(natively).current_dir(dir).env(OFFLINE.0, OFFLINE.1);
    let tests = tests.output().unwrap();
    assert!(tests.status.success(), "{}", String::from_utf8_lossy(&tests.stderr));
    let cache = target_dir().join("guest-build");
    let cache = cache.to_str().unwrap();
    assert_eq!(plugpoint(&["plugin", "build", dir, "--target-dir", cache, "-o", file]).0, Some(0));
    file.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn new_plugins_build_pass_their_tests_and_run_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(Start::new(&dir.path().join("data"))).await;
    for hook in ["authorizer", "tariff", "observer", "quirks", "responder"] {
        let parent = dir.path().to_owned();
        let name = format!("my-{hook}");
        let made = tokio::task::spawn_blocking(move || make(&parent, &name, hook)).await.unwrap();
        let plugin = server.cli().json(&["plugin", "load", &made]).await;
        assert_eq!(plugin["running"]["hooks"], json!([hook]));
    }
    assert!(server.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_sets_a_policy_up_pauses_it_and_puts_it_in_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let server = Server::start(Start::new(&data)).await;
    let cli = server.cli();
    server.api().register(STATION).await;
    let list = guest("rfid-list");
    cli.done(&["plugin", "load", list.to_str().unwrap()]).await;
    cli.done(&["token", "set", CARD]).await;
    let mut station = connect(server.stations, STATION).await;
    assert_eq!(authorize(&mut station).await, "Accepted");

    let refused =
        cli.refused(&["plugin", "settings", "rfid-list", "--merge", "unknwon=pass"]).await;
    assert!(refused.contains("unknwon"), "the plugin's own words: {refused}");
    assert_eq!(cli.json(&["plugin", "settings", "rfid-list"]).await, json!({}));
    let settings = ["--merge", "core_tokens=false", "--merge", "unknown=pass"];
    cli.done(&[&["plugin", "settings", "rfid-list"], &settings[..]].concat()).await;
    let in_force = json!({ "core_tokens": false, "unknown": "pass" });
    assert_eq!(cli.json(&["plugin", "settings", "rfid-list"]).await, in_force);
    assert_eq!(authorize(&mut station).await, "Invalid", "from the next question on");
    cli.done(&["plugin", "rollback", "rfid-list"]).await;
    assert_eq!(authorize(&mut station).await, "Accepted");

    let (_, note) = cli.done(&["plugin", "disable", "rfid-list"]).await;
    assert!(note.contains("every card is refused"), "{note}");
    assert_eq!(authorize(&mut station).await, "Invalid");
    drop(station);
    server.kill().await;
    let server = Server::start(Start::new(&data)).await;
    let cli = server.cli();
    let (table, _) = cli.done(&["plugin", "list"]).await;
    assert!(table.contains("DISABLED"), "{table}");
    let mut station = connect(server.stations, STATION).await;
    assert_eq!(authorize(&mut station).await, "Invalid", "the operator's word survives");
    cli.done(&["plugin", "enable", "rfid-list"]).await;
    assert_eq!(authorize(&mut station).await, "Accepted");

    let second = guest("rfid-list-2");
    cli.done(&["plugin", "load", second.to_str().unwrap(), "--name", "second"]).await;
    cli.refused(&["plugin", "order", "authorizer", "second", "third"]).await;
    cli.done(&["plugin", "order", "authorizer", "second"]).await;
    assert_eq!(authorize(&mut station).await, "Accepted");
    assert_eq!(asked(&server).await, ["second", "rfid-list"]);
    cli.done(&["plugin", "order", "authorizer", "--clear"]).await;
    assert_eq!(authorize(&mut station).await, "Accepted");
    assert_eq!(asked(&server).await, ["rfid-list", "second"]);

    let changes = server.api().facts().await;
    let changes = changes.iter().filter(|fact| fact["kind"] == "plugin-changed");
    let changes: Vec<_> = changes.map(|fact| fact["data"]["change"].as_str().unwrap()).collect();
    let told = ["loaded", "settings-changed", "rolled-back", "disabled", "enabled", "loaded"];
    assert_eq!(changes, told);
    assert!(server.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_sees_a_plugin_fail_as_it_happens() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(Start::new(&dir.path().join("data"))).await;
    let cli = server.cli();
    server.api().register(STATION).await;
    let traps = guest("trap-always");
    cli.done(&["plugin", "load", traps.to_str().unwrap(), "--name", "broken"]).await;
    let mut logs = cli.follow(&["plugin", "logs", "broken", "-f", "--json"]);
    assert_eq!(logs.until(|_| true).await["text"], "takes over", "what was there before it looked");
    let mut station = connect(server.stations, STATION).await;
    for _ in 0..5 {
        assert_eq!(authorize(&mut station).await, "Invalid");
    }
    let trap = logs.until(|line| line["level"] == "error").await;
    let text = trap["text"].as_str().unwrap();
    assert!(trap["by"] == "host" && text.starts_with("trapped"), "{trap}");
    logs.until(|line| line["text"].as_str().unwrap().contains("is not asked for a while")).await;

    let (kept, _) = cli.done(&["plugin", "logs", "broken", "--level", "error"]).await;
    assert_eq!(kept.lines().count(), 5, "{kept}");
    assert!(!kept.contains(CARD), "{kept}");
    cli.refused(&["plugin", "logs", "nobody"]).await;
    assert!(server.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_sees_what_charges_what_was_decided_and_by_whom() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::open_house(&dir.path().join("data")).await;
    let cli = server.cli();
    let traps = guest("trap-always");
    cli.done(&["plugin", "load", traps.to_str().unwrap(), "--name", "broken"]).await;
    cli.done(&["plugin", "order", "authorizer", "rfid-list"]).await;
    let tariff = guest("tariff-time-of-use");
    let rates = dir.path().join("rates.json");
    let base =
        json!({ "id": "flat", "rates": { "currency": "EUR", "base": { "energy": "0.50" } } });
    std::fs::write(&rates, base.to_string()).unwrap();
    let (tariff, rates) = (tariff.to_str().unwrap(), rates.to_str().unwrap());
    cli.done(&["plugin", "load", tariff, "--name", "flat", "--settings", rates]).await;
    cli.done(&["token", "set", CARD, "--account", "ACME"]).await;
    let mut station = connect(server.stations, STATION).await;
    let refused = start(&mut station, 1).await;
    cli.done(&["plugin", "disable", "broken"]).await;
    let permitted = start(&mut station, 2).await;

    let (shown, _) = cli.done(&["station", "show", STATION]).await;
    let rows = [format!("session {refused}"), format!("session {permitted}")];
    assert!(rows.iter().all(|row| shown.contains(row)), "{shown}");
    assert!(shown.contains("rfid-list 0.1.0 permitted it"), "{shown}");
    let (shown, _) = cli.done(&["session", "show", &refused.to_string()]).await;
    assert!(shown.contains("because it failed: trapped"), "{shown}");
    assert!(shown.contains("rfid-list 0.1.0") && shown.contains("permitted in"), "{shown}");

    let stop = json!({ "transactionId": permitted, "meterStop": 3_000, "timestamp": LEFT });
    let reply = station.call("stop", "StopTransaction", stop).await;
    assert!(matches!(reply, Reply::Result { .. }), "{reply:?}");
    let (shown, _) = cli.done(&["session", "show", &permitted.to_string()]).await;
    for told in ["ACME", "(flat, flat 0.1.0)", "energy", "1.00 EUR"] {
        assert!(shown.contains(told), "{told} is missing in {shown}");
    }
    let (list, _) = cli.done(&["session", "list"]).await;
    assert!(list.contains("1.00 EUR") && list.contains("refused"), "{list}");
    let listed = cli.json(&["session", "list", "--active"]).await;
    assert_eq!(listed["sessions"][0]["decision"]["decided_by"], "broken");
    assert!(server.stop().await.success());
}

const PLUGGED_IN: &str = "2026-01-05T10:00:00Z";
const LEFT: &str = "2026-01-05T11:00:00Z";

/// A session of the card that begins with the register at a kilowatt-hour, whatever is said to it.
async fn start(station: &mut Socket, connector: u32) -> u64 {
    let start = json!({
        "connectorId": connector, "idTag": CARD, "meterStart": 1_000, "timestamp": PLUGGED_IN,
    });
    let reply = station.call("start", "StartTransaction", start).await;
    let Reply::Result { payload, .. } = reply else { panic!("{reply:?}") };
    payload["transactionId"].as_u64().unwrap()
}

async fn authorize(station: &mut Socket) -> String {
    let reply = station.call("ask", "Authorize", json!({ "idTag": CARD })).await;
    let Reply::Result { payload, .. } = reply else { panic!("{reply:?}") };
    payload["idTagInfo"]["status"].as_str().unwrap().to_owned()
}

/// Who was asked about the last card, in this order.
async fn asked(server: &Server) -> Vec<String> {
    let facts = server.api().facts().await;
    let last = facts.iter().rfind(|fact| fact["kind"] == "authorize-asked").unwrap();
    let opinions: &Vec<Value> = last["data"]["decision"]["opinions"].as_array().unwrap();
    opinions.iter().map(|opinion| opinion["plugin"].as_str().unwrap().to_owned()).collect()
}
