//! `plugpoint plugin …`: build and look at plugin files here, load them there.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::client::{Client, Reach};
use super::failure::Failure;
use super::guest::{self, GuestBuild};
use super::output::Output;
use super::paging::{Page, more};
use super::table::{Table, or_nothing};
use crate::admin::views::{
    ObserverView, PluginLoad, PluginStatePage, PluginView, PluginsPage, RunningView, StateEntryView,
};
use crate::domain::PluginName;
use crate::plugins::{Inspection, MAX_COMPONENT, Packed, inspect, pack};

/// How long a load may take: compiling a large guest on a small machine takes minutes.
const LOAD_TIMEOUT: Duration = Duration::from_secs(15 * 60);

/// How often a load that takes long says that it is still under way.
const STILL: Duration = Duration::from_secs(5);

/// Longest settings or manifest file that is read, in bytes; the server keeps less.
const MAX_TEXT_FILE: u64 = 1 << 20;

#[derive(Debug, clap::Args)]
pub(super) struct PluginArgs {
    #[command(subcommand)]
    command: PluginCommand,
}

#[derive(Debug, clap::Subcommand)]
enum PluginCommand {
    /// Compile a Rust plugin into one file
    Build(BuildArgs),
    /// Show what a plugin file is and what it asks for, without running any of it
    Inspect {
        /// Plugin file
        file: PathBuf,
    },
    /// Make one plugin file of a compiled guest and its manifest
    Pack {
        /// Core module built against wit/, or a component without a manifest
        guest: PathBuf,
        /// Its plugin.toml
        #[arg(long, value_name = "FILE")]
        manifest: PathBuf,
        /// File to write
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
    /// Load a plugin into a running server, or swap the version that runs for this one
    Load {
        /// Plugin file, as `plugpoint plugin build` writes it
        file: PathBuf,
        /// Name to run it under; its own when left out
        #[arg(long)]
        name: Option<PluginName>,
        /// JSON file with its settings; those of the running version stay when left out
        #[arg(long, value_name = "FILE")]
        settings: Option<PathBuf>,
        #[command(flatten)]
        reach: Reach,
    },
    /// List the plugins of a running server
    List {
        #[command(flatten)]
        reach: Reach,
    },
    /// Show what a plugin has stored, key by key
    State {
        /// Name under which it was loaded
        name: PluginName,
        /// Only keys that start so
        #[arg(long, default_value = "")]
        prefix: String,
        #[command(flatten)]
        page: Page,
        #[command(flatten)]
        reach: Reach,
    },
    /// Go back to the version that ran before; twice returns to this one
    Rollback {
        /// Name under which it was loaded
        name: PluginName,
        #[command(flatten)]
        reach: Reach,
    },
    /// Stop asking a plugin; what it has stored stays
    Unload {
        /// Name under which it was loaded
        name: PluginName,
        #[command(flatten)]
        reach: Reach,
    },
}

#[derive(Debug, clap::Args)]
struct BuildArgs {
    /// Folder with Cargo.toml and plugin.toml
    dir: PathBuf,
    /// File to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Version to write into the manifest, in place of its own
    #[arg(long)]
    version: Option<String>,
    /// Where compiled guests are cached; DIR/target when left out
    #[arg(long, value_name = "DIR")]
    target_dir: Option<PathBuf>,
}

pub(super) async fn run(args: PluginArgs, output: Output) -> anyhow::Result<()> {
    match args.command {
        PluginCommand::Build(args) => build(args, output),
        PluginCommand::Inspect { file } => {
            let inspection = inspected(&file, &read(&file, MAX_COMPONENT as u64)?)?;
            output.show(&inspection, details)
        }
        PluginCommand::Pack { guest, manifest, output: to } => {
            let guest = read(&guest, MAX_COMPONENT as u64)?;
            let manifest = read(&manifest, MAX_TEXT_FILE)?;
            write(&pack(&guest, &String::from_utf8(manifest)?.parse()?)?, &to, output)
        }
        PluginCommand::Load { file, name, settings, reach } => {
            load(&reach.client()?, &file, name, settings.as_deref(), output).await
        }
        PluginCommand::List { reach } => {
            let list: PluginsPage = reach.client()?.get(&["plugins"], &[]).await?;
            output.show(&list, |list| table(&list.plugins))
        }
        PluginCommand::State { name, prefix, page, reach } => {
            let mut query = page.query();
            query.push(("prefix", prefix));
            let path = ["plugins", name.as_str(), "state"];
            let page: PluginStatePage = reach.client()?.get(&path, &query).await?;
            output.show(&page, |page| entries(&page.state))?;
            more(output, page.next.as_deref());
            Ok(())
        }
        PluginCommand::Rollback { name, reach } => {
            let path = ["plugins", name.as_str(), "rollback"];
            let nothing = serde_json::Map::new();
            let plugin: PluginView = reach.client()?.post(&path, &nothing, LOAD_TIMEOUT).await?;
            output.show(&plugin, |plugin| format!("{} {} runs", plugin.name, plugin.version))
        }
        PluginCommand::Unload { name, reach } => {
            reach.client()?.delete(&["plugins", name.as_str()]).await?;
            output.progress("unloaded");
            Ok(())
        }
    }
}

fn build(args: BuildArgs, output: Output) -> anyhow::Result<()> {
    let wanted = GuestBuild { dir: args.dir, target_dir: args.target_dir, version: args.version };
    let packed = guest::build(&wanted, |step| output.progress(step))?;
    write(&packed, &args.output, output)
}

fn write(packed: &Packed, to: &Path, output: Output) -> anyhow::Result<()> {
    std::fs::write(to, &packed.wasm).map_err(|error| {
        let message = format!("cannot write {}: {error}", to.display());
        Failure::new("unwritable", message, "name a file in a folder that exists")
    })?;
    output.progress(&format!("wrote {}", to.display()));
    output.show(&packed.inspection, details)
}

async fn load(
    client: &Client,
    file: &Path,
    name: Option<PluginName>,
    settings: Option<&Path>,
    output: Output,
) -> anyhow::Result<()> {
    let component = read(file, MAX_COMPONENT as u64)?;
    let inspection = inspected(file, &component)?;
    let settings = settings.map(read_settings).transpose()?;
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
        format!("{} {} runs{}", plugin.name, plugin.version, replaced.unwrap_or_default())
    })
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

