//! `plugpoint sim`: simulated stations against any server. Knows the wire only.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::mpsc;

use super::output::Output;
use super::tally::{Tally, kilo, the_end};
use crate::domain::{IdToken, StationId};
use crate::sim::{Endpoint, Event, Pace, Profile, Protocol, Report, Station};

/// Reports that may wait to be shown.
const REPORTS: usize = 1024;

/// How long stations may take to finish their charges when the end has come.
const WIND_DOWN: Duration = Duration::from_secs(10);

#[derive(Debug, clap::Args)]
pub(super) struct SimArgs {
    /// Where stations connect; each adds its id to the path
    #[arg(long, value_name = "URL", default_value = "ws://127.0.0.1:8080/ocpp")]
    endpoint: Endpoint,
    /// How many stations
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    stations: u32,
    /// What station ids begin with; a number follows
    #[arg(long, value_name = "TEXT", default_value = "SIM-")]
    prefix: String,
    /// Basic password of every station
    #[arg(long, env = "PLUGPOINT_STATION_PASSWORD", hide_env_values = true)]
    password: Option<String>,
    /// Cards that drivers show, in turn; without cards only remote starts charge
    #[arg(long, value_name = "CARD", value_delimiter = ',', value_parser = card)]
    cards: Vec<IdToken>,
    /// Stop after so many seconds; without it, on Ctrl-C
    #[arg(long, value_name = "SECONDS")]
    duration: Option<u64>,
    /// Show totals only
    #[arg(long)]
    quiet: bool,
    /// As many messages as an honest station can send, instead of a pace that a person can follow
    #[arg(long)]
    brisk: bool,
    /// The same seed tells the same story
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn card(text: &str) -> Result<IdToken, String> {
    IdToken::new(text).map_err(|error| error.to_string())
}

/// Exit code 0 if every station charged, unless there was nobody to charge.
pub(super) async fn run(args: SimArgs, output: Output) -> anyhow::Result<ExitCode> {
    let (sender, mut reports) = mpsc::channel(REPORTS);
    let mut stations = Vec::new();
    let mut tally = Tally::default();
    for n in 1..=args.stations {
        let profile = profile(&args, n)?;
        tally.expect(profile.id.clone());
        stations.push(Station::start(profile, args.endpoint.clone(), sender.clone()));
    }
    drop(sender);
    let end = the_end(args.duration);
    tokio::pin!(end);
    loop {
        tokio::select! {
            Some(report) = reports.recv() => note(&mut tally, &report, &args, output)?,
            () = &mut end => break,
        }
    }
    let winding_down = stations.into_iter().map(|station| station.wind_down(WIND_DOWN));
    let winding_down = futures_util::future::join_all(winding_down);
    tokio::pin!(winding_down);
    loop {
        tokio::select! {
            Some(report) = reports.recv() => note(&mut tally, &report, &args, output)?,
            _ = &mut winding_down => break,
        }
    }
    // The last charges end while the stations wind down: what they said then is still in the channel.
    while let Ok(report) = reports.try_recv() {
        note(&mut tally, &report, &args, output)?;
    }
    output.line(&if output.json { tally.json().to_string() } else { tally.sentence() })?;
    let idle = tally.without_charge();
    if idle.is_empty() || args.cards.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    let shown = idle.iter().take(10).map(|id| id.to_string()).collect::<Vec<_>>().join(", ");
    output.say(&format!("{} stations completed no charge: {shown}", idle.len()))?;
    Ok(ExitCode::FAILURE)
}

fn note(tally: &mut Tally, report: &Report, args: &SimArgs, output: Output) -> anyhow::Result<()> {
    tally.note(report);
    match line(report) {
        Some(line) if !args.quiet => output.say(&line),
        _ => Ok(()),
    }
}

fn profile(args: &SimArgs, n: u32) -> anyhow::Result<Profile> {
    let id = format!("{}{n}", args.prefix);
    let id = StationId::new(&id).with_context(|| format!("--prefix makes the id '{id}'"))?;
    let powerful = n.is_multiple_of(2);
    Ok(Profile {
        id,
        protocol: Protocol::Ocpp16,
        password: args.password.clone(),
        vendor: "Plugpoint".to_owned(),
        model: if powerful { "Simulated 22" } else { "Simulated 11" }.to_owned(),
        connectors: 1,
        register_wh: 0,
        power_w: if powerful { 22_000 } else { 11_000 },
        cards: args.cards.clone(),
        pace: if args.brisk { Pace::brisk() } else { Pace::default() },
        seed: args.seed.wrapping_add(n.into()),
    })
}

/// What a station did, for a person; nothing for what happens all the time.
fn line(report: &Report) -> Option<String> {
    let what = match &report.event {
        Event::Connected => "connected".to_owned(),
        Event::Unreachable { why } => format!("cannot connect: {why}"),
        Event::Disconnected { why } => format!("disconnected: {why}"),
        Event::Booted { status, heartbeat } => {
            format!("boot {status}, heartbeat every {} s", heartbeat.as_secs())
        }
        Event::Answered { .. } => return None,
        Event::CallError { action, code, description } => {
            format!("{action} was refused: {code} {description}")
        }
        Event::Unanswered { action } => format!("{action} was not answered"),
        Event::GaveUp { action } => format!("{action} is given up"),
        Event::CardAccepted { connector, card } => {
            format!("connector {connector}: card {card} accepted")
        }
        Event::CardRefused { connector, card, status } => {
            format!("connector {connector}: card {card} refused: {status}")
        }
        Event::Started { connector, transaction, accepted, .. } => {
            let leave = if *accepted { "" } else { ", without leave" };
            format!("connector {connector}: transaction {transaction} started{leave}")
        }
        Event::Metered { connector, delivered_wh, .. } => {
            format!("connector {connector}: {} kWh so far", kilo(*delivered_wh))
        }
        Event::Stopped { connector, transaction, delivered_wh, reason, replayed, .. } => {
            let late = if *replayed { ", told late" } else { "" };
            let energy = kilo(*delivered_wh);
            format!(
                "connector {connector}: transaction {transaction} ended with {energy} kWh ({reason}{late})"
            )
        }
        Event::CostShown { transaction, cost } => format!("shows for {transaction}: {cost}"),
        Event::Commanded { action, answer } => format!("was asked to {action}: {answer}"),
    };
    Some(format!("{} {:<12} {what}", report.at.to_utc().format("%H:%M:%S%.3f"), report.station))
}
