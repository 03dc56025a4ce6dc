//! Rollouts over a real store and a real plugin host: what survives what.

use std::path::Path;
use std::sync::Arc;

use super::{Rollout, RolloutError};
use crate::domain::{Millis, OrderedHook, PluginChange, PluginName, PolicyRecords};
use crate::plugins::guests::{PASSES, REFUSES, with_lifecycle, with_manifest};
use crate::plugins::{Compiler, Host, HostConfig, LoadError};
use crate::store::{MemoryEngine, PluginRecord, Store};

fn cards() -> PluginName {
    "cards".parse().unwrap()
}

/// A host as it is after a start: nothing runs.
fn host(dir: &Path, store: &Store) -> Arc<Host> {
    let records: Arc<dyn PolicyRecords> = Arc::new(store.clone());
    let config = HostConfig::in_directory(dir);
    Host::start(HostConfig { compiler: Compiler::Here, instances: 8, ..config }, records).unwrap()
}

fn rollout(dir: &Path, store: &Store) -> Arc<Rollout> {
    Rollout::new(host(dir, store), store.clone(), || Millis(5))
}

fn running(rollout: &Rollout) -> Vec<(String, String)> {
    let status = rollout.status().into_iter();
    status.map(|plugin| (plugin.name.to_string(), plugin.version)).collect()
}

fn is(name: &str, version: &str) -> (String, String) {
    (name.to_owned(), version.to_owned())
}

#[tokio::test]
async fn after_a_restart_the_same_versions_run_and_the_same_rollback_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::on_engine(Arc::new(MemoryEngine::new())).unwrap();
    let before = rollout(dir.path(), &store);
    for version in ["1", "2"] {
        let component = with_lifecycle(PASSES, version);
        before.load(cards(), Some(component), None).await.unwrap();
    }
    before.load("other".parse().unwrap(), Some(with_lifecycle(REFUSES, "7")), None).await.unwrap();

    let after = rollout(dir.path(), &store);
    assert!(after.restore().await.unwrap().is_empty());
    assert_eq!(running(&after), [is("cards", "2"), is("other", "7")]);
    let back = after.roll_back(cards()).await.unwrap();
    assert_eq!(back.change, PluginChange::RolledBack);
    assert_eq!(running(&after), [is("cards", "1"), is("other", "7")]);
}

#[tokio::test]
async fn one_plugin_that_cannot_be_restored_keeps_no_other_from_running() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::on_engine(Arc::new(MemoryEngine::new())).unwrap();
    let before = rollout(dir.path(), &store);
    let lost = before.load(cards(), Some(with_lifecycle(PASSES, "1")), None).await.unwrap();
    before.load("other".parse().unwrap(), Some(with_lifecycle(REFUSES, "7")), None).await.unwrap();
    let lost = lost.record.active.digest;
    remove_files(dir.path(), &lost.0);

    let after = rollout(dir.path(), &store);
    let unrestored = after.restore().await.unwrap();
    assert_eq!(unrestored.len(), 1);
    assert_eq!(unrestored[0].name, cards());
    assert!(matches!(unrestored[0].error, RolloutError::Load(LoadError::NotKept(_))));
    assert_eq!(running(&after), [is("other", "7")]);
    assert!(after.records().unwrap().len() == 2, "it stays on record, to be loaded again");
}

fn remove_files(dir: &Path, digest: &str) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            remove_files(&path, digest);
        } else if path.to_str().unwrap().contains(digest) {
            std::fs::remove_file(path).unwrap();
        }
    }
}

#[tokio::test]
async fn a_version_answers_only_once_it_is_on_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Arc::new(MemoryEngine::new());
    let store = Store::on_engine(engine.clone()).unwrap();
    let rollout = rollout(dir.path(), &store);
    rollout.load(cards(), Some(with_lifecycle(PASSES, "1")), None).await.unwrap();

    engine.hold_syncs();
    let loading = tokio::spawn({
        let rollout = rollout.clone();
        async move { rollout.load(cards(), Some(with_lifecycle(PASSES, "2")), None).await }
    });
    let held = engine.clone();
    tokio::task::spawn_blocking(move || held.wait_for_held_sync()).await.unwrap();
    assert_eq!(running(&rollout), [is("cards", "1")]);
    engine.release_syncs();
    loading.await.unwrap().unwrap();
    assert_eq!(running(&rollout), [is("cards", "2")]);
}

