//! The host's story, told by guests that behave and guests that do not.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::guests::{
    HOARDS, PASSES, Records, SPINS, ask, at, authorizer, host, host_in, host_over, module, name,
    permits, reads_state, traps_at, with_lifecycle, with_manifest, writes_state,
};
use super::inspect::MANIFEST_SECTION;
use super::instance::IDLE_FOR;
use super::{CallError, Host, HostConfig, LoadError, PackError, Plugin, inspect, pack};
use crate::domain::{Digest, PluginVersion, Verdict};

/// Longer than any of these calls takes on a busy machine.
const AMPLE: Duration = Duration::from_secs(20);

async fn load(host: &Host, wasm: Vec<u8>) -> Arc<Plugin> {
    let prepared = host.prepare(&name("guest"), wasm, "").await.unwrap();
    host.publish(prepared);
    host.plugin(&name("guest")).unwrap()
}

async fn ask_about(plugin: &Plugin, token: &str) -> Result<Verdict, CallError> {
    let answer = plugin.authorize(&ask(token), Instant::now() + AMPLE).await.result;
    answer.map(|(verdict, _)| verdict)
}

/// How many calls the instance has had that answered, and the number of the guest.
async fn calls_and_number(plugin: &Plugin) -> (u64, u64) {
    match ask_about(plugin, "ok").await.unwrap() {
        Verdict::Permit(permit) => {
            (permit.limits.max_mwh.unwrap(), permit.limits.max_seconds.unwrap())
        }
        other => panic!("{other:?}"),
    }
}

fn idle(plugin: &Plugin) -> usize {
    plugin.status().instances_idle
}

#[tokio::test]
async fn an_instance_serves_many_calls_and_is_replaced_after_its_share() {
    let (host, _dir) = host(|config| config.limits.calls_per_instance = 3.try_into().unwrap());
    let plugin = load(&host, authorizer(&permits(7))).await;
    let mut seen = Vec::new();
    for _ in 0..5 {
        seen.push(calls_and_number(&plugin).await);
    }
    assert_eq!(seen, [(1, 7), (2, 7), (3, 7), (1, 7), (2, 7)]);
}

#[tokio::test]
async fn one_call_an_instance_gives_every_call_a_fresh_one() {
    let (host, _dir) = host(|config| config.limits.calls_per_instance = 1.try_into().unwrap());
    let plugin = load(&host, authorizer(&permits(0))).await;
    for _ in 0..3 {
        assert_eq!(calls_and_number(&plugin).await.0, 1);
        assert_eq!(idle(&plugin), 0);
    }
}

#[tokio::test]
async fn a_trap_discards_the_instance_and_the_next_call_gets_a_fresh_one() {
    let (host, _dir) = host(|_| {});
    let plugin = load(&host, authorizer(&traps_at(4))).await;
    assert_eq!(calls_and_number(&plugin).await.0, 1);
    assert_eq!(calls_and_number(&plugin).await.0, 2);
    let error = ask_about(&plugin, "trap").await.unwrap_err();
    assert!(matches!(&error, CallError::Trap(why) if why.contains("unreachable")), "{error}");
    assert_eq!(idle(&plugin), 0);
    assert_eq!(calls_and_number(&plugin).await.0, 1);
}

#[tokio::test]
async fn a_guest_that_spins_is_stopped_by_its_cpu_budget() {
    let (host, _dir) = host(|_| {});
    let plugin = load(&host, authorizer(SPINS)).await;
    let error = timeout(AMPLE, ask_about(&plugin, "x")).await.unwrap().unwrap_err();
    assert_eq!(error, CallError::CpuBudget(Duration::from_millis(20)));
    assert_eq!(idle(&plugin), 0);
}

#[tokio::test]
async fn a_guest_that_spins_leaves_the_runtimes_timers_alone() {
    let (host, _dir) = host(|config| config.limits.call_cpu = AMPLE);
    let plugin = load(&host, authorizer(SPINS)).await;
    let began = Instant::now();
    let error =
        plugin.authorize(&ask("x"), began + Duration::from_millis(30)).await.result.unwrap_err();
    assert_eq!(error, CallError::Deadline);
    assert!(began.elapsed() < AMPLE / 2, "took {:?}", began.elapsed());
}

#[tokio::test]
async fn a_guest_that_hoards_memory_is_told_so() {
    let (host, _dir) = host(|config| config.limits.memory = 4 << 20);
    let plugin = load(&host, authorizer(HOARDS)).await;
    assert_eq!(ask_about(&plugin, "x").await, Err(CallError::Memory(4 << 20)));
}

