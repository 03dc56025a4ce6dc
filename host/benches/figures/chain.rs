//! What the chain adds to a policy's call: chain and bare call by turns, many short ones, so that whatever else the
//! machine does hits both alike.

use std::time::Instant;

use crate::policy::{Bare, Chain, policy};
use crate::{Figure, median, progress};

/// Turns of each, and calls of one turn.
const TURNS: usize = 400;
const CALLS: u32 = 500;

/// What the chain may add, in microseconds.
const BAR: f64 = 1.5;

pub(crate) async fn measure() -> anyhow::Result<Vec<Figure>> {
    progress("policy: chain and bare call by turns");
    let mut bare = Bare::new(&policy()).await.map_err(|error| anyhow::anyhow!("{error:#}"))?;
    let chain = Chain::new(policy()).await;
    let (mut of_bare, mut of_chain) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        of_bare.push(turn(async || bare.call().await).await);
        of_chain.push(turn(async || chain.call().await).await);
    }
    let (bare, chain) = (median(of_bare), median(of_chain));
    Ok(vec![
        Figure::new("policy call, bare wasmtime", bare, "µs"),
        Figure::new("policy call, through the chain", chain, "µs"),
        Figure::new("what the chain adds to a policy call", chain - bare, "µs").at_most(BAR),
    ])
}

/// Microseconds for one call.
async fn turn(mut call: impl AsyncFnMut()) -> f64 {
    let began = Instant::now();
    for _ in 0..CALLS {
        call().await;
    }
    began.elapsed().as_secs_f64() * 1e6 / f64::from(CALLS)
}
