//! The server is killed at random moments while stations charge: what it acknowledged is there afterwards, once.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use plugpoint::domain::Millis;
use plugpoint::sim::{Event, Profile};
use serde_json::{Value, json};

use crate::support::{Fleet, Reply, Server, Start, connect, guest, profile, version_of};

/// SIGKILLs.
const ROUNDS: u64 = 20;

const STATIONS: u64 = 8;

/// From the kill to a server that answers again, and from there to the end of the story.
const PATIENCE: Duration = Duration::from_secs(60);

const GOOD: &str = "KILL-GOOD";
const BLOCKED: &str = "KILL-BLOCKED";

/// Where a story of random moments gets them from: known, so that a failure can be told again.
const SEED: u64 = 0x5EED;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_twenty_kills_and_is_there_once() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut server = Server::start(Start::new(&data)).await;
    let address = server.stations;
    let api = server.api();
    api.load("rfid-list", &guest("rfid-list"), "{}").await;
    api.allow(GOOD).await;
    api.block(BLOCKED).await;
    let profiles = (0..STATIONS).map(restless).collect::<Vec<_>>();
    for profile in &profiles {
        api.register(profile.id.as_str()).await;
    }
    api.register("DOUBTER").await;

    let mut fleet = Fleet::start(profiles, &server.endpoint());
    let mut moments = SEED;
    for round in 1..=ROUNDS {
        let starts = fleet.count(|e| matches!(e, Event::Started { .. }));
        let wanted = starts + usize::try_from(STATIONS).unwrap() / 2;
        let going = |heard: &[plugpoint::sim::Report]| {
            heard.iter().filter(|r| matches!(r.event, Event::Started { .. })).count() >= wanted
        };
        fleet.listen_until("the stations charge again", PATIENCE, going).await;
        let doubt = doubtful_start(round);
        let first = start_once(&server, "a", &doubt).await;
        authorise_once(&server, round).await;
        moments = moments.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        fleet.listen(Duration::from_millis((moments >> 33) % 400)).await;
        server.kill().await;
        server = Server::start(Start::new(&data).on(address)).await;
        let again = start_once(&server, "b", &doubt).await;
        assert_eq!(first, again, "round {round}: the same start got another transaction id");
        stop_once(&server, again, &doubt).await;
        println!(
            "round {round}: start {first} was answered {again} when repeated; {}",
            fleet.summary()
        );
    }
    fleet.wind_down(PATIENCE).await;
    println!("after {ROUNDS} kills: {}", fleet.summary());

    let api = server.api();
    let sessions = api.all("sessions", "").await;
    let facts = api.facts().await;
    check_sessions(&fleet, &sessions);
    check_authorisations(&fleet, &facts);
    check_single_authorisations(&facts);
    check_log(&sessions, &facts);
    assert_eq!(fleet.count(|e| matches!(e, Event::CallError { .. })), 0);
    assert!(fleet.count(|e| matches!(e, Event::Disconnected { .. })) >= 100, "{}", fleet.summary());
    let replayed = |e: &Event| {
        matches!(e, Event::Started { replayed: true, .. } | Event::Stopped { replayed: true, .. })
    };
    assert!(fleet.count(replayed) > 0, "no kill hit a transaction: the story tells nothing");
    assert!(server.stop().await.success());
}

fn restless(n: u64) -> Profile {
    let mut profile = profile(&format!("KILL-{n}"), n + 1, &[GOOD, BLOCKED, GOOD]);
    profile.protocol = version_of(n);
    profile.pace.backoff_most = Duration::from_millis(200);
    profile
}

/// A start that its station sends twice, because it does not know whether the first one arrived.
fn doubtful_start(round: u64) -> Value {
    let at = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    json!({ "connectorId": 1, "idTag": GOOD, "meterStart": 1000 * round, "timestamp": at })
}

async fn start_once(server: &Server, id: &str, start: &Value) -> i64 {
    let mut socket = connect(server.stations, "DOUBTER").await;
    match socket.call(id, "StartTransaction", start.clone()).await {
        Reply::Result { payload, .. } => payload["transactionId"].as_i64().unwrap(),
        other => panic!("the start was answered with {other:?}"),
    }
}

/// A card that is shown once in the whole story, right before a kill.
fn card_of(round: u64) -> String {
    format!("KILL-{round:04}")
}

async fn authorise_once(server: &Server, round: u64) {
    let mut socket = connect(server.stations, "DOUBTER").await;
    let reply = socket.call("k", "Authorize", json!({ "idTag": card_of(round) })).await;
    assert!(matches!(reply, Reply::Result { .. }), "{reply:?}");
}

/// Each of the cards that were shown once, and answered, is in the log once.
fn check_single_authorisations(facts: &[Value]) {
    for round in 1..=ROUNDS {
        let hint = format!("…{round:04}");
        let asked = facts.iter().filter(|fact| {
            fact["kind"] == "authorize-asked"
                && fact["station"] == "DOUBTER"
                && fact["token_hint"] == hint.as_str()
        });
        assert_eq!(asked.count(), 1, "the card {} of round {round}", card_of(round));
    }
    println!("{ROUNDS} cards that were shown once are each in the log once");
}