#[tokio::test]
async fn whichever_step_of_the_store_fails_the_old_version_goes_on_answering() {
    let mut failures = 0;
    for nth in 1.. {
        let dir = tempfile::tempdir().unwrap();
        let engine = Arc::new(MemoryEngine::new());
        let store = Store::on_engine(engine.clone()).unwrap();
        let rollout = rollout(dir.path(), &store);
        rollout.load(cards(), Some(with_lifecycle(PASSES, "1")), None).await.unwrap();

        engine.fail_on_call(nth);
        let swap = rollout.load(cards(), Some(with_lifecycle(PASSES, "2")), None).await;
        if swap.is_ok() {
            break;
        }
        failures += 1;
        assert!(engine.has_failed());
        assert_eq!(running(&rollout), [is("cards", "1")], "when call {nth} fails");
    }
    assert!(failures >= 3, "reading, writing and syncing can fail: {failures}");
}

#[tokio::test]
async fn a_change_goes_on_when_whoever_asked_for_it_hangs_up() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Arc::new(MemoryEngine::new());
    let store = Store::on_engine(engine.clone()).unwrap();
    let rollout = rollout(dir.path(), &store);

    engine.hold_syncs();
    let asking = tokio::spawn({
        let rollout = rollout.clone();
        async move { rollout.load(cards(), Some(with_lifecycle(PASSES, "1")), None).await }
    });
    let held = engine.clone();
    tokio::task::spawn_blocking(move || held.wait_for_held_sync()).await.unwrap();
    asking.abort();
    assert!(asking.await.unwrap_err().is_cancelled());
    engine.release_syncs();

    // The next change waits for its turn, so it sees what the first one did.
    let next = rollout.load(cards(), Some(with_lifecycle(PASSES, "2")), None).await.unwrap();
    assert_eq!(next.change, PluginChange::Swapped);
    assert_eq!(next.record.previous.unwrap().version, "1");
}

#[tokio::test]
async fn files_that_nothing_goes_back_to_are_removed() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::on_engine(Arc::new(MemoryEngine::new())).unwrap();
    let rollout = rollout(dir.path(), &store);
    let mut digests = Vec::new();
    for version in ["1", "2", "3"] {
        let loaded = rollout.load(cards(), Some(with_lifecycle(PASSES, version)), None).await;
        digests.push(loaded.unwrap().record.active.digest.0);
    }
    let kept = |digest: &str| count_files(dir.path(), digest) > 0;
    assert!(!kept(&digests[0]));
    assert!(kept(&digests[1]) && kept(&digests[2]));

    rollout.unload(cards()).await.unwrap();
    assert!(!kept(&digests[1]) && !kept(&digests[2]));
    assert!(store.read::<PluginRecord>(&cards()).unwrap().is_none());
}

#[tokio::test]
async fn a_disabled_plugin_stays_out_of_service_across_a_restart_and_a_load_until_it_is_enabled() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::on_engine(Arc::new(MemoryEngine::new())).unwrap();
    let before = rollout(dir.path(), &store);
    before.load(cards(), Some(with_lifecycle(PASSES, "1")), None).await.unwrap();
    assert_eq!(before.disable(cards()).await.unwrap().change, PluginChange::Disabled);
    assert_eq!(running(&before), []);

    let after = rollout(dir.path(), &store);
    assert!(after.restore().await.unwrap().is_empty(), "it was not to run");
    assert_eq!(running(&after), []);
    after.load(cards(), Some(with_lifecycle(PASSES, "2")), None).await.unwrap();
    assert_eq!(running(&after), [], "a load makes no operator's word undone");
    assert!(after.disable(cards()).await.is_ok(), "twice is no error");

    after.enable(cards()).await.unwrap();
    assert_eq!(running(&after), [is("cards", "2")]);
    after.roll_back(cards()).await.unwrap();
    assert_eq!(running(&after), [is("cards", "1")]);
}

