//! `plugpoint serve`: arguments → config → server → exit code.

use std::net::SocketAddr;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct ServeArgs {
    /// Folder for everything that must survive: records, plugins, keys
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where stations connect; they use ws://ADDR:PORT/ocpp/STATION-ID [default: 0.0.0.0:8080]
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<SocketAddr>,
    /// Where the admin API listens [default: 127.0.0.1:8081]
    #[arg(long, value_name = "ADDR:PORT")]
    admin: Option<SocketAddr>,
    /// Configuration file (TOML); the options here come before it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Let stations in that nobody registered, without a password
    #[arg(long)]
    accept_unknown_stations: bool,
}

pub(super) fn run(_args: ServeArgs) -> anyhow::Result<()> {
    anyhow::bail!("this build has no `serve`")
}
