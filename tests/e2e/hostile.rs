//! A policy for a few marked stations loops, hoards memory, recurses, talks nonsense and traps, while those and all
//! other stations go on showing cards.
//!
//! With `PLUGPOINT_HOSTILE_SAMPLES=10000` (a quiet machine and three minutes wanted) the other stations show that many
//! cards for every misbehaviour, before, during and after it, and the story holds the server to what they may feel.

mod load;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::process::Command;

use crate::support::{Server, Start, guest};
use load::{Answers, Crowd};

const CARD: &str = "GOOD-CARD";

/// Stations that the hostile policy is asked about, and those that are none of its business.
const MARKED: usize = 10;
const UNMARKED: usize = 30;

/// Cards that a station shows in one phase, unless the environment wants more: enough to open the breaker.
const FEW: u32 = 5;

/// Breakages in a row after which a policy is left alone.
const TOLERATED: u64 = 5;

/// How many samples the measured run takes for every misbehaviour. Without it nothing is held to a time.
const SAMPLES: &str = "PLUGPOINT_HOSTILE_SAMPLES";

/// No answer may take longer, whatever the policies do.
const SLOWEST: Duration = Duration::from_secs(5);

/// What the policy does, the kind of failure as which it must be counted, and the words for it in the record.
const ACTS: [(&str, &str, &str); 5] = [
    ("loop", "cpu-budget", "used more than 20 ms of CPU"),
    ("memory", "memory", "wanted more than 64 MiB of memory"),
    ("recursion", "trap", "trapped: "),
    ("nonsense", "trap", "trapped: "),
    ("trap", "trap", "trapped: "),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_policy_is_stopped_benched_and_told_and_other_stations_do_not_feel_it() {
    let measured: Option<u32> = std::env::var(SAMPLES).ok().map(|n| n.parse().unwrap());
    // Three phases make one run.
    let times = measured.map_or(FEW, |samples| samples.div_ceil(3 * UNMARKED as u32));
    let dir = tempfile::tempdir().unwrap();
    let mut house = House::open(&dir.path().join("data")).await;
    // The first cards that a server sees are not like the others.
    house.phase("behave", FEW).await;
    let mut before = house.phase("behave", times).await;
    let mut felt = Vec::new();
    for (act, kind, words) in ACTS {
        let during = house.phase(act, times).await;
        house.check_bench(act, kind, words).await;
        let after = house.phase("behave", times).await;
        felt.push(report(act, &before, &during, &after));
        before = after;
    }
    house.check_records().await;
    for (act, feels) in felt {
        let hidden = feels.during <= (2 * feels.base).max(feels.base + Duration::from_millis(10));
        assert!(measured.is_none() || hidden, "{act}: {feels:?}");
    }
    assert!(house.server.stop().await.success());
}

/// The p99 of the unmarked stations; as base, that of the calmer phase beside it.
#[derive(Debug)]
struct Feels {
    base: Duration,
    during: Duration,
}

fn report(
    act: &'static str,
    before: &Answers,
    during: &Answers,
    after: &Answers,
) -> (&'static str, Feels) {
    let ms = |answers: &Answers| answers.percentile(99).as_secs_f64() * 1e3;
    let samples = before.count() + during.count() + after.count();
    let (p99_before, p99_during, p99_after) = (ms(before), ms(during), ms(after));
    println!(
        "{act:>9}: p99 good {p99_before:.1} ms, hostile {p99_during:.1} ms, good {p99_after:.1} ms; {samples} samples"
    );
    let base = before.percentile(99).min(after.percentile(99));
    (act, Feels { base, during: during.percentile(99) })
}

/// A server with a good policy for all and a hostile one for some.
struct House {
    server: Server,
    marked: Crowd,
    unmarked: Crowd,
}

impl House {
    async fn open(data: &std::path::Path) -> Self {
        let server = Server::start(Start::new(data).with(&["--accept-unknown-stations"])).await;
        let api = server.api();
        api.load("rfid-list", &guest("rfid-list"), "{}").await;
        api.allow(CARD).await;
        let ids = |kind: &str, count| (0..count).map(|n| format!("{kind}-{n}")).collect::<Vec<_>>();
        let (marked_ids, unmarked_ids) = (ids("MARKED", MARKED), ids("UNMARKED", UNMARKED));
        let marked = Crowd::connect(server.stations, &marked_ids).await;
        let unmarked = Crowd::connect(server.stations, &unmarked_ids).await;
        for id in marked_ids {
            api.put(&format!("/v1/stations/{id}"), json!({ "tags": ["marked"] })).await;
        }
        Self { server, marked, unmarked }
    }

    /// All stations show their cards while the policy does this. Whatever it does, every card is good. Gives back what
    /// the unmarked stations felt.
    async fn phase(&mut self, act: &str, times: u32) -> Answers {
        let settings = json!({ "act": act }).to_string();
        self.server.api().load("hostile", &guest("hostile"), &settings).await;
        let (marked, unmarked) =
            tokio::join!(self.marked.show(CARD, times), self.unmarked.show(CARD, times));
        for answers in [&marked, &unmarked] {
            assert_eq!(answers.wrong, [], "{act}");
            assert!(answers.percentile(100) < SLOWEST, "{act}: {:?}", answers.percentile(100));
        }
        unmarked
    }

    /// It was stopped for what it did, is left alone, and the operator is told so everywhere.
    async fn check_bench(&self, act: &str, kind: &str, words: &str) {
        let plugin = self.server.api().get("/v1/plugins/hostile").await;
        let running = &plugin["running"];
        let failures: BTreeMap<String, u64> =
            serde_json::from_value(running["failures"].clone()).unwrap();
        println!("{act:>9}: {} calls, {failures:?}", running["calls"]);
        assert_eq!(running["breaker"], "open", "{act}: {running}");
        // On a busy machine a call may run out of its time before it comes to its worst.
        let stopped =
            failures[kind] + if kind == "cpu-budget" { 0 } else { failures["cpu-budget"] };
        assert!(failures[kind] > 0 && stopped >= TOLERATED, "{act}: {failures:?}");
        assert!(failures["breaker-open"] > 0, "{act}: {failures:?}");
        let log = self.server.log();
        assert!(log.contains(words), "{act}: the log does not say: {words}");
        let list = self.list().await;
        let line = list.lines().find(|line| line.starts_with("hostile ")).unwrap();
        assert!(line.contains("tags marked") && line.contains("RESTING"), "{list}");
    }

    async fn list(&self) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_plugpoint"));
        command.args(["plugin", "list", "--url"]).arg(format!("http://{}", self.server.admin));
        let output = command.arg("--data").arg(&self.server.data).output().await.unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    /// The log of facts names who was asked about which station, and what became of it.
    async fn check_records(&self) {
        let mut failures: BTreeMap<String, u64> = BTreeMap::new();
        let facts = self.server.api().facts().await;
        let decisions = facts.iter().filter(|fact| fact["data"]["decision"].is_object());
        for fact in decisions {
            let asked = fact["data"]["decision"]["opinions"].as_array().unwrap();
            let names: Vec<&Value> = asked.iter().map(|opinion| &opinion["plugin"]).collect();
            if fact["station"].as_str().unwrap().starts_with("UNMARKED") {
                assert_eq!(names, ["rfid-list"], "{fact}");
            } else {
                assert_eq!(names, ["hostile", "rfid-list"], "{fact}");
                if let Some(failure) = asked[0]["failure"].as_str() {
                    *failures.entry(failure.to_owned()).or_default() += 1;
                }
            }
        }
        println!("on record: {failures:#?}");
        for (act, _, words) in ACTS {
            assert!(failures.keys().any(|failure| failure.starts_with(words)), "{act}: {words}");
        }
        assert!(self.server.log().contains("keeps failing and is not asked for a while"));
    }
}
