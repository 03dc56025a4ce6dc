//! Which version of OCPP is spoken with a station that offers several, or none.

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
