//! `plugpoint station firmware`, `log` and `transfers`: has a station fetch firmware or send a log, and tells how far it is.

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::io::AsyncWriteExt as _;

use super::call::parse_span;
use super::{GRACE, Patience};
use crate::admin::views::{Timestamp, TransferRequest, TransferView, TransfersPage};
use crate::cli::client::Client;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::table::{Table, or_nothing};
use crate::domain::{FirmwareName, StationId, TransferKind, TransferNo, TransferStep};

/// Between two looks at how far a transfer is.
const LOOK: Duration = Duration::from_millis(500);

/// Looks at a transfer that is said to be done until nobody waits for its file any more.
const LATE_LOOKS: u32 = 10;

#[derive(Debug, clap::Args)]
pub(super) struct FirmwareArgs {
    /// The station's id
    id: StationId,
    /// Which firmware, as `plugpoint firmware list` names it
    firmware: FirmwareName,
    /// When the station shall fetch it, such as 2026-01-31T18:00:00Z [default: now]
    #[arg(long, value_name = "MOMENT")]
    retrieve_at: Option<Timestamp>,
    /// When the station shall install it, such as 2026-01-31T18:00:00Z [default: when it has it]
    #[arg(long, value_name = "MOMENT")]
    install_at: Option<Timestamp>,
    #[command(flatten)]
    how: How,
}

#[derive(Debug, clap::Args)]
pub(super) struct LogArgs {
    /// The station's id
    id: StationId,
    /// The diagnostics; this is what is asked for when nothing else is said
    #[arg(long, conflicts_with = "security")]
    diagnostics: bool,
    /// The security log; over OCPP 1.6 this takes its security extension
    #[arg(long)]
    security: bool,
    /// Its oldest entry, such as 2026-01-31T18:00:00Z
    #[arg(long, value_name = "MOMENT")]
    from: Option<Timestamp>,
    /// Its newest entry, such as 2026-01-31T18:00:00Z
    #[arg(long, value_name = "MOMENT")]
    until: Option<Timestamp>,
    /// Wait for it, and write it into this file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    how: How,
}

#[derive(Debug, clap::Args)]
struct How {
    /// Wait until the station has done it, or has failed
    #[arg(long)]
    wait: bool,
    /// The longest to wait, such as 30m or 2h
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = parse_span)]
    within: Duration,
    #[command(flatten)]
    patience: Patience,
    /// Do not call it now: as soon as it can be called, for so long, such as 30m, 12h or 7d
    #[arg(long, value_name = "TIME", value_parser = parse_span, conflicts_with = "seconds")]
    queue: Option<Duration>,
}

#[derive(Debug, clap::Args)]
pub(super) struct TransfersArgs {
    /// The station's id
    id: StationId,
    /// Show this one
    transfer: Option<TransferNo>,
    /// Take its link back: the station can fetch or send nothing more with it
    #[arg(long, requires = "transfer")]
    revoke: bool,
    /// Write what came of it into this file
    #[arg(long, value_name = "FILE", requires = "transfer", conflicts_with = "revoke")]
    out: Option<PathBuf>,
}

pub(super) async fn firmware(
    client: &Client,
    args: FirmwareArgs,
    output: Output,
) -> anyhow::Result<()> {
    let request = TransferRequest {
        kind: TransferKind::Firmware,
        firmware: Some(args.firmware),
        from: args.retrieve_at,
        until: args.install_at,
        timeout_ms: None,
        queue_ms: None,
    };
    ask(client, &args.id, request, &args.how, None, output).await
}

pub(super) async fn log(client: &Client, args: LogArgs, output: Output) -> anyhow::Result<()> {
    let kind = if args.security { TransferKind::SecurityLog } else { TransferKind::Diagnostics };
    let request = TransferRequest {
        kind,
        firmware: None,
        from: args.from,
        until: args.until,
        timeout_ms: None,
        queue_ms: None,
    };
    ask(client, &args.id, request, &args.how, args.out.as_deref(), output).await
}

