//! Firmware in the house, and what is said of files before any station is asked. With stations: the end-to-end tests.

use serde_json::json;

use super::House;

#[tokio::test]
async fn a_firmware_has_one_content_until_it_is_removed() {
    let house = House::open().await;
    let path = "/v1/firmware/acme-2.bin";
    let added = house.put(&format!("{path}?version=2"), "firmware").await.good();
    assert_eq!((&added["bytes"], &added["version"]), (&json!(8), &json!("2")));
    assert_eq!((&added["signed"], added["sha256"].as_str().unwrap().len()), (&json!(false), 64));
    assert_eq!(house.put(path, "firmware").await.good(), added, "the same file may come again");
    assert_eq!(house.put(path, "other").await.bad(409).0, "firmware-in-the-way");
    let signature = r#"{"signing_certificate":"-----BEGIN CERTIFICATE-----\n","signature":"c2ln"}"#;
    let signed = house.put(&format!("{path}/signature"), signature).await.good();
    assert_eq!(signed["signed"], true);
    let list = house.get("/v1/firmware").await.good();
    assert_eq!(list, json!({ "firmware": [signed], "next": null }));
    assert_eq!(house.delete(path).await.status, 204);
    assert_eq!(house.delete(path).await.bad(404).0, "firmware-not-found");
    house.put(path, "other").await.good();
}

#[tokio::test]
async fn what_cannot_be_firmware_is_refused() {
    let house = House::open().await;
    for (path, body) in [
        ("/v1/firmware/acme", ""),
        ("/v1/firmware/.hidden", "x"),
        ("/v1/firmware/a%2Fb", "x"),
        ("/v1/firmware/acme?versoin=2", "x"),
        ("/v1/firmware/acme/signature", r#"{"signing_certificate":"x","signature":"c2ln"}"#),
        (
            "/v1/firmware/acme/signature",
            r#"{"signing_certificate":"-----BEGIN CERTIFICATE-----","signature":""}"#,
        ),
    ] {
        assert_eq!(house.put(path, body).await.bad(400).0, "bad-request", "{path} {body}");
    }
    let large = vec![0; (1 << 20) + 1];
    assert_eq!(house.put("/v1/firmware/acme", large).await.bad(413).0, "body-too-large");
    let unsigned = r#"{"signing_certificate":"-----BEGIN CERTIFICATE-----","signature":"c2ln"}"#;
    let missing = house.put("/v1/firmware/acme/signature", unsigned).await;
    assert_eq!(missing.bad(404).0, "firmware-not-found");
    assert_eq!(house.get("/v1/firmware").await.good()["firmware"], json!([]));
}

#[tokio::test]
async fn without_a_listener_no_station_is_asked_and_what_makes_no_sense_is_refused_first() {
    let house = House::open().await;
    let path = "/v1/stations/CS1/transfers";
    let asked = house.post(path, r#"{"kind":"diagnostics"}"#).await;
    assert_eq!(asked.bad(409).0, "no-files-listener");
    for bad in [
        r#"{}"#,
        r#"{"kind":"novel"}"#,
        r#"{"kind":"firmware"}"#,
        r#"{"kind":"diagnostics","firmware":"x"}"#,
        r#"{"kind":"diagnostics","from":"yesterday"}"#,
        r#"{"kind":"diagnostics","queue_ms":0}"#,
        r#"{"kind":"diagnostics","queue_ms":5,"timeout_ms":5}"#,
    ] {
        assert_eq!(house.post(path, bad).await.bad(400).0, "bad-request", "{bad}");
    }
    assert_eq!(house.get(path).await.good()["transfers"], json!([]));
    assert_eq!(house.get(&format!("{path}/1")).await.bad(404).0, "transfer-not-found");
    assert_eq!(house.delete(&format!("{path}/1")).await.bad(404).0, "transfer-not-found");
    assert_eq!(house.get(&format!("{path}/1/file")).await.bad(404).0, "transfer-not-found");
}
