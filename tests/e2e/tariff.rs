//! Cars charge through the night in which the clocks jump, while the tariff is swapped for another or breaks.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Api, Reply, Server, Socket, Start, connect, guest};

const STATION: &str = "TARIFF-1";
const CARD: &str = "TARIFF-CARD";

/// One in the morning in Berlin, an hour before there is no two o'clock; and four in the morning, two hours later.
const PLUGGED_IN: &str = "2024-03-31T00:00:00Z";
const LEFT: &str = "2024-03-31T02:00:00Z";

#[tokio::test(flavor = "multi_thread")]
async fn a_session_keeps_its_terms_to_the_cent_when_the_tariff_is_swapped() {
    let dir = tempfile::tempdir().unwrap();
    let server = open(&dir.path().join("data")).await;
    let api = server.api();
    let tariff = guest("tariff-time-of-use");

    let mut station = connect(server.stations, STATION).await;
    let early = start(&mut station, 1).await;
    api.load("tariff", &tariff, &settings("0.99")).await;
    let late = start(&mut station, 2).await;
    for session in [early, late] {
        stop(&mut station, session).await;
    }

    // 12 kWh and 120 minutes at a cent, plus 19 %. The hour that costs nine euros did not take place.
    for (session, kwh, total) in [(early, "0.40", "7.14"), (late, "0.99", "15.57")] {
        let session = api.get(&format!("/v1/sessions/{session}")).await;
        println!("{session}");
        let text = session["terms"]["text"].as_str().unwrap();
        assert!(text.starts_with(&format!("{kwh} EUR/kWh")), "{text}");
        assert_eq!(session["terms"]["zone"], "Europe/Berlin");
        assert_eq!(session["price"]["closed"], true);
        assert_eq!(session["price"]["bill"]["total"], total);
        assert_eq!(session["unpriced"], Value::Null);
    }
    assert!(server.stop().await.success());
}

/// A server with a card, a station in Berlin, and 40 cents for the kilowatt-hour.
async fn open(data: &Path) -> Server {
    let server = Server::start(Start::new(data)).await;
    let api = server.api();
    api.load("rfid-list", &guest("rfid-list"), "{}").await;
    api.load("tariff", &guest("tariff-time-of-use"), &settings("0.40")).await;
    api.allow(CARD).await;
    api.register(STATION).await;
    api.put(&format!("/v1/stations/{STATION}"), json!({ "zone": "Europe/Berlin" })).await;
    server
}

/// From a good tariff to the bills that were missing.
const BILLED_WITHIN: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ends_while_its_tariff_is_broken_gets_the_same_bill_later() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let server = open(&data).await;
    let api = server.api();
    let tariff = guest("tariff-time-of-use");

    let mut station = connect(server.stations, STATION).await;
    let (lucky, unlucky) = (start(&mut station, 1).await, start(&mut station, 2).await);
    stop(&mut station, lucky).await;
    api.load("tariff", &guest("tariff-traps"), "{}").await;
    stop(&mut station, unlucky).await;
    let waiting = api.get(&format!("/v1/sessions/{unlucky}")).await;
    assert!(waiting["unpriced"].as_str().unwrap().contains("trapped"), "{waiting}");
    assert_eq!(waiting["waits_for_bill"], true);
    assert_eq!(waiting["price"], Value::Null);

    server.kill().await;
    let server = Server::start(Start::new(&data)).await;
    let api = server.api();
    assert_eq!(api.get(&format!("/v1/sessions/{unlucky}")).await["waits_for_bill"], true);
    api.load("tariff", &tariff, &settings("0.99")).await;
    assert_eq!(bills(&api, unlucky).await, 1);
    let billed = api.get(&format!("/v1/sessions/{unlucky}")).await;
    println!("{billed}");
    let expected = api.get(&format!("/v1/sessions/{lucky}")).await;
    assert_eq!(billed["price"]["bill"], expected["price"]["bill"], "to the cent and to the line");
    assert_eq!(billed["price"]["bill"]["total"], "7.14");
    assert_eq!((&billed["unpriced"], &billed["waits_for_bill"]), (&Value::Null, &json!(false)));
    assert!(server.stop().await.success());
}

/// How many bills the log has, as soon as it has any.
async fn bills(api: &Api, session: u64) -> usize {
    let is_bill = |fact: &&Value| {
        fact["kind"] == "session-priced" && fact["data"]["session"] == json!(session)
    };
    let wait = async {
        loop {
            match api.facts().await.iter().filter(is_bill).count() {
                0 => {}
                bills => return bills,
            }
        }
    };
    tokio::time::timeout(BILLED_WITHIN, wait).await.expect("the bill comes")
}

fn settings(energy: &str) -> String {
    let rates = json!({
        "currency": "EUR",
        "vat": "19",
        "base": { "energy": energy, "time": "0.01" },
        "bands": [{ "from": "02:00", "to": "03:00", "prices": { "energy": "9.00" } }],
    });
    json!({ "id": "night", "rates": rates }).to_string()
}

async fn start(station: &mut Socket, connector: u32) -> u64 {
    let start = json!({
        "connectorId": connector, "idTag": CARD, "meterStart": 1_000, "timestamp": PLUGGED_IN,
    });
    let reply = station.call("start", "StartTransaction", start).await;
    let Reply::Result { payload, .. } = reply else { panic!("{reply:?}") };
    assert_eq!(payload["idTagInfo"]["status"], "Accepted");
    payload["transactionId"].as_u64().unwrap()
}

async fn stop(station: &mut Socket, session: u64) {
    let stop = json!({ "transactionId": session, "meterStop": 13_000, "timestamp": LEFT });
    let reply = station.call("stop", "StopTransaction", stop).await;
    assert!(matches!(reply, Reply::Result { .. }), "{reply:?}");
}
