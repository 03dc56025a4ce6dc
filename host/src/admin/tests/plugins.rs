//! A plugin's life as an operator steers it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};

use super::House;
use super::house::Answer;
use crate::domain::{Effects, FactBody, PluginName, Seq, StateWrite};
use crate::plugins::guests::{PASSES, REFUSES, ask, authorizer, logs, with_lifecycle};
use crate::plugins::watchers::counter;
use crate::store::Commit;

#[tokio::test]
async fn a_plugin_is_loaded_swapped_rolled_back_and_unloaded() {
    let house = House::open().await;
    assert_eq!(house.get("/v1/plugins").await.good()["plugins"], json!([]));

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

    let log = house.store.facts(Seq(0), 10).unwrap();
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
async fn settings_are_changed_one_by_one_and_refused_ones_leave_the_old_in_force() {
    let house = House::open().await;
    let patch = |body: &'static str| {
        let request = house.request(Method::PATCH, "/v1/plugins/cards/settings").body(body);
        async { Answer::of(request.send().await.unwrap()).await }
    };
    assert_eq!(patch("{}").await.bad(404).0, "plugin-not-found");
    house.put("/v1/plugins/cards", with_lifecycle(PASSES, "1")).await.good();
    let (code, why) = patch(r#"{"limit":5}"#).await.bad(422);
    assert_eq!(code, "plugin-refused");
    assert!(why.contains("blocked"), "the plugin's own words: {why}");
    assert_eq!(house.get("/v1/plugins/cards").await.good()["settings"], json!({}));
    patch("[]").await.bad(400);

    let changed = house.put("/v1/plugins/free", authorizer(PASSES)).await.good();
    assert_eq!(changed["settings"], json!({}));
    let body = r#"{"settings":{"a":{"b":1,"c":2.50}}}"#;
    house.put("/v1/plugins/free", body).await.good();
    let request = house.request(Method::PATCH, "/v1/plugins/free/settings");
    let merged = request.body(r#"{"a":{"b":null},"d":true}"#).send().await.unwrap();
    let merged = Answer::of(merged).await.good();
    assert_eq!(merged["settings"].to_string(), r#"{"a":{"c":2.50},"d":true}"#);
    let back = house.post("/v1/plugins/free/rollback", "").await.good();
    assert_eq!(back["settings"].to_string(), r#"{"a":{"b":1,"c":2.50}}"#);

    let log = serde_json::to_value(house.store.facts(Seq(0), 10).unwrap()).unwrap();
    let changes = log.as_array().unwrap().iter().map(|fact| &fact["fact"]["body"]["data"]);
    let changes: Vec<_> = changes.map(|data| &data["change"]).collect();
    let told = ["loaded", "loaded", "settings-changed", "settings-changed", "rolled-back"];
    assert_eq!(json!(changes), json!(told));
}

#[tokio::test]
async fn disabling_the_last_authorizer_says_who_decides_now() {
    let house = House::open().await;
    house.put("/v1/plugins/cards", authorizer(PASSES)).await.good();
    house.put("/v1/plugins/other", authorizer(PASSES)).await.good();
    let one = house.post("/v1/plugins/cards/disable", "").await.good();
    assert_eq!((&one["disabled"], &one["running"]), (&json!(true), &Value::Null));
    assert_eq!(one["notice"], Value::Null, "another one still decides");
    let last = house.post("/v1/plugins/other/disable", "").await.good();
    let notice = last["notice"].as_str().unwrap();
    assert!(notice.contains("every card is refused"), "{notice}");
    assert_eq!(house.get("/v1/plugins").await.good()["notice"], notice);

    let back = house.post("/v1/plugins/other/enable", "").await.good();
    assert!(back["running"].is_object());
    assert_eq!(house.get("/v1/plugins").await.good()["notice"], Value::Null);
    house.post("/v1/plugins/nobody/disable", "").await.bad(404);
    house.post("/v1/plugins/nobody/enable", "").await.bad(404);
}

#[tokio::test]
async fn the_order_of_a_hook_is_shown_set_and_given_back_to_the_manifests() {
    let house = House::open().await;
    house.put("/v1/plugins/a", authorizer(PASSES)).await.good();
    house.put("/v1/plugins/b", authorizer(PASSES)).await.good();
    let path = "/v1/hooks/authorizer/order";
    let names = |order: &Value| {
        let asked = order["asked"].as_array().unwrap().iter();
        asked.map(|asked| asked["plugin"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&house.get(path).await.good()), ["a", "b"]);
    let set = house.put(path, r#"{"order":["b"]}"#).await.good();
    assert_eq!((names(&set), &set["order"]), (vec!["b".into(), "a".into()], &json!(["b"])));
    assert_eq!(house.get(path).await.good(), set);
    assert_eq!(house.put(path, r#"{"order":["c"]}"#).await.bad(404).0, "plugin-not-found");
    house.put(path, r#"{"order":["b","b"]}"#).await.bad(400);
    house.get("/v1/hooks/observer/order").await.bad(400);
    assert_eq!(names(&house.put(path, r#"{"order":[]}"#).await.good()), ["a", "b"]);
}

/// The lines of a plugin's journal that are kept now.
async fn lines(house: &House, path: &str) -> Vec<Value> {
    let text = house.request(Method::GET, path).send().await.unwrap().text().await.unwrap();
    let data = text.lines().filter_map(|line| line.strip_prefix("data:"));
    data.map(|data| serde_json::from_str(data.trim()).unwrap()).collect()
}

#[tokio::test]
async fn a_plugins_journal_holds_its_words_and_the_servers_across_versions() {
    let house = House::open().await;
    house.put("/v1/plugins/cards", logs("card 04A2B3C4 is ours", "1")).await.good();
    ask_about(&house, "04A2B3C4").await;
    house.put("/v1/plugins/cards", with_lifecycle("unreachable", "2")).await.good();
    ask_about(&house, "04A2B3C4").await;

    let path = "/v1/plugins/cards/logs?follow=false";
    let all = lines(&house, path).await;
    let told: Vec<_> = all
        .iter()
        .map(|line| [&line["by"], &line["version"], &line["text"]].map(|it| it.as_str().unwrap()))
        .collect();
    assert_eq!(told[0], ["host", "1", "takes over"]);
    assert_eq!(told[1], ["plugin", "1", "card …B3C4 is ours"], "the card is not told in full");
    assert_eq!(told[2], ["host", "2", "takes over"]);
    assert!(told[3][2].starts_with("trapped"), "{told:?}");
    assert_eq!(all[3]["level"], "error");

    let errors = lines(&house, &format!("{path}&level=error")).await;
    assert_eq!(errors, all[3..]);
    let after = all[1]["number"].as_u64().unwrap();
    assert_eq!(lines(&house, &format!("{path}&after={after}&limit=1")).await, all[2..3]);
    house.get(&format!("{path}&level=loud")).await.bad(400);
    house.get("/v1/plugins/nobody/logs").await.bad(404);
}

async fn ask_about(house: &House, card: &str) {
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    let cards = house.host.authorizers();
    let _ = cards[0].authorize(&ask(card), deadline).await;
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

#[tokio::test]
async fn an_observer_shows_how_far_it_has_come_and_what_it_has_stored() {
    let house = House::open().await;
    let something = FactBody::Other { action: "Something".to_owned() };
    house.happens("CS-1", something).await;
    let hook = "from = \"start\"\nkinds = [\"other\"]";
    let loaded = house.put("/v1/plugins/counter", counter("1", "", hook)).await.good();
    assert_eq!(loaded["running"]["hooks"], json!(["observer"]));
    let end = house.store.durable().borrow().0;
    let observer = loop {
        let plugin = house.get("/v1/plugins/counter").await.good();
        let observer = plugin["running"]["observer"].clone();
        if observer["cursor"] == json!(end) {
            break observer;
        }
    };
    let none =
        json!({ "cursor": end, "lag": 0, "skipped": 0, "last_skipped": null, "trouble": null });
    assert_eq!(observer, none);

    let stored = house.get("/v1/plugins/counter/state").await.good();
    let entry = json!({ "key": "count", "text": "\u{1}\0\0\0\0\0\0\0\u{1}\0\0\0\0\0\0\0" });
    assert_eq!(stored, json!({ "state": [entry], "next": null }));
    let cards = house.put("/v1/plugins/cards", with_lifecycle(PASSES, "1")).await.good();
    assert_eq!(cards["running"]["observer"], Value::Null);
}

#[tokio::test]
async fn what_a_plugin_stored_is_paged_and_outlives_its_unloading() {
    let house = House::open().await;
    let name: PluginName = "cards".parse().unwrap();
    let value = |key: &str| match key {
        "b/2" => vec![0xff, 0xfe],
        _ => key.as_bytes().to_owned(),
    };
    let writes = ["a", "b/1", "b/2", "b/3", "c"].map(|key| StateWrite {
        plugin: name.clone(),
        key: key.to_owned(),
        value: Some(value(key)),
    });
    let mut commit = Commit::new();
    commit.effects(Effects { writes: writes.into(), ..Effects::default() });
    house.store.commit(commit).await.unwrap();

    let page = house.get("/v1/plugins/cards/state?prefix=b/&limit=2").await.good();
    let entries = json!([{ "key": "b/1", "text": "b/1" }, { "key": "b/2", "base64": "//4=" }]);
    assert_eq!(page, json!({ "state": entries, "next": "b/2" }));
    let rest = house.get("/v1/plugins/cards/state?prefix=b/&limit=2&after=b/2").await.good();
    assert_eq!(rest, json!({ "state": [{ "key": "b/3", "text": "b/3" }], "next": null }));
    assert_eq!(house.get("/v1/plugins/crads/state").await.bad(404).0, "plugin-not-found");
    house.put("/v1/plugins/crads", with_lifecycle(PASSES, "1")).await.good();
    let none = json!({ "state": [], "next": null });
    assert_eq!(house.get("/v1/plugins/crads/state").await.good(), none);
}

#[tokio::test]
async fn a_page_of_large_values_ends_early_and_says_where_to_go_on() {
    let house = House::open().await;
    let write = |n: usize| StateWrite {
        plugin: "big".parse().unwrap(),
        key: format!("{n:02}"),
        value: Some(vec![b'x'; 50_000]),
    };
    let mut commit = Commit::new();
    commit.effects(Effects { writes: (0..40).map(write).collect(), ..Effects::default() });
    house.store.commit(commit).await.unwrap();
    let mut seen = Vec::new();
    let mut path = "/v1/plugins/big/state".to_owned();
    let mut pages = 0;
    loop {
        let page = house.get(&path).await.good();
        pages += 1;
        let keys = page["state"].as_array().unwrap().iter();
        seen.extend(keys.map(|entry| entry["key"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/plugins/big/state?after={next}");
    }
    assert_eq!(seen, (0..40).map(|n| format!("{n:02}")).collect::<Vec<_>>());
    assert!(pages >= 2, "{pages}");
}
