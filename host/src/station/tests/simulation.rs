//! Many stations and one server live through hours in milliseconds: messages get lost and come twice, connections break
//! on one side, the store fails and the power goes. In the end the records are compared with what the stations heard.
//!
//! `PLUGPOINT_SIM_SEED=17 PLUGPOINT_SIM_ROUNDS=1` tells the story of seed 17 again; more rounds take the seeds behind it.

mod disk;
mod network;
mod town;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::counting;
use crate::domain::{
    FactBody, IdToken, Millis, MilliwattHours, Seq, Session, SessionId, StationId,
};
use crate::sim::{Event, Faults, Pace, Profile, Protocol};
use crate::store::{All, Order, Store};
use town::Town;

/// Where the seeds begin, and how many there are unless the environment says otherwise.
const SEED: &str = "PLUGPOINT_SIM_SEED";
const ROUNDS: &str = "PLUGPOINT_SIM_ROUNDS";
const FIRST_SEED: u64 = 1;
const SEEDS: u64 = 3;

const STATIONS: u64 = 16;

/// How long the troubles last, and how long everybody has to finish afterwards.
const TROUBLES: Duration = Duration::from_secs(2 * 3600);
const AFTERWARDS: Duration = Duration::from_secs(3600);

/// More records than any story makes.
const EVERYTHING: usize = 1_000_000;

fn from_environment(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().map_or(otherwise, |value| value.parse().unwrap())
}

/// Says which seed it was when a story ends badly.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("the story of seed {}: run it with {SEED}={} {ROUNDS}=1", self.0, self.0);
        }
    }
}

#[test]
fn through_lost_messages_and_power_cuts_every_acknowledged_charge_is_one_session() {
    let first = from_environment(SEED, FIRST_SEED);
    for seed in first..first + from_environment(ROUNDS, SEEDS) {
        let seed = Seed(seed);
        let mut town = Town::new(seed.0, (0..STATIONS).map(|n| station(seed.0, n)).collect());
        town.live(TROUBLES);
        assert!(town.wind_down(AFTERWARDS), "some stations could not finish");
        town.disk.power_cut(0);
        let sessions = check(&town);
        println!("seed {}: {sessions} sessions, {:?}", seed.0, town.tally);
    }
}

/// The versions of OCPP take turns. Busy ones: a reading every minute, and the next driver soon.
fn station(seed: u64, n: u64) -> Profile {
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let pace = Pace {
        speed: 1,
        charge: minutes(2)..minutes(30),
        pause: minutes(1)..minutes(5),
        meter: minutes(1),
        answer: Duration::from_secs(30),
        backoff: Duration::from_secs(1),
        backoff_most: Duration::from_secs(60),
    };
    Profile {
        id: StationId::new(&format!("CS-{n}")).unwrap(),
        protocol: Protocol::ALL[usize::try_from(n).unwrap() % Protocol::ALL.len()],
        password: None,
        vendor: "Simulated".to_owned(),
        model: "AC-22".to_owned(),
        connectors: 1 + u32::try_from(n / 2 % 2).unwrap(),
        register_wh: 1000 * n,
        power_w: 22_000,
        cards: vec![IdToken::new(&format!("CARD-{n}")).unwrap()],
        pace,
        // What goes wrong here is the network's and the server's doing.
        faults: Faults::default(),
        seed: seed * STATIONS + n,
    }
}

/// Compares the records with what the stations heard; how many sessions there are.
fn check(town: &Town) -> usize {
    let store = &town.disk.store;
    let page = store.page::<Session>(All, None, Order::Ascending, EVERYTHING).unwrap();
    let sessions: Vec<Session> = page.into_iter().map(|(_, session)| session.value).collect();
    let facts = log(store);
    assert_eq!(
        counting::counted(store),
        counting::decided(&facts),
        "what a policy wrote has its fact"
    );
    nothing_is_doubled(&sessions, &facts);
    what_stations_heard_is_true(&sessions, &town.heard);
    sessions.len()
}

/// The whole log.
fn log(store: &Store) -> Vec<FactBody> {
    let mut facts = Vec::new();
    let mut last = Seq(0);
    loop {
        let page = store.facts(last, EVERYTHING).unwrap();
        let Some(end) = page.last() else { return facts };
        last = end.seq;
        facts.extend(page.into_iter().map(|logged| logged.fact.body));
    }
}

/// One session for what a station started, one fact for its start, one for its end.
fn nothing_is_doubled(sessions: &[Session], facts: &[FactBody]) {
    let mut seen = BTreeSet::new();
    for session in sessions {
        let start = (&session.station, session.place, session.started.station, session.meter_start);
        assert!(seen.insert(start), "two sessions of one start: {session:?}");
    }
    let mut starts: BTreeMap<SessionId, u32> = BTreeMap::new();
    let mut ends = starts.clone();
    for fact in facts {
        match fact {
            FactBody::TransactionStarted { session, .. } => {
                *starts.entry(*session).or_default() += 1
            }
            FactBody::TransactionEnded { session, .. } => *ends.entry(*session).or_default() += 1,
            FactBody::OrphanStop { .. } => panic!("nobody stops what did not start: {fact:?}"),
            _ => {}
        }
    }
    for session in sessions {
        assert_eq!(starts.remove(&session.id), Some(1), "{session:?}");
        let ended = u32::from(!session.is_active());
        assert_eq!(ends.remove(&session.id).unwrap_or(0), ended, "{session:?}");
    }
    assert!(starts.is_empty() && ends.is_empty(), "facts of no session: {starts:?} {ends:?}");
}

/// Every acknowledged start is a session, no two of them the same; every acknowledged end is on it, with the energy.
fn what_stations_heard_is_true(sessions: &[Session], heard: &[(StationId, Event)]) {
    let by_name: BTreeMap<_, _> = sessions
        .iter()
        .map(|session| ((&session.station, session.transaction.clone()), session))
        .collect();
    let find = |station, transaction: String| {
        let found = by_name.get(&(station, transaction.clone()));
        *found.unwrap_or_else(|| {
            panic!("{station} was told of {transaction}, which is not on record")
        })
    };
    let mut starts: BTreeMap<SessionId, (Millis, u64)> = BTreeMap::new();
    for (station, event) in heard {
        match event {
            Event::Started { transaction, began, meter_wh, .. } => {
                let session = find(station, transaction.to_string());
                let first = *starts.entry(session.id).or_insert((*began, *meter_wh));
                assert_eq!(
                    first,
                    (*began, *meter_wh),
                    "two starts were told the same: {session:?}"
                );
                assert_eq!(session.started.station, Some(*began), "{session:?}");
                assert_eq!(session.meter_start, Some(wh(*meter_wh)), "{session:?}");
            }
            Event::Stopped { transaction, ended, delivered_wh, reason, .. } => {
                let session = find(station, transaction.to_string());
                let ending = session.ended.as_ref().unwrap_or_else(|| panic!("{session:?}"));
                assert_eq!(session.energy(), wh(*delivered_wh), "{session:?}");
                assert_eq!(ending.stamp.station, Some(*ended), "{session:?}");
                assert_eq!(ending.reason.as_deref(), Some(*reason), "{session:?}");
            }
            _ => {}
        }
    }
}

fn wh(wh: u64) -> MilliwattHours {
    MilliwattHours::from_wh(i64::try_from(wh).unwrap())
}
