//! What an operator does to the plugins of a running server. Every change is the server's; here it is asked for.

use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::super::client::Client;
use super::super::output::Output;
use super::{OrderArgs, SettingsArgs, files, show};
use crate::admin::views::{OrderChange, OrderView, PluginLoad, PluginView, PluginsPage};
use crate::domain::PluginName;

/// How long a load may take: compiling a large guest on a small machine takes minutes.
const LOAD_TIMEOUT: Duration = Duration::from_secs(15 * 60);

/// How often a load that takes long says that it is still under way.
const STILL: Duration = Duration::from_secs(5);

pub(super) async fn load(
    client: &Client,
    file: &Path,
    name: Option<PluginName>,
    settings: Option<&Path>,
    output: Output,
) -> anyhow::Result<()> {
    let component = files::component(file)?;
    let inspection = files::inspected(file, &component)?;
    let settings = settings.map(files::read_settings).transpose()?;
    let name = name.unwrap_or_else(|| inspection.manifest.name.clone());
    output.progress(&format!(
        "loading {name} {} ({} KiB) into {}",
        inspection.manifest.version,
        component.len().div_ceil(1024),
        client.base(),
    ));
    let body = match settings {
        None => component,
        Some(settings) => serde_json::to_vec(&PluginLoad {
            component_base64: Some(STANDARD.encode(&component)),
            settings: Some(settings),
        })?,
    };
    output.progress("the server checks, compiles and starts it; what runs now goes on running");
    let path = ["plugins", name.as_str()];
    let request = client.send(Method::PUT, &path, body.into(), LOAD_TIMEOUT);
    let response = waiting(request, output).await?;
    let plugin: PluginView = client.read(response).await?;
    output.show(&plugin, |plugin| {
        let replaced = plugin.previous.as_ref().map(|previous| {
            let version = &previous.version;
            format!("; `plugpoint plugin rollback {}` returns to {version}", plugin.name)
        });
        format!("{}{}", stands(plugin), replaced.unwrap_or_default())
    })
}

/// Shows the settings in force, or changes them.
pub(super) async fn settings(
    client: &Client,
    args: SettingsArgs,
    output: Output,
) -> anyhow::Result<()> {
    let name = args.name.as_str();
    let plugin: PluginView = match (args.set, args.merge) {
        (Some(file), _) => {
            let settings = Some(files::read_settings(&file)?);
            let load = PluginLoad { component_base64: None, settings };
            ask(client, Method::PUT, &["plugins", name], &load, output).await?
        }
        (None, merge) if !merge.is_empty() => {
            let patch: Map<String, Value> = merge.into_iter().collect();
            ask(client, Method::PATCH, &["plugins", name, "settings"], &patch, output).await?
        }
        (None, _) => {
            let plugin: PluginView = client.get(&["plugins", name], &[]).await?;
            let settings: Value = serde_json::from_str(plugin.settings.get())?;
            return output.show(&settings, |settings| format!("{settings:#}"));
        }
    };
    output.show(&plugin, |plugin| {
        let before = "returns to the settings before, if they were others";
        let name = &plugin.name;
        format!("{} with them; `plugpoint plugin rollback {name}` {before}", stands(plugin))
    })
}

/// Reads one `--merge`: the value is JSON, or text where it is none.
pub(super) fn parse_setting(text: &str) -> Result<(String, Value), String> {
    let (key, value) = text.split_once('=').ok_or("must be KEY=VALUE")?;
    if key.is_empty() {
        return Err("must be KEY=VALUE".to_owned());
    }
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
    Ok((key.to_owned(), value))
}

/// A change that needs no words: `rollback`, `disable`, `enable`.
pub(super) async fn change(
    client: &Client,
    name: &PluginName,
    what: &str,
    output: Output,
) -> anyhow::Result<()> {
    let path = ["plugins", name.as_str(), what];
    let nothing = Map::<String, Value>::new();
    let plugin: PluginView = ask(client, Method::POST, &path, &nothing, output).await?;
    notice(plugin.notice.as_deref(), output);
    output.show(&plugin, stands)
}

pub(super) async fn unload(
    client: &Client,
    name: &PluginName,
    output: Output,
) -> anyhow::Result<()> {
    client.delete(&["plugins", name.as_str()]).await?;
    output.progress("unloaded; what it has stored stays");
    let left: PluginsPage = client.get(&["plugins"], &[]).await?;
    notice(left.notice.as_deref(), output);
    Ok(())
}

/// Shows in which order the plugins of a hook are asked, or says it.
pub(super) async fn order(client: &Client, args: OrderArgs, output: Output) -> anyhow::Result<()> {
    let path = ["hooks", args.hook.as_str(), "order"];
    let view: OrderView = match args.names.is_empty() && !args.clear {
        true => client.get(&path, &[]).await?,
        false => client.put(&path, &OrderChange { order: args.names }).await?,
    };
    output.show(&view, show::order)
}

/// One request that may have to compile something.
async fn ask(
    client: &Client,
    method: Method,
    path: &[&str],
    body: &impl Serialize,
    output: Output,
) -> anyhow::Result<PluginView> {
    let body = serde_json::to_vec(body)?;
    let response = waiting(client.send(method, path, body.into(), LOAD_TIMEOUT), output).await?;
    client.read(response).await
}

fn stands(plugin: &PluginView) -> String {
    let PluginView { name, version, .. } = plugin;
    match plugin.disabled {
        false => format!("{name} {version} runs"),
        true => format!("{name} {version} is disabled, until `plugpoint plugin enable {name}`"),
    }
}

pub(super) fn notice(notice: Option<&str>, output: Output) {
    if let Some(notice) = notice {
        output.progress(&format!("note: {notice}"));
    }
}

/// Says now and then that it still takes.
async fn waiting<T>(work: impl Future<Output = T>, output: Output) -> T {
    let started = Instant::now();
    let mut still = tokio::time::interval_at(started + STILL, STILL);
    tokio::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            now = still.tick() => {
                output.progress(&format!("… {} s", (now - started).as_secs()));
            }
        }
    }
}
