//! What holds on every engine. A new engine is done when it passes these.

use std::collections::HashSet;

use crate::domain::{
    Effects, FactBody, IdToken, MeterReading, PolicyRecords as _, Sample, Seq, Versioned,
};
use crate::store::{
    All, Batch, CommitError, Conflict, Engine, KeyRange, OpenSession, StationSession, Table,
    Unstorable,
};

use super::*;
use crate::store::engine::Order;
use crate::store::sled_engine::SledEngine;

macro_rules! on_both_engines {
    ($($story:ident),* $(,)?) => {
        mod memory {
            $(#[tokio::test] async fn $story() { super::$story(&super::Ground::memory()).await; })*
        }
        mod sled {
            $(#[tokio::test] async fn $story() { super::$story(&super::Ground::sled()).await; })*
        }
    };
}

on_both_engines!(
    a_conflict_changes_nothing_and_harms_nobody_else,
    what_is_put_if_absent_is_put_once,
    a_delete_minds_its_expectation,
    effects_are_refused_when_what_they_read_has_changed,
    writers_of_one_record_lose_no_update,
    the_log_has_no_gaps_across_a_reopen,
    a_revision_never_comes_back,
    session_numbers_are_unique_across_a_reopen,
    pages_run_both_ways_and_go_on_where_they_stopped,
    long_texts_and_long_facts_come_back_whole,
    a_token_keeps_its_pseudonym_however_it_is_spelt,
    a_plugin_finds_its_own_keys_only,
    what_is_too_large_is_refused_with_all_that_came_with_it,
    a_closed_store_takes_nothing_and_still_reads,
);

async fn a_conflict_changes_nothing_and_harms_nobody_else(ground: &Ground) {
    let store = ground.open();
    let first = store.commit(put("A", 1, Expect::Absent)).await.unwrap();

    let mut stale = put("A", 2, Expect::Revision(first.revisions[0] + 7));
    stale.fact(synced("lost"), Some("{}".into())).put(&station("B"), &seen(2), Expect::Any);
    let (stale, good) = (store.commit(stale), store.commit(put("C", 3, Expect::Any)));
    assert_eq!(stale.await, Err(CommitError::Conflict(Conflict::Record)));
    good.await.unwrap();

    assert_eq!((at(&store, "A"), at(&store, "B"), at(&store, "C")), (Some(1), None, Some(3)));
    assert_eq!(store.facts(Seq(0), 10).unwrap(), []);
    let next = store.commit(put("A", 4, Expect::Revision(first.revisions[0]))).await.unwrap();
    assert!(next.revisions[0] > first.revisions[0]);
}

async fn what_is_put_if_absent_is_put_once(ground: &Ground) {
    let store = ground.open();
    // Both are queued before either is served, so they may share a group.
    let (one, two) =
        (store.commit(put("A", 1, Expect::Absent)), store.commit(put("A", 2, Expect::Absent)));
    one.await.unwrap();
    assert_eq!(two.await, Err(CommitError::Conflict(Conflict::Record)));
    assert_eq!(at(&store, "A"), Some(1));
}

async fn a_delete_minds_its_expectation(ground: &Ground) {
    let store = ground.open();
    let revision = store.commit(put("A", 1, Expect::Any)).await.unwrap().revisions[0];
    let delete = |expect| {
        let mut commit = Commit::new();
        commit.delete::<LastSeen>(&station("A"), expect);
        store.commit(commit)
    };
    let refused = Err(CommitError::Conflict(Conflict::Record));
    assert_eq!(delete(Expect::Revision(revision + 1)).await, refused);
    assert_eq!(at(&store, "A"), Some(1));
    delete(Expect::Revision(revision)).await.unwrap();
    assert_eq!(at(&store, "A"), None);
    delete(Expect::Any).await.unwrap();
    assert_eq!(delete(Expect::Revision(revision)).await, refused, "it is gone");
}

async fn effects_are_refused_when_what_they_read_has_changed(ground: &Ground) {
    let store = ground.open();
    let wallet = plugin("wallet");
    // Two calls read the same empty wallet; both want to write what they made of it.
    let spend = |rest: &[u8]| {
        let effects = Effects {
            reads: vec![state_read("card", 0)],
            writes: vec![state_write("card", Some(b"draft")), state_write("card", Some(rest))],
            ..Effects::default()
        };
        let mut commit = Commit::new();
        commit.fact(synced("spent"), None).effects(effects);
        store.commit(commit)
    };
    let (first, second) = (spend(b"70"), spend(b"40"));
    first.await.unwrap();
    assert_eq!(second.await, Err(CommitError::Conflict(Conflict::Effects)));
    let kept = store.state(&wallet, "card").unwrap();
    assert_eq!(kept.value.as_deref(), Some(&b"70"[..]), "the last write of a call wins");

    let mut again = Commit::new();
    again.effects(Effects {
        reads: vec![state_read("card", kept.revision), state_read("other", 0)],
        writes: vec![state_write("card", None)],
        ..Effects::default()
    });
    let receipt = store.commit(again).await.unwrap();
    assert!(receipt.revisions.is_empty(), "only puts of the core are counted");
    assert_eq!(store.state(&wallet, "card").unwrap(), Versioned { value: None, revision: 0 });
}

async fn writers_of_one_record_lose_no_update(ground: &Ground) {
    const WRITERS: u64 = 8;
    const ROUNDS: u64 = 10;
    let store = ground.open();
    let count = async |store: Store| {
        for _ in 0..ROUNDS {
            loop {
                let before = store.read::<LastSeen>(&station("A")).unwrap();
                let (n, revision) = before.map_or((0, 0), |seen| (seen.value.at.0, seen.revision));
                match store.commit(put("A", n + 1, Expect::Revision(revision))).await {
                    Ok(_) => break,
                    Err(CommitError::Conflict(Conflict::Record)) => {}
                    Err(other) => panic!("{other}"),
                }
            }
        }
    };
    futures_util::future::join_all((0..WRITERS).map(|_| count(store.clone()))).await;
    assert_eq!(at(&store, "A"), Some(WRITERS * ROUNDS));
}

async fn the_log_has_no_gaps_across_a_reopen(ground: &Ground) {
    let store = ground.open();
    let mut commit = Commit::new();
    commit.fact(soft("one"), None).fact(soft("two"), Some("text".into()));
    assert_eq!(store.commit(commit).await.unwrap().seqs, [Seq(1), Seq(2)]);
    store.close().await;

    let store = ground.open();
    assert_eq!(*store.durable().borrow(), Seq(2), "what was soft is on the disk once closed");
    let mut commit = Commit::new();
    commit.fact(synced("three"), None);
    assert_eq!(store.commit(commit).await.unwrap().seqs, [Seq(3)]);
    let facts = store.facts(Seq(0), 10).unwrap();
    let seqs: Vec<_> = facts.iter().map(|logged| logged.seq.0).collect();
    assert_eq!(seqs, [1, 2, 3]);
    assert_eq!(facts[2].fact, synced("three"));
    assert_eq!(store.facts(Seq(1), 1).unwrap()[0].seq, Seq(2));
    assert_eq!(store.facts(Seq(3), 10).unwrap(), []);
    assert_eq!(store.facts(Seq(u64::MAX), 10).unwrap(), []);
    assert_eq!(store.raw(Seq(2)).unwrap().as_deref(), Some("text"));
    assert_eq!(store.raw(Seq(1)).unwrap(), None);
}

async fn a_revision_never_comes_back(ground: &Ground) {
    let mut revisions = HashSet::new();
    for round in 0..3 {
        let store = ground.open();
        for _ in 0..3 {
            let receipt = store.commit(put("A", round, Expect::Any)).await.unwrap();
            assert!(revisions.insert(receipt.revisions[0]), "{revisions:?}");
            let read = store.read::<LastSeen>(&station("A")).unwrap().unwrap();
            assert_eq!(read.revision, receipt.revisions[0]);
            let mut delete = Commit::new();
            delete.delete::<LastSeen>(&station("A"), Expect::Revision(read.revision));
            store.commit(delete).await.unwrap();
        }
        store.close().await;
    }
}

async fn session_numbers_are_unique_across_a_reopen(ground: &Ground) {
    let mut numbers = HashSet::new();
    for _ in 0..3 {
        let store = ground.open();
        let many = (0..250).map(|_| store.allocate_session());
        for number in futures_util::future::join_all(many).await {
            assert!(numbers.insert(number.unwrap().get()));
        }
        store.close().await;
    }
    assert_eq!(numbers.len(), 750);
    assert!(numbers.contains(&1));
}

async fn pages_run_both_ways_and_go_on_where_they_stopped(ground: &Ground) {
    let store = ground.open();
    let mut commit = Commit::new();
    for name in ["A", "A1", "B"] {
        for id in 1..=5 {
            commit.put(&(station(name), session(id)), &StationSession {}, Expect::Any);
            let open = OpenSession { session: session(id) };
            commit.put(&(station(name), Place::connector(id % 2), session(id)), &open, Expect::Any);
        }
    }
    store.commit(commit).await.unwrap();

    let (a, ids) = (station("A"), |after: Option<u32>, order, limit| {
        let after = after.map(|id| (station("A"), session(id)));
        let page = store.page::<StationSession>(&station("A"), after.as_ref(), order, limit);
        page.unwrap().iter().map(|((_, id), _)| id.get()).collect::<Vec<_>>()
    });
    assert_eq!(ids(None, Order::Ascending, 3), [1, 2, 3]);
    assert_eq!(ids(Some(3), Order::Ascending, 3), [4, 5]);
    assert_eq!(ids(None, Order::Descending, 2), [5, 4]);
    assert_eq!(ids(Some(4), Order::Descending, 9), [3, 2, 1]);
    assert!(ids(Some(5), Order::Ascending, 9).is_empty());

    let all = store.page::<StationSession>(All, None, Order::Ascending, 99).unwrap();
    assert_eq!(all.len(), 15);
    let odd = store.page::<OpenSession>((&a, &ONE), None, Order::Ascending, 9).unwrap();
    assert_eq!(odd.iter().map(|(key, _)| key.2.get()).collect::<Vec<_>>(), [1, 3, 5]);
}

async fn long_texts_and_long_facts_come_back_whole(ground: &Ground) {
    let reading = MeterReading {
        at: Some(Millis(1)),
        samples: vec![Sample {
            value: "230.1".into(),
            measurand: Some("Voltage".into()),
            unit: None,
            phase: None,
            context: None,
            location: None,
            multiplier: None,
        }],
    };
    let long =
        fact(FactBody::MeterValues { place: ONE, session: None, readings: vec![reading; 2000] });
    // Cut in the middle of a letter again and again.
    let text = "ü€".repeat(40_000);
    let store = ground.open();
    let mut commit = Commit::new();
    commit.fact(long.clone(), Some(text.clone())).fact(soft("empty"), Some(String::new())).synced();
    store.commit(commit).await.unwrap();
    let facts = store.facts(Seq(0), 10).unwrap();
    assert_eq!(facts[0].fact, long);
    assert_eq!(facts[1].fact, soft("empty"));
    assert_eq!(store.raw(Seq(1)).unwrap(), Some(text));
    assert_eq!(store.raw(Seq(2)).unwrap(), Some(String::new()));
}

async fn a_token_keeps_its_pseudonym_however_it_is_spelt(ground: &Ground) {
    let token = |text| IdToken::new(text).unwrap();
    let store = ground.open();
    let name = store.pseudonym(&token("04a2b3"));
    assert_eq!(name, store.pseudonym(&token("04A2B3")));
    assert_ne!(name, store.pseudonym(&token("04A2B4")));
    assert_eq!(name.0.len(), 32);
    store.close().await;
    assert_eq!(ground.open().pseudonym(&token("04A2B3")), name);
    assert_ne!(Ground::memory().open().pseudonym(&token("04A2B3")), name, "each store has its key");
}

async fn a_plugin_finds_its_own_keys_only(ground: &Ground) {
    let store = ground.open();
    let other = plugin("wallet-2");
    let mut writes: Vec<_> =
        ["a/1", "a/2", "a/2\0x", "a/3", "b/1"].map(|key| state_write(key, Some(b"v"))).into();
    writes.push(StateWrite { plugin: other.clone(), key: "a/9".into(), value: Some(vec![]) });
    let mut commit = Commit::new();
    commit.effects(Effects { writes, ..Effects::default() });
    store.commit(commit).await.unwrap();

    let wallet = plugin("wallet");
    let keys = |prefix, after, limit| store.state_keys(&wallet, prefix, after, limit).unwrap();
    assert_eq!(keys("a/", None, 9), ["a/1", "a/2", "a/2\0x", "a/3"]);
    assert_eq!(keys("a/", Some("a/2"), 1), ["a/2\0x"]);
    assert_eq!(keys("", Some("a/3"), 9), ["b/1"]);
    assert_eq!(keys("b/", Some("a/1"), 9), ["b/1"]);
    assert_eq!(store.state(&other, "a/9").unwrap().value, Some(vec![]));
}

async fn what_is_too_large_is_refused_with_all_that_came_with_it(ground: &Ground) {
    let store = ground.open();
    let mut commit = put("A", 1, Expect::Any);
    let value = vec![0; 61 * 1024];
    commit
        .effects(Effects { writes: vec![state_write("big", Some(&value))], ..Effects::default() });
    let refused = store.commit(commit).await.unwrap_err();
    assert!(
        matches!(
            refused,
            CommitError::Unstorable(Unstorable::TooLarge { what: Table::PluginState, .. })
        ),
        "{refused}"
    );
    assert_eq!(at(&store, "A"), None);
}

async fn a_closed_store_takes_nothing_and_still_reads(ground: &Ground) {
    let store = ground.open();
    let last = store.commit(put("A", 1, Expect::Any));
    store.clone().close().await;
    last.await.unwrap();
    assert_eq!(store.commit(put("A", 2, Expect::Any)).await, Err(CommitError::Unavailable));
    assert_eq!(at(&store, "A"), Some(1));
}

#[test]
fn every_engine_keeps_the_four_promises_of_the_trait() {
    let dir = tempfile::tempdir().unwrap();
    keeps_the_promises(&MemoryEngine::new());
    keeps_the_promises(&SledEngine::open(dir.path()).unwrap());
}

fn keeps_the_promises(engine: &dyn Engine) {
    let mut batch = Batch::default();
    for key in [b"a", b"b", b"c", b"d"] {
        batch.put(key.to_vec(), vec![key[0]; 3]);
    }
    batch.delete(b"d".to_vec());
    batch.delete(b"absent".to_vec());
    engine.apply(batch).unwrap();
    assert_eq!(engine.get(b"a").unwrap(), Some(b"aaa".to_vec()));
    assert_eq!(engine.get(b"d").unwrap(), None, "the last word on a key counts");

    let keys = |start: &[u8], end: &[u8], order, limit| {
        let range = KeyRange { start: start.to_vec(), end: end.to_vec() };
        let pairs = engine.scan(&range, order, limit).unwrap();
        String::from_utf8(pairs.into_iter().flat_map(|(key, _)| key).collect()).unwrap()
    };
    assert_eq!(keys(b"a", b"c", Order::Ascending, 9), "ab", "with the start, without the end");
    assert_eq!(keys(b"a", b"z", Order::Descending, 2), "cb");
    assert_eq!(keys(b"a\0", b"z", Order::Ascending, 1), "b");
    assert_eq!(keys(b"c", b"a", Order::Ascending, 9), "", "an empty range is no error");
    engine.sync().unwrap();
}
