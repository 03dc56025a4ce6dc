//! `/v1/stations/{id}/commands`: calls to a station. Made at once or queued, listed, taken back, and read after their end.
//! Knows no protocol: `work` has them checked and sent.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::desk::Desk;
use super::extract::{JsonBody, Named, NamedTwice, Params, parse_limit, parse_param};
use super::problem::Problem;
use super::views::{
    Answered, Code, CommandRequest, CommandResponse, CommandView, CommandsPage, Timestamp,
};
use crate::domain::{
    CommandEnd, CommandNo, Ended, OperatorCommand, PluginName, QueuedCommand, StationId,
};
use crate::station::registry::Command;
use crate::store::{Order, Store};
use crate::work::{Called, Calls, How, Waiting};

/// How long a station may take to answer when the caller does not say.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// The longest that a caller may be willing to wait.
const MAX_TIMEOUT: Duration = Duration::from_secs(300);

/// The longest that a command may wait for its station, in milliseconds: 31 days.
const MAX_QUEUE_MS: u64 = 31 * 24 * 3600 * 1000;

/// Longest name of an action, in bytes. The longest of OCPP 2.1 has 32.
const MAX_ACTION: usize = 64;

pub(super) async fn post(
    State(desk): State<Arc<Desk>>,
    Named(id): Named<StationId>,
    JsonBody(request): JsonBody<CommandRequest>,
) -> Result<Response, Problem> {
    let calls = &desk.admin.calls;
    match parse(request)? {
        Wanted::Answer(command) => {
            let Called { number, result } = calls.call(id, command).await;
            let id = number.map(|number| number.to_string());
            let answered = |response| CommandResponse { status: Answered::Answered, id, response };
            match result {
                Ok(response) => Ok(Json(answered(response)).into_response()),
                Err(failure) => Err(Problem::from(failure).of_command(number)),
            }
        }
        Wanted::Queued { action, payload, within } => {
            let (number, command) = calls.queue(&id, action, payload, within).await?;
            let view = view(number.to_string(), None, command, None)?;
            Ok((StatusCode::ACCEPTED, Json(view)).into_response())
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CommandsQuery {
    all: Option<bool>,
    after: Option<String>,
    limit: Option<usize>,
}

pub(super) async fn list(
    State(desk): State<Arc<Desk>>,
    Named(id): Named<StationId>,
    Params(query): Params<CommandsQuery>,
) -> Result<Json<CommandsPage>, Problem> {
    let after = parse_param::<CommandNo>("after", query.after.as_deref())?;
    let limit = parse_limit(query.limit)?;
    let is_all = query.all.unwrap_or_default();
    desk.read(move |store| if is_all { all(store, &id, after, limit) } else { open(store, &id) })
        .await
        .map(Json)
}

/// Operators and plugins may have a few dozen each: all of them are shown.
fn open(store: &Store, id: &StationId) -> Result<CommandsPage, Problem> {
    let waiting = Calls::waiting(store, id)?.into_iter();
    let view = |Waiting { plugin, id, command }| view(id, plugin, command, None);
    Ok(CommandsPage { commands: waiting.map(view).collect::<Result<_, _>>()?, next: None })
}

fn all(
    store: &Store,
    id: &StationId,
    after: Option<CommandNo>,
    limit: usize,
) -> Result<CommandsPage, Problem> {
    let after = after.map(|number| (id.clone(), number));
    let page = store.page::<OperatorCommand>(id, after.as_ref(), Order::Descending, limit)?;
    let next =
        page.last().filter(|_| page.len() == limit).map(|((_, number), _)| number.to_string());
    let commands = page.into_iter().map(|((_, number), record)| of_operator(number, record.value));
    Ok(CommandsPage { commands: commands.collect::<Result<_, _>>()?, next })
}

pub(super) async fn get(
    State(desk): State<Arc<Desk>>,
    NamedTwice(id, number): NamedTwice<StationId, CommandNo>,
) -> Result<Json<CommandView>, Problem> {
    let found =
        desk.read(move |store| match store.read::<OperatorCommand>(&(id.clone(), number))? {
            Some(record) => of_operator(number, record.value),
            None => Err(not_found(&id, &number.to_string())),
        });
    found.await.map(Json)
}

pub(super) async fn delete(
    State(desk): State<Arc<Desk>>,
    NamedTwice(id, command): NamedTwice<StationId, String>,
) -> Result<StatusCode, Problem> {
    match desk.admin.calls.cancel(&id, &command).await {
        Ok(true) => Ok(StatusCode::NO_CONTENT),
        Ok(false) => Err(not_found(&id, &command)),
        Err(why) => Err(why.into()),
    }
}

fn not_found(id: &StationId, command: &str) -> Problem {
    Problem::new(
        Code::CommandNotFound,
        format!("there is no command '{command}' of {id}, or its record is gone"),
        "see GET /v1/stations/{id}/commands?all=true",
    )
}

fn of_operator(number: CommandNo, record: OperatorCommand) -> Result<CommandView, Problem> {
    let payload = record.shown_payload().to_owned();
    let command = QueuedCommand { payload, ..record.command };
    view(number.to_string(), None, command, record.ended)
}

fn view(
    id: String,
    plugin: Option<PluginName>,
    command: QueuedCommand,
    ended: Option<Ended>,
) -> Result<CommandView, Problem> {
    let raw = |text: String| RawValue::from_string(text).map_err(|e| Problem::internal(&e));
    let payload = raw(command.payload)?;
    let (at, end) = ended.map(|Ended { at, end }| (at, end)).unzip();
    let (outcome, status) =
        (end.as_ref().map(CommandEnd::outcome), end.as_ref().and_then(CommandEnd::status));
    let (response, why) = match end {
        Some(CommandEnd::Answered(answer)) => (answer, None),
        Some(CommandEnd::Unfit { why, answer }) => (answer, Some(why)),
        Some(CommandEnd::Refused { description, .. }) => (None, Some(description)),
        Some(CommandEnd::Invalid(why)) => (None, Some(why)),
        Some(CommandEnd::Expired | CommandEnd::Cancelled | CommandEnd::Unknown(_)) | None => {
            (None, None)
        }
    };
    Ok(CommandView {
        id,
        plugin,
        action: command.action,
        payload: (payload.get() != "null").then_some(payload),
        queued: Timestamp(command.queued),
        expires: Timestamp(command.expires),
        sent: command.sent.map(Timestamp),
        ended: at.map(Timestamp),
        outcome,
        status,
        response: response.map(raw).transpose()?,
        why,
    })
}

/// What a request asks for.
enum Wanted {
    Answer(Command),
    Queued { action: String, payload: Box<RawValue>, within: Duration },
}

fn parse(request: CommandRequest) -> Result<Wanted, Problem> {
    let CommandRequest { action, payload, timeout_ms, queue_ms } = request;
    if action.is_empty() || action.len() > MAX_ACTION {
        let message = format!("action: must be 1 to {MAX_ACTION} bytes");
        return Err(Problem::bad_request(message, "name an OCPP action, such as Reset"));
    }
    let payload = match payload {
        Some(payload) if payload.get().starts_with('{') => payload,
        Some(_) => {
            let message = "payload: must be a JSON object";
            return Err(Problem::bad_request(message, "leave it out if there is nothing to say"));
        }
        None => RawValue::from_string("{}".to_owned()).map_err(|e| Problem::internal(&e))?,
    };
    Ok(match when(timeout_ms, queue_ms)? {
        How::Now(timeout) => Wanted::Answer(Command { action, payload, timeout }),
        How::Queued(within) => Wanted::Queued { action, payload, within },
    })
}

/// When a station is called, and how long that may take.
pub(super) fn when(timeout_ms: Option<u64>, queue_ms: Option<u64>) -> Result<How, Problem> {
    match (queue_ms, timeout_ms) {
        (None, timeout_ms) => {
            let timeout = timeout_ms.map_or(DEFAULT_TIMEOUT, Duration::from_millis);
            if timeout.is_zero() || timeout > MAX_TIMEOUT {
                let message = format!("timeout_ms: must be 1 to {}", MAX_TIMEOUT.as_millis());
                return Err(Problem::bad_request(message, "leave it out for 30 seconds"));
            }
            Ok(How::Now(timeout))
        }
        (Some(ms), None) if (1..=MAX_QUEUE_MS).contains(&ms) => {
            Ok(How::Queued(Duration::from_millis(ms)))
        }
        (Some(_), None) => {
            let message = format!("queue_ms: must be 1 to {MAX_QUEUE_MS}");
            Err(Problem::bad_request(message, "3600000 is an hour"))
        }
        (Some(_), Some(_)) => {
            let message = "timeout_ms: nobody waits for the answer of a command that is queued";
            Err(Problem::bad_request(message, "leave out timeout_ms, or queue_ms"))
        }
    }
}
