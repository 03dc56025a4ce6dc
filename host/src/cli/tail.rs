//! A live stream of the server, line by line, over reconnects and restarts. Knows no kind of line.

use std::time::Duration;

use futures_util::StreamExt;

use super::client::Client;
use super::failure::Failure;
use super::output::Output;
use super::sse::{Parser, Said};

/// How long to wait before the first attempt to connect again, and at most.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const MAX_WAIT: Duration = Duration::from_secs(10);

/// Silence after which the connection counts as dead; the server says something every 15 seconds.
const SILENCE: Duration = Duration::from_secs(45);

/// What to read, and how to show it.
pub(super) struct Tail {
    pub(super) client: Client,
    pub(super) output: Output,
    pub(super) path: Vec<String>,
    pub(super) query: Vec<(&'static str, String)>,
    /// The last line that was shown, in the server's words; `None` to leave the beginning to the server.
    pub(super) after: Option<String>,
    /// Stops after so many lines.
    pub(super) left: Option<u64>,
    pub(super) follow: bool,
    /// One `data:` as a line for people.
    pub(super) line: fn(&str) -> anyhow::Result<String>,
}

enum Ended {
    Done,
    Broken { got_lines: bool },
}

impl Tail {
    pub(super) async fn run(mut self) -> anyhow::Result<()> {
        let mut wait = FIRST_WAIT;
        // The first connection must work: a wrong address or key is told at once.
        let mut ended = self.read().await?;
        loop {
            match ended {
                Ended::Done => return Ok(()),
                Ended::Broken { got_lines: true } => wait = FIRST_WAIT,
                Ended::Broken { got_lines: false } => wait = (wait * 2).min(MAX_WAIT),
            }
            self.output.progress("-- the connection broke; trying again --");
            tokio::time::sleep(wait).await;
            ended = match self.read().await {
                Ok(ended) => ended,
                Err(error) if is_passing(&error) => Ended::Broken { got_lines: false },
                Err(error) => return Err(error),
            };
        }
    }

    /// One connection, to its end.
    async fn read(&mut self) -> anyhow::Result<Ended> {
        let mut query = self.query.clone();
        query.push(("follow", self.follow.to_string()));
        query.extend(self.after.clone().map(|after| ("after", after)));
        query.extend(self.left.map(|left| ("limit", left.to_string())));
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        let mut bytes = self.client.stream(&path, &query).await?.bytes_stream();
        let mut parser = Parser::default();
        let mut got_lines = false;
        loop {
            let piece = match tokio::time::timeout(SILENCE, bytes.next()).await {
                Ok(Some(Ok(piece))) => piece,
                Ok(None) if !self.follow || self.left == Some(0) => return Ok(Ended::Done),
                Ok(None | Some(Err(_))) | Err(_) => return Ok(Ended::Broken { got_lines }),
            };
            for said in parser.take(&piece)? {
                match said {
                    Said::Id(id) => self.after = Some(id),
                    Said::Data(data) => {
                        got_lines = true;
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
        self.output.line(&(self.line)(data)?)
    }
}

/// Whether the server may just be restarting.
fn is_passing(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Failure>().is_some_and(Failure::is_passing)
}
