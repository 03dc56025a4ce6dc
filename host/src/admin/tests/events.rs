//! The live stream: resumable, in order, never ahead of the disk.

use std::time::Duration;

use futures_util::{Stream, StreamExt};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::House;
use super::house::{NOW, permitted};
use crate::admin::tell;
use crate::admin::views::{EventBody, EventView, VerdictView};
use crate::domain::{
    Fact, FactBody, IdToken, LoggedFact, MilliwattHours, Pseudonym, Purpose, Seq, Stamp,
};
use crate::store::{Commit, Expect, TokenName};

/// Nothing here takes as long; a test that hangs fails.
const PATIENCE: Duration = Duration::from_secs(20);

fn sent(action: &str) -> FactBody {
    FactBody::Other { action: action.into() }
}

/// The `data:` of a stream's events, as they come.
async fn follow(house: &House, query: &str) -> impl Stream<Item = Value> + Unpin {
    let path = format!("/v1/events{query}");
    let response = house.request(Method::GET, &path).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut text = String::new();
    let pieces = response.bytes_stream().flat_map(move |piece| {
        text.push_str(std::str::from_utf8(&piece.unwrap()).unwrap());
        let complete = text.rfind('\n').map_or(0, |end| end + 1);
        let lines: Vec<_> = text.drain(..complete).collect::<String>().lines().map(data).collect();
        futures_util::stream::iter(lines.into_iter().flatten())
    });
    Box::pin(pieces)
}

fn data(line: &str) -> Option<Value> {
    line.strip_prefix("data: ").map(|data| serde_json::from_str(data).unwrap())
}

async fn next(events: &mut (impl Stream<Item = Value> + Unpin)) -> Option<Value> {
    timeout(PATIENCE, events.next()).await.expect("an event or the end")
}

#[tokio::test]
async fn one_event_is_shown_with_the_text_that_the_station_sent() {
    let house = House::open().await;
    house.happens("CS1", sent("First")).await;
    let text = r#"[2,"1","NotifyReport",{"seqNo":0}]"#;
    let fact =
        Fact { station: "CS1".parse().ok(), stamp: Stamp::here(NOW), body: sent("NotifyReport") };
    let mut commit = Commit::new();
    commit.fact(fact, Some(text.to_owned())).synced();
    house.store.commit(commit).await.unwrap();
    let shown = house.get("/v1/events/2").await.good();
    assert_eq!((&shown["event"]["seq"], &shown["text"]), (&json!(2), &json!(text)));
    assert_eq!(house.get("/v1/events/1").await.good()["text"], Value::Null);
    for missing in ["0", "3"] {
        let (code, _) = house.get(&format!("/v1/events/{missing}")).await.bad(404);
        assert_eq!(code, "event-not-found");
    }
    house.get("/v1/events/first").await.bad(400);
}

#[tokio::test]
async fn a_reader_gets_what_happens_from_then_on() {
    let house = House::open().await;
    house.happens("CS1", sent("Before")).await;
    let mut events = follow(&house, "").await;
    house.happens("CS1", sent("First")).await;
    house.happens("CS2", sent("Second")).await;
    let first = next(&mut events).await.unwrap();
    assert_eq!(first["data"]["action"], "First");
    assert_eq!(first["kind"], "other");
    assert_eq!(first["station"], "CS1");
    assert_eq!(first["at"], "2026-01-01T00:00:00.000Z");
    assert_eq!(next(&mut events).await.unwrap()["data"]["action"], "Second");
}

#[tokio::test]
async fn a_reader_goes_on_where_it_was() {
    let house = House::open().await;
    for n in 1..=250 {
        house.happens("CS1", sent(&format!("A{n}"))).await;
    }
    let all: Vec<_> = follow(&house, "?follow=false").await.collect().await;
    assert_eq!(all.len(), 250, "several batches");
    let seq = all[9]["seq"].as_u64().unwrap();

    let rest: Vec<_> = follow(&house, &format!("?after={seq}&follow=false")).await.collect().await;
    assert_eq!(rest, all[10..]);
    let few: Vec<_> = follow(&house, &format!("?after={seq}&limit=2")).await.collect().await;
    assert_eq!(few, all[10..12], "a limit ends the stream too");

    let last = all[9]["seq"].to_string();
    let request = house.request(Method::GET, "/v1/events?after=0&follow=false");
    let text = request.header("last-event-id", last).send().await.unwrap().text().await.unwrap();
    let resumed: Vec<_> = text.lines().filter_map(data).collect();
    assert_eq!(resumed, all[10..], "what a browser saw last counts more than its first request");
    assert!(text.starts_with(&format!("id: {seq}\n\n")), "{}", &text[..40]);
}

