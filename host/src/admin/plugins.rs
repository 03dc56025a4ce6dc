//! `/v1/plugins`: which policies run, in which version; loading, rolling back, pausing and unloading them.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::desk::Desk;
use super::extract::{JsonBody, Named, parse_json, read_body};
use super::problem::Problem;
use super::views::{
    InboxView, ObserverView, PluginLoad, PluginView, PluginsPage, RunningView, Timestamp,
    VersionView,
};
use crate::domain::{OrderedHook, PluginName, Verdict};
use crate::plugins::PluginStatus;
use crate::store::PluginRecord;
use crate::work::{InboxStanding, RolloutError, Standing};

/// How every WebAssembly file starts (core specification, "Modules", binary format).
const WASM_MAGIC: &[u8] = b"\0asm";

pub(super) async fn list(State(desk): State<Arc<Desk>>) -> Result<Json<PluginsPage>, Problem> {
    let records = records(&desk).await?;
    let mut running = running(&desk).await?;
    let plugins = records
        .into_iter()
        .map(|(name, record)| {
            let running = running.remove(&name);
            view(name, record, running)
        })
        .collect::<Result<_, _>>()?;
    Ok(Json(PluginsPage { plugins, next: None, notice: nobody(&desk)? }))
}

pub(super) async fn get(
    State(desk): State<Arc<Desk>>,
    Named(name): Named<PluginName>,
) -> Result<Json<PluginView>, Problem> {
    let found = records(&desk).await?.into_iter().find(|(found, _)| *found == name);
    match found {
        Some((name, record)) => shown(&desk, name, record).await,
        None => Err(RolloutError::NotLoaded(name).into()),
    }
}

/// The body is a component file, or JSON as in [`PluginLoad`]; its first bytes tell.
pub(super) async fn put(
    State(desk): State<Arc<Desk>>,
    Named(name): Named<PluginName>,
    request: Request,
) -> Result<Json<PluginView>, Problem> {
    let _room = desk.upload()?;
    let body = read_body(request, &()).await?;
    let (component, settings) = if body.starts_with(WASM_MAGIC) {
        (Some(Vec::from(body)), None)
    } else {
        let load: PluginLoad = parse_json(&body)?;
        drop(body);
        (load.component_base64.map(decode).transpose()?, load.settings)
    };
    if component.is_none() && settings.is_none() {
        let message = "neither a component nor settings";
        return Err(Problem::bad_request(message, "send a .wasm file, or JSON with either"));
    }
    let settings = settings.map(|settings| settings.get().to_owned());
    let outcome = desk.admin.rollout.load(name.clone(), component, settings).await?;
    shown(&desk, name, outcome.record).await
}

fn decode(text: String) -> Result<Vec<u8>, Problem> {
    STANDARD.decode(text).map_err(|why| {
        let message = format!("component_base64: {why}");
        Problem::bad_request(message, "encode the file with `base64 -w0`")
    })
}

pub(super) async fn roll_back(
    State(desk): State<Arc<Desk>>,
    Named(name): Named<PluginName>,
) -> Result<Json<PluginView>, Problem> {
    let outcome = desk.admin.rollout.roll_back(name.clone()).await?;
    shown(&desk, name, outcome.record).await
}

/// A merge patch (RFC 7396) of the settings in force: what it does not name stays, `null` removes.
pub(super) async fn patch_settings(
    State(desk): State<Arc<Desk>>,
    Named(name): Named<PluginName>,
    JsonBody(patch): JsonBody<Map<String, Value>>,
) -> Result<Json<PluginView>, Problem> {
    let outcome = desk.admin.rollout.merge_settings(name.clone(), patch).await?;
    shown(&desk, name, outcome.record).await
}

/// Answers with what follows from it: who decides now.
pub(super) async fn disable(
    State(desk): State<Arc<Desk>>,
    Named(name): Named<PluginName>,
) -> Result<Json<PluginView>, Problem> {
    let tariffs = desk.admin.rollout.order(OrderedHook::Tariff)?.asked;
    let offered = tariffs.iter().any(|asked| asked.plugin == name);
    let outcome = desk.admin.rollout.disable(name.clone()).await?;
    let unpriced = offered
        .then(|| "sessions on its terms wait for their bills until it is enabled".to_owned());
    let notices: Vec<_> = nobody(&desk)?.into_iter().chain(unpriced).collect();
    let Json(view) = shown(&desk, name, outcome.record).await?;
    let notice = (!notices.is_empty()).then(|| notices.join("; "));
    Ok(Json(PluginView { notice, ..view }))
}

