//! `plugpoint station …`: look at stations, set them up, call them.

mod call;
mod certificates;
mod config;
mod frames;
mod handling;
mod holdings;
mod local_list;
mod password;
mod remote;
mod report;
mod tongue;
mod transfers;
mod unknown;
mod upgrade;
mod variable;
mod wanted;

use std::time::Duration;

use serde_json::{Map, Value};

use super::client::{Client, Reach};
use super::failure::Failure;
use super::output::Output;
use super::paging::{Page, more};
use super::table::{Table, or_nothing, visible};
use crate::admin::views::{Change, CommandResponse, StationChange, StationView, StationsPage};
use crate::domain::{SecurityProfile, StationId};

/// How long the server is given beyond the time that it gives the station.
const GRACE: Duration = Duration::from_secs(10);

#[derive(Debug, clap::Args)]
pub(super) struct StationArgs {
    #[command(flatten)]
    reach: Reach,
    #[command(subcommand)]
    command: StationCommand,
}

#[derive(Debug, clap::Subcommand)]
enum StationCommand {
    /// List stations
    List(Page),
    /// Show one station with its connectors
    Show {
        /// The station's id, the last part of the address it connects to
        id: StationId,
    },
    /// Make a station known, or change what is said of it; what is not named stays
    Set(SetArgs),
    /// List stations that knocked and that nobody made known
    Unknown,
    /// Make a station known that has knocked
    Adopt {
        /// The station's id
        id: StationId,
    },
    /// Set the Basic password of a station, read from the first line of standard input
    Password(password::PasswordArgs),
    /// Certificates with which a station comes in: list, sign, renew, remove
    Certificates(certificates::CertificatesArgs),
    /// Move a station to a stronger security profile, and see it come back
    Upgrade(upgrade::UpgradeArgs),
    /// Ask a station to begin a charge
    Start(remote::StartArgs),
    /// Ask a station to end a charge
    Stop(remote::StopArgs),
    /// Read and set what a station can be configured with
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// List what a station holds: settings, charging profiles, reservations and the like, as sent and as it reports them
    Holdings(holdings::HoldingsArgs),
    /// Keep a station's local list in step with the operator's tokens, or show how it stands
    LocalList(local_list::LocalListArgs),
    /// Send any call to a station and wait for its answer, or have it queued
    #[command(disable_help_flag = true)]
    Call(call::CallArgs),
    /// List what a station is to do, or what became of it
    Commands(call::CommandsArgs),
    /// Show what plugins have changed in the frames of a station, and in those for it; newest first
    Frames(frames::FramesArgs),
    /// Take back a command that was not sent yet
    Cancel(call::CancelArgs),
    /// Have a station fetch and install firmware
    Firmware(transfers::FirmwareArgs),
    /// Have a station send its diagnostics or its security log
    Log(transfers::LogArgs),
    /// List files that a station was asked to fetch or to send, and how far they are
    Transfers(transfers::TransfersArgs),
}

/// How long a station may take to answer one call.
#[derive(Debug, Clone, Copy, clap::Args)]
struct Patience {
    /// How long the station may take, in seconds
    #[arg(long = "timeout", value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=300))]
    seconds: u64,
}

/// A station's answer to one call.
struct Answer {
    response: CommandResponse,
}

impl Answer {
    fn value(&self) -> Value {
        serde_json::from_str(self.response.response.get()).unwrap_or_default()
    }

    fn status(&self) -> Option<String> {
        self.value()["status"].as_str().map(str::to_owned)
    }

    /// A failure with the station's own words unless it said that it will do it.
    fn must_be_accepted(&self, next: &str) -> Result<(), Failure> {
        let status = self.status();
        if status.as_deref() == Some("Accepted") {
            return Ok(());
        }
        let status = status.as_deref().unwrap_or("without a status");
        let message = format!("the station answered {}", visible(status));
        let details = self.response.response.clone();
        Err(Failure::new("rejected-by-station", message, next).with_details(details))
    }
}

/// Sends one call and waits for the answer.
async fn send(
    client: &Client,
    id: &StationId,
    action: &str,
    payload: Value,
    patience: Patience,
) -> anyhow::Result<Answer> {
    let payload = serde_json::value::to_raw_value(&payload)?;
    let response = call::post(client, id, action, payload, patience).await?;
    Ok(Answer { response })
}

