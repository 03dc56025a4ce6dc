//! The power is cut under the whole server while stations charge. Slower than writing to the store alone, and shows
//! what that cannot: that answers wait for the disk, that plugins and what they wrote come back, and that stations
//! find their transactions again.

use std::collections::HashSet;
use std::io::Write as _;
use std::time::Duration;

use plugpoint::sim::{Event, Profile, Report};

use super::disk::Disk;
use super::heavy::{self, Heavies};
use super::{FEW, ROUNDS, SEED};
use crate::support::{
    Fleet, Reckoning, Server, Start, load_bookkeepers, number_from, profile, version_of,
};

/// Bytes of the disk. Machine code and free space that the server wants to see take most of it.
const SIZE: u64 = 4 << 30;

/// From a start of the server to stations that charge again, and from there to the end of the story.
const PATIENCE: Duration = Duration::from_secs(60);

/// Every so many cuts one comes while the server starts.
const OPENS_EVERY: u64 = 3;

/// The latest moment of a cut, in milliseconds: after stations charge again, or after the server's start.
const CHARGING_MS: u64 = 600;
const OPENING_MS: u64 = 900;

/// Every other time a server without a disk has so long to say what it should not, in milliseconds.
const AFTERLIFE_MS: u64 = 150;

/// What counts as a large message, in bytes: several chunks of the store.
const LARGE: usize = 60_000;

const GOOD: &str = "POWER-GOOD";
const BLOCKED: &str = "POWER-BLOCKED";

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_a_charging_fleet_survives_power_cuts() {
    survive("fleet", 20, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_large_messages_under_way_survives_power_cuts() {
    survive("large messages", 6, 4).await;
}

async fn survive(name: &str, stations: u64, talkers: usize) {
    let disk = match Disk::new(SIZE) {
        Ok(disk) => disk,
        Err(why) => {
            let what = "SKIPPED, NOTHING WAS SHOWN: no power can be cut on this machine";
            // Not `println!`, which is heard of failures only.
            let _ = writeln!(std::io::stderr(), "{what}: {why}");
            return;
        }
    };
    let rounds = number_from(ROUNDS, FEW);
    let data = disk.mounted.join("data");
    let elsewhere = tempfile::tempdir().unwrap();
    let log = elsewhere.path().join("server.log");
    let open = Start::new(&data).with(&["--accept-unknown-stations"]).log_to(&log);
    let server = Server::start(open.clone()).await;
    let open = open.on(server.stations);
    let api = server.api();
    load_bookkeepers(&api).await;
    api.allow(GOOD).await;
    for n in 0..talkers {
        api.allow(&heavy::name(n)).await;
    }
    api.block(BLOCKED).await;

    let mut fleet = Fleet::start((0..stations).map(restless).collect(), &server.endpoint());
    let heavies = Heavies::start(talkers, server.stations);
    let mut running = Some(server);
    let mut moments = SEED;
    for round in 0..rounds {
        moments = moments.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let opens = round % OPENS_EVERY == OPENS_EVERY - 1;
        let server = if opens {
            let moment = Duration::from_millis((moments >> 33) % OPENING_MS);
            // Nobody hears the end of a start that takes longer: the power is gone.
            tokio::time::timeout(moment, start(&mut running, &open)).await.ok()
        } else {
            let server = start(&mut running, &open).await;
            charge(&mut fleet, stations).await;
            fleet.listen(Duration::from_millis((moments >> 33) % CHARGING_MS)).await;
            Some(server)
        };
        disk.cut_power();
        if !opens && round.is_multiple_of(2) {
            fleet.listen(Duration::from_millis(AFTERLIFE_MS)).await;
        }
        if let Some(server) = server {
            server.kill().await;
        }
        disk.restore_power();
        let when = if opens { "while the server started" } else { "while stations charged" };
        println!("{name}, cut {round} {when}: {}", fleet.summary());
    }
    let server = start(&mut running, &open).await;
    fleet.wind_down(PATIENCE).await;
    let book = heavies.wind_down(PATIENCE).await;

    let reckoning = Reckoning::of(&fleet, &book.transactions, &server.api()).await;
    println!("{name}, after {rounds} cuts: {reckoning}");
    reckoning.assert_clean();
    let charged: HashSet<_> = fleet.heard.iter().map(|report| &report.station).collect();
    assert_eq!(charged.len() as u64, stations, "a station was never heard of");
    assert!(server.stop().await.success());
    let messages = book.check_texts(&data);
    let large = book.lengths.iter().filter(|bytes| **bytes >= LARGE).count();
    assert!(talkers == 0 || large > 0, "no message was large: {:?}", book.lengths);
    println!(
        "{name}: {messages} messages of {talkers} heavy stations are there, byte for byte, {large} of them of {LARGE} bytes and more"
    );
}

/// The server that runs already, or a new one.
async fn start(running: &mut Option<Server>, open: &Start) -> Server {
    match running.take() {
        Some(server) => server,
        None => Server::start(open.clone()).await,
    }
}

/// Waits until some stations have started since now.
async fn charge(fleet: &mut Fleet, stations: u64) {
    let started = |report: &&Report| matches!(report.event, Event::Started { .. });
    let wanted = fleet.heard.iter().filter(started).count() + stations.div_ceil(4) as usize;
    let going = |heard: &[Report]| heard.iter().filter(started).count() >= wanted;
    fleet.listen_until("the stations charge", PATIENCE, going).await;
}

fn restless(n: u64) -> Profile {
    let mut profile = profile(&format!("POWER-{n}"), n + 1, &[GOOD, BLOCKED, GOOD]);
    profile.protocol = version_of(n);
    let pace = &mut profile.pace;
    pace.charge = Duration::from_millis(300)..Duration::from_millis(900);
    pace.pause = Duration::from_millis(50)..Duration::from_millis(300);
    pace.meter = Duration::from_millis(200);
    pace.backoff_most = Duration::from_millis(200);
    profile
}
