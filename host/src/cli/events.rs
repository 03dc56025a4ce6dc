//! `plugpoint events …`: the log as it grows; one event with its text. Knows no log but the stream.

use super::client::{Client, Reach};
use super::output::Output;
use super::sentence;
use super::table::visible;
use super::tail::Tail;
use crate::admin::views::{EventDetails, EventView};

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
    /// Show one event, and the message that it was read from
    Show {
        /// Its place in the log
        seq: u64,
    },
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
    let client = args.reach.client()?;
    match args.command {
        EventsCommand::Tail(args) => tail(client, args, output).await,
        EventsCommand::Show { seq } => {
            let details: EventDetails = client.get(&["events", &seq.to_string()], &[]).await?;
            output.show(&details, |details| {
                let text = details.text.as_deref().unwrap_or("(no message is kept)");
                format!("{}\n{}\n", sentence::line(&details.event), visible(text))
            })
        }
    }
}

async fn tail(client: Client, tail: TailArgs, output: Output) -> anyhow::Result<()> {
    let tail = Tail {
        client,
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
