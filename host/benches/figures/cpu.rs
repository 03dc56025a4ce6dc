//! Processor time for a message: the server and the floor by turns, under the same sessions, in one run.

use std::path::Path;
use std::time::Duration;

use crate::api::Server;
use crate::process::Process;
use crate::sessions::{Fleet, MESSAGES, RECORDED, STATIONS, card};
use crate::{Figure, median, progress};

/// Measured turns of each.
const TURNS: usize = 5;

/// Sessions of every station in one turn.
const SESSIONS: usize = 30;

/// Sessions before anything is measured: plugins start, caches fill, and it shows how much a message leaves on record.
const WARM_UP: usize = 5;

/// After a turn, until everything that it left is on the disk and paid for.
const SETTLE: Duration = Duration::from_millis(1500);

/// How many times the floor's time the server may take.
const BAR: f64 = 3.0;

const BYTES: &str = "plugpoint_store_bytes_total";

pub(crate) async fn measure() -> anyhow::Result<Vec<Figure>> {
    let dir = tempfile::tempdir()?;
    progress("cpu: starting the server");
    let server = Server::start(dir.path()).await?;
    server.load_policy().await?;
    for number in 0..STATIONS {
        server.allow(&card(number)).await?;
    }
    let mut stations = Fleet::connect(server.process.address("stations")?).await?;
    let before = server.counter(BYTES).await?;
    let messages = stations.charge(WARM_UP).await?;
    let bytes = server.counter(BYTES).await? - before;
    let record = bytes as f64 / (messages * RECORDED / MESSAGES) as f64;

    let floor = start_floor(dir.path(), record as usize).await?;
    let mut others = Fleet::connect(floor.address("stations")?).await?;
    others.charge(WARM_UP).await?;

    let (mut of_server, mut of_floor) = (Vec::new(), Vec::new());
    for number in 1..=TURNS {
        let one = turn(&server.process, &mut stations).await?;
        let other = turn(&floor, &mut others).await?;
        progress(&format!(
            "cpu: turn {number} of {TURNS}: server {one:.1} µs, floor {other:.1} µs"
        ));
        of_server.push(one);
        of_floor.push(other);
    }
    let (server, floor) = (median(of_server), median(of_floor));
    Ok(vec![
        Figure::new("CPU per message, server", server, "µs"),
        Figure::new("CPU per message, floor", floor, "µs"),
        Figure::new("bytes on record per recorded message, both", record, "B"),
        Figure::new("CPU per message, server / floor", server / floor, "×").at_most(BAR),
    ])
}

async fn start_floor(dir: &Path, record: usize) -> anyhow::Result<Process> {
    let arguments =
        ["floor".into(), dir.join("floor.data").into_os_string(), record.to_string().into()];
    Process::start(&std::env::current_exe()?, arguments, &dir.join("floor.log")).await
}

/// Microseconds of processor time for each message of one turn.
async fn turn(process: &Process, fleet: &mut Fleet) -> anyhow::Result<f64> {
    let before = process.cpu()?;
    let messages = fleet.charge(SESSIONS).await?;
    tokio::time::sleep(SETTLE).await;
    let used = process.cpu()? - before;
    Ok(used.as_secs_f64() * 1e6 / messages as f64)
}
