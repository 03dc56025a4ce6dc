//! Which version of OCPP is spoken with a station that offers several, or none.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Api, Reply, Server, handshake, insist};

const STATION: &str = "TWO-TONGUES";
const ALL: &str = "ocpp1.6, ocpp2.0.1, ocpp2.1";
const BOTH: &str = "ocpp1.6, ocpp2.0.1";

/// What the operator sees of the station's running connection.
async fn spoken(api: &Api) -> Value {
    api.get(&format!("/v1/stations/{STATION}")).await["protocol"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_version_is_spoken_or_the_one_that_the_operator_wants() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::open_house(&dir.path().join("data")).await;
    let api = server.api();
    let (door, path) = (server.stations, format!("/ocpp/{STATION}"));
    let record = format!("/v1/stations/{STATION}");

    let mut first = handshake(door, &path, Some(BOTH), None).await.unwrap();
    let boot = json!({
        "reason": "PowerUp", "chargingStation": { "vendorName": "Acme", "model": "Two" },
    });
    let reply = first.call("1", "BootNotification", boot).await;
    assert!(matches!(reply, Reply::Result { .. }), "{reply:?}");
    assert_eq!(spoken(&api).await, "ocpp2.0.1");

    // From its next firmware on it knows the newest of all.
    let mut socket = handshake(door, &path, Some(ALL), None).await.unwrap();
    let reply = socket.call("1", "Heartbeat", json!({})).await;
    assert!(matches!(reply, Reply::Result { .. }), "{reply:?}");
    assert_eq!(spoken(&api).await, "ocpp2.1");

    // The operator wants the oldest one: the station has to come again, and is spoken with as wanted.
    api.put(&record, json!({ "wanted_protocol": "ocpp1.6" })).await;
    assert_eq!(socket.hear().await, Reply::Closed(Some(1008)));
    let mut socket = handshake(door, &path, Some(BOTH), None).await.unwrap();
    let boot = json!({ "chargePointVendor": "Acme", "chargePointModel": "Two" });
    let reply = socket.call("2", "BootNotification", boot).await;
    assert!(matches!(reply, Reply::Result { .. }), "{reply:?}");
    assert_eq!(spoken(&api).await, "ocpp1.6");

    // One that offers none is taken at the operator's word, and nothing is named that it did not offer.
    let (head, mut silent) = insist(door, &path, None).await;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    assert!(!head.to_ascii_lowercase().contains("sec-websocket-protocol"), "{head}");
    let reply = silent.call("3", "Heartbeat", json!({})).await;
    assert!(matches!(reply, Reply::Result { .. }), "{reply:?}");
    assert_eq!(spoken(&api).await, "ocpp1.6");

    // One that does not offer what is wanted is told so.
    let (_, mut other) = insist(door, &path, Some("ocpp2.0.1")).await;
    assert_eq!(other.hear().await, Reply::Closed(Some(1002)));
    assert!(server.log().contains("not the one wanted of it"), "{}", server.log());
    let (status, answer) = api
        .try_send(reqwest::Method::PUT, &record, Some(json!({ "wanted_protocol": "ocpp9" })))
        .await;
    assert_eq!(status.as_u16(), 400);
    assert_eq!(answer["error"]["next"], "choose from: ocpp2.1, ocpp2.0.1, ocpp1.6");
    assert!(server.stop().await.success());
}

/// What OCPP 2.1 adds to the framing, both ways.
#[tokio::test(flavor = "multi_thread")]
async fn over_2_1_a_stream_is_kept_without_an_answer_and_nonsense_is_told_to_both_who_asked_and_who_said_it()
 {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::open_house(&dir.path().join("data")).await;
    let api = server.api();
    let path = format!("/ocpp/{STATION}");
    let mut socket = handshake(server.stations, &path, Some(ALL), None).await.unwrap();
    let stream = json!({
        "id": 1, "pending": 0, "basetime": "2026-01-01T10:00:00Z", "data": [{ "t": 0, "v": "11000" }],
    });
    for n in 0..3 {
        socket
            .say(json!([6, format!("s{n}"), "NotifyPeriodicEventStream", stream]).to_string())
            .await;
    }
    let reply = socket.call("after", "Heartbeat", json!({})).await;
    assert!(matches!(&reply, Reply::Result { id, .. } if id == "after"), "{reply:?}");
    socket.say(r#"[5,"after","PropertyConstraintViolation","no such time",{}]"#.to_owned()).await;

    let asked = async {
        let Reply::Call { id, .. } = socket.hear().await else { panic!("no call came") };
        socket.say(json!([3, id, { "status": "Perhaps" }]).to_string()).await;
        (id, socket.hear().await)
    };
    let (answer, (id, told)) = tokio::join!(api.command(STATION, "ClearCache", json!({})), asked);
    let (status, answer) = answer;
    println!("whoever asked: {answer}\nwho said it: {told:?}");
    assert_eq!((status.as_u16(), &answer["error"]["code"]), (502, &json!("unfit-answer")));
    assert_eq!(answer["error"]["details"], json!({ "status": "Perhaps" }));
    let Reply::ResultError { id: to, code, .. } = told else { panic!("{told:?}") };
    assert_eq!((to, code.as_str()), (id, "PropertyConstraintViolation"));

    on_record(&api, "other", "action", "NotifyPeriodicEventStream", 3).await;
    on_record(&api, "answer-refused", "action", "Heartbeat", 1).await;
    on_record(&api, "command-answered", "outcome", "unfit", 1).await;
    assert!(server.stop().await.success());
}

/// Facts that nobody waits for are on the disk, and so in the log that the API shows, within half a second.
async fn on_record(api: &Api, kind: &str, member: &str, word: &str, times: usize) {
    let is_it = |fact: &&Value| fact["kind"] == kind && fact["data"][member] == word;
    let mut facts = Vec::new();
    for _ in 0..100 {
        facts = api.facts().await;
        if facts.iter().filter(is_it).count() == times {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("not {times} times {kind} with {member} {word}: {facts:#?}");
}
