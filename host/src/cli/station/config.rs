//! `plugpoint station config …`: what can be read and set of a station, over every version of OCPP.

use serde::Serialize;
use serde_json::json;

use super::report;
use super::tongue::Tongue;
use super::variable::{Name, Row, Setting, Whereabouts, keys, results};
use super::{Patience, send, wanted};
use crate::cli::client::Client;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::table::{Table, or_nothing};
use crate::domain::StationId;

/// What a station answers when a setting counts from now on, or from its next start.
const SET: &str = "Accepted";
const SET_AFTER_RESTART: &str = "RebootRequired";

#[derive(Debug, clap::Subcommand)]
pub(super) enum ConfigCommand {
    /// Read configuration keys (OCPP 1.6) or variables (2.x)
    Get(GetArgs),
    /// Set configuration keys (OCPP 1.6) or variables (2.x)
    Set(SetArgs),
    /// Have the station report all its variables (2.x)
    Report(report::ReportArgs),
    /// Say what a station is to have, whether it is online or not: it is set when it can be, and kept so
    Want(wanted::WantArgs),
    /// Take that back: the station keeps what it has
    Unwant(wanted::UnwantArgs),
    /// List what is wanted of a station and what it has; without a station, what differs anywhere
    Drift(wanted::DriftArgs),
}

#[derive(Debug, clap::Args)]
pub(super) struct GetArgs {
    /// The station's id
    id: StationId,
    /// Such as HeartbeatInterval (1.6; without any, all) or OCPPCommCtrlr.HeartbeatInterval (2.x)
    names: Vec<Name>,
    #[command(flatten)]
    places: Whereabouts,
    #[command(flatten)]
    patience: Patience,
}

#[derive(Debug, clap::Args)]
pub(super) struct SetArgs {
    /// The station's id
    id: StationId,
    /// Such as HeartbeatInterval=300 (1.6) or OCPPCommCtrlr.HeartbeatInterval=300 (2.x)
    #[arg(required = true, value_name = "NAME=VALUE")]
    settings: Vec<Setting>,
    #[command(flatten)]
    places: Whereabouts,
    #[command(flatten)]
    patience: Patience,
}

/// What is printed.
#[derive(Debug, Serialize)]
pub(super) struct Rows {
    pub(super) variables: Vec<Row>,
}

pub(super) async fn run(
    client: &Client,
    command: ConfigCommand,
    output: Output,
) -> anyhow::Result<()> {
    match command {
        ConfigCommand::Get(args) => get(client, args, output).await,
        ConfigCommand::Set(args) => set(client, args, output).await,
        ConfigCommand::Report(args) => report::run(client, args, output).await,
        ConfigCommand::Want(args) => wanted::want(client, args, output).await,
        ConfigCommand::Unwant(args) => wanted::unwant(client, args, output).await,
        ConfigCommand::Drift(args) => wanted::drift(client, args, output).await,
    }
}

async fn get(client: &Client, args: GetArgs, output: Output) -> anyhow::Result<()> {
    let tongue = Tongue::of(client, &args.id).await?;
    check(tongue, &args.places, args.names.iter())?;
    let variables = match tongue {
        Tongue::V1 => {
            let names: Vec<_> = args.names.iter().map(ToString::to_string).collect();
            let payload = if names.is_empty() { json!({}) } else { json!({ "key": names }) };
            keys(&send(client, &args.id, "GetConfiguration", payload, args.patience).await?.value())
        }
        Tongue::V2 if args.names.is_empty() => {
            let next =
                format!("name them, or see all with `plugpoint station config report {}`", args.id);
            return Err(Failure::usage("OCPP 2.x gives variables by name only", next).into());
        }
        Tongue::V2 => {
            let asked: Vec<_> = args.names.iter().map(|name| args.places.named(name)).collect();
            let payload = json!({ "getVariableData": asked });
            let answer = send(client, &args.id, "GetVariables", payload, args.patience).await?;
            results(&answer.value()["getVariableResult"])
        }
    };
    output.show(&Rows { variables }, table)
}

async fn set(client: &Client, args: SetArgs, output: Output) -> anyhow::Result<()> {
    let tongue = Tongue::of(client, &args.id).await?;
    check(tongue, &args.places, args.settings.iter().map(|setting| &setting.name))?;
    let (variables, broke_off) = match tongue {
        Tongue::V1 => set_keys(client, &args).await,
        Tongue::V2 => {
            let wanted = args.settings.iter().map(|setting| {
                let mut wanted = args.places.named(&setting.name);
                wanted["attributeValue"] = setting.value.as_str().into();
                wanted
            });
            let payload = json!({ "setVariableData": wanted.collect::<Vec<_>>() });
            let answer = send(client, &args.id, "SetVariables", payload, args.patience).await?;
            (results(&answer.value()["setVariableResult"]), None)
        }
    };
    let rows = Rows { variables };
    if !rows.variables.is_empty() {
        output.show(&rows, table)?;
    }
    if let Some(error) = broke_off {
        return Err(error);
    }
    let counts = |status: &str| rows.variables.iter().filter(|row| row.status == status).count();
    let (set, later) = (counts(SET), counts(SET_AFTER_RESTART));
    if later > 0 {
        output.progress("what is RebootRequired counts after `plugpoint station call ID Reset …`");
    }
    let wanted = args.settings.len();
    if set + later < wanted {
        let message = format!("{} of {wanted} were not set", wanted - set - later);
        let next = format!("`plugpoint station config get {}` shows what counts now", args.id);
        return Err(Failure::new("not-set", message, next).into());
    }
    Ok(())
}

/// 1.6 sets one key at a time. What the station has answered is told also when it stops answering.
async fn set_keys(client: &Client, args: &SetArgs) -> (Vec<Row>, Option<anyhow::Error>) {
    let mut rows = Vec::new();
    for Setting { name, value } in &args.settings {
        let payload = json!({ "key": name.to_string(), "value": value });
        let answer = send(client, &args.id, "ChangeConfiguration", payload, args.patience).await;
        match answer {
            Ok(answer) => rows.push(Row {
                name: name.to_string(),
                attribute: None,
                value: Some(value.clone()),
                status: answer.status().unwrap_or_default(),
            }),
            Err(error) => return (rows, Some(error)),
        }
    }
    (rows, None)
}

fn check<'n>(
    tongue: Tongue,
    places: &Whereabouts,
    names: impl Iterator<Item = &'n Name>,
) -> Result<(), Failure> {
    let next = "1.6 has keys such as HeartbeatInterval, 2.x has OCPPCommCtrlr.HeartbeatInterval";
    places.check(tongue, names).map_err(|why| Failure::usage(why, next))
}

pub(super) fn table(rows: &Rows) -> String {
    let mut table = Table::new(&["NAME", "ATTRIBUTE", "VALUE", "STATUS"]);
    for row in &rows.variables {
        table.row(vec![
            row.name.clone(),
            or_nothing(row.attribute.as_ref()),
            or_nothing(row.value.as_ref()),
            row.status.clone(),
        ]);
    }
    if table.is_empty() { "nothing\n".to_owned() } else { table.render() }
}
