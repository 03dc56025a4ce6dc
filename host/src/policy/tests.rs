//! The chain of authorisers, over guests that run.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{Defaults, Policies};
use crate::domain::{Decision, Effects, Refusal, Verdict};
use crate::plugins::Host;
use crate::plugins::guests::{
    CANNOT_TELL, PASSES, REFUSES, SPINS, ask, host, name, permits, with_manifest, writes_state,
};

const AMPLE: Duration = Duration::from_secs(20);

/// Loads guests under their names with `hooks.authorizer` settings of their own.
async fn chain(host: &Arc<Host>, guests: &[(&str, &str, &str)]) {
    for (plugin, body, settings) in guests {
        let manifest = format!(
            "name = \"{plugin}\"\nversion = \"1\"\nimports = [\"state\"]\n\
             [hooks.authorizer]\n{settings}"
        );
        let wasm = with_manifest(body, &manifest);
        host.publish(host.prepare(&name(plugin), wasm, "").await.unwrap());
    }
}

async fn decide(host: &Arc<Host>) -> (Decision, Effects) {
    let policies = Policies::new(Arc::clone(host), Defaults::default());
    policies.authorize(&ask("CARD"), Instant::now() + AMPLE).await
}

fn asked(decision: &Decision) -> Vec<&str> {
    decision.opinions.iter().map(|opinion| opinion.plugin.as_str()).collect()
}

#[tokio::test]
async fn authorisers_are_asked_by_priority_then_by_name() {
    let (host, _dir) = host(|_| {});
    let guests = [
        ("b", PASSES, ""),
        ("a", PASSES, ""),
        ("last", &permits(0), "priority = 900"),
        ("first", PASSES, "priority = -1"),
    ];
    chain(&host, &guests).await;
    let (decision, _) = decide(&host).await;
    assert_eq!(asked(&decision), ["first", "a", "b", "last"]);
    assert_eq!(decision.decided_by, Some(name("last")));
    assert_eq!(decision.why, "last 1 permitted it");
}

#[tokio::test]
async fn a_refusal_ends_the_round() {
    let (host, _dir) = host(|_| {});
    let guests = [("a", permits(0)), ("b", REFUSES.to_owned()), ("c", permits(0))];
    let guests: Vec<_> = guests.iter().map(|(n, body)| (*n, body.as_str(), "")).collect();
    chain(&host, &guests).await;
    let (decision, _) = decide(&host).await;
    assert_eq!(asked(&decision), ["a", "b"]);
    assert_eq!(decision.verdict, Verdict::Refuse(Refusal::Blocked));
    assert_eq!(decision.why, "b 1 refused it: blocked");
}

#[tokio::test]
async fn a_failure_counts_as_the_manifest_says_and_is_recorded() {
    for (settings, body, permitted) in [
        ("", "unreachable", false),
        ("on-failure = \"refuse\"", CANNOT_TELL, false),
        ("on-failure = \"pass\"", "unreachable", true),
        ("on-failure = \"permit\"", SPINS, true),
    ] {
        let (host, _dir) = host(|_| {});
        chain(&host, &[("bad", body, settings), ("good", &permits(0), "")]).await;
        let (decision, effects) = decide(&host).await;
        assert_eq!(decision.permit().is_some(), permitted, "{settings}: {decision:?}");
        assert!(decision.opinions[0].failure.is_some(), "{decision:?}");
        assert!(effects.is_empty());
    }
}

#[tokio::test]
async fn one_deadline_covers_the_whole_round() {
    let (host, _dir) = host(|config| config.limits.call_cpu = AMPLE);
    chain(&host, &[("a", SPINS, "on-failure = \"pass\""), ("b", &permits(0), "")]).await;
    let policies = Policies::new(host, Defaults { authorize: Verdict::Pass });
    let deadline = Instant::now() + Duration::from_millis(30);
    let (decision, _) = policies.authorize(&ask("CARD"), deadline).await;
    assert!(decision.opinions[0].failure.is_some(), "{decision:?}");
    assert!(Instant::now() < deadline + AMPLE / 2);
}

#[tokio::test]
async fn the_effects_of_all_who_answered_belong_to_the_decision() {
    let (host, _dir) = host(|_| {});
    let writes = writes_state().replace("(i32.const 4)) (then", "(i32.const 99)) (then");
    chain(&host, &[("a", &writes, ""), ("b", &writes, "")]).await;
    let (_, effects) = decide(&host).await;
    let writers: Vec<_> = effects.writes.iter().map(|write| write.plugin.as_str()).collect();
    assert_eq!((writers, effects.reads.len()), (vec!["a", "b"], 2));
}

#[tokio::test]
async fn a_plugin_is_not_asked_about_stations_that_it_filters_out() {
    let (host, _dir) = host(|_| {});
    let yes = permits(0);
    let guests = [
        ("elsewhere", "unreachable", "[filters]\ntags = [\"marked\"]"),
        ("here", &yes, "[filters]\ntags = [\"depot\"]\nvendors = [\"VENDOR\"]"),
    ];
    chain(&host, &guests).await;
    let (decision, _) = decide(&host).await;
    assert_eq!(asked(&decision), ["here"]);
    assert!(decision.permit().is_some(), "{decision:?}");
    let calls: Vec<_> = host.status().into_iter().map(|plugin| plugin.calls).collect();
    assert_eq!(calls, [0, 1]);

    host.retire(&name("here"));
    let (decision, _) = decide(&host).await;
    assert_eq!(decision.why, "no plugin was asked; refused by default");
}

#[tokio::test]
async fn without_plugins_the_default_answers() {
    let (host, _dir) = host(|_| {});
    let (decision, _) = decide(&host).await;
    assert_eq!(decision.verdict, Verdict::Refuse(Refusal::Unknown));
    assert_eq!(decision.decided_by, None);
}