#[tokio::test]
async fn nobody_sees_a_fact_that_is_not_on_the_disk() {
    let house = House::open().await;
    house.happens("CS1", sent("OnDisk")).await;
    let mut events = follow(&house, "?after=0").await;
    assert_eq!(next(&mut events).await.unwrap()["data"]["action"], "OnDisk");

    house.engine.hold_syncs();
    let mut commit = Commit::new();
    let fact = Fact { station: None, stamp: Stamp::here(NOW), body: sent("Held") };
    commit.fact(fact, None).synced();
    let committed = tokio::spawn(house.store.commit(commit));
    let engine = house.engine.clone();
    tokio::task::spawn_blocking(move || engine.wait_for_held_sync()).await.unwrap();
    assert!(timeout(Duration::from_millis(100), events.next()).await.is_err(), "not yet");
    let so_far: Vec<_> = follow(&house, "?follow=false").await.collect().await;
    assert_eq!(so_far.len(), 1);

    house.engine.release_syncs();
    committed.await.unwrap().unwrap();
    assert_eq!(next(&mut events).await.unwrap()["data"]["action"], "Held");
}

#[tokio::test]
async fn a_decision_names_its_plugin_and_the_card_by_its_end_only() {
    let house = House::open().await;
    let token = IdToken::new("04A2B3C4D5").unwrap();
    let name = house.store.pseudonym(&token);
    let mut commit = Commit::new();
    commit.put(&name, &TokenName { token }, Expect::Any).synced();
    house.store.commit(commit).await.unwrap();
    let asked = FactBody::AuthorizeAsked {
        token: name,
        purpose: Purpose::Authorize,
        decision: permitted(),
    };
    house.happens("CS1", asked).await;
    let stranger = FactBody::TransactionEnded {
        session: "3".parse().unwrap(),
        meter: Some(MilliwattHours(1)),
        energy: MilliwattHours::from_wh(5),
        reason: None,
    };
    house.happens("CS1", stranger).await;

    let events: Vec<_> = follow(&house, "?follow=false").await.collect().await;
    assert_eq!(events[0]["token_hint"], "…C4D5");
    assert!(!events[0].to_string().contains("04A2B3C4D5"));
    assert_eq!(events[0]["data"]["decision"]["version"], "0.1.0");
    assert_eq!(events[1]["data"]["energy_wh"], 5);
    assert_eq!(events[1]["data"]["meter_wh"].to_string(), "0.001");

    let typed: EventView = serde_json::from_value(events[0].clone()).unwrap();
    let EventBody::AuthorizeAsked { decision, .. } = typed.body().unwrap() else {
        panic!("{typed:?}");
    };
    assert_eq!(decision.verdict, VerdictView::Permit);
}

#[tokio::test]
async fn streams_end_when_the_server_stops() {
    let house = House::open().await;
    let mut events = follow(&house, "").await;
    house.stopping.cancel();
    assert_eq!(next(&mut events).await, None);
}

#[tokio::test]
async fn there_are_only_so_many_streams() {
    let house = House::open().await;
    let mut open = Vec::new();
    let refused = loop {
        let response = house.request(Method::GET, "/v1/events").send().await.unwrap();
        match response.status().is_success() {
            true => open.push(response),
            false => break super::house::Answer::of(response).await,
        }
        assert!(open.len() <= 1000, "no end to it");
    };
    assert_eq!(refused.bad(429).0, "too-much-at-once");
    assert_eq!(open.len(), 64);
}

#[test]
fn an_event_of_a_kind_from_the_future_can_still_be_shown() {
    let text = r#"{"seq":1,"station":null,"at":"2026-01-01T00:00:00Z","received":"2026-01-01T00:00:00Z",
        "token_hint":null,"kind":"beamed-up","data":{"by":"Scotty"}}"#;
    let event: EventView = serde_json::from_str(text).unwrap();
    assert!(event.body().unwrap_err().to_string().contains("beamed-up"));
}

#[test]
fn every_number_survives_the_way_to_the_reader_and_back() {
    let fact = LoggedFact {
        seq: Seq(u64::MAX),
        fact: Fact {
            station: None,
            stamp: Stamp::here(NOW),
            body: FactBody::TransactionStarted {
                session: "2147483647".parse().unwrap(),
                place: crate::domain::Place::connector(2),
                token: Some(Pseudonym("ab".into())),
                meter: Some(MilliwattHours(-1_234_567)),
                decision: Some(permitted()),
            },
        },
    };
    let sent = serde_json::to_string(&EventView::of(fact, None).unwrap()).unwrap();
    let got: EventView = serde_json::from_str(&sent).unwrap();
    assert_eq!(got.seq.0, u64::MAX);
    let EventBody::TransactionStarted { session, meter_wh, .. } = got.body().unwrap() else {
        panic!("{got:?}");
    };
    assert_eq!((session.get(), meter_wh.unwrap().0.0), (2_147_483_647, -1_234_567));
}

#[test]
fn an_observer_is_told_what_the_stream_shows() {
    let body = FactBody::OrphanStop {
        transaction: "-1".to_owned(),
        meter: MilliwattHours(1_500),
        reason: None,
    };
    let kind = serde_json::to_value(body.kind()).unwrap();
    let fact = Fact { station: None, stamp: Stamp::here(NOW), body };
    let told = tell(LoggedFact { seq: Seq(7), fact }).unwrap();
    assert_eq!((told.seq, &told.kind), (Seq(7), &"orphan-stop".to_owned()));
    assert_eq!(kind, told.kind, "manifests name kinds as events do");
    let data: Value = serde_json::from_str(&told.data).unwrap();
    assert_eq!(data, json!({ "transaction": "-1", "meter_wh": 1.5, "reason": null }));
}
