//! `/v1/plugins/{name}/state`: what a plugin has stored, for people to read. Only the plugin itself writes it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::desk::Desk;
use super::extract::{Named, Params, parse_limit, parse_param};
use super::problem::Problem;
use super::views::{PluginStatePage, StateEntryView};
use crate::domain::PluginName;
use crate::store::{PluginRecord, Store};
use crate::work::RolloutError;

/// Keys that are read from the records at once. Values may have 60 KiB.
const STEP: usize = 16;

/// Bytes of values after which a page ends, whatever its limit.
const MAX_PAGE_BYTES: usize = 1 << 20;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StateQuery {
    #[serde(default)]
    prefix: String,
    after: Option<String>,
    limit: Option<usize>,
}

pub(super) async fn list(
    State(desk): State<Arc<Desk>>,
    Named(name): Named<PluginName>,
    Params(query): Params<StateQuery>,
) -> Result<Json<PluginStatePage>, Problem> {
    let after = parse_param::<String>("after", query.after.as_deref())?;
    let limit = parse_limit(query.limit)?;
    let page = desk.read(move |store| {
        let page = read(store, &name, &query.prefix, after, limit)?;
        // What an unloaded plugin left behind can still be looked at.
        if page.state.is_empty() && store.read::<PluginRecord>(&name)?.is_none() {
            return Err(RolloutError::NotLoaded(name).into());
        }
        Ok(page)
    });
    page.await.map(Json)
}

fn read(
    store: &Store,
    name: &PluginName,
    prefix: &str,
    mut after: Option<String>,
    limit: usize,
) -> Result<PluginStatePage, Problem> {
    let (mut state, mut bytes) = (Vec::new(), 0);
    loop {
        let step = STEP.min(limit - state.len());
        let found = store.plugin_state_page(name, prefix, after.as_deref(), step)?;
        let is_last = found.len() < step;
        for (key, value) in found {
            bytes += value.len();
            after = Some(key.clone());
            state.push(entry(key, value));
        }
        if is_last {
            return Ok(PluginStatePage { state, next: None });
        }
        if state.len() >= limit || bytes >= MAX_PAGE_BYTES {
            return Ok(PluginStatePage { state, next: after });
        }
    }
}

fn entry(key: String, value: Vec<u8>) -> StateEntryView {
    match String::from_utf8(value) {
        Ok(text) => StateEntryView { key, text: Some(text), base64: None },
        Err(binary) => {
            let base64 = Some(STANDARD.encode(binary.as_bytes()));
            StateEntryView { key, text: None, base64 }
        }
    }
}