#[tokio::test]
async fn a_call_that_nobody_waits_for_any_more_takes_its_instance_with_it() {
    let (host, _dir) = host(|config| config.limits.call_cpu = AMPLE);
    let plugin = load(&host, authorizer(&(at(4, SPINS) + &permits(0)))).await;
    assert_eq!(calls_and_number(&plugin).await.0, 1);
    let abandoned = timeout(Duration::from_millis(20), ask_about(&plugin, "spin")).await;
    assert!(abandoned.is_err());
    assert_eq!((idle(&plugin), plugin.status().instances_busy), (0, 0));
    assert_eq!(calls_and_number(&plugin).await.0, 1);
}

#[tokio::test]
async fn calls_wait_for_an_instance_until_their_deadline_and_no_longer() {
    let (host, _dir) = host(|config| {
        config.limits.call_cpu = AMPLE;
        config.limits.instances = 1.try_into().unwrap();
    });
    let plugin = load(&host, authorizer(&(at(4, SPINS) + &permits(0)))).await;
    let busy = tokio::spawn({
        let plugin = Arc::clone(&plugin);
        async move { ask_about(&plugin, "spin").await }
    });
    while plugin.status().instances_busy == 0 {
        tokio::task::yield_now().await;
    }
    let soon = Instant::now() + Duration::from_millis(20);
    assert_eq!(plugin.authorize(&ask("x"), soon).await.result.unwrap_err(), CallError::Saturated);
    busy.abort();
    assert_eq!(calls_and_number(&plugin).await.0, 1);
}

#[tokio::test]
async fn after_a_burst_idle_instances_give_their_places_to_other_plugins() {
    let (host, _dir) = host(|config| config.instances = 2);
    let plugin = load(&host, authorizer(PASSES)).await;
    let deadline = Instant::now() + AMPLE;
    let one = plugin.pool.lend(&plugin.blueprint, deadline).await.unwrap();
    let other = plugin.pool.lend(&plugin.blueprint, deadline).await.unwrap();
    for lease in [one, other] {
        lease.settle(Ok(Ok(Ok(())))).unwrap();
    }
    assert_eq!(idle(&plugin), 2);
    let full = host.prepare(&name("other"), authorizer(PASSES), "").await.err().unwrap();
    assert!(matches!(full, LoadError::Failed { error: CallError::Saturated, .. }), "{full}");

    host.retire_idle_at(Instant::now() + IDLE_FOR / 2);
    assert_eq!(idle(&plugin), 2, "not yet");
    host.retire_idle_at(Instant::now() + IDLE_FOR);
    assert_eq!(idle(&plugin), 1, "one stays warm");
    assert!(host.prepare(&name("other"), authorizer(PASSES), "").await.is_ok());
}

#[tokio::test]
async fn a_plugin_that_keeps_trapping_is_not_asked_for_a_while() {
    let (host, _dir) = host(|_| {});
    let plugin = load(&host, authorizer("unreachable")).await;
    for _ in 0..5 {
        assert!(matches!(ask_about(&plugin, "x").await, Err(CallError::Trap(_))));
    }
    assert_eq!(ask_about(&plugin, "x").await, Err(CallError::BreakerOpen));
    let status = plugin.status();
    assert_eq!((status.breaker, status.calls), ("open", 6));
    assert!(status.failures.contains(&("trap", 5)), "{status:?}");
    assert!(status.failures.contains(&("breaker-open", 1)), "{status:?}");
}

#[tokio::test]
async fn a_good_version_is_asked_at_once_after_a_bad_one() {
    let (host, _dir) = host(|_| {});
    let bad = load(&host, authorizer("unreachable")).await;
    for _ in 0..6 {
        ask_about(&bad, "x").await.unwrap_err();
    }
    let good = load(&host, authorizer(&permits(2))).await;
    assert_eq!(calls_and_number(&good).await, (1, 2));
}

// A second worker, since the call under way keeps the first one waiting.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_under_way_end_on_the_version_they_began_with() {
    let dir = tempfile::tempdir().unwrap();
    let records = Arc::new(Records::default());
    let host = host_over(records.clone(), dir.path(), |_| {});
    let manifest = "name = \"guest\"\nversion = \"1\"\nimports = [\"state\"]";
    let old = load(&host, with_manifest(&reads_state(1), manifest)).await;
    let (open, gate) = mpsc::channel();
    *records.gate.lock().unwrap() = Some(gate);
    let under_way = tokio::spawn({
        let authorizers = host.authorizers();
        async move { calls_and_number(&authorizers[0]).await }
    });
    while old.status().instances_busy == 0 {
        tokio::task::yield_now().await;
    }
    let new = load(&host, authorizer(&permits(2))).await;
    assert_eq!(old.status().instances_busy, 1, "still under way");
    assert_eq!(calls_and_number(&new).await, (1, 2));
    drop(open);
    assert_eq!(under_way.await.unwrap(), (1, 1));
}