#[derive(Debug, clap::Args)]
struct SetArgs {
    /// The station's id
    id: StationId,
    /// IANA time zone, such as Europe/Berlin; empty for none
    #[arg(long)]
    zone: Option<String>,
    /// ISO 4217 currency, such as EUR; empty for none
    #[arg(long)]
    currency: Option<String>,
    /// A tag; repeat it for more. Replaces all tags of the station; empty for none
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// Settings for plugins, a JSON object. Replaces all settings of the station
    #[arg(long, value_name = "JSON", value_parser = parse_object)]
    settings: Option<Map<String, Value>>,
    /// Speak only this with the station, such as ocpp1.6, though it may offer others; empty for the newest that both know
    #[arg(long, value_name = "SUBPROTOCOL")]
    protocol: Option<String>,
    /// The station can show what a session costs so far: tell it (or, with `=false`, do not)
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    shows_cost: Option<bool>,
    /// The weakest security profile with which it may come in: 0 (its name alone), 1 (password), 2 (password over TLS), 3 (certificate); empty for 1 if it has a password, else 0
    #[arg(long, value_name = "PROFILE")]
    least_profile: Option<String>,
    /// Once it has come in with a stronger profile, let that be its weakest (or, with `=false`, do not)
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    raise_profile: Option<bool>,
    #[command(flatten)]
    handling: handling::HandlingArgs,
}

fn parse_object(text: &str) -> Result<Map<String, Value>, String> {
    serde_json::from_str(text).map_err(|error| format!("not a JSON object: {error}"))
}

pub(super) async fn run(args: StationArgs, output: Output) -> anyhow::Result<()> {
    if let StationCommand::Call(call) = &args.command
        && call.help
    {
        return call::help(&args.reach, call, output).await;
    }
    let client = args.reach.client()?;
    match args.command {
        StationCommand::List(page) => {
            let list: StationsPage = client.get(&["stations"], &page.query()).await?;
            output.show(&list, |list| table(&list.stations))?;
            more(output, list.next.as_deref());
            Ok(())
        }
        StationCommand::Show { id } => {
            let station: StationView = client.get(&["stations", id.as_str()], &[]).await?;
            output.show(&station, details)
        }
        StationCommand::Set(args) => set(&client, args, output).await,
        StationCommand::Unknown => unknown::list(&client, output).await,
        StationCommand::Adopt { id } => unknown::adopt(&client, &id, output).await,
        StationCommand::Password(args) => password::run(&client, args, output).await,
        StationCommand::Certificates(args) => certificates::run(&client, args, output).await,
        StationCommand::Upgrade(args) => upgrade::run(&client, args, output).await,
        StationCommand::Start(args) => remote::start(&client, args, output).await,
        StationCommand::Stop(args) => remote::stop(&client, args, output).await,
        StationCommand::Config(command) => config::run(&client, command, output).await,
        StationCommand::Holdings(args) => holdings::run(&client, args, output).await,
        StationCommand::LocalList(args) => local_list::run(&client, args, output).await,
        StationCommand::Call(args) => call::call(&client, args, output).await,
        StationCommand::Commands(args) => call::commands(&client, args, output).await,
        StationCommand::Frames(args) => frames::list(&client, args, output).await,
        StationCommand::Cancel(args) => call::cancel(&client, args, output).await,
        StationCommand::Firmware(args) => transfers::firmware(&client, args, output).await,
        StationCommand::Log(args) => transfers::log(&client, args, output).await,
        StationCommand::Transfers(args) => transfers::transfers(&client, args, output).await,
    }
}

async fn set(client: &Client, args: SetArgs, output: Output) -> anyhow::Result<()> {
    let tags = args.tags.iter().filter(|tag| !tag.is_empty()).cloned().collect();
    let change = StationChange {
        zone: text_change(args.zone),
        currency: text_change(args.currency),
        tags: if args.tags.is_empty() { Change::Keep } else { Change::Set(tags) },
        settings: args.settings.map_or(Change::Keep, Change::Set),
        wanted_protocol: text_change(args.protocol),
        shows_cost: args.shows_cost.map_or(Change::Keep, Change::Set),
        least_security_profile: profile_change(args.least_profile)?,
        raises_security: args.raise_profile.map_or(Change::Keep, Change::Set),
        ..StationChange::default()
    };
    let change = args.handling.over(change);
    let station: StationView = client.put(&["stations", args.id.as_str()], &change).await?;
    output.show(&station, details)
}

