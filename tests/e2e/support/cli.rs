//! The operator's command line: the real binary, run once for each command.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// A load compiles, and so does `plugin build`.
const PATIENCE: Duration = Duration::from_secs(300);

#[derive(Debug, Clone)]
pub(crate) struct Cli {
    url: String,
    data: PathBuf,
}

impl Cli {
    pub(crate) fn new(admin: SocketAddr, data: &Path) -> Self {
        Self { url: format!("http://{admin}"), data: data.to_owned() }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_plugpoint"));
        command.args(words).env("PLUGPOINT_URL", &self.url);
        let key = std::fs::read_to_string(self.data.join("admin.key")).unwrap();
        command.env("PLUGPOINT_KEY", key.trim()).stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    pub(crate) async fn run(&self, words: &[&str]) -> Output {
        let output = tokio::time::timeout(PATIENCE, self.command(words).output()).await;
        output.unwrap_or_else(|_| panic!("{words:?} takes too long")).unwrap()
    }

    /// What a command that works says: to whoever reads its output, and beside it.
    pub(crate) async fn done(&self, words: &[&str]) -> (String, String) {
        let output = self.run(words).await;
        let (said, aside) = texts(&output);
        println!("$ plugpoint {}\n{aside}{said}", words.join(" "));
        assert!(output.status.success(), "{words:?}: {aside}");
        (said, aside)
    }

    pub(crate) async fn json(&self, words: &[&str]) -> Value {
        let words: Vec<_> = words.iter().copied().chain(["--json"]).collect();
        serde_json::from_str(&self.done(&words).await.0).unwrap()
    }

    /// Why a command does not work.
    pub(crate) async fn refused(&self, words: &[&str]) -> String {
        let output = self.run(words).await;
        let (_, aside) = texts(&output);
        println!("$ plugpoint {}\n{aside}", words.join(" "));
        assert_eq!(output.status.code(), Some(1), "{words:?}: {aside}");
        assert!(aside.contains("next: "), "it says what to do: {aside}");
        aside
    }

    /// A command that goes on, such as `events tail`.
    pub(crate) fn follow(&self, words: &[&str]) -> Following {
        let mut command = self.command(words);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Following { lines, _child: child }
    }
}

fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_owned()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

/// A command that runs until it is dropped.
pub(crate) struct Following {
    lines: Lines<BufReader<ChildStdout>>,
    _child: Child,
}

impl Following {
    pub(crate) async fn line(&mut self) -> String {
        let line = tokio::time::timeout(PATIENCE, self.lines.next_line()).await;
        line.expect("it says something").unwrap().expect("it goes on")
    }

    /// The next line of JSON that is wanted.
    pub(crate) async fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let line: Value = serde_json::from_str(&self.line().await).unwrap();
            if wanted(&line) {
                return line;
            }
        }
    }
}
