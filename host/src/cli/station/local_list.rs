//! `plugpoint station local-list`: which cards a station is to let charge by itself, and how far that is.

use crate::admin::views::{LocalListBody, LocalListView};
use crate::cli::client::Client;
use crate::cli::output::Output;
use crate::cli::table::{Table, or_nothing};
use crate::domain::{StationId, WishState};

#[derive(Debug, clap::Args)]
pub(super) struct LocalListArgs {
    /// The station's id
    id: StationId,
    /// Keep it in step with the operator's tokens that may charge
    #[arg(long, conflicts_with = "off")]
    from_tokens: bool,
    /// Only tokens of this group; repeat it for more [default: all]
    #[arg(long = "group", value_name = "GROUP", requires = "from_tokens")]
    groups: Vec<String>,
    /// Leave the station the list that it has
    #[arg(long)]
    off: bool,
}

pub(super) async fn run(
    client: &Client,
    args: LocalListArgs,
    output: Output,
) -> anyhow::Result<()> {
    let path = ["stations", args.id.as_str(), "local-list"];
    if args.off {
        client.delete(&path).await?;
        return output.say("the station keeps the list that it has");
    }
    let list: LocalListView = match args.from_tokens {
        true => client.put(&path, &LocalListBody { groups: args.groups }).await?,
        false => client.get(&path, &[]).await?,
    };
    output.show(&list, table)?;
    if list.left_out > 0 {
        let left_out = list.left_out;
        output.progress(&format!(
            "{left_out} cards have no room on it: choose groups, or tell the station's bounds with `plugpoint station config get {}`",
            args.id
        ));
    }
    if list.state == WishState::Absent {
        output.progress("the station has no local lists");
    }
    Ok(())
}

fn table(list: &LocalListView) -> String {
    let headings = ["STATE", "WANTED", "THERE", "CARDS", "OF THEM THERE", "GROUPS", "IT SAID"];
    let mut table = Table::new(&headings);
    table.row(vec![
        list.state.as_str().to_owned(),
        list.version_wanted.to_string(),
        or_nothing(list.version_there),
        list.entries.to_string(),
        list.entries_there.to_string(),
        if list.groups.is_empty() { "all".to_owned() } else { list.groups.join(", ") },
        or_nothing(list.said.as_ref().map(super::wanted::said)),
    ]);
    table.render()
}
