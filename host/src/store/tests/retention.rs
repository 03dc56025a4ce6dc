//! What is too old goes, and nothing else.

use crate::domain::Seq;
use crate::store::{Kept, Room, Trimmed};

use super::*;

const ALL: Seq = Seq(u64::MAX);

fn received(at: u64, body: FactBody) -> Fact {
    Fact { station: Some(station("CS1")), stamp: Stamp::here(Millis(at)), body }
}

fn readings() -> FactBody {
    FactBody::MeterValues { place: ONE, session: None, readings: vec![] }
}

fn other() -> FactBody {
    FactBody::Other { action: "DataTransfer".into() }
}

/// Each in a commit of its own, one after the other.
async fn log(store: &Store, facts: impl IntoIterator<Item = (u64, FactBody)>, text: &str) {
    for (at, body) in facts {
        let mut commit = Commit::new();
        commit.fact(received(at, body), Some(text.to_owned()));
        store.commit(commit).await.unwrap();
    }
    settle(store).await;
}

/// All in one commit: their texts share what they are kept in.
async fn log_together(store: &Store, facts: impl IntoIterator<Item = (u64, FactBody)>) {
    let mut commit = Commit::new();
    for (at, body) in facts {
        commit.fact(received(at, body), Some(format!("text of {at}")));
    }
    store.commit(commit).await.unwrap();
    settle(store).await;
}

async fn settle(store: &Store) {
    let mut barrier = Commit::new();
    barrier.synced();
    store.commit(barrier).await.unwrap();
}

/// The places that are taken in the log, and those of them that have their text.
fn kept(store: &Store) -> (Vec<u64>, Vec<u64>) {
    let facts = store.facts(Seq(0), 10_000).unwrap();
    let log = facts.iter().map(|logged| logged.seq.0).collect::<Vec<_>>();
    let last = log.last().copied().unwrap_or(0);
    let has_text = |seq: &u64| store.raw(Seq(*seq)).unwrap().is_some();
    (log, (1..=last).filter(has_text).collect())
}

async fn trim(store: &Store, what: Kept, horizon: u64) -> Trimmed {
    store.trim(what, Millis(horizon), ALL).await.unwrap()
}

#[tokio::test]
async fn texts_readings_and_facts_go_each_at_its_own_age() {
    for ground in [Ground::memory(), Ground::sled()] {
        let store = ground.open();
        let facts =
            [(10, other()), (20, readings()), (30, other()), (40, readings()), (50, other())];
        log(&store, facts, "text").await;

        assert_eq!(trim(&store, Kept::Raw, 40).await.facts, 3);
        assert_eq!(kept(&store), (vec![1, 2, 3, 4, 5], vec![4, 5]));
        assert_eq!(trim(&store, Kept::MeterValues, 41).await.facts, 2);
        assert_eq!(kept(&store), (vec![1, 3, 5], vec![5]));
        assert_eq!(trim(&store, Kept::Log, 30).await.facts, 1);
        assert_eq!(kept(&store), (vec![3, 5], vec![5]));

        for what in Kept::ALL {
            assert_eq!(trim(&store, what, 30).await, Trimmed::default(), "all was done");
        }
    }
}

#[tokio::test]
async fn texts_that_came_together_are_found_one_by_one_and_go_together() {
    for ground in [Ground::memory(), Ground::sled()] {
        let store = ground.open();
        let facts = [(1, other()), (2, readings()), (3, other()), (4, readings()), (5, readings())];
        log_together(&store, facts).await;
        log(&store, [(6, other())], "alone").await;
        let text = |seq| store.raw(Seq(seq)).unwrap();
        for seq in 1..=5 {
            assert_eq!(text(seq), Some(format!("text of {seq}")));
        }
        assert_eq!(text(6).as_deref(), Some("alone"));

        assert_eq!(trim(&store, Kept::Raw, 3).await.facts, 0, "the third shares with the first");
        assert_eq!(trim(&store, Kept::Raw, 4).await.facts, 2);
        assert_eq!(kept(&store), (vec![1, 2, 3, 4, 5, 6], vec![2, 4, 5, 6]));
        assert_eq!(trim(&store, Kept::MeterValues, 6).await.facts, 3);
        assert_eq!(kept(&store), (vec![1, 3, 6], vec![6]));
    }
}

#[tokio::test]
async fn many_long_texts_that_came_together_fill_several_blocks() {
    let store = Ground::sled().open();
    let text = |at: u64| at.to_string().repeat(3000);
    let mut commit = Commit::new();
    for at in 1..=20 {
        commit.fact(received(at, other()), Some(text(at)));
    }
    store.commit(commit).await.unwrap();
    settle(&store).await;
    assert!((1..=20).all(|at| store.raw(Seq(at)).unwrap() == Some(text(at))));
    assert_eq!(trim(&store, Kept::Raw, u64::MAX).await.facts + kept(&store).1.len(), 20);
}

#[tokio::test]
async fn the_newest_fact_stays_and_numbering_goes_on_from_it() {
    for ground in [Ground::memory(), Ground::sled()] {
        let store = ground.open();
        log(&store, [(1, other()), (2, readings()), (3, readings())], "text").await;
        for what in Kept::ALL {
            trim(&store, what, u64::MAX).await;
        }
        assert_eq!(kept(&store), (vec![3], vec![3]));
        store.close().await;

        let store = ground.open();
        log(&store, [(4, other())], "text").await;
        assert_eq!(kept(&store), (vec![3, 4], vec![3, 4]));
        trim(&store, Kept::Log, u64::MAX).await;
        assert_eq!(kept(&store).0, [4]);
    }
}

#[tokio::test]
async fn what_somebody_still_has_to_read_stays() {
    let store = Ground::memory().open();
    log(&store, (1..=5).map(|at| (at, other())), "text").await;
    store.trim(Kept::Log, Millis(100), Seq(2)).await.unwrap();
    assert_eq!(kept(&store).0, [3, 4, 5]);
}

#[tokio::test]
async fn a_young_fact_protects_what_comes_after_it() {
    let store = Ground::memory().open();
    log(&store, [(10, other()), (90, other()), (20, other()), (95, other())], "text").await;
    trim(&store, Kept::Log, 50).await;
    assert_eq!(kept(&store).0, [2, 3, 4], "a clock that jumped deletes nothing early");
}

#[tokio::test]
async fn much_goes_in_small_commits_and_goes_on_after_a_restart() {
    const FACTS: u64 = 1200;
    for ground in [Ground::memory(), Ground::sled()] {
        let mut store = ground.open();
        // Three pieces of text and the fact itself: four keys each.
        log(&store, (1..=FACTS).map(|at| (at, other())), &"x".repeat(10_000)).await;
        let mut commits = 0;
        loop {
            let trimmed = trim(&store, Kept::Log, u64::MAX).await;
            assert!(trimmed.facts <= 250, "{trimmed:?}");
            commits += 1;
            if !trimmed.more {
                break;
            }
            if commits == 2 {
                store.close().await;
                store = ground.open();
            }
        }
        assert_eq!(commits, 5);
        assert_eq!(kept(&store), (vec![FACTS], vec![FACTS]));
    }
}

#[tokio::test]
async fn a_full_disk_does_not_keep_the_old_from_going() {
    let store = Ground::memory().open();
    log(&store, (1..=3).map(|at| (at, other())), "text").await;
    store.set_room(Room::Exhausted);
    assert_eq!(trim(&store, Kept::Log, 100).await.facts, 2);
}
