//! `plugpoint token …`: the operator's list of cards. Knows the API only.

use super::client::Reach;
use super::failure::Failure;
use super::output::Output;
use super::paging::{Page, more};
use super::station::text_change;
use super::table::{Table, or_nothing};
use crate::admin::views::{Change, Timestamp, TokenChange, TokenView, TokensPage};
use crate::domain::IdToken;

#[derive(Debug, clap::Args)]
pub(super) struct TokenArgs {
    #[command(flatten)]
    reach: Reach,
    #[command(subcommand)]
    command: TokenCommand,
}

#[derive(Debug, clap::Subcommand)]
enum TokenCommand {
    /// List the cards that the operator knows
    List(Page),
    /// Show one card
    Show {
        /// The card, as it is read or written; case does not count
        token: IdToken,
    },
    /// Make a card known, or change what is said of it; what is not named stays
    Set(SetArgs),
    /// Forget a card
    Delete {
        /// The card
        token: IdToken,
    },
}

#[derive(Debug, clap::Args)]
struct SetArgs {
    /// The card
    token: IdToken,
    /// Not to be charged (or, with `=false`, no longer blocked)
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    blocked: Option<bool>,
    /// No longer good from this time on, such as 2026-12-31T23:59:59Z; empty for never
    #[arg(long, value_name = "TIME")]
    expires: Option<String>,
    /// Cards of one group may end each other's sessions; empty for none
    #[arg(long)]
    group: Option<String>,
    /// Who pays; empty for nobody
    #[arg(long)]
    account: Option<String>,
    /// For people; empty for none
    #[arg(long)]
    note: Option<String>,
}

pub(super) async fn run(args: TokenArgs, output: Output) -> anyhow::Result<()> {
    let client = args.reach.client()?;
    match args.command {
        TokenCommand::List(page) => {
            let list: TokensPage = client.get(&["tokens"], &page.query()).await?;
            output.show(&list, |list| table(&list.tokens))?;
            more(output, list.next.as_deref());
            Ok(())
        }
        TokenCommand::Show { token } => {
            let card: TokenView = client.get(&["tokens", token.reveal()], &[]).await?;
            output.show(&card, |card| table(std::slice::from_ref(card)))
        }
        TokenCommand::Set(args) => {
            let (token, change) = parse(args)?;
            let card: TokenView = client.put(&["tokens", token.reveal()], &change).await?;
            output.show(&card, |card| table(std::slice::from_ref(card)))
        }
        TokenCommand::Delete { token } => {
            client.delete(&["tokens", token.reveal()]).await?;
            output.progress("forgotten");
            Ok(())
        }
    }
}

fn parse(args: SetArgs) -> anyhow::Result<(IdToken, TokenChange)> {
    let expires = match args.expires.as_deref() {
        None => Change::Keep,
        Some("") => Change::Clear,
        Some(text) => Change::Set(text.parse::<Timestamp>().map_err(|error| {
            Failure::usage(format!("--expires: {error}"), "write the time with its zone")
        })?),
    };
    let change = TokenChange {
        blocked: args.blocked.map_or(Change::Keep, Change::Set),
        expires,
        group: text_change(args.group),
        account: text_change(args.account),
        note: text_change(args.note),
    };
    Ok((args.token, change))
}

fn table(cards: &[TokenView]) -> String {
    let mut table = Table::new(&["CARD", "BLOCKED", "EXPIRES", "GROUP", "ACCOUNT", "NOTE"]);
    for card in cards {
        table.row(vec![
            card.token.reveal().to_owned(),
            if card.blocked { "yes" } else { "no" }.to_owned(),
            or_nothing(card.expires),
            or_nothing(card.group.as_ref()),
            or_nothing(card.account.as_ref()),
            or_nothing(card.note.as_ref()),
        ]);
    }
    if table.is_empty() { "no cards yet\n".to_owned() } else { table.render() }
}
