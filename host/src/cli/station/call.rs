//! `plugpoint station call`, `commands` and `cancel`: any call to a station, made at once or queued, and what became of it.

use std::time::Duration;

use clap::CommandFactory as _;
use serde_json::value::RawValue;

use super::{GRACE, Patience};
use crate::admin::views::{
    CommandRequest, CommandResponse, CommandView, CommandsPage, StationView,
};
use crate::cli::client::{Client, Reach, TIMEOUT};
use crate::cli::failure::Failure;
use crate::cli::ocpp::{self, Version};
use crate::cli::output::Output;
use crate::cli::paging::{Page, more};
use crate::cli::sentence::ended;
use crate::cli::table::{Table, or_nothing};
use crate::domain::{CommandNo, StationId};

#[derive(Debug, clap::Args)]
pub(super) struct CallArgs {
    /// The station's id
    #[arg(required_unless_present = "help")]
    id: Option<StationId>,
    /// OCPP action, such as RemoteStartTransaction
    #[arg(required_unless_present = "help")]
    action: Option<String>,
    /// Payload, a JSON object; `-` reads it from standard input
    #[arg(default_value = "{}")]
    payload: String,
    #[command(flatten)]
    patience: Patience,
    /// Do not wait for the answer: have it sent as soon as the station can be called, for so long, such as 30m, 12h or 7d
    #[arg(long, value_name = "TIME", value_parser = parse_span, conflicts_with = "seconds")]
    queue: Option<Duration>,
    /// With --help: of which version of OCPP [default: the one that the station speaks]
    #[arg(long, value_name = "VERSION")]
    ocpp: Option<Version>,
    /// Print this, or with an action what it takes and answers
    #[arg(short, long)]
    pub(super) help: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct CommandsArgs {
    /// The station's id
    id: StationId,
    /// Show this one of the operators' commands, with its answer
    #[arg(value_name = "COMMAND")]
    number: Option<CommandNo>,
    /// Show what became of operators' commands, newest first
    #[arg(long, conflicts_with = "number")]
    all: bool,
    #[command(flatten)]
    page: Page,
}

#[derive(Debug, clap::Args)]
pub(super) struct CancelArgs {
    /// The station's id
    id: StationId,
    /// Which command, as `plugpoint station commands` names it
    command: String,
}

pub(super) fn parse_span(text: &str) -> Result<Duration, String> {
    let wrong = || "must be a number with s, m, h or d behind it, such as 12h".to_owned();
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 24 * 3600,
        _ => return Err(wrong()),
    };
    let count: u64 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    count.checked_mul(seconds).map(Duration::from_secs).ok_or_else(wrong)
}

/// What an action takes, in the version that the station speaks if it can be asked.
pub(super) async fn help(reach: &Reach, args: &CallArgs, output: Output) -> anyhow::Result<()> {
    let Some(action) = &args.action else {
        let mut cli = crate::cli::Cli::command();
        cli.build();
        let call = cli.find_subcommand_mut("station").and_then(|it| it.find_subcommand_mut("call"));
        return output.line(&call.map(|it| it.render_help().to_string()).unwrap_or_default());
    };
    let version = match (args.ocpp, &args.id) {
        (Some(version), _) => Some(version),
        (None, Some(id)) => spoken(reach, id).await,
        (None, None) => None,
    };
    ocpp::describe(action, version, output)
}

/// A server that cannot be asked is no reason not to help.
async fn spoken(reach: &Reach, id: &StationId) -> Option<Version> {
    let client = reach.client().ok()?;
    let station: StationView = client.get(&["stations", id.as_str()], &[]).await.ok()?;
    let protocol = station.protocol.or(station.wanted_protocol)?;
    protocol.strip_prefix("ocpp")?.parse().ok()
}

pub(super) async fn call(client: &Client, args: CallArgs, output: Output) -> anyhow::Result<()> {
    let (Some(id), Some(action)) = (args.id, args.action) else { return Ok(()) };
    let payload = match args.payload.as_str() {
        "-" => std::io::read_to_string(std::io::stdin().lock())?,
        text => text.to_owned(),
    };
    let payload = RawValue::from_string(payload).map_err(|error| {
        Failure::usage(format!("the payload is not JSON: {error}"), "pass one JSON object")
    })?;
    match args.queue {
        Some(within) => queue(client, &id, action, payload, within, output).await,
        None => {
            let answer = post(client, &id, &action, payload, args.patience).await?;
            output.show(&answer, |answer| answer.response.get().to_owned())
        }
    }
}

