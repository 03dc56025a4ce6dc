//! `plugpoint ocpp …`: what the versions of OCPP consist of. Asks no server.

use std::str::FromStr;

use super::failure::Failure;
use super::output::Output;
use super::table::Table;
use crate::admin::views::{ActionView, ActionsPage, MemberView};

#[derive(Debug, clap::Args)]
pub(super) struct OcppArgs {
    #[command(subcommand)]
    command: OcppCommand,
}

#[derive(Debug, clap::Subcommand)]
enum OcppCommand {
    /// List the actions of a version, and who sends them
    Actions {
        /// Which version: 1.6, 2.0.1 or 2.1
        #[arg(long, value_name = "VERSION")]
        ocpp: Option<Version>,
    },
    /// Show what an action takes and what answers it
    Describe {
        /// For example SetChargingProfile
        action: String,
        /// Which version: 1.6, 2.0.1 or 2.1 [default: the newest that has it]
        #[arg(long, value_name = "VERSION")]
        ocpp: Option<Version>,
    },
}

/// A version of OCPP as people write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Version(&'static str);

impl FromStr for Version {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let versions = ActionView::VERSIONS;
        let found = versions.into_iter().find(|version| *version == text);
        found.map(Self).ok_or_else(|| format!("must be one of {}", versions.join(", ")))
    }
}

pub(super) fn run(args: OcppArgs, output: Output) -> anyhow::Result<()> {
    match args.command {
        OcppCommand::Actions { ocpp } => {
            let versions = wanted(ocpp);
            let lists: Vec<_> =
                versions.filter_map(|version| ActionsPage::of_version(version.0)).collect();
            output.show(&lists, |lists| list(lists))
        }
        OcppCommand::Describe { action, ocpp } => describe(&action, ocpp, output),
    }
}

/// One version, or all of them, newest first.
fn wanted(version: Option<Version>) -> impl Iterator<Item = Version> {
    let all = ActionView::VERSIONS.into_iter().rev().map(Version);
    all.filter(move |one| version.is_none_or(|wanted| wanted == *one))
}

/// Shows an action of one version, or of the newest that has it.
pub(super) fn describe(
    action: &str,
    version: Option<Version>,
    output: Output,
) -> anyhow::Result<()> {
    let found = wanted(version).find_map(|version| ActionView::find(version.0, action));
    let Some(view) = found else {
        let known = version.map_or_else(|| "OCPP".to_owned(), |it| format!("OCPP {}", it.0));
        let message = format!("{known} has no action '{}'", super::table::visible(action));
        return Err(Failure::usage(message, "see `plugpoint ocpp actions`").into());
    };
    output.show(&view, details)
}

fn list(lists: &[ActionsPage]) -> String {
    let mut table = Table::new(&["OCPP", "ACTION", "SENT", "BLOCK"]);
    for ActionsPage { version, actions } in lists {
        for action in actions {
            table.row(vec![
                version.clone(),
                action.name.clone(),
                action.sent.as_str().to_owned(),
                action.block.clone(),
            ]);
        }
    }
    table.render()
}

fn details(view: &ActionView) -> String {
    let ActionView { version, name, block, sent, open, request, response } = view;
    let open = if *open { "; a station's is answered by plugins, if any can" } else { "" };
    let sent = sent.as_str();
    let mut text = format!("{name}, OCPP {version}, {block}, sent {sent}{open}\n\nRequest");
    text.push_str(&members(request));
    match response {
        Some(response) => {
            text.push_str("\nResponse");
            text.push_str(&members(response));
        }
        None => text.push_str("\nNobody answers it.\n"),
    }
    text
}

/// `!` marks what has to be there.
fn members(members: &[MemberView]) -> String {
    if members.is_empty() {
        return ": {}\n".to_owned();
    }
    let mut table = Table::new(&["  MEMBER", ""]);
    for MemberView { depth, name, required, what } in members {
        let mark = if *required { "!" } else { "" };
        table.row(vec![format!("  {}{name}{mark}", "  ".repeat(*depth)), what.clone()]);
    }
    format!(" (! has to be there)\n{}", table.render())
}
