//! Calls to stations, as far as they go without one. With one: the end-to-end tests.

use serde_json::{Value, json};

use super::House;
use crate::domain::{Effects, Millis, NewCommand, QueuedCommand};
use crate::store::Commit;

#[tokio::test]
async fn a_call_to_a_station_that_is_not_there_says_so() {
    let house = House::open().await;
    let answer = house.post("/v1/stations/CS1/commands", r#"{"action":"Reset"}"#).await;
    assert_eq!(answer.bad(409).0, "station-offline");
}

#[tokio::test]
async fn a_call_that_cannot_be_meant_is_refused_before_anybody_is_called() {
    let house = House::open().await;
    for bad in [
        r#"{}"#,
        r#"{"action":""}"#,
        r#"{"action":"Reset","payload":[1]}"#,
        r#"{"action":"Reset","payload":"{}"}"#,
        r#"{"action":"Reset","timeout_ms":0}"#,
        r#"{"action":"Reset","timeout_ms":300001}"#,
        r#"{"action":"Reset","timeout":5}"#,
    ] {
        let (code, _) = house.post("/v1/stations/CS1/commands", bad).await.bad(400);
        assert_eq!(code, "bad-request", "{bad}");
    }
}

#[tokio::test]
async fn what_plugins_want_a_station_to_do_is_shown_oldest_first() {
    let house = House::open().await;
    let command = |plugin: &str, station: &str, id: &str| NewCommand {
        plugin: plugin.parse().unwrap(),
        station: station.parse().unwrap(),
        id: id.to_owned(),
        command: QueuedCommand {
            action: "Reset".to_owned(),
            payload: r#"{"type":"Soft"}"#.to_owned(),
            queued: Millis(1_000),
            expires: Millis(61_000),
            sent: (id == "1").then_some(Millis(2_000)),
        },
    };
    let commands = vec![
        command("early", "CS1", "2"),
        command("late", "CS1", "1"),
        command("late", "CS2", "3"),
    ];
    let mut commit = Commit::new();
    commit.effects(Effects { commands, ..Effects::default() });
    house.store.commit(commit).await.unwrap();
    let page = house.get("/v1/stations/CS1/commands").await.good();
    let shown = page["commands"].as_array().unwrap();
    let ids: Vec<_> = shown.iter().map(|command| &command["id"]).collect();
    assert_eq!(ids, [&json!("1"), &json!("2")]);
    assert_eq!(
        shown[0],
        json!({
            "id": "1", "plugin": "late", "action": "Reset", "payload": { "type": "Soft" },
            "queued": "1970-01-01T00:00:01.000Z", "expires": "1970-01-01T00:01:01.000Z",
            "sent": "1970-01-01T00:00:02.000Z"
        })
    );
    assert_eq!(page["next"], Value::Null);
}
