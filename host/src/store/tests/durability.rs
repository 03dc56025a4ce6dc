//! What is on the disk when somebody was told so, and what happens when the engine fails. On the memory engine,
//! because only that one can be told when to fail.

use futures_util::FutureExt as _;

use crate::domain::{Durability, Effects, Seq};
use crate::store::{
    Batch, CommitError, EngineError, Health, KeyRange, MAX_RAW, Order, Pair, Receipt, Room,
    StoreError,
};

use super::*;

#[tokio::test]
async fn a_synced_commit_is_answered_after_the_sync_and_not_before() {
    let engine = Arc::new(MemoryEngine::new());
    let store = on(&engine);
    engine.hold_syncs();
    let mut commit = put("A", 1, Expect::Any);
    commit.fact(synced("one"), Some("text".into()));
    let mut answer = Box::pin(store.commit(commit));
    engine.wait_for_held_sync();

    assert_eq!(at(&store, "A"), Some(1), "visible");
    assert_eq!(answer.as_mut().now_or_never(), None, "and nobody was told that it is durable");
    assert_eq!(*store.durable().borrow(), Seq(0));
    assert_eq!(store.facts(Seq(0), 10).unwrap(), []);
    assert_eq!(store.raw(Seq(1)).unwrap(), None);

    engine.release_syncs();
    assert_eq!(answer.await.unwrap().seqs, [Seq(1)]);
    assert_eq!(*store.durable().borrow(), Seq(1));
    assert_eq!(store.facts(Seq(0), 10).unwrap().len(), 1);
}

#[tokio::test]
async fn a_soft_commit_is_answered_at_once_and_reaches_the_disk_by_itself() {
    let engine = Arc::new(MemoryEngine::new());
    let store = on(&engine);
    let mut durable = store.durable();
    engine.hold_syncs();
    let mut commit = Commit::new();
    commit.fact(soft("status"), None);
    assert_eq!(commit.durability(), Durability::Soft);
    assert_eq!(store.commit(commit).await.unwrap().seqs, [Seq(1)]);
    assert_eq!((*durable.borrow(), engine.unsynced()), (Seq(0), 1));
    engine.release_syncs();
    durable.changed().await.unwrap();
    assert_eq!((*durable.borrow(), engine.unsynced()), (Seq(1), 0));
}

