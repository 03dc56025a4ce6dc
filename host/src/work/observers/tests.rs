//! Observers over a real store and real guests: every event counted once, whatever happens on the way.
//!
//! The guests keep how many events they were told of and the sum of their numbers, so that one too many or too few
//! shows (`plugins::watchers`).

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::{Observers, Standing, observed};
use crate::admin::tell;
use crate::domain::{
    Fact, FactBody, FactKind, Millis, PluginName, PolicyRecords, Seq, Stamp, StationId, Verdict,
};
use crate::plugins::guests::{PASSES, ask, authorizer};
use crate::plugins::watchers::{COUNT, HANGS, POISONED, counted, counter};
use crate::plugins::{Compiler, Host, HostConfig};
use crate::store::{Commit, Health, MemoryEngine, ObserverCursor, Store};
use crate::work::Rollout;

/// Longer than any of these stories takes on a busy machine.
const AMPLE: Duration = Duration::from_secs(60);

const FROM_START: &str = "from = \"start\"\nkinds = [\"other\", \"disconnected\"]";
const FROM_NOW: &str = "kinds = [\"other\", \"disconnected\"]";

fn name() -> PluginName {
    "counter".parse().unwrap()
}

/// A server as far as plugins go.
struct World {
    store: Store,
    host: Arc<Host>,
    rollout: Arc<Rollout>,
    observers: Observers,
    stop: CancellationToken,
}

impl World {
    /// As it is after a start, with every plugin on record running.
    async fn start(dir: &Path, engine: Arc<MemoryEngine>) -> Self {
        let store = Store::on_engine(engine).unwrap();
        let records: Arc<dyn PolicyRecords> = Arc::new(store.clone());
        let config = HostConfig::in_directory(dir);
        let config = HostConfig { compiler: Compiler::Here, instances: 8, ..config };
        let host = Host::start(config, records).unwrap();
        let rollout = Rollout::new(host.clone(), store.clone(), || Millis(5));
        assert!(rollout.restore().await.unwrap().is_empty());
        let observers = Observers::new(host.clone(), store.clone(), tell);
        Self { store, host, rollout, observers, stop: CancellationToken::new() }
    }

    fn observe(self) -> Self {
        tokio::spawn(self.observers.clone().keep(self.stop.clone()));
        self
    }

    async fn load(&self, component: Vec<u8>) {
        self.rollout.load(name(), Some(component), None).await.unwrap();
    }

    /// Something that observers are told of, on the disk.
    async fn happens(&self, body: FactBody) {
        let station = StationId::new("CS-1").ok();
        let mut commit = Commit::new();
        commit.fact(Fact { station, stamp: Stamp::here(Millis(5)), body }, None).synced();
        self.store.commit(commit).await.unwrap();
    }

    async fn much_happens(&self, times: usize) {
        for _ in 0..times {
            self.happens(ordinary()).await;
        }
    }

    /// Waits until the observer has come to the end of the log as it is now, or the store has failed.
    async fn caught_up(&self) -> Standing {
        let end = *self.store.durable().borrow();
        let mut health = self.store.watch_health();
        let failed = health.wait_for(|health| matches!(health, Health::Failed(_)));
        timeout(AMPLE, async {
            tokio::select! {
                () = self.reached(end) => {}
                _ = failed => {}
            }
        })
        .await
        .expect("the observer caught up in time");
        self.observers.standing(&name()).unwrap_or_else(|| panic!("no observer"))
    }

