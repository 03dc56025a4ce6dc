//! Durable, then said: a system-call trace shows each record on its way to the disk before its answer leaves.
//!
//! Every message carries a mark of its own. For each mark the trace has to show, in this order: a write to the store's
//! file with the mark in it, an `fdatasync` of that file that begins after the write and succeeds, and only then the
//! answer on the station's socket.

mod trace;

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Reply, Server, Start, connect};
use trace::Trace;

/// Stations that talk at the same time, so that commits come in groups.
const STATIONS: usize = 4;

/// Sessions of each.
const SESSIONS: usize = 8;

/// Bytes of the large payload: several times sled's limit for what it keeps in its one synced file by default.
const LARGE: usize = 60_000;

const LARGE_MESSAGES: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn every_acknowledged_record_reached_the_disk_before_its_answer_left() {
    if let Err(why) = trace::permitted() {
        let allowed = std::env::var_os("PLUGPOINT_TESTS_MAY_SKIP").is_some();
        assert!(
            allowed,
            "strace may not trace here ({why}); PLUGPOINT_TESTS_MAY_SKIP=1 goes on without"
        );
        println!("SKIPPED, NOTHING WAS SHOWN: this machine does not let strace trace: {why}");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let file = dir.path().join("trace");
    // A policy is loaded before the trace: compiling under strace takes minutes and shows nothing.
    let server = Server::open_house(&data).await;
    let api = server.api();
    for station in 0..STATIONS {
        for session in 0..SESSIONS {
            api.allow(&mark(station, session)).await;
        }
    }
    assert!(server.stop().await.success());

    let traced = Start::new(&data).with(&["--accept-unknown-stations"]);
    let server = Server::start(traced.under(trace::command(&file))).await;
    let stations = (0..STATIONS).map(|station| talk(server.stations, station));
    let acknowledged = futures_util::future::join_all(stations).await.concat();
    assert!(server.stop().await.success());

    let trace = Trace::read(&file);
    for answer in &acknowledged {
        trace.check(answer);
    }
    println!(
        "{} answers, each after its own write and a later fdatasync; {} fdatasyncs in all",
        acknowledged.len(),
        trace.syncs()
    );
}

/// An answer that arrived: the message's id, and the mark that its record bears.
#[derive(Debug, Clone)]
struct Acknowledged {
    id: String,
    mark: String,
}

fn mark(station: usize, session: usize) -> String {
    format!("MARK{station:02}X{session:02}")
}

async fn talk(server: std::net::SocketAddr, station: usize) -> Vec<Acknowledged> {
    let mut socket = connect(server, &format!("DISK-{station}")).await;
    let mut acknowledged = Vec::new();
    for session in 0..SESSIONS {
        let card = mark(station, session);
        let id = |step: &str| format!("{step}-{station}-{session}");
        let at = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
        let meter = 1000 * session;

        let ask = json!({ "idTag": card });
        let answer = result(socket.call(&id("auth"), "Authorize", ask).await);
        assert_eq!(answer["idTagInfo"]["status"], "Accepted");
        let start =
            json!({ "connectorId": 1, "idTag": card, "meterStart": meter, "timestamp": at });
        let answer = result(socket.call(&id("start"), "StartTransaction", start).await);
        let transaction = &answer["transactionId"];
        let stop = json!({ "transactionId": transaction, "idTag": card, "meterStop": meter + 900, "timestamp": at });
        result(socket.call(&id("stop"), "StopTransaction", stop).await);
        for step in ["auth", "start", "stop"] {
            acknowledged.push(Acknowledged { id: id(step), mark: card.clone() });
        }
    }
    acknowledged
}

fn result(reply: Reply) -> Value {
    match reply {
        Reply::Result { payload, .. } => payload,
        other => panic!("{other:?} is no result"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn large_payloads_stay_in_the_file_that_is_synced() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let server = Server::open_house(&data).await;
    let mut socket = connect(server.stations, "LARGE").await;
    for n in 0..LARGE_MESSAGES {
        let payload = json!({ "vendorId": "Large", "messageId": "Log", "data": "x".repeat(LARGE) });
        let reply = socket.call(&format!("big-{n}"), "DataTransfer", payload).await;
        assert!(matches!(reply, Reply::Result { .. }), "{reply:?}");
        let card = format!("BIG-{n}");
        result(socket.call(&format!("auth-{n}"), "Authorize", json!({ "idTag": card })).await);
    }
    // Soft facts are on the disk within half a second; stopping writes whatever is left.
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert!(server.stop().await.success());
    let blobs = blobs(&data);
    assert!(blobs.is_empty(), "sled put values into files that it never syncs: {blobs:?}");

    let server = Server::start(Start::new(&data)).await;
    let kept = server.api().facts().await;
    let kept = kept.iter().filter(|fact| fact["kind"] == "other" && fact["station"] == "LARGE");
    assert_eq!(kept.count(), LARGE_MESSAGES);
}

/// Every file below a folder called `blobs`.
fn blobs(data: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![data.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if folder.ends_with("blobs") {
                found.push(path);
            }
        }
    }
    found
}