#[tokio::test]
async fn an_empty_synced_commit_is_a_barrier() {
    let engine = Arc::new(MemoryEngine::new());
    let store = on(&engine);
    engine.hold_syncs();
    store.commit(put("A", 1, Expect::Any)).await.unwrap();
    let mut barrier = Commit::new();
    barrier.synced();
    let barrier = store.commit(barrier);
    assert_eq!(engine.unsynced(), 1);
    engine.release_syncs();
    assert_eq!(barrier.await, Ok(Receipt::default()));
    assert_eq!(engine.unsynced(), 0);
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_crash_and_nothing_is_torn() {
    for kept in 0..40 {
        let engine = Arc::new(MemoryEngine::new());
        let store = on(&engine);
        let mut acknowledged = Acknowledged::default();
        for n in 1..=30 {
            let is_synced = (n * 7 + kept) % 11 == 0;
            acknowledged.note(n, is_synced, store.commit(twins(n, is_synced)).await);
        }
        let kept = usize::try_from(kept).unwrap().min(engine.unsynced());
        acknowledged.check(&on(&Arc::new(engine.crash_keeping(kept))));
    }
}

/// Two records of the same content, and a fact.
fn twins(n: u64, is_synced: bool) -> Commit {
    let name = n.to_string();
    let mut commit = put("left", n, Expect::Any);
    commit.put(&station("right"), &seen(n), Expect::Any);
    commit.fact(if is_synced { synced(&name) } else { soft(&name) }, Some(name.clone()));
    commit
}

/// What the store has promised.
#[derive(Default)]
struct Acknowledged {
    /// The newest commit whose answer said "on the disk".
    synced: u64,
    sessions: Vec<u32>,
}

impl Acknowledged {
    fn note(&mut self, n: u64, is_synced: bool, answer: Result<Receipt, CommitError>) {
        match answer {
            Ok(receipt) => {
                assert_eq!(receipt.seqs, [Seq(n)]);
                if is_synced {
                    self.synced = n;
                }
            }
            Err(error) => assert_eq!(error, CommitError::Unavailable),
        }
    }

    /// Nothing promised is missing, nothing is torn, and the log has no gaps.
    fn check(&self, store: &Store) {
        let last = at(store, "left").unwrap_or(0);
        assert_eq!(last, at(store, "right").unwrap_or(0), "both or none");
        assert!(last >= self.synced, "{last} is older than the promised {}", self.synced);
        let facts = store.facts(Seq(0), 1000).unwrap();
        assert_eq!(facts.len() as u64, last, "each commit has its fact");
        for (n, logged) in (1..).zip(&facts) {
            assert_eq!(logged.seq, Seq(n));
            assert_eq!(store.raw(Seq(n)).unwrap(), Some(n.to_string()));
        }
    }
}

#[tokio::test]
async fn whichever_call_fails_the_records_agree_with_what_was_acknowledged() {
    let mut failures = 0;
    for n in 1.. {
        let engine = Arc::new(MemoryEngine::new());
        engine.fail_on_call(n);
        let acknowledged = run_until_it_fails(&engine).await;
        let failed = engine.has_failed();
        failures += u32::from(failed);
        // What a failed engine has put on the disk is its own affair, as long as it is a beginning.
        for kept in 0..=engine.unsynced() {
            let disk = Arc::new(engine.crash_keeping(kept));
            let store = on(&disk);
            acknowledged.check(&store);
            let fresh = store.allocate_session().await.unwrap().get();
            assert!(!acknowledged.sessions.contains(&fresh), "call {n}: {fresh} was handed out");
        }
        if !failed {
            break;
        }
    }
    assert!(failures > 20, "the script has more calls than {failures}");
}

async fn run_until_it_fails(engine: &Arc<MemoryEngine>) -> Acknowledged {
    let mut acknowledged = Acknowledged::default();
    let Ok(store) = Store::on_engine(engine.clone()) else {
        return acknowledged;
    };
    for n in 1..=9 {
        let is_synced = n % 3 == 0;
        acknowledged.note(n, is_synced, store.commit(twins(n, is_synced)).await);
        if let Ok(id) = store.allocate_session().await {
            acknowledged.sessions.push(id.get());
        }
        let mut checked = Commit::new();
        checked.effects(Effects { reads: vec![state_read("k", 0)], ..Effects::default() }).synced();
        let _ = store.commit(checked).await;
    }
    store.close().await;
    acknowledged
}

#[tokio::test]
async fn after_a_failed_sync_the_store_promises_nothing_any_more() {
    let engine = Arc::new(MemoryEngine::new());
    let store = on(&engine);
    let mut health = store.watch_health();
    assert_eq!(store.health(), Health::Serving);
    // The commit has no check, so its calls are apply and sync.
    engine.fail_on_call(2);
    let mut commit = Commit::new();
    commit.fact(synced("one"), None);
    assert_eq!(store.commit(commit).await, Err(CommitError::Unavailable));
    let failed = health.wait_for(|health| *health != Health::Serving).await.unwrap().clone();
    assert!(matches!(&failed, Health::Failed(error) if error.during == "sync"), "{failed:?}");

    // The engine would do it now; the store must not ask it again.
    assert_eq!(store.commit(put("A", 1, Expect::Any)).await, Err(CommitError::Unavailable));
    assert_eq!(engine.unsynced(), 1);
    assert_eq!(*store.durable().borrow(), Seq(0));
    assert_eq!(store.health(), failed);
}

#[tokio::test]
async fn an_engine_that_fails_a_reader_gets_no_more_writes() {
    let engine = Arc::new(MemoryEngine::new());
    let store = on(&engine);
    engine.fail_on_call(1);
    store.read::<LastSeen>(&station("A")).unwrap_err();
    assert!(matches!(store.health(), Health::Failed(_)));
    assert_eq!(store.commit(put("A", 1, Expect::Any)).await, Err(CommitError::Unavailable));
    assert_eq!(at(&store, "A"), None);
}

#[tokio::test]
async fn little_room_is_kept_for_what_matters_and_no_room_for_what_makes_room() {
    let store = on(&Arc::new(MemoryEngine::new()));
    store.commit(put("A", 1, Expect::Any)).await.unwrap();
    let of = |fact: Fact| {
        let mut commit = Commit::new();
        commit.fact(fact, None);
        store.commit(commit)
    };
    let delete = || {
        let mut commit = Commit::new();
        commit.delete::<LastSeen>(&station("A"), Expect::Any);
        store.commit(commit)
    };
    let barrier = || {
        let mut commit = Commit::new();
        commit.synced();
        store.commit(commit)
    };

    store.set_room(Room::Low);
    assert_eq!(of(soft("status")).await, Err(CommitError::NoSpace));
    assert_eq!(store.commit(put("A", 2, Expect::Any)).await, Err(CommitError::NoSpace));
    of(synced("stop")).await.unwrap();
    delete().await.unwrap();

    store.set_room(Room::Exhausted);
    assert_eq!(of(synced("stop")).await, Err(CommitError::NoSpace));
    assert_eq!(store.allocate_session().await, Err(StoreError::NoSpace));
    delete().await.unwrap();
    barrier().await.unwrap();

    store.set_room(Room::Ample);
    of(soft("status")).await.unwrap();
    assert_eq!(store.facts(Seq(0), 10).unwrap().len(), 1, "the last one is not on the disk yet");
    barrier().await.unwrap();
    assert_eq!(store.facts(Seq(0), 10).unwrap().len(), 2);
}

/// Panics when it is to apply anything after it was opened.
struct Panicking {
    calm: MemoryEngine,
    opened: std::sync::atomic::AtomicBool,
}

impl Engine for Panicking {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        self.calm.get(key)
    }

    fn scan(&self, range: &KeyRange, order: Order, limit: usize) -> Result<Vec<Pair>, EngineError> {
        self.calm.scan(range, order, limit)
    }

    fn apply(&self, batch: Batch) -> Result<(), EngineError> {
        assert!(!self.opened.load(std::sync::atomic::Ordering::Relaxed), "an engine's own bug");
        self.calm.apply(batch)
    }

    fn sync(&self) -> Result<(), EngineError> {
        self.opened.store(true, std::sync::atomic::Ordering::Relaxed);
        self.calm.sync()
    }
}