pub(super) async fn enable(
    State(desk): State<Arc<Desk>>,
    Named(name): Named<PluginName>,
) -> Result<Json<PluginView>, Problem> {
    let outcome = desk.admin.rollout.enable(name.clone()).await?;
    shown(&desk, name, outcome.record).await
}

/// What it means that no authorizer is in service, if none is.
fn nobody(desk: &Desk) -> Result<Option<String>, Problem> {
    if !desk.admin.rollout.order(OrderedHook::Authorizer)?.asked.is_empty() {
        return Ok(None);
    }
    let (all, word) = match desk.admin.when_nobody_decides {
        Verdict::Permit(_) => ("permitted", "permit"),
        Verdict::Pass | Verdict::Refuse(_) => ("refused", "refuse"),
    };
    Ok(Some(format!(
        "no authorizer is in service: every card is {all}, because when-nobody-decides is \"{word}\""
    )))
}

pub(super) async fn delete(
    State(desk): State<Arc<Desk>>,
    Named(name): Named<PluginName>,
) -> Result<StatusCode, Problem> {
    desk.admin.rollout.unload(name).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn records(desk: &Arc<Desk>) -> Result<Vec<(PluginName, PluginRecord)>, Problem> {
    let rollout = Arc::clone(&desk.admin.rollout);
    desk.read(move |_| Ok(rollout.records()?)).await
}

async fn running(desk: &Arc<Desk>) -> Result<HashMap<PluginName, RunningView>, Problem> {
    let admin = &desk.admin;
    let status = admin.rollout.status();
    let (observers, inboxes) = (admin.observers.clone(), admin.inboxes.clone());
    let view = move |status: PluginStatus| {
        let standing = observers.standing(&status.name);
        let inbox = inboxes.standing(&status.name)?;
        Ok((status.name.clone(), running_view(status, standing, inbox)))
    };
    desk.read(move |_| status.into_iter().map(view).collect()).await
}

async fn shown(
    desk: &Arc<Desk>,
    name: PluginName,
    record: PluginRecord,
) -> Result<Json<PluginView>, Problem> {
    let running = running(desk).await?.remove(&name);
    view(name, record, running).map(Json)
}

fn view(
    name: PluginName,
    record: PluginRecord,
    running: Option<RunningView>,
) -> Result<PluginView, Problem> {
    let PluginRecord { active, previous, loaded_at, disabled } = record;
    Ok(PluginView {
        name,
        version: active.version,
        digest: active.digest,
        loaded_at: Timestamp(loaded_at),
        previous: previous.map(VersionView::from),
        settings: RawValue::from_string(active.settings).map_err(|e| Problem::internal(&e))?,
        disabled,
        running,
        notice: None,
    })
}

fn running_view(
    status: PluginStatus,
    standing: Option<Standing>,
    inbox: Option<InboxStanding>,
) -> RunningView {
    RunningView {
        summary: status.summary,
        hooks: status.hooks.iter().map(|hook| hook.as_str().to_owned()).collect(),
        imports: status.imports.iter().map(|import| import.as_str().to_owned()).collect(),
        filters: status.filters,
        breaker: status.breaker.to_owned(),
        calls: status.calls,
        took_micros: status.micros,
        failures: status.failures.into_iter().map(|(kind, n)| (kind.to_owned(), n)).collect(),
        last_failure: status.last_failure,
        instances_busy: status.instances_busy as u64,
        instances_idle: status.instances_idle as u64,
        observer: standing.map(|standing| ObserverView {
            cursor: standing.cursor,
            lag: standing.lag,
            skipped: standing.skipped,
            last_skipped: standing.last_skipped,
            trouble: standing.trouble,
        }),
        inbox: inbox.map(|inbox| InboxView {
            commands: inbox.commands as u64,
            messages: inbox.messages as u64,
            skipped: inbox.skipped,
            missed: inbox.missed,
            trouble: inbox.trouble,
        }),
    }
}
