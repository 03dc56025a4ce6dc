//! A fleet of all versions with every fault of the field: what it charged is there, once.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use plugpoint::sim::{Clock, Event, Faults, Habit, Misdeed, Odds, Profile, Protocol};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::support::{Api, Fleet, Server, profile};

/// Three versions, of which each meets every clock with and without patience, and every habit.
const STATIONS: u64 = 3 * 7 * 2;

/// How long the stations charge.
const WINDOW: Duration = Duration::from_secs(6);

const PATIENCE: Duration = Duration::from_secs(60);

const CARD: &str = "FLEET-CARD";

#[tokio::test(flavor = "multi_thread")]
async fn every_charge_of_a_faulty_fleet_is_one_session_with_its_energy() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::open_house(&dir.path().join("data")).await;
    let api = server.api();
    api.allow(CARD).await;
    let profiles = (0..STATIONS).map(faulty).collect::<Vec<_>>();
    for profile in &profiles {
        introduce(&api, profile).await;
    }
    let clocks = profiles.iter().map(|p| (p.id.to_string(), p.faults.clock)).collect();
    let mut fleet = Fleet::start(profiles, &server.endpoint());
    fleet.listen(WINDOW).await;
    fleet.wind_down(PATIENCE).await;
    println!("{}; {:?}", fleet.summary(), misdeeds(&fleet));

    for misdeed in [
        Misdeed::Dropped { silent: false },
        Misdeed::Dropped { silent: true },
        Misdeed::Replayed,
        Misdeed::Pipelined,
        Misdeed::SpoiltSamples,
        Misdeed::Repeated,
        Misdeed::Contradicted,
        Misdeed::Strayed,
        Misdeed::Babbled,
    ] {
        assert!(misdeeds(&fleet).contains_key(&misdeed), "no station did {misdeed:?}");
    }
    let refused = fleet
        .heard
        .iter()
        .filter(|report| matches!(report.event, Event::CallError { .. } | Event::GaveUp { .. }));
    assert_eq!(refused.map(|it| (&it.station, &it.event)).collect::<Vec<_>>(), []);
    check_sessions(&fleet, &clocks, &api.all("sessions", "").await);
    check_log(&api, fleet.count(|e| matches!(e, Event::Started { .. }))).await;
    assert!(!server.log().contains("panicked"));
    assert!(server.stop().await.success());
}

/// The operator knows which models are odd: a strict reader takes no time without an offset and no sample without a
/// number, and nobody knows what a station speaks that does not say it.
async fn introduce(api: &Api, profile: &Profile) {
    let Faults { clock, habits, .. } = &profile.faults;
    if Clock::MISSPELT.contains(clock) || !habits.is_empty() {
        let protocol = profile.protocol.subprotocol();
        let record = json!({ "validation": "lenient", "wanted_protocol": protocol });
        api.put(&format!("/v1/stations/{}", profile.id), record).await;
    }
}

fn faulty(n: u64) -> Profile {
    const HABITS: [&[Habit]; 4] = [
        &[],
        &[Habit::NoSubprotocol, Habit::OddSamples, Habit::Babbles],
        &[Habit::OddSubprotocol, Habit::Repeats, Habit::Strays],
        &[Habit::OddPath, Habit::Contradicts, Habit::OddSamples],
    ];
    let pick = |from: u64, among: usize| usize::try_from(from).unwrap() % among;
    let mut profile = profile(&format!("FAULTY-{n}"), n + 1, &[CARD]);
    profile.protocol = Protocol::ALL[pick(n, Protocol::ALL.len())];
    let clocks: Vec<_> = Clock::CROOKED.into_iter().chain(Clock::MISSPELT).collect();
    profile.faults = Faults {
        drops: Odds::percent(2),
        replays: Odds::percent(5),
        open_calls: if n < STATIONS / 2 { 1 } else { 4 },
        clock: clocks.get(pick(n / 3, 7)).copied().unwrap_or(Clock::Right),
        breaks: Odds::NEVER,
        habits: HABITS[pick(n / 3 + n / 21, HABITS.len())].to_vec(),
    };
    profile
}

