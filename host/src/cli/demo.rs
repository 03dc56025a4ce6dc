//! `plugpoint demo`: the whole thing in one terminal. A server, its operator, and stations that charge.
//!
//! The server runs in this process; everybody else uses it from outside, as they would in the field: the operator
//! over the admin API, the stations over their sockets. What is shown is the server's own log as the API streams it.

mod bills;
mod cast;
mod operator;
mod prices;
mod screen;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use futures_util::future::join_all;
use tokio::sync::mpsc;

use self::cast::Cast;
use self::operator::Operator;
use self::screen::Screen;
use super::client::Client;
use super::output::Output;
use super::tally::the_end;
use crate::config::{Config, Overrides};
use crate::server::Server;
use crate::sim::{Endpoint, Station};

/// Reports, events and lines that may wait to be shown, each.
const WAITING_LINES: usize = 1024;

/// How long stations may take to finish their charges when the end has come.
const WIND_DOWN: Duration = Duration::from_secs(10);

/// Soft facts are on the disk, and so on the screen, within half a second.
const LAST_WORDS: Duration = Duration::from_millis(700);

#[derive(Debug, clap::Args)]
pub(super) struct DemoArgs {
    /// End after so many seconds; exit code 0 if every station charged by then
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    duration: Option<u64>,
    /// Folder for the records; a second run goes on where the first one ended
    #[arg(long, value_name = "DIR", default_value = "demo-data")]
    data: PathBuf,
    /// Where stations connect
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Where the admin API listens
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8081")]
    admin: SocketAddr,
    /// The policy to load as `rfid-list`; not needed when the records hold one
    #[arg(long, value_name = "FILE")]
    plugin: Option<PathBuf>,
    /// The tariff to load as `tariff-time-of-use`; not needed when the records hold one
    #[arg(long, value_name = "FILE")]
    tariff: Option<PathBuf>,
    /// Simulated stations, of which two of five speak a newer version than OCPP 1.6; the last charges only when the
    /// operator says so
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(2..=50))]
    stations: u32,
}

pub(super) async fn run(args: DemoArgs, output: Output) -> anyhow::Result<ExitCode> {
    let overrides = Overrides {
        data: Some(args.data.clone()),
        listen: Some(args.listen),
        admin: Some(args.admin),
        ..Overrides::default()
    };
    let server = Server::start(Config::load(None, overrides)?).await?;
    let played = play(&args, &server, output).await;
    let (stations, admin) = (server.stations, server.admin);
    server.shut_down().await;
    let idle = played?;
    goodbye(&args.data, stations, admin, output)?;
    if args.duration.is_none() || idle.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    output.say(&format!("FAILED: no charge was completed by {}", idle.join(", ")))?;
    Ok(ExitCode::FAILURE)
}

/// The show; gives back the stations that did not complete a charge.
async fn play(args: &DemoArgs, server: &Server, output: Output) -> anyhow::Result<Vec<String>> {
    let url = format!("http://{}", server.admin).parse().context("the admin address")?;
    let client = Client::new(url, &server.key)?;
    welcome(args, server, output)?;
    let (said, lines) = mpsc::channel(WAITING_LINES);
    let events = screen::follow(&client, said.clone()).await?;
    let cast = Cast::new(args.stations)?;
    cast.set_up(&client, args.plugin.as_deref(), args.tariff.as_deref(), output).await?;
    if let Some(session) = cast.newest_session(&client).await? {
        output
            .say(&format!("-- the records go up to session {session}: going on from there --"))?;
    }

    let (reporter, reports) = mpsc::channel(WAITING_LINES);
    let endpoint: Endpoint = format!("ws://{}/ocpp", server.stations).parse()?;
    let profiles = cast.profiles(&client).await?;
    let swapping = prices::swap_again_and_again(client.clone(), said.clone(), args.duration);
    let (operator, orders) = Operator::new(client, &cast, said);
    let mut screen = Screen::new(output, lines, reports, &profiles, orders);
    let start = |profile| Station::start(profile, endpoint.clone(), reporter.clone());
    let stations = profiles.into_iter().map(start).collect::<Vec<_>>();
    drop(reporter);
    let operating = tokio::spawn(async { tokio::join!(operator.work(), swapping) });

    screen.show_until(the_end(args.duration)).await?;
    operating.abort();
    output
        .say("-- the end: every station finishes its charge; Ctrl-C again to leave at once --")?;
    let winding_down = join_all(stations.into_iter().map(|station| station.wind_down(WIND_DOWN)));
    let all_done = async {
        tokio::select! {
            done = winding_down => done.into_iter().all(|done| done),
            () = the_end(None) => false,
        }
    };
    if !screen.show_until(all_done).await? {
        output
            .say("-- some stations did not finish; their sessions stay open in the records --")?;
    }
    screen.show_until(tokio::time::sleep(LAST_WORDS)).await?;
    events.abort();
    screen.last_totals()?;
    Ok(screen.without_charge())
}

fn welcome(args: &DemoArgs, server: &Server, output: Output) -> anyhow::Result<()> {
    let plugpoint = plugpoint();
    let data = args.data.display();
    output.say(&format!(
        "stations connect to  ws://{}/ocpp/STATION-ID\n\
         the admin API is at  http://{}  (key: {data}/admin.key)\n\
         look around with     {plugpoint} session list{reach}\n\
         \x20                    {plugpoint} station list{reach}\n\
         \x20                    {plugpoint} plugin list{reach}\n",
        server.stations,
        server.admin,
        reach = reach(server.admin, &args.data),
    ))
}

fn goodbye(
    data: &Path,
    listen: SocketAddr,
    admin: SocketAddr,
    output: Output,
) -> anyhow::Result<()> {
    let (plugpoint, reach) = (plugpoint(), reach(admin, data));
    let data = data.display();
    output.say(&format!(
        "\nThe records are in {data}. A second run goes on there; so does a server without simulated stations:\n\
         \x20 {plugpoint} serve --data {data} --listen {listen} --admin {admin}\n\
         and from a second terminal:\n\
         \x20 {plugpoint} session list{reach}\n\
         \x20 {plugpoint} session show 1{reach}    # its terms, its bill line by line, and who decided\n\
         \x20 {plugpoint} events tail --after 0 --no-follow{reach}\n\
         README.md, \"Try it yourself\", goes on from there: your own station, your own policy.",
    ))
}

/// How this program was called.
fn plugpoint() -> String {
    std::env::args().next().unwrap_or_else(|| "plugpoint".to_owned())
}

/// The options with which a client finds this server.
fn reach(admin: SocketAddr, data: &Path) -> String {
    format!(" --url http://{admin} --data {}", data.display())
}