/// Sends one call and waits for the answer.
pub(super) async fn post(
    client: &Client,
    id: &StationId,
    action: &str,
    payload: Box<RawValue>,
    Patience { seconds }: Patience,
) -> anyhow::Result<CommandResponse> {
    let request = CommandRequest {
        action: action.to_owned(),
        payload: Some(payload),
        timeout_ms: Some(seconds * 1000),
        queue_ms: None,
    };
    let path = ["stations", id.as_str(), "commands"];
    client.post(&path, &request, Duration::from_secs(seconds) + GRACE).await
}

async fn queue(
    client: &Client,
    id: &StationId,
    action: String,
    payload: Box<RawValue>,
    within: Duration,
    output: Output,
) -> anyhow::Result<()> {
    let queue_ms = u64::try_from(within.as_millis()).ok();
    let request = CommandRequest { action, payload: Some(payload), timeout_ms: None, queue_ms };
    let path = ["stations", id.as_str(), "commands"];
    let queued: CommandView = client.post(&path, &request, TIMEOUT).await?;
    output.show(&queued, |queued| {
        let (number, expires) = (&queued.id, queued.expires);
        format!(
            "queued as command {number} until {expires}: `plugpoint station commands {id} {number}` says what came of it"
        )
    })
}

pub(super) async fn commands(
    client: &Client,
    args: CommandsArgs,
    output: Output,
) -> anyhow::Result<()> {
    let id = args.id.as_str();
    if let Some(number) = args.number {
        let path = ["stations", id, "commands", &number.to_string()];
        let command: CommandView = client.get(&path, &[]).await?;
        return output.show(&command, details);
    }
    let mut query = args.page.query();
    query.push(("all", args.all.to_string()));
    let list: CommandsPage = client.get(&["stations", id, "commands"], &query).await?;
    output.show(&list, |list| {
        let nothing = if args.all { "no commands on record\n" } else { "nothing waits\n" };
        table(&list.commands, nothing)
    })?;
    more(output, list.next.as_deref());
    Ok(())
}

pub(super) async fn cancel(
    client: &Client,
    args: CancelArgs,
    output: Output,
) -> anyhow::Result<()> {
    client.delete(&["stations", args.id.as_str(), "commands", &args.command]).await?;
    output.say(&format!("command {} will not be sent", args.command))
}

/// An operator's, or of which plugin.
fn whose(command: &CommandView) -> String {
    command.plugin.as_ref().map_or_else(|| "operator".to_owned(), ToString::to_string)
}

fn standing(command: &CommandView) -> String {
    match (&command.outcome, command.sent) {
        (Some(outcome), _) => {
            let status = command.status.as_ref().map(|it| format!(": {it}")).unwrap_or_default();
            format!("{}{status}", ended(outcome))
        }
        (None, Some(_)) => "sent".to_owned(),
        (None, None) => "waits".to_owned(),
    }
}

fn table(commands: &[CommandView], nothing: &str) -> String {
    let mut table =
        Table::new(&["COMMAND", "OF", "ACTION", "QUEUED", "EXPIRES", "SENT", "STANDING"]);
    for command in commands {
        table.row(vec![
            command.id.clone(),
            whose(command),
            command.action.clone(),
            command.queued.to_string(),
            command.expires.to_string(),
            or_nothing(command.sent),
            standing(command),
        ]);
    }
    if table.is_empty() { nothing.to_owned() } else { table.render() }
}

fn details(command: &CommandView) -> String {
    let mut table = Table::new(&["COMMAND", &command.id]);
    let mut row = |name: &str, value: String| table.row(vec![name.to_owned(), value]);
    row("of", whose(command));
    row("action", command.action.clone());
    row("payload", or_nothing(command.payload.as_ref()));
    row("queued", command.queued.to_string());
    row("expires", command.expires.to_string());
    row("sent", or_nothing(command.sent));
    row("ended", or_nothing(command.ended));
    row("standing", standing(command));
    row("answer", or_nothing(command.response.as_ref()));
    row("why", or_nothing(command.why.as_ref()));
    table.render()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_unit() {
        assert_eq!(parse_span("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_span("7d"), Ok(Duration::from_secs(7 * 24 * 3600)));
        for bad in
            ["", "5", "h", "-1h", "1.5h", "1ü", "99999999999999999999d", "99999999999999999d"]
        {
            assert!(parse_span(bad).is_err(), "{bad}");
        }
    }
}
