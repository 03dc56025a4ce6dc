//! `/v1/stations/{id}/commands`: one call to a station, and its answer; and those of plugins that wait for it.
//! Knows no protocol: the registry checks and sends.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde_json::value::RawValue;

use super::desk::Desk;
use super::extract::{JsonBody, Named};
use super::problem::Problem;
use super::views::{
    Answered, CommandRequest, CommandResponse, Timestamp, WaitingCommandView, WaitingCommandsPage,
};
use crate::domain::StationId;
use crate::station::registry::{Command, Record};
use crate::work::{Waiting, waiting};

/// How long a station may take to answer when the caller does not say.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// The longest that a caller may be willing to wait.
const MAX_TIMEOUT: Duration = Duration::from_secs(300);

/// Longest name of an action, in bytes. The longest of OCPP 2.1 has 32.
const MAX_ACTION: usize = 64;

pub(super) async fn post(
    State(desk): State<Arc<Desk>>,
    Named(id): Named<StationId>,
    JsonBody(request): JsonBody<CommandRequest>,
) -> Result<Json<CommandResponse>, Problem> {
    let command = parse(request)?;
    match desk.admin.registry.command(&id, command).await {
        Ok(response) => Ok(Json(CommandResponse { status: Answered::Answered, response })),
        Err(failure) => Err(Problem::from(failure)),
    }
}

/// Plugins may have a few dozen each: all of them are shown.
pub(super) async fn list(
    State(desk): State<Arc<Desk>>,
    Named(id): Named<StationId>,
) -> Result<Json<WaitingCommandsPage>, Problem> {
    let found = desk.read(move |store| Ok(waiting(store, &id)?)).await?;
    let commands = found.into_iter().map(view).collect::<Result<_, _>>()?;
    Ok(Json(WaitingCommandsPage { commands, next: None }))
}

fn view(Waiting { plugin, id, command }: Waiting) -> Result<WaitingCommandView, Problem> {
    Ok(WaitingCommandView {
        id,
        plugin,
        action: command.action,
        payload: RawValue::from_string(command.payload).map_err(|e| Problem::internal(&e))?,
        queued: Timestamp(command.queued),
        expires: Timestamp(command.expires),
        sent: command.sent.map(Timestamp),
    })
}

fn parse(request: CommandRequest) -> Result<Command, Problem> {
    let CommandRequest { action, payload, timeout_ms } = request;
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
    let timeout = timeout_ms.map_or(DEFAULT_TIMEOUT, Duration::from_millis);
    if timeout.is_zero() || timeout > MAX_TIMEOUT {
        let message = format!("timeout_ms: must be 1 to {}", MAX_TIMEOUT.as_millis());
        return Err(Problem::bad_request(message, "leave it out for 30 seconds"));
    }
    Ok(Command { action, payload, timeout, record: Record::Station })
}
