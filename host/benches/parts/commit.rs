//! Commits that wait together: what the committer makes of 1, 16 and 64 of them, with the embedded engine (whose time
//! is mostly the disk's) and with the one in memory (whose time is all ours).

use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};
use futures_util::future::join_all;
use plugpoint::charging::{self, Started};
use plugpoint::domain::{
    Fact, FactBody, Millis, MilliwattHours, Place, Pseudonym, SessionId, Stamp, StationId,
};
use plugpoint::store::{Commit, Expect, MemoryEngine, OpenSession, Store};
use tokio::runtime::Builder;

/// Commits that wait when the committer comes.
const WAITING: [u32; 3] = [1, 16, 64];

/// About as long as a StartTransaction on the wire.
const RAW: &str = r#"[2,"19223","StartTransaction",{"connectorId":1,"idTag":"04A1B2C3D4E5F6","meterStart":15300,"timestamp":"2026-03-01T17:02:11Z"}]"#;

/// What a start makes of the records: a fact with its text, a session, and a way to find it.
fn start(number: u32) -> Commit {
    let station = StationId::new(&format!("CS-{:04}", number % 1000)).expect("a station's id");
    let id = SessionId::new(number + 1).expect("a session's number");
    let place = Place::connector(1);
    let stamp = Stamp::here(Millis(1_772_384_531_000 + u64::from(number)));
    let token = Some(Pseudonym("0a1b2c3d4e5f60718293a4b5c6d7e8f9".to_owned()));
    let meter = Some(MilliwattHours(15_300_000));
    let session = charging::start(Started {
        id,
        station: station.clone(),
        place,
        protocol: "ocpp1.6",
        transaction: id.to_string(),
        token: token.clone(),
        decision: None,
        stamp,
        meter,
    });
    let body = FactBody::TransactionStarted { session: id, place, token, meter, decision: None };
    let mut commit = Commit::new();
    let fact = Fact { station: Some(station.clone()), stamp, body };
    commit.fact(fact, Some(RAW.to_owned()));
    commit.put(&id, &session, Expect::Any);
    commit.put(&(station, place, id), &OpenSession { session: id }, Expect::Any);
    commit
}

pub(crate) fn bench(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let sled = Store::open(dir.path()).expect("a store");
    let memory = Store::on_engine(Arc::new(MemoryEngine::new())).expect("a store");
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    for (engine, store) in [("memory", &memory), ("sled", &sled)] {
        let mut number = 0;
        let mut group = criterion.benchmark_group(format!("commit to {engine}"));
        for waiting in WAITING {
            group.throughput(Throughput::Elements(waiting.into()));
            group.bench_function(format!("{waiting} waiting"), |bencher| {
                bencher.iter_custom(|rounds| {
                    let mut spent = Duration::ZERO;
                    for _ in 0..rounds {
                        let commits: Vec<_> = (0..waiting).map(|n| start(number + n)).collect();
                        number += waiting;
                        let began = Instant::now();
                        let answers = commits.into_iter().map(|commit| store.commit(commit));
                        let answers = runtime.block_on(join_all(answers.collect::<Vec<_>>()));
                        spent += began.elapsed();
                        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
                    }
                    spent
                });
            });
        }
        group.finish();
    }
}
