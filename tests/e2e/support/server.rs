//! The real binary as a child process: started, heard, killed.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::{Api, Cli};

/// From `exec` to the line that says where it listens. Generous: CI has two cores and a debug build.
const UP_WITHIN: Duration = Duration::from_secs(60);

/// From SIGTERM to the end.
const DOWN_WITHIN: Duration = Duration::from_secs(30);

/// How a server is to be started.
#[derive(Debug, Clone)]
pub(crate) struct Start {
    pub(crate) data: PathBuf,
    /// The stations' address; port 0 for any.
    pub(crate) listen: SocketAddr,
    /// The operator's address; port 0 for any.
    pub(crate) admin: SocketAddr,
    /// A command that runs the server, such as `strace` with its arguments.
    pub(crate) under: Vec<String>,
    pub(crate) more: Vec<String>,
    /// Where its log goes.
    log: PathBuf,
}

impl Start {
    pub(crate) fn new(data: &Path) -> Self {
        let any = "127.0.0.1:0".parse().unwrap();
        let (data, log) = (data.to_owned(), data.with_extension("log"));
        Self { data, listen: any, admin: any, under: Vec::new(), more: Vec::new(), log }
    }

    pub(crate) fn on(mut self, listen: SocketAddr) -> Self {
        self.listen = listen;
        self
    }

    pub(crate) fn administered_on(mut self, admin: SocketAddr) -> Self {
        self.admin = admin;
        self
    }

    pub(crate) fn under(mut self, command: Vec<String>) -> Self {
        self.under = command;
        self
    }

    pub(crate) fn with(mut self, arguments: &[&str]) -> Self {
        self.more.extend(arguments.iter().map(|&argument| argument.to_owned()));
        self
    }

    pub(crate) fn log_to(mut self, log: &Path) -> Self {
        self.log = log.to_owned();
        self
    }

    fn command(&self) -> Command {
        let binary = env!("CARGO_BIN_EXE_plugpoint").to_owned();
        let mut words = self.under.iter().cloned().chain([binary]);
        let mut command = Command::new(words.next().unwrap());
        command.args(words).arg("serve").arg("--data").arg(&self.data);
        command.arg("--listen").arg(self.listen.to_string());
        command.arg("--admin").arg(self.admin.to_string());
        command.args(&self.more).stdin(Stdio::null()).kill_on_drop(true);
        command
    }
}

/// A running server. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) stations: SocketAddr,
    /// Where they connect over TLS, if the story wants that.
    stations_tls: Option<SocketAddr>,
    pub(crate) admin: SocketAddr,
    /// Where they fetch and send files, if the story wants that.
    files: Option<SocketAddr>,
    pub(crate) data: PathBuf,
    log: PathBuf,
}

impl Server {
    pub(crate) async fn start(start: Start) -> Self {
        std::fs::create_dir_all(&start.data).unwrap();
        let log = start.log.clone();
        let stderr = std::fs::OpenOptions::new().create(true).append(true).open(&log).unwrap();
        let mut child = start.command().stdout(Stdio::piped()).stderr(stderr).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let listening = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if let Some(addresses) = listening(&line) {
                    return Some(addresses);
                }
            }
            None
        };
        let up = tokio::time::timeout(UP_WITHIN, listening).await;
        let Ok(Some(Listening { stations, admin, stations_tls, files })) = up else {
            panic!("the server did not come up; its log:\n{}", tail(&log, 40));
        };
        // Whatever else it says goes nowhere, but the pipe must not fill.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { child, stations, stations_tls, admin, files, data: start.data, log }
    }

    /// A server that takes any station, with the given policy loaded as `rfid-list`.
    pub(crate) async fn open_house(data: &Path) -> Self {
        let server = Self::start(Start::new(data).with(&["--accept-unknown-stations"])).await;
        server.api().load("rfid-list", &super::guest("rfid-list"), "{}").await;
        server
    }

    pub(crate) fn api(&self) -> Api {
        Api::new(self.admin, &self.data)
    }

    /// The command line, pointed at this server.
    pub(crate) fn cli(&self) -> Cli {
        Cli::new(self.admin, &self.data)
    }

    /// The station side's address for [`plugpoint::sim`].
    pub(crate) fn endpoint(&self) -> plugpoint::sim::Endpoint {
        format!("ws://{}/ocpp", self.stations).parse().unwrap()
    }

    /// Where stations connect over TLS.
    pub(crate) fn tls(&self) -> SocketAddr {
        self.stations_tls.expect("the server was started with --listen-tls")
    }

    /// Where stations fetch and send files.
    pub(crate) fn files(&self) -> SocketAddr {
        self.files.expect("the server was started with --files")
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id().unwrap()
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// SIGKILL: nothing is flushed, nobody is told.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// SIGTERM, and the exit code.
    pub(crate) async fn stop(mut self) -> ExitStatus {
        let pid = self.child.id().and_then(|id| Pid::from_raw(id.cast_signed())).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        let ended = tokio::time::timeout(DOWN_WITHIN, self.child.wait()).await;
        ended
            .unwrap_or_else(|_| panic!("the server did not end; its log:\n{}", tail(&self.log, 40)))
            .unwrap()
    }
}

/// What the server says when it is up.
struct Listening {
    stations: SocketAddr,
    admin: SocketAddr,
    stations_tls: Option<SocketAddr>,
    files: Option<SocketAddr>,
}

fn listening(line: &str) -> Option<Listening> {
    let address = |key: &str| {
        let value = line.split_whitespace().find_map(|word| word.strip_prefix(key))?;
        value.parse().ok()
    };
    let all = || {
        Some(Listening {
            stations: address("stations=")?,
            admin: address("admin=")?,
            stations_tls: address("stations-tls="),
            files: address("files="),
        })
    };
    line.starts_with("listening ").then(all)?
}

/// The last lines of a file.
fn tail(path: &Path, lines: usize) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let all = text.lines().collect::<Vec<_>>();
    all[all.len().saturating_sub(lines)..].join("\n")
}