fn inspected(file: &Path, component: &[u8]) -> anyhow::Result<Inspection> {
    inspect(component).map_err(|error| {
        let message = format!("{} is not a plugin: {error}", file.display());
        Failure::new("no-plugin", message, "build one with `plugpoint plugin build DIR -o FILE`")
            .into()
    })
}

fn read_settings(path: &Path) -> anyhow::Result<Box<RawValue>> {
    serde_json::from_slice(&read(path, MAX_TEXT_FILE)?).map_err(|error| {
        let message = format!("{} is not JSON: {error}", path.display());
        Failure::usage(message, "settings are one JSON object").into()
    })
}

fn read(path: &Path, limit: u64) -> anyhow::Result<Vec<u8>> {
    let failed = |why: &dyn std::fmt::Display| {
        let message = format!("cannot read {}: {why}", path.display());
        Failure::usage(message, "name a file that exists")
    };
    let file = std::fs::File::open(path).map_err(|error| failed(&error))?;
    let mut bytes = Vec::new();
    let mut bounded = io::Read::take(file, limit + 1);
    io::Read::read_to_end(&mut bounded, &mut bytes).map_err(|error| failed(&error))?;
    if bytes.len() as u64 > limit {
        return Err(failed(&format!("it is longer than {limit} bytes")).into());
    }
    Ok(bytes)
}

fn details(inspection: &Inspection) -> String {
    let manifest = &inspection.manifest;
    let names = |names: Vec<&str>| or_nothing((!names.is_empty()).then(|| names.join(", ")));
    let mut table = Table::new(&["PLUGIN", manifest.name.as_str()]);
    let mut row = |name: &str, value: String| table.row(vec![name.to_owned(), value]);
    row("version", manifest.version.clone());
    row("summary", or_nothing(manifest.summary.as_ref()));
    row("answers", names(inspection.hooks.iter().map(|hook| hook.as_str()).collect()));
    row("stations", manifest.filters.to_string());
    row("asks for", names(manifest.imports.iter().map(|import| import.as_str()).collect()));
    row("uses", names(inspection.imports.iter().map(|import| import.as_str()).collect()));
    row("settings", if inspection.lifecycle { "yes" } else { "none" }.to_owned());
    row("size", format!("{} KiB", inspection.size.div_ceil(1024)));
    row("digest", inspection.digest.to_string());
    table.render()
}

fn table(plugins: &[PluginView]) -> String {
    let mut table = Table::new(&[
        "PLUGIN", "VERSION", "DIGEST", "LOADED", "ANSWERS", "STATIONS", "STATE", "CALLS",
        "FAILURES", "LAG", "SKIPPED", "BEFORE",
    ]);
    for plugin in plugins {
        let running = plugin.running.as_ref();
        table.row(vec![
            plugin.name.to_string(),
            plugin.version.clone(),
            plugin.digest.short().to_owned(),
            plugin.loaded_at.to_string(),
            or_nothing(running.map(|running| running.hooks.join(", "))),
            or_nothing(running.map(|running| &running.filters)),
            running.map_or("NOT RUNNING", state).to_owned(),
            or_nothing(running.map(|running| running.calls)),
            or_nothing(running.map(|running| running.failures.values().sum::<u64>())),
            or_nothing(observer(plugin).map(|observer| observer.lag)),
            or_nothing(observer(plugin).map(|observer| observer.skipped)),
            or_nothing(plugin.previous.as_ref().map(|previous| &previous.version)),
        ]);
    }
    if table.is_empty() { "no plugins yet\n".to_owned() } else { table.render() }
}

fn observer(plugin: &PluginView) -> Option<&ObserverView> {
    plugin.running.as_ref()?.observer.as_ref()
}

fn entries(state: &[StateEntryView]) -> String {
    let mut table = Table::new(&["KEY", "VALUE"]);
    for entry in state {
        let binary = || entry.base64.as_ref().map(|base64| format!("base64:{base64}"));
        let value = entry.text.clone().or_else(binary);
        table.row(vec![entry.key.clone(), or_nothing(value)]);
    }
    if table.is_empty() { "nothing stored yet\n".to_owned() } else { table.render() }
}

/// What the breaker's position means for drivers, and how an observer fares.
fn state(running: &RunningView) -> &str {
    match &running.observer {
        Some(observer) if observer.trouble.is_some() => return "FAILING",
        Some(_) if running.hooks.len() == 1 => return "told",
        Some(_) | None => {}
    }
    match running.breaker.as_str() {
        "closed" => "asked",
        "open" => "RESTING",
        other => other,
    }
}
