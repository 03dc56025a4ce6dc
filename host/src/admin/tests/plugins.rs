//! A plugin's life as an operator steers it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::House;
use crate::plugins::guests::{PASSES, REFUSES, with_lifecycle};

#[tokio::test]
async fn a_plugin_is_loaded_swapped_rolled_back_and_unloaded() {
    let house = House::open().await;
    assert_eq!(house.get("/v1/plugins").await.good(), json!({ "plugins": [], "next": null }));

    let one = house.put("/v1/plugins/cards", with_lifecycle(PASSES, "1")).await.good();
    assert_eq!((&one["name"], &one["version"]), (&json!("cards"), &json!("1")));
    assert_eq!(one["previous"], Value::Null);
    assert_eq!(one["settings"], json!({}));
    assert_eq!(one["running"]["hooks"], json!(["authorizer"]));
    assert_eq!(one["running"]["imports"], json!(["state"]));
    assert_eq!(one["running"]["breaker"], "closed");

    let two = house.put("/v1/plugins/cards", with_lifecycle(REFUSES, "2")).await.good();
    assert_eq!(two["version"], "2");
    assert_eq!(two["previous"], json!({ "version": "1", "digest": one["digest"] }));
    assert_eq!(house.get("/v1/plugins/cards").await.good(), two);

    let back = house.post("/v1/plugins/cards/rollback", "").await.good();
    assert_eq!((&back["version"], &back["digest"]), (&json!("1"), &one["digest"]));
    assert_eq!(back["previous"]["version"], "2", "rolling back twice returns");

    assert_eq!(house.delete("/v1/plugins/cards").await.status, 204);
    assert_eq!(house.get("/v1/plugins/cards").await.bad(404).0, "plugin-not-found");
    assert_eq!(house.delete("/v1/plugins/cards").await.bad(404).0, "plugin-not-found");

    let log = house.store.facts(crate::domain::Seq(0), 10).unwrap();
    let log = serde_json::to_value(log).unwrap();
    let changes = log.as_array().unwrap().iter().map(|fact| &fact["fact"]["body"]["data"]);
    let changes: Vec<_> = changes.map(|data| (&data["change"], &data["version"])).collect();
    assert_eq!(
        json!(changes),
        json!([["loaded", "1"], ["swapped", "2"], ["rolled-back", "1"], ["unloaded", "1"]])
    );
}

#[tokio::test]
async fn a_load_that_is_refused_changes_nothing_and_says_why() {
    let house = House::open().await;
    let running = house.put("/v1/plugins/cards", with_lifecycle(PASSES, "1")).await.good();

    let not_wasm = house.put("/v1/plugins/cards", "\0asm and so on").await;
    assert_eq!(not_wasm.bad(422).0, "plugin-refused");
    let (_, why) = house.put("/v1/plugins/cards", r#"{"settings":{"bad":1}}"#).await.bad(422);
    assert!(why.contains("blocked"), "the plugin's own words: {why}");
    house.put("/v1/plugins/cards", r#"{"component_base64":"%%%"}"#).await.bad(400);
    house.put("/v1/plugins/cards", "{}").await.bad(400);
    house.put("/v1/plugins/cards", "").await.bad(400);
    let long = format!(r#"{{"settings":{{"a":"{}"}}}}"#, "x".repeat(30_000));
    assert_eq!(house.put("/v1/plugins/cards", long).await.bad(413).0, "body-too-large");
    let (code, _) = house.put("/v1/plugins/other", r#"{"settings":{}}"#).await.bad(404);
    assert_eq!(code, "plugin-not-found", "settings alone load nothing");
    let nothing = house.post("/v1/plugins/cards/rollback", "").await.bad(409);
    assert_eq!(nothing.0, "nothing-to-roll-back");

    assert_eq!(house.get("/v1/plugins/cards").await.good(), running);
}

#[tokio::test]
async fn a_file_and_its_settings_come_together_or_apart() {
    let house = House::open().await;
    let component = STANDARD.encode(with_lifecycle(PASSES, "1"));
    let body = json!({ "component_base64": component, "settings": {} }).to_string();
    house.put("/v1/plugins/cards", body).await.good();
    house.put("/v1/plugins/cards", with_lifecycle(REFUSES, "2")).await.good();

    let same = house.put("/v1/plugins/cards", r#"{"settings":{}}"#).await.good();
    assert_eq!(same["version"], "2");
    assert_eq!(same["previous"]["version"], "1", "what a rollback returns to is not pushed out");
}

#[tokio::test]
async fn a_plugin_on_record_that_does_not_run_is_shown_as_such() {
    let house = House::open().await;
    house.put("/v1/plugins/cards", with_lifecycle(PASSES, "1")).await.good();
    house.host.retire(&"cards".parse().unwrap());
    let shown = house.get("/v1/plugins").await.good();
    assert_eq!(shown["plugins"][0]["running"], Value::Null);
    house.put("/v1/plugins/cards", with_lifecycle(PASSES, "1")).await.good();
    assert!(house.get("/v1/plugins/cards").await.good()["running"].is_object());
}
