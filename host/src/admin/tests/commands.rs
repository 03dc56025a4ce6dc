//! Calls to stations, as far as they go without one. With one: the end-to-end tests.

use serde_json::{Value, json};

use super::House;
use crate::domain::{Effects, MAX_QUEUED, Millis, NewCommand, QueuedCommand};
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
        r#"{"action":"Reset","queue_ms":0}"#,
        r#"{"action":"Reset","queue_ms":5,"timeout_ms":5}"#,
    ] {
        let (code, _) = house.post("/v1/stations/CS1/commands", bad).await.bad(400);
        assert_eq!(code, "bad-request", "{bad}");
    }
}

#[tokio::test]
async fn what_waits_for_a_station_is_shown_oldest_first() {
    let house = House::open().await;
    let command = |plugin: &str, station: &str, id: &str| NewCommand {
        plugin: plugin.parse().unwrap(),
        station: station.parse().unwrap(),
        id: id.to_owned(),
        command: QueuedCommand {
            action: "Reset".to_owned(),
            payload: r#"{"type":"Soft"}"#.to_owned(),
            queued: Millis(if id == "1" { 1_000 } else { 1_001 }),
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
            "sent": "1970-01-01T00:00:02.000Z", "ended": null, "outcome": null, "status": null,
            "response": null, "why": null
        })
    );
    assert_eq!(page["next"], Value::Null);
}

#[tokio::test]
async fn a_command_waits_for_a_station_that_is_away_until_it_is_taken_back() {
    let house = House::open().await;
    let commands = "/v1/stations/CS1/commands";
    let queue = r#"{"action":"Reset","payload":{"type":"Soft"},"queue_ms":3600000}"#;
    assert_eq!(house.post(commands, queue).await.bad(404).0, "station-not-found");
    house.put("/v1/stations/CS1", "{}").await.good();
    let answer = house.post(commands, queue).await;
    assert_eq!(answer.status.as_u16(), 202);
    let queued = answer.good();
    assert_eq!((&queued["id"], &queued["outcome"]), (&json!("1"), &Value::Null));
    assert_eq!(queued["expires"], "2026-01-01T01:00:00.000Z");
    assert_eq!(house.get(commands).await.good()["commands"], json!([queued]));
    assert_eq!(house.get(&format!("{commands}/1")).await.good(), queued);

    assert_eq!(house.delete(&format!("{commands}/1")).await.status.as_u16(), 204);
    assert_eq!(house.delete(&format!("{commands}/1")).await.bad(409).0, "command-over");
    assert_eq!(house.delete(&format!("{commands}/2")).await.bad(404).0, "command-not-found");
    assert_eq!(house.get(commands).await.good()["commands"], json!([]));
    let ended = house.get(&format!("{commands}/1")).await.good();
    assert_eq!((&ended["outcome"], &ended["sent"]), (&json!("cancelled"), &Value::Null));
    assert_eq!(ended["ended"], "2026-01-01T00:00:00.000Z");
    assert_eq!(house.get(&format!("{commands}/2")).await.bad(404).0, "command-not-found");
}

#[tokio::test]
async fn what_no_version_of_ocpp_understands_is_not_queued() {
    let house = House::open().await;
    house.put("/v1/stations/CS1", r#"{"wanted_protocol":"ocpp2.0.1"}"#).await.good();
    for (body, status, code) in [
        (r#"{"action":"Dance","queue_ms":1000}"#, 400, "unknown-action"),
        (r#"{"action":"Reset","queue_ms":1000}"#, 400, "bad-request"),
        // Which is how OCPP 1.6 says it.
        (r#"{"action":"Reset","payload":{"type":"Soft"},"queue_ms":1000}"#, 400, "bad-request"),
        (r#"{"action":"Reset","payload":{"type":"Immediate"},"queue_ms":1000}"#, 202, ""),
    ] {
        let answer = house.post("/v1/stations/CS1/commands", body).await;
        if status == 202 {
            answer.good();
        } else {
            assert_eq!(answer.bad(status).0, code, "{body}");
        }
    }
}

#[tokio::test]
async fn so_many_commands_wait_and_no_more_and_the_list_of_all_has_pages() {
    let house = House::open().await;
    let commands = "/v1/stations/CS1/commands";
    house.put("/v1/stations/CS1", "{}").await.good();
    let queue = r#"{"action":"ClearCache","queue_ms":3600000}"#;
    for _ in 0..MAX_QUEUED {
        house.post(commands, queue).await.good();
    }
    assert_eq!(house.post(commands, queue).await.bad(429).0, "too-much-at-once");
    let page = house.get(&format!("{commands}?all=true&limit=2")).await.good();
    let ids = |page: &Value| {
        let commands = page["commands"].as_array().unwrap();
        commands
            .iter()
            .map(|command| command["id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!((ids(&page), &page["next"]), (vec!["32".to_owned(), "31".to_owned()], &json!("31")));
    let page = house.get(&format!("{commands}?all=true&limit=2&after=2")).await.good();
    assert_eq!((ids(&page), &page["next"]), (vec!["1".to_owned()], &Value::Null));
}

#[tokio::test]
async fn the_catalogue_tells_what_an_action_takes() {
    let house = House::open().await;
    let action = house.get("/v1/ocpp/2.0.1/actions/Reset").await.good();
    assert_eq!((&action["sent"], &action["version"]), (&json!("to-station"), &json!("2.0.1")));
    let kind =
        json!({ "depth": 0, "name": "type", "required": true, "what": "Immediate | OnIdle" });
    assert!(action["request"].as_array().unwrap().contains(&kind), "{action}");
    for (version, actions) in [("1.6", 39), ("2.0.1", 64), ("2.1", 91)] {
        let page = house.get(&format!("/v1/ocpp/{version}/actions")).await.good();
        assert_eq!(page["actions"].as_array().unwrap().len(), actions);
    }
    assert_eq!(house.get("/v1/ocpp/1.6/actions/Dance").await.bad(404).0, "action-not-found");
    assert_eq!(house.get("/v1/ocpp/1.5/actions").await.bad(404).0, "action-not-found");
}