async fn stop_once(server: &Server, transaction: i64, start: &Value) {
    let mut socket = connect(server.stations, "DOUBTER").await;
    let meter = start["meterStart"].as_i64().unwrap() + 500;
    let at = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    let stop = json!({ "transactionId": transaction, "meterStop": meter, "timestamp": at });
    let reply = socket.call("s", "StopTransaction", stop).await;
    assert!(matches!(reply, Reply::Result { .. }), "{reply:?}");
}

/// Every acknowledged start is one session, every acknowledged stop ended it, and there is no session besides.
fn check_sessions(fleet: &Fleet, sessions: &[Value]) {
    let mut by_name = HashMap::new();
    let mut contents = HashSet::new();
    for session in sessions {
        let content = ["station", "evse", "connector", "started", "meter_start_wh"]
            .map(|k| session[k].to_string());
        assert!(contents.insert(content), "doubled: {session}");
        let name = ["station", "transaction"].map(|key| session[key].as_str().unwrap());
        assert!(by_name.insert(name, session).is_none(), "{session}");
    }
    let mut acknowledged = HashSet::new();
    for report in &fleet.heard {
        let station = report.station.as_str();
        match &report.event {
            Event::Started { transaction, began, meter_wh, .. } => {
                let session = by_name.get(&[station, transaction.as_str()]);
                let session = session.unwrap_or_else(|| panic!("start {transaction} is lost"));
                assert!(
                    acknowledged.insert(session["id"].as_i64().unwrap()),
                    "{session} was acknowledged as two starts"
                );
                assert_eq!(time(&session["started"]), *began, "{session}");
                assert_eq!(wh(&session["meter_start_wh"]), *meter_wh, "{session}");
            }
            Event::Stopped { transaction, ended, meter_wh, delivered_wh, .. } => {
                let session = by_name[&[station, transaction.as_str()]];
                assert_eq!(session["active"], false, "stop {transaction} is lost: {session}");
                assert_eq!(time(&session["ended"]), *ended, "{session}");
                assert_eq!(wh(&session["meter_stop_wh"]), *meter_wh, "{session}");
                assert_eq!(wh(&session["energy_wh"]), *delivered_wh, "{session}");
            }
            _ => {}
        }
    }
    let doubts = usize::try_from(ROUNDS).unwrap();
    assert_eq!(sessions.len(), acknowledged.len() + doubts, "sessions that nobody started");
}

/// As many recorded questions as answers that arrived, and no more than could have been asked: each lost connection
/// may have swallowed one answer.
fn check_authorisations(fleet: &Fleet, facts: &[Value]) {
    let mut answered = BTreeMap::<&str, usize>::new();
    let mut cuts = BTreeMap::<&str, usize>::new();
    for report in &fleet.heard {
        match report.event {
            Event::CardAccepted { .. } | Event::CardRefused { .. } => {
                *answered.entry(report.station.as_str()).or_default() += 1;
            }
            Event::Disconnected { .. } => *cuts.entry(report.station.as_str()).or_default() += 1,
            _ => {}
        }
    }
    for (station, answered) in answered {
        let asked = |fact: &&Value| {
            fact["kind"] == "authorize-asked"
                && fact["station"] == station
                && fact["data"]["purpose"] == "authorize"
        };
        let recorded = facts.iter().filter(asked).count();
        let most = answered + cuts.get(station).copied().unwrap_or(0);
        assert!(
            (answered..=most).contains(&recorded),
            "{station}: {answered} answers arrived, {recorded} are recorded"
        );
    }
}

/// The log tells the same: one start and one stop for each session, numbered without a gap from the bottom up.
fn check_log(sessions: &[Value], facts: &[Value]) {
    let seqs = facts.iter().map(|fact| fact["seq"].as_u64().unwrap()).collect::<Vec<_>>();
    assert!(seqs.is_sorted_by(|a, b| a < b), "the log is out of order");
    for kind in ["transaction-started", "transaction-ended"] {
        let mut ids = facts
            .iter()
            .filter(|fact| fact["kind"] == kind)
            .map(|fact| fact["data"]["session"].as_i64().unwrap())
            .collect::<Vec<_>>();
        ids.sort_unstable();
        let mut expected = sessions.iter().map(|s| s["id"].as_i64().unwrap()).collect::<Vec<_>>();
        expected.sort_unstable();
        assert_eq!(ids, expected, "{kind}");
    }
}

fn time(value: &Value) -> Millis {
    let text = value.as_str().unwrap_or_else(|| panic!("{value} is no time"));
    let time = chrono::DateTime::parse_from_rfc3339(text).unwrap();
    Millis::from_utc(time.to_utc()).unwrap()
}

fn wh(value: &Value) -> u64 {
    let wh = value.as_f64().unwrap_or_else(|| panic!("{value} is no energy"));
    assert!(wh >= 0.0 && wh.fract() == 0.0, "{wh}");
    wh as u64
}