#[tokio::test]
async fn a_replaced_version_is_freed_when_its_last_call_has_ended() {
    let (host, _dir) = host(|_| {});
    let old = Arc::downgrade(&load(&host, authorizer(&permits(1))).await);
    let holding_on = host.authorizers();
    load(&host, authorizer(&permits(2))).await;
    assert!(old.upgrade().is_some(), "a call may hold it");
    drop(holding_on);
    assert!(old.upgrade().is_none());
    assert!(host.retire(&name("guest")));
    assert!(!host.retire(&name("guest")));
    assert!(host.status().is_empty() && host.authorizers().is_empty());
}

#[tokio::test]
async fn a_kept_version_comes_back_with_its_settings_and_without_its_file() {
    let (host, dir) = host(|_| {});
    let first = load(&host, authorizer(&permits(1))).await.version().clone();
    load(&host, authorizer(&permits(2))).await;
    let back = host.prepare_kept(&name("guest"), &first).await.unwrap();
    assert_eq!(back.version(), &first);
    host.publish(back);
    assert_eq!(calls_and_number(&host.plugin(&name("guest")).unwrap()).await, (1, 1));

    // And after a restart, which finds the compiled code, too.
    drop(host);
    let host = host_in(dir.path(), |config| {
        config.compiler = super::Compiler::Child { exe: "/no/compiler/needed".into() };
    });
    host.publish(host.prepare_kept(&name("guest"), &first).await.unwrap());
    let unknown = PluginVersion { digest: Digest("0".repeat(64)), ..first };
    let error = host.prepare_kept(&name("guest"), &unknown).await.err().unwrap();
    assert!(matches!(error, LoadError::NotKept(_)), "{error}");
}

#[tokio::test]
async fn compiled_code_that_does_not_fit_is_made_again() {
    let (host, dir) = host(|_| {});
    let version = load(&host, authorizer(&permits(1))).await.version().clone();
    let compiled = std::fs::read_dir(dir.path().join("plugins/compiled")).unwrap();
    for file in compiled {
        // Another file under the same name: the old one is mapped, and being run.
        let path = file.unwrap().path();
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, b"not machine code").unwrap();
    }
    assert!(host.prepare_kept(&name("guest"), &version).await.is_ok());
}

