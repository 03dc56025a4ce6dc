//! `plugpoint sim`: a fleet of simulated stations against any server. Knows the wire only.

mod fleet;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use tokio::sync::mpsc;

use self::fleet::FleetArgs;
use super::failure::Failure;
use super::output::Output;
use super::tally::{Tally, kilo, the_end};
use crate::sim::{Endpoint, Event, Misdeed, Report, Station};
use crate::tls::Caller;

/// Reports that may wait to be shown.
const REPORTS: usize = 1024;

/// How long stations may take to finish their charges when the end has come.
const WIND_DOWN: Duration = Duration::from_secs(20);

/// Between two lines of totals.
const TOTALS: Duration = Duration::from_secs(5);

#[derive(Debug, clap::Args)]
pub(super) struct SimArgs {
    /// Where stations connect; each adds its id to the path
    #[arg(long, value_name = "URL", default_value = "ws://127.0.0.1:8080/ocpp")]
    endpoint: Endpoint,
    /// Whom stations trust over wss: certificates of authorities in PEM, such as `plugpoint ca export` prints
    #[arg(long, value_name = "FILE")]
    tls_ca: Option<PathBuf>,
    /// The certificate that every station shows over wss, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// Key of that certificate in PEM
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
    /// Stop after so many seconds; without it, on Ctrl-C
    #[arg(long, value_name = "SECONDS")]
    duration: Option<u64>,
    /// Show totals only
    #[arg(long)]
    quiet: bool,
    #[command(flatten)]
    fleet: FleetArgs,
}

/// Exit code 0 if every station charged, unless there was nobody to charge, and every charge was acknowledged.
pub(super) async fn run(args: SimArgs, output: Output) -> anyhow::Result<ExitCode> {
    let (sender, mut reports) = mpsc::channel(REPORTS);
    let mut tally = Tally::default();
    let profiles = args.fleet.profiles()?;
    profiles.iter().for_each(|profile| tally.expect(profile));
    let endpoint = endpoint(&args)?;
    let start = |profile| Station::start(profile, endpoint.clone(), sender.clone());
    let stations = profiles.into_iter().map(start).collect::<Vec<_>>();
    let count = stations.len();
    drop(sender);
    watch(the_end(args.duration), &mut reports, &mut tally, &args, output).await?;
    output.progress("the end: every station finishes its charge; Ctrl-C again to leave at once");
    let winding_down = stations.into_iter().map(|station| station.wind_down(WIND_DOWN));
    let winding_down = futures_util::future::join_all(winding_down);
    let all_done = async {
        tokio::select! {
            done = winding_down => done.into_iter().filter(|done| !done).count(),
            () = the_end(None) => count,
        }
    };
    let unfinished = watch(all_done, &mut reports, &mut tally, &args, output).await?;
    // The last charges end while the stations wind down: what they said then is still in the channel.
    while let Ok(report) = reports.try_recv() {
        note(&mut tally, &report, &args, output)?;
    }
    tally.unfinished(unfinished);
    conclude(&tally, &args, output)
}

fn endpoint(args: &SimArgs) -> anyhow::Result<Endpoint> {
    let endpoint = args.endpoint.clone();
    match &args.tls_ca {
        Some(trust) => {
            let identity = args.tls_certificate.as_deref().zip(args.tls_key.as_deref());
            Ok(endpoint.called_by(Caller::read(trust, identity)?))
        }
        None if endpoint.is_tls() => {
            let next =
                "name a file with --tls-ca; `plugpoint ca export` prints the authority of a server";
            Err(Failure::usage("stations do not know whom to trust over wss", next).into())
        }
        None => Ok(endpoint),
    }
}

/// Shows what happens until `end`.
async fn watch<T>(
    end: impl Future<Output = T>,
    reports: &mut mpsc::Receiver<Report>,
    tally: &mut Tally,
    args: &SimArgs,
    output: Output,
) -> anyhow::Result<T> {
    tokio::pin!(end);
    let mut totals = tokio::time::interval_at(tokio::time::Instant::now() + TOTALS, TOTALS);
    loop {
        tokio::select! {
            end = &mut end => return Ok(end),
            Some(report) = reports.recv() => note(tally, &report, args, output)?,
            _ = totals.tick() => {
                output.progress(&format!("-- {}; {} --", tally.online(), tally.sentence()));
            }
        }
    }
}

fn note(tally: &mut Tally, report: &Report, args: &SimArgs, output: Output) -> anyhow::Result<()> {
    tally.note(report);
    match line(report) {
        Some(line) if !args.quiet => output.say(&line),
        _ => Ok(()),
    }
}

fn conclude(tally: &Tally, args: &SimArgs, output: Output) -> anyhow::Result<ExitCode> {
    if output.json {
        output.line(&tally.json().to_string())?;
    } else {
        output.line(&tally.sentence())?;
        output.line(&tally.faults())?;
        output.line(&tally.came_back())?;
        output.line(&tally.acknowledged())?;
    }
    let idle = tally.without_charge();
    let is_idle = !idle.is_empty() && args.fleet.has_drivers();
    if is_idle {
        let shown = idle.iter().take(10).map(|id| id.to_string()).collect::<Vec<_>>().join(", ");
        output.say(&format!("{} stations completed no charge: {shown}", idle.len()))?;
    }
    let is_good = !is_idle && tally.is_all_acknowledged();
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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
        Event::Misbehaved(
            Misdeed::Pipelined
            | Misdeed::SpoiltSamples
            | Misdeed::Repeated
            | Misdeed::Contradicted
            | Misdeed::Strayed
            | Misdeed::Babbled,
        ) => return None,
        Event::Misbehaved(Misdeed::Replayed) => {
            "lost an answer and sends the message again".to_owned()
        }
        Event::Misbehaved(Misdeed::Dropped { silent: true }) => {
            "loses its connection; the server cannot know".to_owned()
        }
        Event::Misbehaved(Misdeed::BrokeOff) => {
            "loses the connection half-way through a file".to_owned()
        }
        Event::Misbehaved(Misdeed::Dropped { silent: false }) => "loses its connection".to_owned(),
        Event::Commanded { action, answer } => format!("was asked to {action}: {answer}"),
        Event::FirmwareFetched { version, bytes } => {
            format!("has fetched {bytes} bytes of firmware, version {version}")
        }
        Event::LogWritten { bytes, .. } => format!("sends a log of {bytes} bytes"),
        Event::AnswerRefused { code, description } => {
            format!("the server cannot take its answer: {code} {description}")
        }
    };
    Some(format!("{} {:<12} {what}", report.at.to_utc().format("%H:%M:%S%.3f"), report.station))
}
