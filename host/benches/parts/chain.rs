//! A policy asked through the chain, and bare.

use std::time::{Duration, Instant};

use criterion::Criterion;
use tokio::runtime::Builder;

use crate::policy::{Bare, Chain, policy};

pub(crate) fn bench(criterion: &mut Criterion) {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut bare = runtime.block_on(Bare::new(&policy())).expect("the component runs");
    let chain = runtime.block_on(Chain::new(policy()));
    let mut group = criterion.benchmark_group("policy");
    group.bench_function("bare wasmtime call", |bencher| {
        bencher.iter_custom(|rounds| runtime.block_on(timed(rounds, async || bare.call().await)));
    });
    group.bench_function("call through the chain", |bencher| {
        bencher.iter_custom(|rounds| runtime.block_on(timed(rounds, async || chain.call().await)));
    });
    group.finish();
}

async fn timed(rounds: u64, mut call: impl AsyncFnMut()) -> Duration {
    let began = Instant::now();
    for _ in 0..rounds {
        call().await;
    }
    began.elapsed()
}
