//! `plugpoint station config want`, `unwant`, `drift`: what a station is to be configured with, whether it is there or not.

use serde::Serialize;

use super::variable::{Name, Setting, Whereabouts};
use crate::admin::views::{SaidView, WishBody, WishView, WishesPage};
use crate::cli::client::Client;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::paging::{Page, more};
use crate::cli::table::{Table, or_nothing};
use crate::domain::{StationId, WishName, WishState};

#[derive(Debug, clap::Args)]
pub(super) struct WantArgs {
    /// The station's id
    id: StationId,
    /// Such as HeartbeatInterval=300 (1.6) or OCPPCommCtrlr.HeartbeatInterval=300 (2.x)
    #[arg(required = true, value_name = "NAME=VALUE")]
    settings: Vec<Setting>,
    #[command(flatten)]
    places: Whereabouts,
}

#[derive(Debug, clap::Args)]
pub(super) struct UnwantArgs {
    /// The station's id
    id: StationId,
    /// Such as HeartbeatInterval (1.6) or OCPPCommCtrlr.HeartbeatInterval (2.x)
    #[arg(required = true)]
    names: Vec<Name>,
    #[command(flatten)]
    places: Whereabouts,
}

#[derive(Debug, clap::Args)]
pub(super) struct DriftArgs {
    /// All that is wanted of this station [default: of all stations, what they do not have]
    id: Option<StationId>,
    #[command(flatten)]
    page: Page,
}

/// What is printed.
#[derive(Debug, Serialize)]
struct Rows {
    wanted: Vec<WishView>,
}

pub(super) async fn want(client: &Client, args: WantArgs, output: Output) -> anyhow::Result<()> {
    let mut wanted = Vec::new();
    let mut names = args.settings.iter().map(|it| &it.name);
    if let Some(secret) =
        names.find(|name| WishName::new(&name.to_string()).is_ok_and(|it| it.is_secret()))
    {
        let next =
            format!("`plugpoint station password {} --rotate` has the station take one", args.id);
        let message = format!("{secret} is a password, which everybody could read in the records");
        return Err(Failure::usage(message, next).into());
    }
    for Setting { name, value } in &args.settings {
        let (id, name) = (args.id.as_str(), args.places.key(name));
        let body = WishBody { value: value.clone() };
        let view: WishView = client.put(&["stations", id, "wanted", &name], &body).await?;
        wanted.push(view);
    }
    output.show(&Rows { wanted }, |rows| table(&rows.wanted))?;
    let id = &args.id;
    output.progress(&format!("`plugpoint station config drift {id}` shows what became of it"));
    Ok(())
}

pub(super) async fn unwant(
    client: &Client,
    args: UnwantArgs,
    output: Output,
) -> anyhow::Result<()> {
    for name in &args.names {
        let name = args.places.key(name);
        client.delete(&["stations", args.id.as_str(), "wanted", &name]).await?;
        output.say(&format!("{name} may be what it is"))?;
    }
    Ok(())
}

pub(super) async fn drift(client: &Client, args: DriftArgs, output: Output) -> anyhow::Result<()> {
    let page: WishesPage = match &args.id {
        Some(id) => client.get(&["stations", id.as_str(), "wanted"], &[]).await?,
        None => client.get(&["wanted"], &args.page.query()).await?,
    };
    output.show(&page, |page| table(&page.wanted))?;
    if page.wanted.iter().any(|it| it.state == WishState::RebootRequired) {
        output.progress("what is reboot-required counts after `plugpoint station call ID Reset …`");
    }
    more(output, page.next.as_deref());
    Ok(())
}

fn table(wanted: &[WishView]) -> String {
    let mut table = Table::new(&["STATION", "NAME", "WANTED", "SEEN", "STATE", "SINCE", "IT SAID"]);
    for it in wanted {
        table.row(vec![
            it.station.to_string(),
            it.name.to_string(),
            it.wanted.clone(),
            or_nothing(it.seen.as_ref()),
            it.state.as_str().to_owned(),
            it.since.to_string(),
            or_nothing(it.said.as_ref().map(said)),
        ]);
    }
    if table.is_empty() { "nothing\n".to_owned() } else { table.render() }
}

pub(super) fn said(said: &SaidView) -> String {
    match &said.reason {
        Some(reason) => format!("{} ({reason})", said.status),
        None => said.status.clone(),
    }
}
