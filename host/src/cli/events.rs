//! `plugpoint events tail`: the log as it grows. Knows no log but the stream.

use super::client::Reach;
use super::output::Output;
use super::sentence;
use super::tail::Tail;
use crate::admin::views::EventView;

#[derive(Debug, clap::Args)]
pub(super) struct EventsArgs {
    #[command(flatten)]
    reach: Reach,
    #[command(subcommand)]
    command: EventsCommand,
}

#[derive(Debug, clap::Subcommand)]
enum EventsCommand {
    /// Show events as they happen, one per line
    Tail(TailArgs),
}

#[derive(Debug, clap::Args)]
struct TailArgs {
    /// Begin after this place in the log; 0 for everything that is kept
    #[arg(long, value_name = "SEQ")]
    after: Option<u64>,
    /// Stop at the end of the log instead of waiting for more
    #[arg(long)]
    no_follow: bool,
    /// Stop after so many events
    #[arg(long)]
    limit: Option<u64>,
}

pub(super) async fn run(args: EventsArgs, output: Output) -> anyhow::Result<()> {
    let EventsCommand::Tail(tail) = args.command;
    let tail = Tail {
        client: args.reach.client()?,
        output,
        path: vec!["events".to_owned()],
        query: Vec::new(),
        after: tail.after.map(|seq| seq.to_string()),
        left: tail.limit,
        follow: !tail.no_follow,
        line: |data| Ok(sentence::line(&serde_json::from_str::<EventView>(data)?)),
    };
    tail.run().await
}
