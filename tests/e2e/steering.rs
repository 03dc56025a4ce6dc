//! An operator steers stations of both versions with the same words: charges begun and ended from afar, settings read,
//! set and reported.

use std::time::Duration;

use plugpoint::sim::{Event, Pace, Profile, Protocol, Report};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::support::{Fleet, Server, profile};

const PATIENCE: Duration = Duration::from_secs(30);
const CARD: &str = "04A1B2C3D4E5F6";
const OLD: &str = "OLD-1";
const NEW: &str = "NEW-1";

/// What one command said.
#[derive(Debug)]
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Said {
    fn good(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.out
    }

    /// Exit code and reason.
    fn bad(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert!(self.err.contains(" next: "), "{self:?}");
        self.err
    }
}

/// `plugpoint …` against the server.
async fn cli(server: &Server, line: &str) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plugpoint"));
    command.args(line.split(' ')).arg("--url").arg(format!("http://{}", server.admin));
    let output = command.arg("--data").arg(&server.data).output().await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (out, err) = (text(output.stdout), text(output.stderr));
    println!("$ plugpoint {line}\n{out}{err}");
    Said { code: output.status.code(), out, err }
}

/// A station that charges only when it is asked to, and until it is asked to end.
fn patient(id: &str, protocol: Protocol) -> Profile {
    let long = Duration::from_secs(600);
    let pace = Pace { charge: long..long * 2, ..Pace::brisk() };
    Profile { protocol, pace, ..profile(id, 1, &[]) }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_words_start_stop_and_set_up_stations_of_both_versions() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::open_house(&dir.path().join("data")).await;
    let api = server.api();
    api.allow(CARD).await;
    for station in [OLD, NEW] {
        api.register(station).await;
    }
    let profiles = vec![patient(OLD, Protocol::Ocpp16), patient(NEW, Protocol::Ocpp201)];
    let mut fleet = Fleet::start(profiles, &server.endpoint());
    let booted = |heard: &[Report]| {
        heard.iter().filter(|report| matches!(report.event, Event::Booted { .. })).count() == 2
    };
    fleet.listen_until("both stations are up", PATIENCE, booted).await;

    for (n, station) in [OLD, NEW].into_iter().enumerate() {
        start_and_stop(&server, &mut fleet, station, n + 1).await;
    }
    let sessions = api.all("sessions", "").await;
    let protocols: Vec<_> = sessions.iter().map(|session| &session["protocol"]).collect();
    assert_eq!(protocols, ["ocpp2.0.1", "ocpp1.6"]);
    assert!(sessions.iter().all(|session| session["reason"] == "Remote"), "{sessions:#?}");
    set_up_the_old_one(&server).await;
    set_up_the_new_one(&server).await;
    fleet.wind_down(PATIENCE).await;
    assert!(server.stop().await.success());
}

async fn start_and_stop(server: &Server, fleet: &mut Fleet, station: &str, sessions: usize) {
    let refused = cli(server, &format!("station stop {station}")).await.bad(1);
    assert!(refused.contains("no session runs"), "{refused}");
    cli(server, &format!("station start {station} --card {CARD} --connector 1")).await.good();
    let started = move |heard: &[Report]| {
        heard.iter().filter(|report| matches!(report.event, Event::Started { .. })).count()
            == sessions
    };
    fleet.listen_until("the charge began", PATIENCE, started).await;
    let busy = cli(server, &format!("station start {station} --card {CARD} --connector 1")).await;
    assert!(busy.bad(1).contains("the station answered Rejected"));
    cli(server, &format!("station stop {station}")).await.good();
    let stopped = move |heard: &[Report]| {
        heard.iter().filter(|report| matches!(report.event, Event::Stopped { .. })).count()
            == sessions
    };
    fleet.listen_until("the charge ended", PATIENCE, stopped).await;
}

/// The variables of an answer in JSON, by name: value and status.
fn variables(answer: &str) -> Vec<(String, Value, String)> {
    let answer: Value = serde_json::from_str(answer).unwrap();
    let row = |row: &Value| {
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        (text("name"), row["value"].clone(), text("status"))
    };
    answer["variables"].as_array().unwrap().iter().map(row).collect()
}

async fn set_up_the_old_one(server: &Server) {
    let set = format!("station config set {OLD} HeartbeatInterval=120 Colour=red");
    let failed = cli(server, &set).await;
    assert!(failed.out.contains("Accepted"), "{failed:?}");
    assert!(failed.bad(1).contains("1 of 2 were not set"));
    let get = format!("station config get {OLD} HeartbeatInterval Colour --json");
    let heartbeat = ("HeartbeatInterval".to_owned(), json!("120"), "ReadWrite".to_owned());
    let colour = ("Colour".to_owned(), Value::Null, "UnknownKey".to_owned());
    assert_eq!(variables(&cli(server, &get).await.good()), [heartbeat, colour]);
    let all = cli(server, &format!("station config get {OLD}")).await.good();
    assert!(all.contains("NumberOfConnectors"), "{all}");
    let report = cli(server, &format!("station config report {OLD}")).await.bad(2);
    assert!(report.contains("OCPP 1.6 has no reports"), "{report}");
}

async fn set_up_the_new_one(server: &Server) {
    let heartbeat = "OCPPCommCtrlr.HeartbeatInterval";
    cli(server, &format!("station config set {NEW} {heartbeat}=120")).await.good();
    let get = format!("station config get {NEW} {heartbeat} Lamp.Colour --json");
    let found = variables(&cli(server, &get).await.good());
    let expected = (heartbeat.to_owned(), json!("120"), "Accepted".to_owned());
    assert_eq!(found[0], expected);
    assert_eq!(found[1].2, "UnknownVariable");
    let report = cli(server, &format!("station config report {NEW} --json")).await.good();
    let reported = variables(&report);
    let expected = (heartbeat.to_owned(), json!("120"), "ReadWrite".to_owned());
    assert!(reported.len() > 2 && reported.contains(&expected), "{report}");
    for wrong in [format!("station config get {NEW}"), format!("station config get {NEW} Colour")] {
        cli(server, &wrong).await.bad(2);
    }
}