async fn ask(
    client: &Client,
    id: &StationId,
    mut request: TransferRequest,
    how: &How,
    out: Option<&Path>,
    output: Output,
) -> anyhow::Result<()> {
    let timeout = Duration::from_secs(how.patience.seconds);
    let millis = |time: Duration| u64::try_from(time.as_millis()).ok();
    match how.queue {
        Some(within) => request.queue_ms = millis(within),
        None => request.timeout_ms = millis(timeout),
    }
    let path = ["stations", id.as_str(), "transfers"];
    let begun: TransferView = client.post(&path, &request, timeout + GRACE).await?;
    // A quick station is done before the answer to this is here; its log is still to be fetched.
    let has_failed = begun.ended.as_ref().is_some_and(|it| it.outcome != TransferStep::Done);
    if !(how.wait || out.is_some()) || has_failed {
        output.show(&begun, details)?;
        return must_be_good(&begun);
    }
    output.progress(&format!("transfer {} of {id}", begun.id));
    let waiting = tokio::time::timeout(how.within, wait(client, begun.clone(), output)).await;
    let Ok(ended) = waiting else {
        let message = format!("transfer {} of {id} has not ended yet", begun.id);
        let next = format!("`plugpoint station transfers {id} {}` says how far it is", begun.id);
        return Err(Failure::new("not-ended", message, next).into());
    };
    let ended = ended?;
    if let Some(file) = out
        && ended.received.as_ref().is_some_and(|received| received.kept)
    {
        save(client, &ended, file, output).await?;
    }
    output.show(&ended, details)?;
    must_be_good(&ended)?;
    match out {
        Some(_) if ended.received.is_none() => {
            let message = "the station says that it has sent its log, and none came";
            let next = "can it reach the files listener? see `plugpoint events tail`";
            Err(Failure::new("no-file", message, next).into())
        }
        _ => Ok(()),
    }
}

/// A station may say that it is done before its file is here.
fn is_late(transfer: &TransferView) -> bool {
    let is_done = transfer.ended.as_ref().is_some_and(|it| it.outcome == TransferStep::Done);
    is_done && transfer.kind != TransferKind::Firmware && transfer.received.is_none()
}

/// Looks until it has ended, and tells each step.
async fn wait(
    client: &Client,
    mut transfer: TransferView,
    output: Output,
) -> anyhow::Result<TransferView> {
    let (station, number) = (transfer.station.clone(), transfer.id.to_string());
    let mut told = String::new();
    let mut late = 0;
    loop {
        let step = progress(&transfer);
        if step != told {
            output.progress(&step);
            told = step;
        }
        if transfer.ended.is_some() && !(is_late(&transfer) && late < LATE_LOOKS) {
            return Ok(transfer);
        }
        late += u32::from(is_late(&transfer));
        tokio::time::sleep(LOOK).await;
        transfer = client.get(&["stations", station.as_str(), "transfers", &number], &[]).await?;
    }
}

/// The station's last word, and how far the file is.
fn progress(transfer: &TransferView) -> String {
    let said = transfer.told.last().map_or("asked", |told| told.status.as_str());
    let bytes = transfer.bytes;
    match transfer.size.filter(|size| *size > 0) {
        Some(size) if bytes > 0 => {
            format!("{said}, {} % of {size} bytes", u128::from(bytes) * 100 / u128::from(size))
        }
        _ if bytes > 0 => format!("{said}, {bytes} bytes"),
        _ => said.to_owned(),
    }
}

fn must_be_good(transfer: &TransferView) -> anyhow::Result<()> {
    let Some(ended) = &transfer.ended else { return Ok(()) };
    if ended.outcome == TransferStep::Done {
        return Ok(());
    }
    let why = ended.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    let message = format!("transfer {} {}{why}", transfer.id, outcome(ended.outcome));
    let next =
        "the server's log has a line for each request that was refused; ask again for a fresh link";
    Err(Failure::new("not-done", message, next).into())
}

