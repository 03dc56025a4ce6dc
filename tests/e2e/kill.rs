//! The server is killed at random moments while stations charge: what it acknowledged is there afterwards, once, and
//! what its plugins wrote is there with the fact that made them write.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use plugpoint::sim::{Event, Profile};
use serde_json::{Value, json};

use crate::support::{
    Api, Fleet, Reckoning, Reply, Server, Start, connect, load_bookkeepers, number_from, profile,
    version_of,
};

/// Tells how many SIGKILLs there are; a long run wants 100.
const ROUNDS: &str = "PLUGPOINT_KILLS";

/// Kills where nobody says how many.
const FEW: u64 = 20;

/// Tells how many stations charge; a long run wants 100.
const STATIONS: &str = "PLUGPOINT_KILL_STATIONS";

/// Stations where nobody says how many.
const SOME: u64 = 20;

/// From the kill to stations that charge again, and from there to the end of the story.
const PATIENCE: Duration = Duration::from_secs(60);

/// The latest moment of a kill after stations charge again, in milliseconds.
const CHARGING_MS: u64 = 400;

const GOOD: &str = "KILL-GOOD";
const BLOCKED: &str = "KILL-BLOCKED";

/// Where a story of random moments gets them from: known, so that a failure can be told again.
const SEED: u64 = 0x5EED;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_kills_and_is_there_once_with_its_effects() {
    let (rounds, stations) = (number_from(ROUNDS, FEW), number_from(STATIONS, SOME));
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let open = Start::new(&data).with(&["--accept-unknown-stations"]);
    let mut server = Server::start(open.clone()).await;
    let open = open.on(server.stations);
    let api = server.api();
    load_bookkeepers(&api).await;
    api.allow(GOOD).await;
    api.block(BLOCKED).await;

    let profiles = (0..stations).map(|n| restless(n, stations)).collect();
    let mut fleet = Fleet::start(profiles, &server.endpoint());
    let mut doubts = HashSet::new();
    let mut moments = SEED;
    for round in 1..=rounds {
        let starts = fleet.count(|e| matches!(e, Event::Started { .. }));
        let wanted = starts + usize::try_from(stations.div_ceil(4)).unwrap();
        let going = |heard: &[plugpoint::sim::Report]| {
            heard.iter().filter(|r| matches!(r.event, Event::Started { .. })).count() >= wanted
        };
        fleet.listen_until("the stations charge again", PATIENCE, going).await;
        let doubt = doubtful_start(round);
        let first = start_once(&server, "a", &doubt).await;
        authorise_once(&server, round).await;
        moments = moments.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        fleet.listen(Duration::from_millis((moments >> 33) % CHARGING_MS)).await;
        server.kill().await;
        server = Server::start(open.clone()).await;
        let again = start_once(&server, "b", &doubt).await;
        assert_eq!(first, again, "round {round}: the same start got another transaction id");
        stop_once(&server, again, &doubt).await;
        doubts.insert(("DOUBTER".to_owned(), again.to_string()));
        println!(
            "round {round}: start {first} was answered {again} when repeated; {}",
            fleet.summary()
        );
    }
    fleet.wind_down(PATIENCE).await;
    println!("after {rounds} kills of {stations} stations: {}", fleet.summary());

    let api = server.api();
    check_story(&fleet, rounds, stations);
    let reckoning = Reckoning::of(&fleet, &doubts, &api).await;
    println!("{reckoning}");
    reckoning.assert_clean();
    check_single_authorisations(&api, rounds).await;
    assert!(server.stop().await.success());
}

/// A station that comes back at once, and lives the slower the more of them there are.
fn restless(n: u64, stations: u64) -> Profile {
    let mut profile = profile(&format!("KILL-{n}"), n + 1, &[GOOD, BLOCKED, GOOD]);
    let calm = u32::try_from(stations.div_ceil(SOME)).unwrap();
    profile.protocol = version_of(n);
    let pace = &mut profile.pace;
    pace.charge = Duration::from_millis(300) * calm..Duration::from_millis(900) * calm;
    pace.pause = Duration::from_millis(50) * calm..Duration::from_millis(300) * calm;
    pace.meter = Duration::from_millis(200) * calm;
    pace.backoff_most = Duration::from_millis(200);
    profile
}

/// The kills were felt.
fn check_story(fleet: &Fleet, rounds: u64, stations: u64) {
    assert_eq!(fleet.count(|e| matches!(e, Event::CallError { .. })), 0);
    let cuts = fleet.count(|e| matches!(e, Event::Disconnected { .. }));
    assert!(cuts as u64 >= rounds * stations / 2, "{}", fleet.summary());
    let replayed = |e: &Event| {
        matches!(e, Event::Started { replayed: true, .. } | Event::Stopped { replayed: true, .. })
    };
    assert!(fleet.count(replayed) > 0, "no kill hit a transaction: the story tells nothing");
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
async fn check_single_authorisations(api: &Api, rounds: u64) {
    let mut asked = HashMap::<String, usize>::new();
    api.each_fact(|fact| {
        if fact["kind"] == "authorize-asked" && fact["station"] == "DOUBTER" {
            *asked.entry(fact["token_hint"].as_str().unwrap().to_owned()).or_default() += 1;
        }
    })
    .await;
    for round in 1..=rounds {
        let times = asked.get(&format!("…{round:04}"));
        assert_eq!(times, Some(&1), "the card {} of round {round}", card_of(round));
    }
    println!("{rounds} cards that were shown once are each in the log once");
}

async fn stop_once(server: &Server, transaction: i64, start: &Value) {
    let mut socket = connect(server.stations, "DOUBTER").await;
    let meter = start["meterStart"].as_i64().unwrap() + 500;
    let at = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    let stop = json!({ "transactionId": transaction, "meterStop": meter, "timestamp": at });
    let reply = socket.call("s", "StopTransaction", stop).await;
    assert!(matches!(reply, Reply::Result { .. }), "{reply:?}");
}
