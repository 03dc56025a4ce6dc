//! `plugpoint plugin …`: make and look at plugin files here, run them there.

mod files;
mod new;
mod show;
mod steer;

use std::path::PathBuf;

use serde_json::Value;

use super::client::Reach;
use super::output::Output;
use super::paging::{Page, more};
use super::tail::Tail;
use crate::admin::views::{PluginStatePage, PluginsPage};
use crate::domain::{LineLevel, OrderedHook, PluginName};

#[derive(Debug, clap::Args)]
pub(super) struct PluginArgs {
    #[command(subcommand)]
    command: PluginCommand,
}

#[derive(Debug, clap::Subcommand)]
enum PluginCommand {
    /// Write the folder of a new plugin, which builds and passes its tests at once
    New(new::NewArgs),
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
    /// Show a plugin's settings, or change them; the plugin checks them before they count
    Settings(SettingsArgs),
    /// Ask a plugin nothing until it is enabled; its settings and what it has stored stay
    Disable {
        /// Name under which it was loaded
        name: PluginName,
        #[command(flatten)]
        reach: Reach,
    },
    /// Ask a disabled plugin again
    Enable {
        /// Name under which it was loaded
        name: PluginName,
        #[command(flatten)]
        reach: Reach,
    },
    /// Show in which order the plugins of a hook are asked, or say who comes first
    Order(OrderArgs),
    /// Show what a plugin wrote lately, and what the server says of it
    Logs(LogsArgs),
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

#[derive(Debug, clap::Args)]
struct SettingsArgs {
    /// Name under which it was loaded
    name: PluginName,
    /// Replace all of them by this JSON file; `-` reads standard input
    #[arg(long, value_name = "FILE", conflicts_with = "merge")]
    set: Option<PathBuf>,
    /// Change one of them: VALUE is JSON, or text where it is none, and null removes; repeat it for more
    #[arg(long, value_name = "KEY=VALUE", value_parser = steer::parse_setting)]
    merge: Vec<(String, Value)>,
    #[command(flatten)]
    reach: Reach,
}

#[derive(Debug, clap::Args)]
struct OrderArgs {
    /// authorizer, tariff, quirks or responder
    hook: OrderedHook,
    /// Who is asked first, in this order; the others follow by their manifests' priority
    names: Vec<PluginName>,
    /// Let the manifests' priorities decide again
    #[arg(long, conflicts_with = "names")]
    clear: bool,
    #[command(flatten)]
    reach: Reach,
}

#[derive(Debug, clap::Args)]
struct LogsArgs {
    /// Name under which it was loaded
    name: PluginName,
    /// Go on with what comes, after what is kept
    #[arg(short, long)]
    follow: bool,
    /// Only lines that matter so much, or more: debug, info, warn or error
    #[arg(long, default_value_t = LineLevel::Debug)]
    level: LineLevel,
    #[command(flatten)]
    reach: Reach,
}

pub(super) async fn run(args: PluginArgs, output: Output) -> anyhow::Result<()> {
    match args.command {
        PluginCommand::New(args) => new::new(args, output),
        PluginCommand::Build(args) => files::build(args, output),
        PluginCommand::Inspect { file } => {
            let inspection = files::inspected(&file, &files::component(&file)?)?;
            output.show(&inspection, files::details)
        }
        PluginCommand::Pack { guest, manifest, output: to } => {
            files::pack_guest(&guest, &manifest, &to, output)
        }
        PluginCommand::Load { file, name, settings, reach } => {
            steer::load(&reach.client()?, &file, name, settings.as_deref(), output).await
        }
        PluginCommand::List { reach } => {
            let list: PluginsPage = reach.client()?.get(&["plugins"], &[]).await?;
            output.show(&list, |list| show::table(&list.plugins))?;
            steer::notice(list.notice.as_deref(), output);
            Ok(())
        }
        PluginCommand::State { name, prefix, page, reach } => {
            let mut query = page.query();
            query.push(("prefix", prefix));
            let path = ["plugins", name.as_str(), "state"];
            let page: PluginStatePage = reach.client()?.get(&path, &query).await?;
            output.show(&page, |page| show::entries(&page.state))?;
            more(output, page.next.as_deref());
            Ok(())
        }
        PluginCommand::Settings(args) => steer::settings(&args.reach.client()?, args, output).await,
        PluginCommand::Disable { name, reach } => {
            steer::change(&reach.client()?, &name, "disable", output).await
        }
        PluginCommand::Enable { name, reach } => {
            steer::change(&reach.client()?, &name, "enable", output).await
        }
        PluginCommand::Order(args) => steer::order(&args.reach.client()?, args, output).await,
        PluginCommand::Logs(args) => logs(args, output).await,
        PluginCommand::Rollback { name, reach } => {
            steer::change(&reach.client()?, &name, "rollback", output).await
        }
        PluginCommand::Unload { name, reach } => {
            steer::unload(&reach.client()?, &name, output).await
        }
    }
}

async fn logs(args: LogsArgs, output: Output) -> anyhow::Result<()> {
    let tail = Tail {
        client: args.reach.client()?,
        output,
        path: ["plugins", args.name.as_str(), "logs"].map(str::to_owned).into(),
        query: vec![("level", args.level.to_string())],
        // With what is kept.
        after: Some("0".to_owned()),
        left: None,
        follow: args.follow,
        line: |data| Ok(show::line(&serde_json::from_str(data)?)),
    };
    tail.run().await
}
