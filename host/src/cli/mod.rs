//! The command line. `serve`, `demo` and `sim` run here; `plugin build` and `plugin inspect` work on files; everything
//! else is a client of the admin API. Knows no record and no engine.

mod client;
mod demo;
mod events;
mod failure;
pub mod guest;
mod output;
mod paging;
mod plugin;
pub mod sentence;
mod serve;
mod session;
mod sim;
mod sse;
mod station;
mod table;
#[cfg(test)]
mod tests;
mod token;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::output::Output;
use crate::plugins;

/// An OCPP central system whose policies are WebAssembly plugins.
#[derive(Debug, Parser)]
#[command(name = "plugpoint", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = "\
PLUGPOINT_URL is the address of the admin API, PLUGPOINT_KEY its key (or use --data DIR).
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
    /// Charging sessions: list, show
    Session(session::SessionArgs),
    /// Cards: list, show, set, delete
    Token(token::TokenArgs),
    /// The log of what happens
    Events(events::EventsArgs),
    /// Plugins: build, inspect, load, list, roll back, unload
    Plugin(plugin::PluginArgs),
    /// Compile a component for this machine; the server runs this in a process of its own
    #[command(hide = true)]
    CompileComponent { input: PathBuf, output: PathBuf },
}

/// Does what the arguments say and returns the exit code.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let output = Output { json: cli.json };
    match run(cli.command, output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::report(&error, output.json, std::io::stderr().lock()),
    }
}

fn run(command: Command, output: Output) -> anyhow::Result<()> {
    match command {
        Command::Serve(args) => serve::run(args),
        Command::Demo(args) => demo::run(args),
        Command::Sim(args) => sim::run(args),
        Command::Station(args) => block_on(station::run(args, output)),
        Command::Session(args) => block_on(session::run(args, output)),
        Command::Token(args) => block_on(token::run(args, output)),
        Command::Events(args) => block_on(events::run(args, output)),
        Command::Plugin(args) => plugin::run(args, output),
        Command::CompileComponent { input, output } => {
            Ok(plugins::compile_component(&input, &output)?)
        }
    }
}

/// A client asks one thing at a time: one thread is enough.
fn block_on(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}
