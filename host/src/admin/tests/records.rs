//! Stations, tokens and sessions, as an operator sets them up and finds them again.

use argon2::{Argon2, PasswordHash, PasswordVerifier};
use serde_json::{Value, json};

use super::House;
use super::house::NOW;
use crate::domain::{
    BootInfo, ConnectorState, Ending, Millis, MilliwattHours, Place, Stamp, StationId,
    StationRecord,
};
use crate::store::{Commit, Expect, LastSeen, TokenName};

#[tokio::test]
async fn a_station_is_set_up_before_it_ever_connects() {
    let house = House::open().await;
    let body =
        r#"{"zone":"Europe/Berlin","currency":"EUR","tags":["depot"],"settings":{"max":32.5}}"#;
    let station = house.put("/v1/stations/CS1", body).await.good();
    assert_eq!(station["online"], false);
    assert_eq!(station["has_password"], false);
    assert_eq!(house.get("/v1/stations/CS1").await.good(), station);
    assert_eq!(
        house.get("/v1/stations").await.good(),
        json!({"stations": [station], "next": null})
    );

    let station = house.put("/v1/stations/CS1", r#"{"currency":null}"#).await.good();
    assert_eq!(station["currency"], Value::Null, "null clears");
    assert_eq!(station["zone"], "Europe/Berlin", "what is not named stays");
    assert_eq!(station["settings"].to_string(), r#"{"max":32.5}"#);

    let bad = [
        r#"{"zone":"half past nine"}"#,
        r#"{"currency":"euro"}"#,
        r#"{"tags":[""]}"#,
        r#"{"settings":5}"#,
        r#"{"wanted_protocol":"ocpp9"}"#,
        r#"{"shows_cost":"yes"}"#,
    ];
    for bad in bad {
        house.put("/v1/stations/CS1", bad).await.bad(400);
    }
    assert_eq!(house.get("/v1/stations/CS1").await.good(), station);
}

#[tokio::test]
async fn a_station_shows_what_it_said_of_itself_and_when_it_was_last_seen() {
    let house = House::open().await;
    let id = StationId::new("CS1").unwrap();
    let boot = BootInfo {
        vendor: "Volt".into(),
        model: "V1".into(),
        serial: None,
        firmware: Some("2.0".into()),
        at: NOW,
    };
    let state = ConnectorState {
        status: "Charging".into(),
        error: None,
        info: None,
        at: Millis(NOW.0 + 1),
    };
    let mut commit = Commit::new();
    let record = StationRecord { boot: Some(boot), ..StationRecord::default() };
    commit.put(&id, &record, Expect::Absent);
    commit.put(&(id.clone(), Place::connector(1)), &state, Expect::Absent);
    commit.put(&id, &LastSeen { at: Millis(NOW.0 + 2) }, Expect::Absent);
    house.store.commit(commit).await.unwrap();

    let station = house.get("/v1/stations/CS1").await.good();
    assert_eq!(station["vendor"], "Volt");
    assert_eq!(station["firmware"], "2.0");
    assert_eq!(station["last_seen"], "2026-01-01T00:00:00.002Z");
    assert_eq!(
        station["connectors"],
        json!([{
            "evse": null, "evse": null, "connector": 1, "status": "Charging", "error": null,
            "info": null,
            "at": "2026-01-01T00:00:00.001Z",
        }])
    );
}

#[tokio::test]
async fn a_password_is_kept_as_a_hash_and_never_shown() {
    let house = House::open().await;
    let answer = house.put("/v1/stations/CS1/password", r#"{"password":"correct horse"}"#).await;
    assert_eq!((answer.status.as_u16(), &answer.body), (204, &Value::Null));

    let shown = house.get("/v1/stations/CS1").await.good();
    assert_eq!(shown["has_password"], true);
    assert!(!shown.to_string().contains("horse"));
    assert!(!shown.to_string().contains("argon2"));

    let record = house.store.read::<StationRecord>(&StationId::new("CS1").unwrap()).unwrap();
    let hash = record.unwrap().value.password_hash.unwrap();
    assert!(hash.starts_with("$argon2id$"), "{hash}");
    let hash = PasswordHash::new(&hash).unwrap();
    assert!(Argon2::default().verify_password(b"correct horse", &hash).is_ok());
    assert!(Argon2::default().verify_password(b"correct house", &hash).is_err());

    house.put("/v1/stations/CS1/password", r#"{"password":""}"#).await.bad(400);
    let long = format!(r#"{{"password":"{}"}}"#, "x".repeat(129));
    house.put("/v1/stations/CS1/password", long).await.bad(400);
}

#[tokio::test]
async fn names_in_paths_are_percent_decoded() {
    let house = House::open().await;
    let station = house.put("/v1/stations/CS%201:%C3%A9", "{}").await.good();
    assert_eq!(station["id"], "CS 1:é");
    let card = house.put("/v1/tokens/a%2Fb%3F", "{}").await.good();
    assert_eq!(card["token"], "a/b?");
    assert_eq!(house.get("/v1/tokens").await.good()["tokens"][0]["token"], "A/B?");
    house.put("/v1/stations/a%2Fb", "{}").await.bad(400);
}

#[tokio::test]
async fn a_card_is_known_changed_and_forgotten() {
    let house = House::open().await;
    let body = r#"{"blocked":true,"expires":"2026-06-01T00:00:00+02:00","group":"fleet"}"#;
    let card = house.put("/v1/tokens/04a2b3", body).await.good();
    assert_eq!(card["expires"], "2026-05-31T22:00:00.000Z");

    let card = house.put("/v1/tokens/04A2B3", r#"{"blocked":false,"note":"ours"}"#).await.good();
    assert_eq!(
        card,
        json!({
            "token": "04A2B3", "blocked": false, "expires": "2026-05-31T22:00:00.000Z",
            "group": "fleet", "account": null, "note": "ours",
        }),
        "one card, however it is spelt"
    );
    house.put("/v1/tokens/04A2B3", r#"{"expires":"soon"}"#).await.bad(400);

    assert_eq!(house.delete("/v1/tokens/04a2B3").await.status, 204);
    let (_, message) = house.get("/v1/tokens/04A2B3").await.bad(404);
    assert!(!message.contains("04A2B3"), "{message}");
}

#[tokio::test]
async fn lists_go_on_where_the_page_before_ended() {
    let house = House::open().await;
    for n in 1..=5 {
        house.put(&format!("/v1/stations/CS{n}"), "{}").await.good();
    }
    let mut seen = Vec::new();
    let mut path = "/v1/stations?limit=2".to_owned();
    loop {
        let page = house.get(&path).await.good();
        let stations = page["stations"].as_array().unwrap().clone();
        assert!(stations.len() <= 2);
        seen.extend(stations.iter().map(|station| station["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/stations?limit=2&after={next}");
    }
    assert_eq!(seen, ["CS1", "CS2", "CS3", "CS4", "CS5"]);
}

#[tokio::test]
async fn a_session_shows_energy_times_card_and_who_decided() {
    let house = House::open().await;
    let mut session = house.charging(7, "CS1", "04A2B3C4");
    session.ended = Some(Ending {
        stamp: Stamp::here(Millis(NOW.0 + 60_000)),
        meter_stop: Some(MilliwattHours::from_wh(4_200)),
        reason: Some("Local".into()),
        token: None,
    });
    house.session(&session, "04A2B3C4").await;

    let shown = house.get("/v1/sessions/7").await.good();
    assert_eq!(shown["token"], "04A2B3C4");
    assert_eq!(shown["started"], "2026-01-01T00:00:00.000Z");
    assert_eq!(shown["ended"], "2026-01-01T00:01:00.000Z");
    assert_eq!(shown["reason"], "Local");
    assert_eq!(shown["meter_start_wh"], 1000);
    assert_eq!(shown["meter_stop_wh"], 4200);
    assert_eq!(shown["energy_wh"], 3200);
    assert_eq!(shown["active"], false);
    let decision = &shown["decision"];
    assert_eq!(decision["verdict"], "permit");
    assert_eq!(decision["decided_by"], "rfid-list");
    assert_eq!(decision["version"], "0.1.0");
    assert_eq!(decision["account"], "ACME");
    assert_eq!(decision["opinions"][0]["took_micros"], 12);
    assert_eq!(decision["limits"], Value::Null, "a permit without limits");

    let mut forget = Commit::new();
    forget.delete::<TokenName>(session.token.as_ref().unwrap(), Expect::Any).synced();
    house.store.commit(forget).await.unwrap();
    let shown = house.get("/v1/sessions/7").await.good();
    assert_eq!(shown["token"], Value::Null, "a forgotten card has no name");
    assert_eq!(shown["pseudonym"], session.token.unwrap().to_string());
}

#[tokio::test]
async fn sessions_are_found_by_station_and_by_whether_they_run() {
    let house = House::open().await;
    for id in 1..=6 {
        let mut session = house.charging(id, if id % 2 == 0 { "EVEN" } else { "ODD" }, "CARD");
        if id < 5 {
            session.ended = Some(Ending {
                stamp: Stamp::here(NOW),
                meter_stop: session.meter_start,
                reason: None,
                token: None,
            });
        }
        house.session(&session, "CARD").await;
    }
    assert_eq!(ids(&house, "").await, [6, 5, 4, 3, 2, 1], "newest first");
    assert_eq!(ids(&house, "&station=EVEN").await, [6, 4, 2]);
    assert_eq!(ids(&house, "&active=true").await, [6, 5]);
    assert_eq!(ids(&house, "&active=false").await, [4, 3, 2, 1]);
    assert_eq!(ids(&house, "&station=ODD&active=true").await, [5]);
    assert_eq!(ids(&house, "&station=ODD&active=false").await, [3, 1]);
    assert_eq!(ids(&house, "&station=NOBODY").await, [0; 0]);
    let running = house.get("/v1/sessions/6").await.good();
    assert_eq!(running["energy_wh"].to_string(), "2500.5", "so far");

    house.put("/v1/stations/EVEN", "{}").await.good();
    let station = house.get("/v1/stations/EVEN").await.good();
    let charging = station["charging"].as_array().unwrap();
    assert_eq!(charging.len(), 1);
    assert_eq!(charging[0]["session"], 6);
    assert_eq!(charging[0]["decided_by"], "rfid-list");
    assert_eq!(charging[0]["why"], "on the operator's list");
}

/// All of them, one a page: the hardest way to page.
async fn ids(house: &House, filter: &str) -> Vec<u64> {
    let mut ids = Vec::new();
    let mut after = String::new();
    loop {
        let page = house.get(&format!("/v1/sessions?limit=1&after={after}{filter}")).await.good();
        let sessions = page["sessions"].as_array().unwrap();
        ids.extend(sessions.iter().map(|session| session["id"].as_u64().unwrap()));
        match page["next"].as_str() {
            Some(next) => after = next.to_owned(),
            None => return ids,
        }
    }
}
