//! What holds for every route: the key, the bounds, the manners of refusal.

use reqwest::Method;
use serde_json::json;

use super::House;
use super::house::Answer;
use crate::admin::{MAX_BODY, MAX_COMPONENT_BODY};
use crate::store::Room;

#[tokio::test]
async fn without_the_key_nothing_is_shown_but_where_the_key_is() {
    let house = House::open().await;
    for path in ["/v1/stations", "/v1/events", "/v1/tokens/ABC", "/v1/no-such-thing"] {
        let wrong = [None, Some("Bearer wrong"), Some("Basic abc"), Some("Bearer"), Some("é")];
        for header in wrong {
            let mut request = house.stranger(Method::GET, path);
            if let Some(header) = header {
                request = request.header("authorization", header);
            }
            let response = request.send().await.unwrap();
            assert_eq!(response.headers()["www-authenticate"], "Bearer");
            let answer = Answer::of(response).await;
            let next = answer.body["error"]["next"].as_str().unwrap().to_owned();
            assert!(next.contains("admin.key"), "{next}");
            assert_eq!(answer.bad(401).0, "unauthorized");
        }
    }
    let scheme_in_capitals = format!("BEARER {}", house.key.reveal());
    let request = house.stranger(Method::GET, "/v1/stations");
    let response = request.header("authorization", scheme_in_capitals).send().await.unwrap();
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn a_server_is_ready_from_the_first_station_it_lets_in_until_it_stops_or_cannot_keep_records()
{
    let house = House::open().await;
    assert_eq!(house.get("/healthz").await.good(), json!({ "status": "alive" }));
    assert_eq!(house.get("/readyz").await.bad(503).0, "unavailable");
    house.serving.set(true);
    house.get("/readyz").await.good();

    house.engine.fail_on_call(1);
    house.put("/v1/tokens/CARD", "{}").await.bad(503);
    assert!(house.get("/readyz").await.bad(503).1.contains("store"));
    house.get("/healthz").await.good();

    house.stopping.cancel();
    assert!(house.get("/readyz").await.bad(503).1.contains("stopping"));
}

#[tokio::test]
async fn a_disk_that_fills_up_shows_before_the_records_suffer() {
    let house = House::open().await;
    house.serving.set(true);
    house.store.set_room(Room::Low);
    let low = house.get("/readyz").await.good();
    assert_eq!(low, json!({ "status": "ready-but-disk-almost-full" }));
    house.put("/v1/tokens/CARD", "{}").await.good();

    house.store.set_room(Room::Exhausted);
    assert_eq!(house.get("/readyz").await.bad(503).0, "unavailable");
    assert_eq!(house.put("/v1/tokens/CARD", "{}").await.bad(507).0, "disk-full");

    house.store.set_room(Room::Ample);
    assert_eq!(house.get("/readyz").await.good(), json!({ "status": "ready" }));
}

#[tokio::test]
async fn metrics_are_text_and_need_no_key() {
    let house = House::open().await;
    let response = house.stranger(Method::GET, "/metrics").send().await.unwrap();
    assert_eq!(response.status(), 200);
    let kind = response.headers()["content-type"].to_str().unwrap();
    assert!(kind.starts_with("text/plain"), "{kind}");
}

#[tokio::test]
async fn what_is_not_there_and_what_is_not_allowed_are_told_apart() {
    let house = House::open().await;
    assert_eq!(house.get("/v1/no-such-thing").await.bad(404).0, "no-such-route");
    assert_eq!(house.get("/nowhere").await.bad(404).0, "no-such-route");
    assert_eq!(house.delete("/v1/stations").await.bad(405).0, "method-not-allowed");
    assert_eq!(house.get("/v1/stations/CS1").await.bad(404).0, "station-not-found");
    assert_eq!(house.get("/v1/sessions/7").await.bad(404).0, "session-not-found");
    assert_eq!(house.get("/v1/tokens/CARD").await.bad(404).0, "token-not-found");
    assert_eq!(house.delete("/v1/tokens/CARD").await.bad(404).0, "token-not-found");
    assert_eq!(house.get("/v1/plugins/nobody").await.bad(404).0, "plugin-not-found");
    assert_eq!(house.get("/v1/sessions/0").await.bad(400).0, "bad-request");
    assert_eq!(house.get("/v1/plugins/Upper").await.bad(400).0, "bad-request");
    assert_eq!(house.get("/v1/stations/%FF").await.bad(400).0, "bad-request");
}

#[tokio::test]
async fn a_misspelt_field_is_refused_with_those_there_are() {
    let house = House::open().await;
    let (code, message) = house.put("/v1/stations/CS1", r#"{"zome":"UTC"}"#).await.bad(400);
    assert_eq!(code, "bad-request");
    for known in ["zone", "currency", "tags", "settings"] {
        assert!(message.contains(known), "{message}");
    }
    let (_, message) = house.put("/v1/stations/CS1", r#"{"tags":["a",5]}"#).await.bad(400);
    assert!(message.contains("tags[1]"), "{message}");
    house.put("/v1/stations/CS1", r#"{"tags":["#).await.bad(400);
    house.put("/v1/stations/CS1", "{} {}").await.bad(400);
    house.get("/v1/stations").await.good();
    let (_, message) = house.get("/v1/sessions?statoin=CS1").await.bad(400);
    assert!(message.contains("station"), "{message}");
    assert!(house.get("/v1/stations/CS1").await.status == 404, "nothing of it was kept");
}

#[tokio::test]
async fn bodies_and_pages_have_bounds() {
    let house = House::open().await;
    let long = format!(r#"{{"note":"{}"}}"#, "x".repeat(MAX_BODY));
    assert_eq!(house.put("/v1/tokens/CARD", long).await.bad(413).0, "body-too-large");
    let note = format!(r#"{{"note":"{}"}}"#, "x".repeat(256));
    assert_eq!(house.put("/v1/tokens/CARD", note).await.bad(400).0, "bad-request");
    let settings = format!(r#"{{"settings":{{"a":"{}"}}}}"#, "x".repeat(100_000));
    assert_eq!(house.put("/v1/stations/CS1", settings).await.bad(413).0, "body-too-large");
    let component = vec![0; MAX_COMPONENT_BODY + 1];
    assert_eq!(house.put("/v1/plugins/big", component).await.bad(413).0, "body-too-large");
    for limit in ["0", "1001", "-1", "all"] {
        house.get(&format!("/v1/stations?limit={limit}")).await.bad(400);
    }
    house.get("/v1/stations?limit=1000&after=").await.good();
}