/// What the guest's `migrate` writes: the version whose state it was told to take over.
fn migrated_from(store: &Store) -> Option<String> {
    let value = PolicyRecords::state(store, &cards(), "blocked").unwrap().value;
    value.map(|bytes| String::from_utf8(bytes).unwrap())
}

#[tokio::test]
async fn a_plugin_that_comes_back_takes_over_the_state_that_its_last_version_left() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::on_engine(Arc::new(MemoryEngine::new())).unwrap();
    let rollout = rollout(dir.path(), &store);
    rollout.load(cards(), Some(with_lifecycle(PASSES, "1")), None).await.unwrap();
    rollout.unload(cards()).await.unwrap();
    rollout.load(cards(), Some(with_lifecycle(PASSES, "1")), None).await.unwrap();
    assert_eq!(migrated_from(&store), None, "the same version has nothing to take over");
    rollout.unload(cards()).await.unwrap();
    rollout.load(cards(), Some(with_lifecycle(PASSES, "2")), None).await.unwrap();
    assert_eq!(migrated_from(&store).as_deref(), Some("1"));

    rollout.disable(cards()).await.unwrap();
    rollout.load(cards(), Some(with_lifecycle(PASSES, "3")), None).await.unwrap();
    assert_eq!(migrated_from(&store).as_deref(), Some("2"), "also while it is disabled");
}

fn asked(rollout: &Rollout) -> Vec<String> {
    let order = rollout.order(OrderedHook::Authorizer).unwrap();
    order.asked.iter().map(|asked| asked.plugin.to_string()).collect()
}

#[tokio::test]
async fn the_operators_order_holds_over_priorities_restarts_and_reloads() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::on_engine(Arc::new(MemoryEngine::new())).unwrap();
    let before = rollout(dir.path(), &store);
    let name = |name: &str| name.parse::<PluginName>().unwrap();
    for (plugin, priority) in [("a", 1), ("b", 2), ("c", 3)] {
        let hook = format!("[hooks.authorizer]\npriority = {priority}");
        let manifest = format!("name = \"guest\"\nversion = \"1\"\n{hook}");
        before.load(name(plugin), Some(with_manifest(PASSES, &manifest)), None).await.unwrap();
    }
    assert_eq!(asked(&before), ["a", "b", "c"]);
    let round = before.host.authorizers();
    let hook = OrderedHook::Authorizer;
    before.set_order(hook, vec![name("c"), name("b")]).await.unwrap();
    assert_eq!(asked(&before), ["c", "b", "a"]);
    assert_eq!(round[0].name(), &name("a"), "a round that has begun keeps its order");

    let after = rollout(dir.path(), &store);
    after.restore().await.unwrap();
    assert_eq!(asked(&after), ["c", "b", "a"]);
    after.unload(name("c")).await.unwrap();
    assert_eq!(asked(&after), ["b", "a"]);
    after.set_order(hook, vec![]).await.unwrap();
    assert_eq!(asked(&after), ["a", "b"]);
}

#[tokio::test]
async fn an_order_that_cannot_be_meant_is_refused_with_the_name() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::on_engine(Arc::new(MemoryEngine::new())).unwrap();
    let rollout = rollout(dir.path(), &store);
    rollout.load(cards(), Some(with_lifecycle(PASSES, "1")), None).await.unwrap();
    let told = |hook, order: &[&str]| {
        let order = order.iter().map(|name| name.parse().unwrap()).collect();
        let refused = rollout.set_order(hook, order);
        async move { refused.await.unwrap_err().to_string() }
    };
    let authorizer = OrderedHook::Authorizer;
    assert!(told(authorizer, &["cards", "cards"]).await.contains("'cards' is named twice"));
    assert!(told(authorizer, &["nobody"]).await.contains("no plugin 'nobody'"));
    let tariff = told(OrderedHook::Tariff, &["cards"]).await;
    assert!(tariff.contains("'cards' does not answer the hook tariff"), "{tariff}");
    assert_eq!(rollout.order(authorizer).unwrap().order, []);
}

fn count_files(dir: &Path, digest: &str) -> usize {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(|path| match path.is_dir() {
            true => count_files(&path, digest),
            false => usize::from(path.to_str().unwrap().contains(digest)),
        })
        .sum()
}
