//! The tutorial's observer counts while stations charge and the server is killed again and again.

use std::collections::BTreeMap;
use std::time::Duration;

use plugpoint::sim::{Event, Profile, Report};
use serde_json::Value;

use crate::support::{Fleet, Server, Start, guest, profile, version_of};

/// SIGKILLs.
const ROUNDS: usize = 6;

const STATIONS: u64 = 5;

const PATIENCE: Duration = Duration::from_secs(60);

const CARD: &str = "WATCHED-CARD";

#[tokio::test(flavor = "multi_thread")]
async fn an_observer_counts_every_session_once_across_kills_and_a_swap() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut server = Server::start(Start::new(&data)).await;
    let address = server.stations;
    let api = server.api();
    api.load("rfid-list", &guest("rfid-list"), "{}").await;
    api.load("event-counter", &guest("event-counter"), "{}").await;
    api.allow(CARD).await;
    let profiles = (0..STATIONS).map(restless).collect::<Vec<_>>();
    for profile in &profiles {
        api.register(profile.id.as_str()).await;
    }
    let mut fleet = Fleet::start(profiles, &server.endpoint());
    for round in 1..=ROUNDS {
        let wanted = fleet.count(|e| matches!(e, Event::Stopped { .. })) + 5;
        let going = |heard: &[Report]| {
            heard.iter().filter(|r| matches!(r.event, Event::Stopped { .. })).count() >= wanted
        };
        fleet.listen_until("the stations charge", PATIENCE, going).await;
        if round == ROUNDS / 2 {
            server.api().load("event-counter", &guest("event-counter"), "{}").await;
        }
        server.kill().await;
        server = Server::start(Start::new(&data).on(address)).await;
    }
    fleet.wind_down(PATIENCE).await;
    println!("after {ROUNDS} kills: {}", fleet.summary());

    let api = server.api();
    let observer = api.caught_up("event-counter").await;
    println!("observer: {observer}");
    assert_eq!(observer["skipped"], 0);
    let counted = counts(&api.state("event-counter").await);
    println!("counted: {counted:?}");
    assert_eq!(counted, expected(&api.facts().await));
    assert_eq!(counted.len(), usize::try_from(STATIONS).unwrap());
    assert!(server.stop().await.success());
}

fn restless(n: u64) -> Profile {
    let mut profile = profile(&format!("WATCHED-{n}"), n + 1, &[CARD]);
    profile.protocol = version_of(n);
    profile.pace.backoff_most = Duration::from_millis(200);
    profile
}

/// Sessions and milliwatt-hours by station, as the plugin stored them.
fn counts(state: &BTreeMap<String, String>) -> BTreeMap<String, (u64, i64)> {
    let tally = |(station, value): (&String, &String)| {
        let tally: Value = serde_json::from_str(value).unwrap();
        let counts = (tally["sessions"].as_u64().unwrap(), tally["energy_mwh"].as_i64().unwrap());
        (station.clone(), counts)
    };
    state.iter().map(tally).collect()
}

/// The same from the log.
fn expected(facts: &[Value]) -> BTreeMap<String, (u64, i64)> {
    let mut tallies = BTreeMap::<String, (u64, i64)>::new();
    for fact in facts {
        let Some(station) = fact["station"].as_str().map(str::to_owned) else { continue };
        if fact["kind"] == "transaction-started" {
            tallies.entry(station).or_default().0 += 1;
        } else if fact["kind"] == "transaction-ended" {
            let wh = fact["data"]["energy_wh"].as_f64().unwrap();
            tallies.entry(station).or_default().1 += (wh * 1000.0).round() as i64;
        }
    }
    tallies
}