fn outcome(step: TransferStep) -> &'static str {
    match step {
        TransferStep::Done => "done",
        TransferStep::Failed => "failed",
        TransferStep::Refused => "was refused",
        TransferStep::Expired => "ran out of time",
        TransferStep::Revoked => "was taken back",
        TransferStep::Asked | TransferStep::Told | TransferStep::Received => "goes on",
    }
}

pub(super) async fn transfers(
    client: &Client,
    args: TransfersArgs,
    output: Output,
) -> anyhow::Result<()> {
    let path = ["stations", args.id.as_str(), "transfers"];
    let Some(number) = args.transfer else {
        let list: TransfersPage = client.get(&path, &[]).await?;
        return output.show(&list, |list| table(&list.transfers));
    };
    let number = number.to_string();
    let path = [path[0], path[1], path[2], &number];
    if args.revoke {
        let revoked: TransferView = client.delete_and_read(&path).await?;
        return output.show(&revoked, details);
    }
    let transfer: TransferView = client.get(&path, &[]).await?;
    if let Some(file) = &args.out {
        save(client, &transfer, file, output).await?;
    }
    output.show(&transfer, details)
}

/// Writes what came into a file, piece by piece.
async fn save(
    client: &Client,
    transfer: &TransferView,
    to: &Path,
    output: Output,
) -> anyhow::Result<()> {
    let number = transfer.id.to_string();
    let path = ["stations", transfer.station.as_str(), "transfers", &number, "file"];
    let mut pieces = client.stream(&path, &[]).await?.bytes_stream();
    let unwritable = |error: std::io::Error| {
        let message = format!("cannot write {}: {error}", to.display());
        Failure::new("unwritable", message, "name a file in a folder that exists")
    };
    let mut file = tokio::fs::File::create(to).await.map_err(unwritable)?;
    while let Some(piece) = pieces.next().await {
        file.write_all(&piece?).await.map_err(unwritable)?;
    }
    file.flush().await.map_err(unwritable)?;
    output.progress(&format!("wrote {}", to.display()));
    Ok(())
}

fn standing(transfer: &TransferView) -> String {
    match &transfer.ended {
        None => progress(transfer),
        Some(ended) => {
            let why = ended.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
            format!("{}{why}", outcome(ended.outcome))
        }
    }
}

fn what(transfer: &TransferView) -> String {
    match &transfer.firmware {
        Some(firmware) => format!("firmware {}", firmware.name),
        None => transfer.kind.as_str().to_owned(),
    }
}

fn table(transfers: &[TransferView]) -> String {
    let mut table = Table::new(&["TRANSFER", "WHAT", "BEGUN", "BYTES", "TRIES", "STANDING"]);
    for transfer in transfers {
        table.row(vec![
            transfer.id.to_string(),
            what(transfer),
            transfer.begun.to_string(),
            transfer.bytes.to_string(),
            transfer.tries.to_string(),
            standing(transfer),
        ]);
    }
    if table.is_empty() { "no transfers yet\n".to_owned() } else { table.render() }
}

fn details(transfer: &TransferView) -> String {
    let mut table = Table::new(&["TRANSFER", &transfer.id.to_string()]);
    let mut row = |name: &str, value: String| table.row(vec![name.to_owned(), value]);
    row("station", transfer.station.to_string());
    row("what", what(transfer));
    row("command", or_nothing(transfer.command));
    row("request", or_nothing(transfer.request));
    row("begun", transfer.begun.to_string());
    row("link good until", transfer.expires.to_string());
    row("tries", transfer.tries.to_string());
    row("bytes", transfer.bytes.to_string());
    for told in &transfer.told {
        row(&told.status, told.at.to_string());
    }
    if let Some(received) = &transfer.received {
        let gone = if received.kept { "" } else { ", removed since" };
        row("received", format!("{} bytes at {}{gone}", received.bytes, received.at));
        row("sha256", received.sha256.clone());
    }
    row("ended", or_nothing(transfer.ended.as_ref().map(|ended| ended.at)));
    row("standing", standing(transfer));
    table.render()
}
