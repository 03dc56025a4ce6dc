//! The command line. `serve`, `demo` and `sim` run here; `plugin build`, `plugin inspect`, `export` and `import`
//! work on files; everything else is a client of the admin API. Knows no record and no engine.

mod archive;
mod client;
mod demo;
mod events;
mod failure;
mod firmware;
pub mod guest;
mod ocpp;
mod output;
mod paging;
mod plugin;
mod security;
pub mod sentence;
mod serve;
mod session;
mod sim;
mod sse;
mod station;
mod table;
mod tail;
mod tally;
#[cfg(test)]
mod tests;
mod token;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use self::output::Output;
use crate::plugins::compile_component;

/// An OCPP central system whose policies are WebAssembly plugins.
#[derive(Debug, Parser)]
#[command(name = "plugpoint", version, max_term_width = 100)]
#[command(after_help = "\
PLUGPOINT_URL is the address of the admin API, PLUGPOINT_KEY its key (or use --data DIR).
PLUGPOINT_LOG says what goes into the log on stderr, such as info or plugpoint=debug.
Exit codes: 0 done, 1 failed, 2 not understood.")]
struct Cli {
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the central system
    Serve(serve::ServeArgs),
    /// Run the central system with simulated stations, to see it work
    Demo(demo::DemoArgs),
    /// Run simulated stations against any central system
    Sim(sim::SimArgs),
    /// Stations: list, show, set up, call
    Station(station::StationArgs),
    /// Firmware that stations may fetch: add, list, remove
    Firmware(firmware::FirmwareArgs),
    /// Charging sessions: list, show
    Session(session::SessionArgs),
    /// Cards: list, show, set, delete
    Token(token::TokenArgs),
    /// The log of what happens
    Events(events::EventsArgs),
    /// Plugins: make, build, load, list, settings, order, logs and more
    Plugin(plugin::PluginArgs),
    /// What the versions of OCPP consist of: actions and what they take
    Ocpp(ocpp::OcppArgs),
    /// The certificate authority of the house
    Ca(security::AuthorityArgs),
    /// The certificate that the server shows to stations
    Tls(security::TlsArgs),
    /// Write all records of a stopped server into one file
    Export(archive::ExportArgs),
    /// Make the records of a new server from an exported file
    Import(archive::ImportArgs),
    /// Compile a component for this machine; the server runs this in a process of its own
    #[command(hide = true)]
    CompileComponent { input: PathBuf, output: PathBuf },
}

/// Which records go to stderr, in the syntax of `tracing_subscriber`'s `EnvFilter`, such as `info,plugpoint=debug`.
const LOG_VARIABLE: &str = "PLUGPOINT_LOG";

/// Does what the arguments say and returns the exit code.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let output = Output { json: cli.json };
    run(cli.command, output)
        .unwrap_or_else(|error| failure::report(&error, output.json, std::io::stderr().lock()))
}

fn run(command: Command, output: Output) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve(args) => on_all_cores("info", serve::run(args)),
        Command::Demo(args) => on_all_cores("warn", demo::run(args, output)),
        Command::Sim(args) => on_all_cores("warn", sim::run(args, output)),
        Command::Station(args) => on_one_core(station::run(args, output)),
        Command::Firmware(args) => on_one_core(firmware::run(args, output)),
        Command::Session(args) => on_one_core(session::run(args, output)),
        Command::Token(args) => on_one_core(token::run(args, output)),
        Command::Events(args) => on_one_core(events::run(args, output)),
        Command::Plugin(args) => on_one_core(plugin::run(args, output)),
        Command::Ca(args) => on_one_core(security::authority(args, output)),
        Command::Tls(args) => on_one_core(security::tls(args, output)),
        Command::Ocpp(args) => on_one_core(async { ocpp::run(args, output) }),
        Command::Export(args) => on_one_core(archive::export(args, output)),
        Command::Import(args) => on_one_core(archive::import(args, output)),
        Command::CompileComponent { input, output } => {
            compile_component(&input, &output)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// For what serves many stations.
fn on_all_cores(
    log: &str,
    work: impl Future<Output = anyhow::Result<ExitCode>>,
) -> anyhow::Result<ExitCode> {
    log_to_stderr(log);
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}

/// For a client, which asks one thing at a time.
fn on_one_core(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<ExitCode> {
    log_to_stderr("warn");
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)?;
    Ok(ExitCode::SUCCESS)
}

fn log_to_stderr(unless_told_otherwise: &str) {
    let filter = EnvFilter::try_from_env(LOG_VARIABLE);
    tracing_subscriber::fmt()
        .with_env_filter(filter.unwrap_or_else(|_| EnvFilter::new(unless_told_otherwise)))
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
}