#[tokio::test]
async fn an_engine_that_panics_shows_in_the_health() {
    let engine = Panicking { calm: MemoryEngine::new(), opened: false.into() };
    let store = Store::on_engine(Arc::new(engine)).unwrap();
    let mut health = store.watch_health();
    assert_eq!(store.commit(put("A", 1, Expect::Any)).await, Err(CommitError::Unavailable));
    health.wait_for(|health| matches!(health, Health::Failed(_))).await.unwrap();
    assert_eq!(store.commit(put("A", 1, Expect::Any)).await, Err(CommitError::Unavailable));
}

#[tokio::test]
async fn a_flood_is_turned_away_at_the_door_and_what_was_let_in_is_served() {
    let engine = Arc::new(MemoryEngine::new());
    let store = on(&engine);
    engine.hold_syncs();
    let text = "x".repeat(MAX_RAW);
    let flood: Vec<_> = (0..80)
        .map(|_| {
            let mut commit = Commit::new();
            commit.fact(synced("flood"), Some(text.clone()));
            store.commit(commit)
        })
        .collect();
    engine.release_syncs();
    let answers = futures_util::future::join_all(flood).await;
    let (served, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert!(served.len() >= 60 && !refused.is_empty(), "{} served", served.len());
    assert!(refused.iter().all(|answer| *answer == Err(CommitError::Overloaded)));
    assert_eq!(store.facts(Seq(0), 99).unwrap().len(), served.len());
    store.commit(put("A", 1, Expect::Any)).await.unwrap();
}
