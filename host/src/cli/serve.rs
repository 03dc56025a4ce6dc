//! `plugpoint serve`: runs a server until it is told to stop. Knows no room but the composition root.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{error, info};

use crate::config::{Config, Overrides};
use crate::server::Server;

/// Run the server.
#[derive(Debug, clap::Args)]
pub(super) struct ServeArgs {
    /// Directory for everything that must survive; made if it is not there.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where stations connect [default: 0.0.0.0:8080].
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<SocketAddr>,
    /// Where stations connect over TLS (wss); without it they cannot.
    #[arg(long, value_name = "ADDR:PORT")]
    listen_tls: Option<SocketAddr>,
    /// Certificate chain of this server in PEM; without one the built-in authority makes it.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// Key of that certificate in PEM.
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
    /// A name or an address of this server for a certificate that the built-in authority makes; repeat it for more
    /// [default: localhost].
    #[arg(long = "tls-name", value_name = "NAME", conflicts_with = "tls_certificate")]
    tls_names: Vec<String>,
    /// Where the admin API listens [default: 127.0.0.1:8081].
    #[arg(long, value_name = "ADDR:PORT")]
    admin: Option<SocketAddr>,
    /// Configuration file (TOML); the options here have the last word.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where stations fetch firmware and send logs; without it they cannot.
    #[arg(long, value_name = "ADDR:PORT")]
    files: Option<SocketAddr>,
    /// Let stations in that nobody registered, without a password.
    #[arg(long)]
    accept_unknown_stations: bool,
}

/// Serves until SIGINT or SIGTERM (exit code 0), or until the server cannot go on (exit code 1).
pub(super) async fn run(args: ServeArgs) -> anyhow::Result<ExitCode> {
    let overrides = Overrides {
        data: args.data,
        listen: args.listen,
        listen_tls: args.listen_tls,
        tls_certificate: args.tls_certificate,
        tls_key: args.tls_key,
        tls_names: args.tls_names,
        admin: args.admin,
        accept_unknown_stations: args.accept_unknown_stations,
        files: args.files,
    };
    let config = Config::load(args.config.as_deref(), overrides)?;
    let server = Server::start(config).await.context("the server does not start")?;
    // Before anybody knows that there is somebody to end.
    let mut terminate = signal(SignalKind::terminate())?;
    announce(&server);
    let code = tokio::select! {
        interrupted = tokio::signal::ctrl_c() => {
            interrupted?;
            ExitCode::SUCCESS
        }
        _ = terminate.recv() => ExitCode::SUCCESS,
        why = server.failed() => {
            error!(why, "the server cannot go on; start it again when the cause is gone");
            ExitCode::FAILURE
        }
    };
    info!("stopping: connections are closed, what is under way is finished");
    server.shut_down().await;
    Ok(code)
}

/// One line that a script can read: with port 0 nobody else knows the ports.
#[expect(clippy::print_stdout, reason = "the line is the command's output")]
fn announce(server: &Server) {
    let tls = server.stations_tls.map(|tls| format!(" stations-tls={tls}")).unwrap_or_default();
    let files = server.files.map(|files| format!(" files={files}")).unwrap_or_default();
    println!("listening stations={} admin={}{tls}{files}", server.stations, server.admin);
}