    /// A swap puts another task in the place of the one that is waited for.
    async fn reached(&self, end: Seq) {
        loop {
            let place = self.observers.crew.place(&name());
            if let Some(mut place) = place
                && place.wait_for(|place| place.seen >= end).await.is_ok()
            {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    fn count(&self) -> (u64, u64) {
        let value = PolicyRecords::state(&self.store, &name(), COUNT).unwrap().value;
        value.map_or((0, 0), |value| counted(&value))
    }

    /// What a count must be that leaves out nothing but `skipped`.
    fn right_count(&self, after: Seq, skipped: &[Seq]) -> (u64, u64) {
        let facts = self.store.facts(after, 1000).unwrap();
        let told = [FactKind::Other, FactKind::Disconnected];
        let told = facts.iter().filter(|fact| told.contains(&fact.fact.body.kind()));
        let told = told.filter(|fact| !skipped.contains(&fact.seq));
        told.fold((0, 0), |(n, sum), fact| (n + 1, sum + fact.seq.0))
    }

    fn now(&self) -> Seq {
        *self.store.durable().borrow()
    }

    async fn stop(self) {
        self.stop.cancel();
        self.store.close().await;
    }
}

fn ordinary() -> FactBody {
    FactBody::Other { action: "Something".to_owned() }
}

fn poison() -> FactBody {
    FactBody::Disconnected { why: "closed".to_owned() }
}

async fn world() -> (World, tempfile::TempDir, Arc<MemoryEngine>) {
    let dir = tempfile::tempdir().unwrap();
    let engine = Arc::new(MemoryEngine::new());
    (World::start(dir.path(), engine.clone()).await.observe(), dir, engine)
}

#[tokio::test]
async fn a_new_observer_begins_with_what_comes_unless_it_asks_for_the_whole_log() {
    let (world, _dir, _) = world().await;
    world.much_happens(3).await;
    let before = world.now();
    world.load(counter("1", "", FROM_NOW)).await;
    world.much_happens(2).await;
    world.caught_up().await;
    assert_eq!(world.count(), world.right_count(before, &[]));
    assert_eq!(world.count().0, 2);

    world.rollout.unload(name()).await.unwrap();
    world.much_happens(2).await;
    world.load(counter("1", "", FROM_START)).await;
    world.caught_up().await;
    assert_eq!(world.count().0, 4, "its cursor stayed with its state");
}

#[tokio::test]
async fn the_whole_log_is_told_once_across_batches_a_swap_and_a_restart() {
    let (world, dir, engine) = world().await;
    world.much_happens(150).await;
    world.load(counter("1", "", FROM_START)).await;
    world.much_happens(30).await;
    world.load(counter("2", "", FROM_START)).await;
    world.much_happens(30).await;
    world.caught_up().await;
    assert_eq!(world.count(), world.right_count(Seq(0), &[]));
    assert!(world.host.plugin(&name()).unwrap().status().calls < 100, "told in batches");
    world.much_happens(3).await;
    world.stop().await;

    let world = World::start(dir.path(), engine).await;
    world.much_happens(4).await;
    let world = world.observe();
    let standing = world.caught_up().await;
    assert_eq!(world.count(), world.right_count(Seq(0), &[]));
    assert_eq!(world.count().0, 217);
    assert_eq!((standing.lag, standing.skipped, standing.trouble), (0, 0, None));
}

#[tokio::test]
async fn an_event_that_it_cannot_bear_is_skipped_and_told_and_every_other_counts_once() {
    let (world, dir, engine) = world().await;
    world.much_happens(5).await;
    world.happens(poison()).await;
    let bad = world.now();
    world.much_happens(7).await;
    world.load(counter("1", POISONED, FROM_START)).await;
    let standing = world.caught_up().await;
    assert_eq!(world.count(), world.right_count(Seq(0), &[bad]));
    assert_eq!((standing.skipped, standing.last_skipped), (1, Some(bad)));
    let failures = world.host.plugin(&name()).unwrap().status().failures;
    let traps = failures.iter().find(|(kind, _)| *kind == "trap").unwrap().1;
    assert!((7..20).contains(&traps), "tried again, and then with fewer: {traps}");
    world.stop().await;

    let world = World::start(dir.path(), engine).await.observe();
    world.happens(ordinary()).await;
    assert_eq!(world.caught_up().await.skipped, 1, "that is not forgotten");
}

#[tokio::test]
async fn a_version_that_is_broken_loses_nothing_when_a_good_one_takes_its_place() {
    let (world, _dir, _) = world().await;
    world.much_happens(100).await;
    world.load(counter("1", "unreachable", FROM_START)).await;
    failing(&world).await;
    let standing = world.observers.standing(&name()).unwrap();
    assert!(standing.lag >= 100, "{standing:?}");
    assert!(standing.trouble.unwrap().contains("trapped"));
    world.load(counter("2", "", FROM_START)).await;
    let standing = world.caught_up().await;
    assert_eq!(world.count(), world.right_count(Seq(0), &[]));
    assert_eq!((standing.lag, standing.skipped, standing.trouble), (0, 0, None));
}

/// Waits until the observer is in trouble.
async fn failing(world: &World) {
    let place = async {
        loop {
            let place = world.observers.crew.place(&name());
            match place {
                Some(mut place) => {
                    place.wait_for(|place| place.trouble.is_some()).await.unwrap();
                    return;
                }
                None => tokio::task::yield_now().await,
            }
        }
    };
    timeout(AMPLE, place).await.expect("the observer failed in time");
}

#[tokio::test]
async fn an_observer_that_hangs_delays_neither_decisions_nor_records() {
    let (world, _dir, _) = world().await;
    world.rollout.load("cards".parse().unwrap(), Some(authorizer(PASSES)), None).await.unwrap();
    world.much_happens(1).await;
    world.load(counter("1", HANGS, FROM_START)).await;
    let hanging = world.host.plugin(&name()).unwrap();
    while hanging.status().instances_busy == 0 {
        tokio::task::yield_now().await;
    }
    let cards = world.host.authorizers();
    let mut longest = Duration::ZERO;
    while hanging.status().calls == 0 {
        let began = Instant::now();
        let (verdict, _) = cards[0].authorize(&ask("04AB"), began + AMPLE).await.result.unwrap();
        assert_eq!(verdict, Verdict::Pass);
        world.happens(ordinary()).await;
        longest = longest.max(began.elapsed());
    }
    assert!(hanging.status().failures.contains(&("cpu-budget", 1)));
    assert!(longest < Duration::from_secs(1), "{longest:?}");
    assert!(world.now().0 > 3, "stations went on while it hung");
}

#[tokio::test]
async fn what_nobody_asked_for_is_passed_over_and_makes_no_lag() {
    let (world, _dir, _) = world().await;
    world.load(counter("1", "", "kinds = [\"booted\"]")).await;
    world.much_happens(20).await;
    let standing = world.caught_up().await;
    assert_eq!((standing.cursor, standing.lag), (world.now(), 0));
    assert_eq!(world.host.plugin(&name()).unwrap().status().calls, 0);
    let saved = world.store.read::<ObserverCursor>(&name()).unwrap().unwrap();
    assert!(saved.value.seq < standing.cursor, "and no commit");
}

#[tokio::test]
async fn the_log_is_kept_for_the_slowest_observer_on_record() {
    let (world, _dir, _) = world().await;
    world.much_happens(3).await;
    assert_eq!(observed(&world.store).unwrap(), world.now(), "nobody observes");
    world.load(counter("1", "unreachable", FROM_START)).await;
    failing(&world).await;
    assert_eq!(observed(&world.store).unwrap(), Seq(0));
    world.load(counter("2", "", FROM_START)).await;
    world.caught_up().await;
    let told = observed(&world.store).unwrap();
    assert!(told >= Seq(3), "{told}");
    world.much_happens(1).await;
    world.load(authorizer(PASSES)).await;
    assert_eq!(observed(&world.store).unwrap(), world.now(), "this version does not observe");
    assert_eq!(world.store.read::<ObserverCursor>(&name()).unwrap(), None);
}

/// Fails the store at its first, second, … step while an observer works, lets the power go in every way in which it
/// can, and starts again.
#[tokio::test]
async fn whenever_the_power_goes_every_event_counts_once() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Arc::new(MemoryEngine::new());
    let world = World::start(dir.path(), engine.clone()).await;
    world.load(counter("1", "", FROM_START)).await;
    world.much_happens(5).await;
    world.stop().await;
    let before = engine;
    let (mut failures, mut worlds) = (0, 0);
    for nth in 1.. {
        let engine = Arc::new(before.crash());
        let world = World::start(dir.path(), engine.clone()).await;
        engine.fail_on_call(nth);
        let world = world.observe();
        world.caught_up().await;
        let failed = engine.has_failed();
        world.stop.cancel();
        for kept in 0..=engine.unsynced() {
            let disk = Arc::new(engine.crash_keeping(kept));
            let after = World::start(dir.path(), disk).await.observe();
            after.caught_up().await;
            assert_eq!(after.count(), after.right_count(Seq(0), &[]), "call {nth}, kept {kept}");
            assert_eq!(after.count().0, 5);
            after.stop().await;
            worlds += 1;
        }
        if !failed {
            break;
        }
        failures += 1;
    }
    assert!(failures >= 4, "reading, asking and writing can fail: {failures}");
    assert!(worlds > failures, "with and without what was not synced: {worlds}");
}
