//! A policy is swapped, broken and rolled back while fifty stations charge.

use std::time::Duration;

use plugpoint::domain::Millis;
use plugpoint::sim::{Event, Profile, Protocol, Report};
use serde_json::{Value, json};

use crate::support::{Api, Fleet, Server, Start, guest, profile, version_of};

const STATIONS: u64 = 50;

/// Of the stations, those without drivers: they charge only when the operator says so, also while no card is taken.
const REMOTE_ONLY: u64 = 5;

/// How long each policy is at work.
const WINDOW: Duration = Duration::from_secs(5);

/// No answer may take longer, whatever the policies do.
const SLOWEST: Duration = Duration::from_secs(5);

const PATIENCE: Duration = Duration::from_secs(60);

const CARD: &str = "SWAP-CARD";

/// From the policy's name in the log to what stations feel: a call that began before a swap ends on the old version.
const IN_FLIGHT: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_is_swapped_broken_and_rolled_back_while_fifty_stations_charge() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(Start::new(&dir.path().join("data"))).await;
    let api = server.api();
    api.load("rfid-list", &guest("rfid-list"), "{}").await;
    api.allow(CARD).await;
    let profiles = (0..STATIONS).map(calm).collect::<Vec<_>>();
    for profile in &profiles {
        api.register(profile.id.as_str()).await;
    }
    let mut fleet = Fleet::start(profiles, &server.endpoint());
    let all_boot = |heard: &[Report]| {
        heard.iter().filter(|r| matches!(r.event, Event::Booted { .. })).count() >= 50
    };
    fleet.listen_until("all stations have booted", PATIENCE, all_boot).await;

    fleet.listen(WINDOW).await;
    remote_starts(&api).await;
    println!("first version: {}", fleet.summary());
    swap(&mut fleet, api.load("rfid-list", &guest("rfid-list-2"), "{}")).await;
    fleet.listen(WINDOW).await;
    println!("second version: {}", fleet.summary());
    swap(&mut fleet, api.load("rfid-list", &guest("trap-always"), "{}")).await;
    fleet.listen(WINDOW).await;
    remote_starts(&api).await;
    fleet.listen(WINDOW).await;
    println!("trapping version: {}", fleet.summary());
    swap(&mut fleet, api.rollback("rfid-list")).await;
    fleet.listen(WINDOW).await;
    fleet.wind_down(PATIENCE).await;
    println!("rolled back: {}", fleet.summary());

    let facts = api.facts().await;
    let window = trapping_window(&facts);
    check_stations(&fleet, &window);
    check_decisions(&facts, &window);
    check_records(&fleet, &api.all("sessions", "").await);
    assert!(server.stop().await.success());
}

/// A pace that two cores and a debug build can keep up with.
fn calm(n: u64) -> Profile {
    let cards: &[&str] = if n < REMOTE_ONLY { &[] } else { &[CARD] };
    let mut profile = profile(&format!("SWAP-{n}"), n + 1, cards);
    profile.protocol = version_of(n);
    profile.pace.charge = Duration::from_millis(400)..Duration::from_millis(1200);
    profile.pace.pause = Duration::from_millis(50)..Duration::from_millis(300);
    profile.pace.meter = Duration::from_millis(250);
    profile
}

/// The stations go on being listened to while the operator waits.
async fn swap(fleet: &mut Fleet, change: impl Future<Output = Value>) {
    tokio::pin!(change);
    let answer = loop {
        tokio::select! {
            answer = &mut change => break answer,
            () = fleet.listen(Duration::from_millis(100)) => {}
        }
    };
    println!("operator: {answer}");
}

async fn remote_starts(api: &Api) {
    for n in 0..REMOTE_ONLY {
        let (action, order) = match version_of(n) {
            Protocol::Ocpp16 => {
                ("RemoteStartTransaction", json!({ "idTag": CARD, "connectorId": 1 }))
            }
            Protocol::Ocpp201 | Protocol::Ocpp21 => {
                let token = json!({ "idToken": CARD, "type": "ISO14443" });
                (
                    "RequestStartTransaction",
                    json!({ "idToken": token, "evseId": 1, "remoteStartId": n }),
                )
            }
        };
        let (status, answer) = api.command(&format!("SWAP-{n}"), action, order).await;
        assert_eq!(status.as_u16(), 200, "{answer}");
    }
}

