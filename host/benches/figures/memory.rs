//! Memory of idle stations: what the server takes with 1,000 and with 10,000 that have booted and say nothing.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::api::Server;
use crate::station::Station;
use crate::{Figure, progress};

const FEW: usize = 1_000;
const MANY: usize = 10_000;

/// Stations that connect at the same time.
const AT_ONCE: usize = 64;

/// Open files beside the stations.
const OTHER_FILES: u64 = 100;

/// Until boots are on the disk, and what connecting took is given back.
const SETTLE: Duration = Duration::from_secs(10);

/// Kilobytes of 1,000 bytes.
const BAR: f64 = 20.0;

pub(crate) async fn measure() -> anyhow::Result<Vec<Figure>> {
    raise_file_limit()?;
    let dir = tempfile::tempdir()?;
    let server = Server::start(dir.path()).await?;
    server.load_policy().await?;
    let address = server.process.address("stations")?;
    let mut stations = Vec::with_capacity(MANY);
    let mut measured = [0.0; 2];
    for (memory, count) in measured.iter_mut().zip([FEW, MANY]) {
        progress(&format!("memory: connecting stations until there are {count}"));
        let ids = stream::iter(stations.len()..count);
        let connecting =
            ids.map(async |number| Station::start(address, &format!("IDLE-{number:05}")).await);
        let more: Vec<_> = connecting.buffer_unordered(AT_ONCE).try_collect().await?;
        stations.extend(more);
        tokio::time::sleep(SETTLE).await;
        *memory = server.process.memory()? as f64;
    }
    progress("memory: asking every station for a sign of life");
    for station in &mut stations {
        station.call("Heartbeat", "{}").await.context("an idle station has lost its connection")?;
    }
    let [few, many] = measured;
    let slope = (many - few) / (MANY - FEW) as f64;
    Ok(vec![
        Figure::new("server's memory with 1,000 idle stations", few / 1e6, "MB"),
        Figure::new("server's memory with 10,000 idle stations", many / 1e6, "MB"),
        Figure::new("memory per idle station", slope / 1e3, "kB").at_most(BAR),
    ])
}

/// Every station is an open file here, and another one in the server, which inherits the limit.
fn raise_file_limit() -> anyhow::Result<()> {
    let needed = MANY as u64 + OTHER_FILES;
    let limit = getrlimit(Resource::Nofile);
    ensure!(
        limit.maximum.is_none_or(|most| most >= needed),
        "10,000 stations need {needed} open files; allow them with `ulimit -Hn {needed}` as root"
    );
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?;
    Ok(())
}