#[tokio::test]
async fn refused_settings_leave_the_version_in_service_alone() {
    let (host, dir) = host(|_| {});
    load(&host, with_lifecycle(&permits(1), "1")).await;
    let next = with_lifecycle(&permits(2), "2");
    let error = host.prepare(&name("guest"), next, r#"{"a": 1}"#).await.err().unwrap();
    assert_eq!(error.to_string(), "the plugin refuses its settings: blocked");
    assert_eq!(calls_and_number(&host.plugin(&name("guest")).unwrap()).await, (1, 1));
    let kept = std::fs::read_dir(dir.path().join("plugins/components")).unwrap();
    assert_eq!(kept.count(), 1, "the file that was of no use is not kept");

    let error = host.prepare(&name("guest"), authorizer(PASSES), "[]").await.err().unwrap();
    assert!(matches!(error, LoadError::Settings(_)), "{error}");
}

#[tokio::test]
async fn a_new_version_takes_over_the_state_and_hands_it_to_the_commit() {
    let (host, _dir) = host(|_| {});
    let first = host.prepare(&name("guest"), with_lifecycle(&permits(1), "1"), "").await.unwrap();
    assert!(first.effects().is_empty() && first.replaces().is_none());
    host.publish(first);
    let next = host.prepare(&name("guest"), with_lifecycle(&permits(2), "2"), "").await.unwrap();
    assert_eq!(next.replaces().map(|v| v.version.as_str()), Some("1"));
    let writes = &next.effects().writes;
    assert_eq!(writes.len(), 1);
    assert_eq!((writes[0].key.as_str(), writes[0].value.as_deref()), ("blocked", Some(&b"1"[..])));
}

#[tokio::test]
async fn what_a_call_did_to_its_state_comes_with_the_answer_or_not_at_all() {
    let (host, _dir) = host(|_| {});
    let manifest = "name = \"guest\"\nversion = \"1\"\nimports = [\"state\"]";
    let plugin = load(&host, with_manifest(&writes_state(), manifest)).await;
    let deadline = Instant::now() + AMPLE;
    let (_, effects) = plugin.authorize(&ask("ok"), deadline).await.result.unwrap();
    assert_eq!((effects.reads.len(), effects.writes.len()), (1, 1));
    assert_eq!((effects.reads[0].key.as_str(), effects.reads[0].revision), ("blocked", 0));
    assert_eq!(effects.writes[0].value.as_deref(), Some(&b"b"[..]));
    let (_, again) = plugin.authorize(&ask("ok"), deadline).await.result.unwrap();
    assert_eq!(again, effects, "nothing is left over from the call before");
    assert!(plugin.authorize(&ask("trap"), deadline).await.result.is_err());
}

#[tokio::test]
async fn an_import_must_be_asked_for_and_granted() {
    let asks_not = "name = \"guest\"\nversion = \"1\"\nimports = [\"log\"]";
    let core = module(
        r#"(import "plugpoint:plugin/clock@0.1.0" "now-ms" (func $now (result i64)))"#,
        "(drop (call $now)) (i32.const 1024)",
        "",
    );
    let error = pack(&core, &asks_not.parse().unwrap()).unwrap_err();
    assert!(matches!(error, PackError::NotAsked { .. }));
    assert!(error.to_string().contains("imports = [\"log\", \"clock\"]"), "{error}");

    let (host, _dir) = host(|config| config.grants.clear());
    let asks = "name = \"guest\"\nversion = \"1\"\nimports = [\"clock\"]";
    let wasm = pack(&core, &asks.parse().unwrap()).unwrap().wasm;
    let error = host.prepare(&name("guest"), wasm, "").await.err().unwrap();
    assert!(error.to_string().contains("`clock`, which this server does not grant"), "{error}");
}

#[tokio::test]
async fn files_that_are_no_plugins_are_refused_with_advice() {
    let (host, _dir) = host(|_| {});
    let core = module("", PASSES, "");
    let engine = super::engine::compiling().unwrap();
    let compiled = engine.precompile_component(&authorizer(PASSES)).unwrap();
    let bare = wat::parse_str("(component)").unwrap();
    let foreign = wat::parse_str(
        r#"(component (import "wasi:cli/environment@0.2.0" (instance (export "e" (func)))))"#,
    );
    let mut foreign = foreign.unwrap();
    append_manifest(&mut foreign);
    let mut hookless = bare.clone();
    append_manifest(&mut hookless);
    for (wasm, told) in [
        (b"#!/bin/sh".to_vec(), "no WebAssembly component"),
        (core, "plugin build"),
        (compiled, "machine code"),
        (bare, "no manifest"),
        (foreign, "wasi:cli/environment@0.2.0"),
        (hookless, "answers no question"),
    ] {
        let error = host.prepare(&name("guest"), wasm, "").await.err().unwrap();
        assert!(error.to_string().contains(told), "{error}");
    }
}

fn append_manifest(wasm: &mut Vec<u8>) {
    use wasm_encoder::{ComponentSection as _, CustomSection};
    let data = b"name = \"guest\"\nversion = \"1\"".as_slice();
    let name = MANIFEST_SECTION.into();
    CustomSection { name, data: data.into() }.append_to_component(wasm);
}

#[test]
fn a_plugin_tells_what_it_wants_before_any_of_it_runs() {
    let manifest = "name = \"guest\"\nversion = \"1\"\nimports = [\"state\", \"log\"]";
    let seen = inspect(&with_manifest(&writes_state(), manifest)).unwrap();
    assert_eq!(seen.manifest.name, name("guest"));
    assert_eq!(seen.imports, [super::Capability::State].into(), "what it really uses");
    assert_eq!(seen.hooks, [super::Hook::Authorizer].into());
    assert!(!seen.lifecycle);
    assert_eq!(seen.digest.0.len(), 64);
}

#[tokio::test]
async fn the_engines_places_are_shared_and_a_plugin_too_many_is_told() {
    let (host, _dir) = host(|config: &mut HostConfig| config.instances = 1);
    load(&host, authorizer(PASSES)).await;
    let error = host.prepare(&name("other"), authorizer(PASSES), "").await.err().unwrap();
    let saturated = LoadError::Failed { step: "starting", error: CallError::Saturated };
    assert_eq!(error.to_string(), saturated.to_string());
}