fn profile_change(option: Option<String>) -> Result<Change<SecurityProfile>, Failure> {
    let next = "choose from 0 to 3; plugpoint station set --help says what they are";
    Ok(match text_change(option) {
        Change::Keep => Change::Keep,
        Change::Clear => Change::Clear,
        Change::Set(text) => {
            let number: u8 = text
                .parse()
                .map_err(|_| Failure::usage(format!("{text:?} is no security profile"), next))?;
            let profile = SecurityProfile::try_from(number);
            Change::Set(profile.map_err(|error| Failure::usage(error.to_string(), next))?)
        }
    })
}

/// What an option says of a field: nothing, that it is to be empty, or its value.
pub(super) fn text_change(option: Option<String>) -> Change<String> {
    match option {
        None => Change::Keep,
        Some(text) if text.is_empty() => Change::Clear,
        Some(text) => Change::Set(text),
    }
}

fn table(stations: &[StationView]) -> String {
    let mut table = Table::new(&[
        "STATION",
        "ONLINE",
        "PROTOCOL",
        "VENDOR",
        "MODEL",
        "CONNECTORS",
        "LAST SEEN",
    ]);
    for station in stations {
        let connectors = station.connectors.iter().filter(|state| state.place().is_outlet());
        let states: Vec<_> =
            connectors.map(|state| format!("{} {}", state.place(), state.status)).collect();
        table.row(vec![
            station.id.to_string(),
            if station.online { "yes" } else { "no" }.to_owned(),
            or_nothing(station.protocol.as_ref()),
            or_nothing(station.vendor.as_ref()),
            or_nothing(station.model.as_ref()),
            or_nothing((!states.is_empty()).then(|| states.join(", "))),
            or_nothing(station.last_seen),
        ]);
    }
    if table.is_empty() { "no stations yet\n".to_owned() } else { table.render() }
}

fn details(station: &StationView) -> String {
    let mut table = Table::new(&["STATION", station.id.as_str()]);
    let mut row = |name: &str, value: String| table.row(vec![name.to_owned(), value]);
    row("online", if station.online { "yes" } else { "no" }.to_owned());
    row("protocol", or_nothing(station.protocol.as_ref()));
    row("wanted protocol", or_nothing(station.wanted_protocol.as_ref()));
    row("address", or_nothing(station.peer.as_ref()));
    row("vendor", or_nothing(station.vendor.as_ref()));
    row("model", or_nothing(station.model.as_ref()));
    row("serial", or_nothing(station.serial.as_ref()));
    row("firmware", or_nothing(station.firmware.as_ref()));
    row("zone", station.zone.clone().unwrap_or_else(|| "UTC".to_owned()));
    row("currency", or_nothing(station.currency.as_ref()));
    row("tags", or_nothing((!station.tags.is_empty()).then(|| station.tags.join(", "))));
    for (name, value) in handling::rows(station) {
        row(name, value);
    }
    row("shows cost", if station.shows_cost { "yes" } else { "no" }.to_owned());
    row("settings", Value::Object(station.settings.clone()).to_string());
    row("password", if station.has_password { "set" } else { "not set" }.to_owned());
    row("security profile", or_nothing(station.security_profile));
    let least = station.least_security_profile.map(|least| least.to_string());
    let rises = if station.raises_security { ", rises with what it shows" } else { "" };
    row("least profile", format!("{}{rises}", or_nothing(least)));
    row("last seen", or_nothing(station.last_seen));
    for state in &station.connectors {
        let error = state.error.as_ref().map(|error| format!(", {error}")).unwrap_or_default();
        let info = state.info.as_ref().map(|info| format!(" ({info})")).unwrap_or_default();
        row(
            &format!("connector {}", state.place()),
            format!("{}{error}{info} since {}", state.status, state.at),
        );
    }
    for running in &station.charging {
        let why = running.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        let (place, energy) = (running.place(), running.energy_wh.0);
        row(
            &format!("session {}", running.session),
            format!("on connector {place}, {energy} since {}{why}", running.started),
        );
    }
    table.render()
}
