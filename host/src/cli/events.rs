//! `plugpoint events …`: the log as it grows, over reconnects and restarts of the server; one event with its text.
//! Knows no log but the stream.

use std::time::Duration;

use futures_util::StreamExt;

use super::client::{Client, Reach};
use super::failure::Failure;
use super::output::Output;
use super::sentence;
use super::sse::{Parser, Said};
use super::table::visible;
use crate::admin::views::{EventDetails, EventView};

/// How long to wait before the first attempt to connect again, and at most.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const MAX_WAIT: Duration = Duration::from_secs(10);

/// Silence after which the connection counts as dead; the server says something every 15 seconds.
const SILENCE: Duration = Duration::from_secs(45);

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
    let mut reader = Reader {
        client,
        output,
        after: tail.after.map(|seq| seq.to_string()),
        left: tail.limit,
        follow: !tail.no_follow,
    };
    let mut wait = FIRST_WAIT;
    // The first connection must work: a wrong address or key is told at once.
    let mut ended = reader.read().await?;
    loop {
        match ended {
            Ended::Done => return Ok(()),
            Ended::Broken { got_events: true } => wait = FIRST_WAIT,
            Ended::Broken { got_events: false } => wait = (wait * 2).min(MAX_WAIT),
        }
        output.progress("-- the connection broke; trying again --");
        tokio::time::sleep(wait).await;
        ended = match reader.read().await {
            Ok(ended) => ended,
            Err(error) if is_passing(&error) => Ended::Broken { got_events: false },
            Err(error) => return Err(error),
        };
    }
}

/// Whether the server may just be restarting.
fn is_passing(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Failure>().is_some_and(Failure::is_passing)
}

enum Ended {
    Done,
    Broken { got_events: bool },
}

struct Reader {
    client: Client,
    output: Output,
    /// The last event that was shown, in the server's words.
    after: Option<String>,
    left: Option<u64>,
    follow: bool,
}

impl Reader {
    /// One connection, to its end.
    async fn read(&mut self) -> anyhow::Result<Ended> {
        let mut query = vec![("follow", self.follow.to_string())];
        query.extend(self.after.clone().map(|after| ("after", after)));
        query.extend(self.left.map(|left| ("limit", left.to_string())));
        let mut bytes = self.client.stream(&["events"], &query).await?.bytes_stream();
        let mut parser = Parser::default();
        let mut got_events = false;
        loop {
            let piece = match tokio::time::timeout(SILENCE, bytes.next()).await {
                Ok(Some(Ok(piece))) => piece,
                Ok(None) if !self.follow || self.left == Some(0) => return Ok(Ended::Done),
                Ok(None | Some(Err(_))) | Err(_) => return Ok(Ended::Broken { got_events }),
            };
            for said in parser.take(&piece)? {
                match said {
                    Said::Id(id) => self.after = Some(id),
                    Said::Data(data) => {
                        got_events = true;
                        self.show(&data)?;
                    }
                }
            }
        }
    }

    fn show(&mut self, data: &str) -> anyhow::Result<()> {
        self.left = self.left.map(|left| left.saturating_sub(1));
        if self.output.json {
            return self.output.line(data);
        }
        let event: EventView = serde_json::from_str(data)?;
        self.output.line(&sentence::line(&event))
    }
}