fn misdeeds(fleet: &Fleet) -> BTreeMap<Misdeed, usize> {
    let mut counts = BTreeMap::new();
    for report in &fleet.heard {
        if let Event::Misbehaved(misdeed) = report.event {
            *counts.entry(misdeed).or_default() += 1;
        }
    }
    counts
}

fn check_sessions(fleet: &Fleet, clocks: &HashMap<String, Clock>, sessions: &[Value]) {
    let name = |session: &Value| {
        ["station", "transaction"].map(|key| session[key].as_str().unwrap().to_owned())
    };
    let mut unseen =
        sessions.iter().map(|session| (name(session), session)).collect::<HashMap<_, _>>();
    assert_eq!(unseen.len(), sessions.len(), "two sessions have one name");
    let mut charged = HashMap::new();
    for report in &fleet.heard {
        let Event::Started { transaction, began, meter_wh, .. } = &report.event else { continue };
        let station = report.station.to_string();
        let name = [station.clone(), transaction.clone()];
        let session = unseen.remove(&name);
        let session = session.unwrap_or_else(|| panic!("{name:?} is lost, or came twice"));
        assert_eq!(session["meter_start_wh"].as_f64(), Some(*meter_wh as f64), "{session}");
        if clocks[&station] == Clock::Right {
            assert_eq!(session["started"], began.rfc3339());
        }
        charged.insert(name, session);
    }
    // A station with several open calls may hear of an end before it hears of the beginning that it had to tell again.
    for report in &fleet.heard {
        let Event::Stopped { transaction, meter_wh, delivered_wh, .. } = &report.event else {
            continue;
        };
        let session = charged.remove(&[report.station.to_string(), transaction.clone()]);
        let session = session.unwrap_or_else(|| panic!("{transaction} ended twice"));
        assert_eq!(session["active"], false, "{session}");
        assert_eq!(session["meter_stop_wh"].as_f64(), Some(*meter_wh as f64), "{session}");
        assert_eq!(session["energy_wh"].as_f64(), Some(*delivered_wh as f64), "{session}");
        assert_eq!(session["missing_events"], Value::Array(Vec::new()), "{session}");
    }
    assert!(unseen.is_empty(), "sessions that nobody started: {unseen:?}");
    assert!(charged.is_empty(), "charges without an end: {charged:?}");
    println!("{} sessions, each of one charge", sessions.len());
}

async fn check_log(api: &Api, charges: usize) {
    let facts = api.facts().await;
    for kind in ["transaction-started", "transaction-ended"] {
        assert_eq!(facts.iter().filter(|fact| fact["kind"] == kind).count(), charges, "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_for_a_fleet_counts_what_the_server_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::open_house(&dir.path().join("data")).await;
    let api = server.api();
    api.allow(CARD).await;
    let output = Command::new(env!("CARGO_BIN_EXE_plugpoint"))
        .args(["--json", "sim", "--stations", "15", "--ocpp201", "6", "--ocpp21", "4"])
        .args(["--brisk", "--faults"])
        .args(["--pipelining", "50%", "--cards", CARD, "--duration", "4", "--endpoint"])
        .arg(format!("ws://{}/ocpp", server.stations))
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    println!("{text}");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let totals: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        totals["versions"],
        serde_json::json!({ "ocpp1.6": 5, "ocpp2.0.1": 6, "ocpp2.1": 4 })
    );
    assert_eq!(totals["all_acknowledged"], true);
    assert!(totals["faults"]["replays"].as_u64() > Some(0));

    let sessions = api.all("sessions", "").await;
    assert_eq!(totals["charges_begun"], sessions.len());
    let energy = sessions.iter().map(|session| session["energy_wh"].as_f64().unwrap()).sum::<f64>();
    assert_eq!(totals["delivered_wh"].as_f64(), Some(energy));
    assert!(server.stop().await.success());
}
