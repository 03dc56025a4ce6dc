//! `GET /v1/plugins/{name}/logs`: what a plugin wrote and what the host says of it, as a stream of server-sent events.
//! Lines live in memory: whoever reads too slowly, or comes too late, gets the newest.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::desk::Desk;
use super::events::{HEARTBEAT, last_event_id};
use super::extract::{Named, Params, parse_param};
use super::problem::Problem;
use super::views::LogLineView;
use crate::domain::{JournalLine, LineLevel, PluginName};
use crate::plugins::Journal;
use crate::work::RolloutError;

/// How many lines are taken from a journal at once.
const BATCH: usize = 100;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LogsQuery {
    /// The last line that the caller has. From now on, when left out; all that are kept, with `follow=false`.
    after: Option<u64>,
    /// `false` ends the stream where the journal ends now.
    #[serde(default = "yes")]
    follow: bool,
    /// Ends the stream after so many lines.
    limit: Option<u64>,
    /// Only lines that matter so much, or more; all, when left out.
    level: Option<String>,
}

fn yes() -> bool {
    true
}

pub(super) async fn stream(
    State(desk): State<Arc<Desk>>,
    Named(name): Named<PluginName>,
    Params(query): Params<LogsQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let permit = desk.stream()?;
    let least = parse_param("level", query.level.as_deref())?.unwrap_or(LineLevel::Debug);
    let rollout = Arc::clone(&desk.admin.rollout);
    let journal = desk.read(move |_| {
        let journal = rollout.journal(&name)?;
        journal.ok_or_else(|| RolloutError::NotLoaded(name).into())
    });
    let journal = journal.await?;
    let newest = journal.newest();
    let now = *newest.borrow();
    let after = match last_event_id(&headers)?.map(|id| id.0).or(query.after) {
        Some(after) => after,
        None if query.follow => now,
        None => 0,
    };
    let until = (!query.follow).then_some(now);
    let tail = Tail {
        desk,
        journal,
        newest,
        after,
        least,
        fetched: VecDeque::new(),
        left: query.limit,
        until,
        _permit: permit,
    };
    // An id without data, as on the stream of events.
    let start = Event::default().id(after.to_string());
    let lines = stream::unfold((Some(start), tail), |(start, mut tail)| async move {
        let line = match start {
            Some(start) => start,
            None => tail.next().await?,
        };
        Some((Ok::<_, Infallible>(line), (None, tail)))
    });
    let heartbeat = KeepAlive::new().interval(HEARTBEAT).text("alive");
    Ok(Sse::new(lines).keep_alive(heartbeat).into_response())
}

/// One reader's place in a journal.
struct Tail {
    desk: Arc<Desk>,
    journal: Arc<Journal>,
    newest: watch::Receiver<u64>,
    /// The last line that was handed out or passed over.
    after: u64,
    least: LineLevel,
    fetched: VecDeque<JournalLine>,
    left: Option<u64>,
    /// Where to end, if it does not follow.
    until: Option<u64>,
    _permit: OwnedSemaphorePermit,
}

impl Tail {
    /// `None` at the end of what was asked for, and of the server.
    async fn next(&mut self) -> Option<Event> {
        if self.left == Some(0) {
            return None;
        }
        while self.fetched.is_empty() {
            let newest = *self.newest.borrow_and_update();
            self.fetched = self.journal.after(self.after, self.least, BATCH);
            if self.fetched.is_empty() {
                if self.until.is_some() {
                    return None;
                }
                self.after = self.after.max(newest);
                self.wait().await?;
            }
        }
        let line = self.fetched.pop_front()?;
        if self.until.is_some_and(|until| line.number > until) {
            return None;
        }
        self.after = line.number;
        self.left = self.left.map(|left| left - 1);
        let view = LogLineView::from(line);
        let json = serde_json::to_string(&view).ok()?;
        Some(Event::default().id(view.number.to_string()).data(json))
    }

    async fn wait(&mut self) -> Option<()> {
        tokio::select! {
            () = self.desk.admin.stopping.cancelled() => None,
            moved = self.newest.changed() => moved.ok(),
        }
    }
}
