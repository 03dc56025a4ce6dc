//! `GET /v1/events`: the log as a stream of server-sent events, resumable, never ahead of the disk. A reader that is
//! slow is read to slowly: nothing is queued for it.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::desk::Desk;
use super::extract::{Named, Params};
use super::problem::Problem;
use super::views::{Code, EventDetails, EventView};
use crate::domain::{FactBody, LoggedFact, Pseudonym, Seq};
use crate::plugins::Event as Told;
use crate::store::{Store, TokenName};

/// How many facts are fetched from the log at once.
const BATCH: usize = 100;

/// How long a stream may be silent before a comment shows that it is alive.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(15);

/// Where a browser says which event it saw last when it connects again (HTML standard, "Server-sent events").
const LAST_EVENT_ID: &str = "last-event-id";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EventsQuery {
    /// The last event that the caller has. From the next one on, when left out; from the first, with `follow=false`.
    after: Option<u64>,
    /// `false` ends the stream where the log ends now.
    #[serde(default = "yes")]
    follow: bool,
    /// Ends the stream after so many events.
    limit: Option<u64>,
}

fn yes() -> bool {
    true
}

pub(super) async fn stream(
    State(desk): State<Arc<Desk>>,
    Params(query): Params<EventsQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let permit = desk.stream()?;
    let durable = desk.admin.store.durable();
    let now = *durable.borrow();
    let after = match last_event_id(&headers)?.or(query.after.map(Seq)) {
        Some(after) => after,
        None if query.follow => now,
        None => Seq(0),
    };
    let tail = Tail {
        desk,
        durable,
        after,
        fetched: VecDeque::new(),
        left: query.limit,
        until: (!query.follow).then_some(now),
        _permit: permit,
    };
    // An id without data: nobody sees an event, but whoever connects again knows where to go on.
    let start = Event::default().id(after.to_string());
    let events = stream::unfold((Some(start), tail), |(start, mut tail)| async move {
        let event = match start {
            Some(event) => event,
            None => tail.next().await?,
        };
        Some((Ok::<_, Infallible>(event), (None, tail)))
    });
    let heartbeat = KeepAlive::new().interval(HEARTBEAT).text("alive");
    Ok(Sse::new(events).keep_alive(heartbeat).into_response())
}

/// One event, with the text that it was read from.
pub(super) async fn get(
    State(desk): State<Arc<Desk>>,
    Named(seq): Named<u64>,
) -> Result<Json<EventDetails>, Problem> {
    let event = desk.read(move |store| {
        let facts = store.facts(Seq(seq.saturating_sub(1)), 1)?;
        let found = facts.into_iter().find(|logged| logged.seq == Seq(seq));
        let logged = found.ok_or_else(|| {
            let message = format!("there is no event {seq}, or it is not kept any more");
            Problem::new(Code::EventNotFound, message, "see GET /v1/events?after=0")
        })?;
        Ok(EventDetails { event: view(store, logged)?, text: store.raw(Seq(seq))? })
    });
    event.await.map(Json)
}

pub(super) fn last_event_id(headers: &HeaderMap) -> Result<Option<Seq>, Problem> {
    let Some(id) = headers.get(LAST_EVENT_ID) else { return Ok(None) };
    let id = id.to_str().ok().and_then(|id| id.parse().ok());
    let wrong = || Problem::bad_request("Last-Event-ID: is not a number", "leave it out");
    id.map(Seq).map(Some).ok_or_else(wrong)
}

/// One reader's place in the log.
struct Tail {
    desk: Arc<Desk>,
    durable: watch::Receiver<Seq>,
    /// The last fact that was handed out or passed over.
    after: Seq,
    fetched: VecDeque<EventView>,
    left: Option<u64>,
    /// Where to end, if it does not follow.
    until: Option<Seq>,
    _permit: OwnedSemaphorePermit,
}

impl Tail {
    /// `None` at the end: of what was asked for, of the server, or of the store's patience. The reader connects
    /// again and goes on where it was.
    async fn next(&mut self) -> Option<Event> {
        if self.left == Some(0) {
            return None;
        }
        while self.fetched.is_empty() {
            let reached = *self.durable.borrow_and_update();
            if self.until.is_some_and(|until| self.after >= until) {
                return None;
            }
            if self.after < reached {
                self.fetched = self.fetch().await?;
            }
            if self.fetched.is_empty() {
                // Nothing up to `reached` is kept any more, or there is nothing new.
                self.after = self.after.max(reached);
                if self.until.is_none() {
                    self.wait().await?;
                }
            }
        }
        let event = self.fetched.pop_front()?;
        self.after = event.seq;
        if self.until.is_some_and(|until| event.seq > until) {
            return None;
        }
        self.left = self.left.map(|left| left - 1);
        let json = serde_json::to_string(&event).ok()?;
        Some(Event::default().id(event.seq.to_string()).event(event.kind).data(json))
    }

    async fn fetch(&self) -> Option<VecDeque<EventView>> {
        let after = self.after;
        let events = self.desk.read(move |store| {
            let facts = store.facts(after, BATCH)?;
            facts.into_iter().map(|fact| view(store, fact)).collect()
        });
        // The problem itself is in the log.
        events.await.ok()
    }

    async fn wait(&mut self) -> Option<()> {
        tokio::select! {
            () = self.desk.admin.stopping.cancelled() => None,
            moved = self.durable.changed() => moved.ok(),
        }
    }
}

fn view(store: &Store, logged: LoggedFact) -> Result<EventView, Problem> {
    let hint = match pseudonym(&logged.fact.body) {
        Some(name) => store.read::<TokenName>(name)?.map(|name| name.value.token.to_string()),
        None => None,
    };
    EventView::of(logged, hint).map_err(|e| Problem::internal(&e))
}

/// A fact as observing plugins are told of it: in the shape that the stream has, without the hint at the card.
pub fn tell(logged: LoggedFact) -> Result<Told, serde_json::Error> {
    let EventView { seq, station, at, received, kind, data, .. } = EventView::of(logged, None)?;
    Ok(Told { seq, station, at: at.0, received: received.0, kind, data: data.to_string() })
}

fn pseudonym(body: &FactBody) -> Option<&Pseudonym> {
    match body {
        FactBody::AuthorizeAsked { token, .. } => Some(token),
        FactBody::TransactionStarted { token, .. } => token.as_ref(),
        _ => None,
    }
}
