//! `plugpoint station holdings`: what a station holds on our word or by its own report, and where the two differ.

use serde_json::value::RawValue;

use crate::admin::views::{
    ContentView, HoldingView, HoldingsPage, ReportView, ShelfView, ShelvesView,
};
use crate::cli::client::Client;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::paging::{Page, more};
use crate::cli::table::{Table, or_nothing, visible};
use crate::domain::{Difference, GoneWhy, HoldingKind, StationId, Withheld};

/// Longest value in a table, in characters; `--json` has all of it.
const MAX_CELL: usize = 40;

#[derive(Debug, clap::Args)]
pub(super) struct HoldingsArgs {
    /// The station's id
    id: StationId,
    /// Of this kind, such as variable or charging-profile [default: how many of each kind]
    kind: Option<HoldingKind>,
    /// All of one thing, by its key
    #[arg(long, requires = "kind", conflicts_with = "differing")]
    key: Option<String>,
    /// Only where the station has something else than it accepted
    #[arg(long, requires = "kind")]
    differing: bool,
    #[command(flatten)]
    page: Page,
}

pub(super) async fn run(client: &Client, args: HoldingsArgs, output: Output) -> anyhow::Result<()> {
    let id = args.id.as_str();
    let Some(kind) = args.kind else {
        let shelves: ShelvesView = client.get(&["stations", id, "holdings"], &[]).await?;
        return output.show(&shelves, |shelves| counts(&shelves.kinds));
    };
    let mut query = args.page.query();
    query.push(("differing", args.differing.to_string()));
    query.extend(args.key.iter().map(|key| ("key", key.clone())));
    let path = ["stations", id, "holdings", kind.as_str()];
    let page: HoldingsPage = client.get(&path, &query).await?;
    if let Some(key) = &args.key {
        let Some(holding) = page.holdings.first() else {
            let next = format!("`plugpoint station holdings {id} {kind}` lists what there is");
            let message = format!("nothing is known of a {kind} {}", visible(key));
            return Err(Failure::new("holding-not-found", message, next).into());
        };
        return output.show(holding, details);
    }
    output.show(&page, |page| table(&page.holdings))?;
    if let Some(shelf) = &page.shelf {
        if let Some(report) = &shelf.report {
            output.progress(&progress(report));
        }
        if shelf.left_out > 0 {
            let (left_out, most) = (shelf.left_out, shelf.most);
            output.progress(&format!("{left_out} were left out; {most} of a kind are kept"));
        }
    }
    more(output, page.next.as_deref());
    Ok(())
}

fn counts(shelves: &[ShelfView]) -> String {
    let mut table =
        Table::new(&["KIND", "HELD", "DIFFERING", "KEPT", "LEFT OUT", "REPORT", "CHANGED"]);
    for shelf in shelves {
        table.row(vec![
            shelf.kind.to_string(),
            shelf.held.to_string(),
            shelf.differing.to_string(),
            shelf.kept.to_string(),
            shelf.left_out.to_string(),
            or_nothing(shelf.report.as_ref().map(parts)),
            shelf.changed.to_string(),
        ]);
    }
    if table.is_empty() { "nothing is known of it yet\n".to_owned() } else { table.render() }
}

fn parts(report: &ReportView) -> String {
    let of = report.of.map_or_else(|| "?".to_owned(), |of| of.to_string());
    match (report.whole, report.parts) {
        (Some(_), 0) => "nothing to tell".to_owned(),
        (Some(_), parts) => format!("whole, {parts} parts"),
        (None, parts) => format!("{parts} of {of} parts"),
    }
}

fn progress(report: &ReportView) -> String {
    let twice = match report.repeated {
        0 => String::new(),
        n => format!(", {n} of them more than once"),
    };
    let status = report.status.as_ref().map(|it| format!(", answered {it}")).unwrap_or_default();
    format!("report {}{status}: {}{twice}", report.request, parts(report))
}

fn table(holdings: &[HoldingView]) -> String {
    let headings = ["KEY", "STATE", "ABOUT", "SENT", "STATUS", "REPORTED", "DIFFERS"];
    let mut table = Table::new(&headings);
    for holding in holdings {
        let about: Vec<_> =
            holding.marks.iter().map(|(name, word)| format!("{name} {word}")).collect();
        let sent = holding.sent.as_ref();
        table.row(vec![
            holding.key.clone(),
            state(holding),
            or_nothing((!about.is_empty()).then(|| about.join(", "))),
            or_nothing(sent.map(|sent| value_of(&sent.content))),
            or_nothing(sent.and_then(|sent| sent.status.as_ref())),
            or_nothing(holding.reported.as_ref().map(value_of)),
            or_nothing(differs(&holding.differences)),
        ]);
    }
    if table.is_empty() { "nothing\n".to_owned() } else { table.render() }
}

/// One thing with all that is kept of it.
fn details(holding: &HoldingView) -> String {
    let mut table = Table::new(&["KEY", &visible(&holding.key)]);
    let mut row = |name: &str, value: String| table.row(vec![name.to_owned(), value]);
    row("state", state(holding));
    row("gone", or_nothing(holding.gone.as_ref().map(|gone| gone.at)));
    row("expires", or_nothing(holding.expires));
    for (name, word) in &holding.marks {
        row(name, word.clone());
    }
    if let Some(sent) = &holding.sent {
        let whose = sent.plugin.as_ref().map_or("operator", |plugin| plugin.as_str());
        row("sent", whole(&sent.content));
        row("sent by", format!("{whose}, command {}", or_nothing(sent.command.as_ref())));
        row("status", or_nothing(sent.status.as_ref()));
        row("reason", or_nothing(sent.reason.as_ref()));
    }
    for (name, content) in [("accepted", &holding.accepted), ("reported", &holding.reported)] {
        if let Some(content) = content {
            row(name, whole(content));
        }
    }
    for difference in &holding.differences {
        row("differs", or_nothing(differs(std::slice::from_ref(difference))));
    }
    table.render()
}

fn whole(content: &ContentView) -> String {
    let value = content.value.as_ref().filter(|_| content.withheld.is_none());
    format!("{} at {}", value.map_or_else(|| value_of(content), |it| plain(it)), content.at)
}

fn state(holding: &HoldingView) -> String {
    let state = holding.state.as_str();
    match holding.gone.as_ref().map(|gone| &gone.why) {
        Some(GoneWhy::Ended(word)) => format!("{state} ({word})"),
        Some(GoneWhy::Replaced) => format!("{state} (replaced)"),
        Some(GoneWhy::Cleared | GoneWhy::Missing) | None => state.to_owned(),
    }
}

fn value_of(content: &ContentView) -> String {
    match (&content.value, content.withheld) {
        (_, Some(Withheld::Secret)) => "(secret)".to_owned(),
        (_, Some(Withheld::TooLong(bytes))) => format!("({bytes} bytes)"),
        (Some(value), None) => cut(&plain(value)),
        (None, None) => "null".to_owned(),
    }
}

/// A text without its quotes.
fn plain(value: &RawValue) -> String {
    serde_json::from_str::<String>(value.get()).unwrap_or_else(|_| value.get().to_owned())
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_CELL) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn differs(differences: &[Difference]) -> Option<String> {
    let (first, more) = differences.split_first()?;
    let at = if first.at.is_empty() { String::new() } else { format!("{}: ", first.at) };
    let word = |word: &Option<String>| cut(word.as_deref().unwrap_or("nothing"));
    let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
    Some(format!("{at}sent {}, has {}{more}", word(&first.sent), word(&first.reported)))
}
