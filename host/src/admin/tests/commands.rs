//! Calls to stations, as far as they go without one. With one: the end-to-end tests.

use super::House;

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