/// What the log says of the time during which the trapping version was asked.
struct Window {
    from: Millis,
    to: Millis,
}

fn trapping_window(facts: &[Value]) -> Window {
    let changes = facts.iter().filter(|f| f["kind"] == "plugin-changed").collect::<Vec<_>>();
    for change in &changes {
        println!("log: {change}");
    }
    let said = changes.iter().map(|f| f["data"]["change"].as_str().unwrap()).collect::<Vec<_>>();
    assert_eq!(said, ["loaded", "swapped", "swapped", "rolled-back"]);
    let at = |fact: &Value| time(&fact["received"]);
    assert_eq!(changes[1]["data"]["version"], changes[3]["data"]["version"]);
    Window { from: at(changes[2]), to: at(changes[3]) + IN_FLIGHT }
}

fn check_stations(fleet: &Fleet, window: &Window) {
    let slowest = fleet.heard.iter().filter_map(|report| match &report.event {
        Event::Answered { action, took } => Some((*took, *action)),
        _ => None,
    });
    let slowest = slowest.max().unwrap();
    println!("slowest answer: {} after {:?}", slowest.1, slowest.0);
    assert!(slowest.0 < SLOWEST, "{} took {:?}", slowest.1, slowest.0);
    let mut refused = 0;
    for report in &fleet.heard {
        match &report.event {
            Event::CallError { .. } | Event::Unanswered { .. } | Event::GaveUp { .. } => {
                panic!("{}: {:?}", report.station, report.event)
            }
            Event::Disconnected { why } => panic!("{} was disconnected: {why}", report.station),
            Event::CardRefused { .. } | Event::Started { accepted: false, .. } => {
                refused += 1;
                assert!(
                    (window.from..=window.to).contains(&report.at),
                    "{} refused at {}, outside {}..{}",
                    report.station,
                    report.at.rfc3339(),
                    window.from.rfc3339(),
                    window.to.rfc3339()
                );
            }
            _ => {}
        }
    }
    assert!(refused > 0, "the trapping version refused nobody: the story tells nothing");
}

/// The record says of every refusal that the policy failed, and how; and of every failure that it was in its window.
fn check_decisions(facts: &[Value], window: &Window) {
    let decisions = facts.iter().filter(|fact| fact["data"]["decision"].is_object());
    for fact in decisions {
        let decision = &fact["data"]["decision"];
        let failure = &decision["opinions"][0]["failure"];
        assert_eq!(is_refusal(decision), failure.is_string(), "{fact}");
        let at = time(&fact["received"]);
        assert!(failure.is_null() || (window.from..=window.to).contains(&at), "{fact}");
    }
}

fn is_refusal(decision: &Value) -> bool {
    decision["verdict"] == "refuse"
}

fn check_records(fleet: &Fleet, sessions: &[Value]) {
    let starts = fleet.count(|e| matches!(e, Event::Started { .. }));
    assert_eq!(sessions.len(), starts, "every start is a session");
    let open = sessions.iter().filter(|session| session["active"] == true).count();
    assert_eq!(open, 0, "every session has ended");
    let refused =
        sessions.iter().filter(|session| session["decision"]["verdict"] == "refuse").count();
    assert!(
        refused >= usize::try_from(REMOTE_ONLY).unwrap(),
        "a refused start is recorded: {refused}"
    );
    println!("{} sessions, {refused} of them refused and recorded", sessions.len());
}

fn time(value: &Value) -> Millis {
    let text = value.as_str().unwrap_or_else(|| panic!("{value} is no time"));
    Millis::from_utc(chrono::DateTime::parse_from_rfc3339(text).unwrap().to_utc()).unwrap()
}
