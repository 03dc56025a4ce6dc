//! A client that is not ours charges: the PyPI package `ocpp` reads the specification on its own account.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::support::{Api, PASSWORD, Server, target_dir};

const STATION: &str = "PY-1";
const GOOD: &str = "04E1D2C3B4A5";
const BLOCKED: &str = "04FFFFFFFF01";

/// One step of the script: an answer, or an operator who acts.
const STEP_WITHIN: Duration = Duration::from_secs(60);

/// The script's transcript, step by step.
struct Transcript(Lines<BufReader<ChildStdout>>);

impl Transcript {
    async fn step(&mut self, wanted: &str) -> Value {
        let line = tokio::time::timeout(STEP_WITHIN, self.0.next_line()).await.unwrap().unwrap();
        let line = line.unwrap_or_else(|| panic!("the client ended before the step '{wanted}'"));
        println!("client: {line}");
        let step: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(step["step"], wanted, "{line}");
        step
    }
}

/// A house with both cards and the station known, and the script at its door.
async fn invite(script: &str) -> (tempfile::TempDir, Server, Child, Transcript) {
    let python = target_dir().join("py/bin/python");
    assert!(python.exists(), "{} is missing: run `make target/stamps/python`", python.display());
    let dir = tempfile::tempdir().unwrap();
    let server = Server::open_house(&dir.path().join("data")).await;
    let api = server.api();
    api.register(STATION).await;
    api.allow(GOOD).await;
    api.block(BLOCKED).await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/e2e").join(script);
    let url = format!("ws://{}/ocpp", server.stations);
    let mut client = Command::new(python)
        .arg(script)
        .args([&url, STATION, PASSWORD, GOOD, BLOCKED])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let transcript = Transcript(BufReader::new(client.stdout.take().unwrap()).lines());
    (dir, server, client, transcript)
}

/// A command that the station accepts.
async fn order(api: &Api, action: &str, payload: Value) {
    let (status, answer) = api.command(STATION, action, payload).await;
    let said = (status.as_u16(), &answer["response"]["status"]);
    assert_eq!(said, (200, &json!("Accepted")), "{action}: {answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_independent_client_charges_over_2_0_1_with_an_event_twice_and_one_late() {
    let (_dir, server, mut client, mut transcript) = invite("independent_client_v201.py").await;
    let api = server.api();
    assert_eq!(transcript.step("connected").await["subprotocol"], "ocpp2.0.1", "the newest of two");
    assert_eq!(transcript.step("boot").await["status"], "Accepted");
    assert_eq!(transcript.step("blocked card").await["status"], "Blocked");
    let start = transcript.step("start").await;
    assert_eq!(start["status"], "Accepted");
    transcript.step("meter values").await;
    let stop = transcript.step("stop").await;
    assert_eq!(stop["status"], "Accepted");

    transcript.step("ready for remote start").await;
    let card = json!({ "idToken": GOOD, "type": "ISO14443" });
    let payload = json!({ "remoteStartId": 7, "idToken": card, "evseId": 1 });
    order(&api, "RequestStartTransaction", payload).await;
    let remote = transcript.step("remote start").await;
    assert_eq!(remote["status"], "Accepted");
    order(&api, "RequestStopTransaction", json!({ "transactionId": "second" })).await;
    let remote_stop = transcript.step("remote stop").await;
    transcript.step("done").await;
    assert!(client.wait().await.unwrap().success());

    let all = api.all("sessions", &format!("&station={STATION}")).await;
    let [second, first] = all.as_slice() else { panic!("{all:#?}") };
    check_session(first, (&start["at"], &stop["at"]), (1000, 8400), "Local");
    check_session(second, (&remote["at"], &remote_stop["at"]), (8400, 9000), "Remote");
    for (session, transaction) in [(first, "first"), (second, "second")] {
        assert_eq!((&session["evse"], &session["protocol"]), (&json!(1), &json!("ocpp2.0.1")));
        assert_eq!(
            (&session["transaction"], &session["missing_events"]),
            (&json!(transaction), &json!([]))
        );
    }
    assert!(server.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_independent_client_charges_from_boot_to_remote_stop() {
    let (_dir, server, mut client, mut transcript) = invite("independent_client.py").await;
    let api = server.api();
    assert_eq!(transcript.step("connected").await["subprotocol"], "ocpp1.6");
    assert_eq!(transcript.step("boot").await["status"], "Accepted");
    transcript.step("status").await;
    assert_eq!(transcript.step("blocked card").await["status"], "Blocked");
    assert_eq!(transcript.step("good card").await["status"], "Accepted");
    let start = transcript.step("start").await;
    assert_eq!(start["status"], "Accepted");
    transcript.step("meter values").await;
    let stop = transcript.step("stop").await;
    // `idTagInfo` may be left out of the answer to a stop (OCPP 1.6 §6.52); it must not be a refusal.
    assert!(stop["status"].is_null() || stop["status"] == "Accepted", "{stop}");

    transcript.step("ready for remote start").await;
    order(&api, "RemoteStartTransaction", json!({ "idTag": GOOD, "connectorId": 1 })).await;
    let remote = transcript.step("remote start").await;
    assert_eq!(remote["status"], "Accepted");
    let transaction = json!({ "transactionId": remote["transaction"] });
    order(&api, "RemoteStopTransaction", transaction).await;
    let remote_stop = transcript.step("remote stop").await;
    transcript.step("done").await;
    assert!(client.wait().await.unwrap().success());

    let first = api.get(&format!("/v1/sessions/{}", start["transaction"])).await;
    check_session(&first, (&start["at"], &stop["at"]), (1000, 8400), "Local");
    let second = api.get(&format!("/v1/sessions/{}", remote["transaction"])).await;
    check_session(&second, (&remote["at"], &remote_stop["at"]), (8400, 9000), "Remote");
    let all = api.all("sessions", &format!("&station={STATION}")).await;
    assert_eq!(all.len(), 2, "{all:#?}");

    let station = api.get(&format!("/v1/stations/{STATION}")).await;
    assert_eq!((&station["vendor"], &station["model"]), (&json!("PyPI"), &json!("Second Opinion")));
    assert_eq!(station["connectors"][0]["status"], "Available");
    assert!(server.stop().await.success());
}

fn check_session(session: &Value, times: (&Value, &Value), meter: (i64, i64), reason: &str) {
    println!("session: {session}");
    assert_eq!(session["station"], STATION);
    assert_eq!(session["connector"], 1);
    assert_eq!(session["token"], GOOD);
    assert_eq!(moment(&session["started"]), moment(times.0));
    assert_eq!(moment(&session["ended"]), moment(times.1));
    assert_eq!((wh(&session["meter_start_wh"]), wh(&session["meter_stop_wh"])), meter);
    assert_eq!(wh(&session["energy_wh"]), meter.1 - meter.0);
    assert_eq!(session["reason"], reason);
    assert_eq!(session["active"], false);
    assert_eq!(session["decision"]["verdict"], "permit");
    assert_eq!(session["decision"]["decided_by"], "rfid-list");
    let version = &session["decision"]["opinions"][0]["version"];
    assert!(version.as_str().is_some_and(|version| !version.is_empty()), "{version}");
}

fn wh(value: &Value) -> i64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no energy")) as i64
}

fn moment(value: &Value) -> chrono::DateTime<chrono::FixedOffset> {
    chrono::DateTime::parse_from_rfc3339(value.as_str().unwrap()).unwrap()
}
