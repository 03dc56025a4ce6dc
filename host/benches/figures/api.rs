//! The operator's part: a server with its policy loaded, its cards allowed, and its metrics read.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use base64::Engine as _;
use serde_json::json;

use crate::process::Process;

/// The binary beside which this one was built, with the same profile.
const PLUGPOINT: &str = env!("CARGO_BIN_EXE_plugpoint");

/// The policy of the demo, as `make guests` built it.
const POLICY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/guests/rfid-list.wasm");

/// Loading a policy compiles it.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that takes any station.
pub(crate) struct Server {
    pub(crate) process: Process,
    client: reqwest::Client,
    admin: String,
    key: String,
}

impl Server {
    pub(crate) async fn start(dir: &Path) -> anyhow::Result<Self> {
        let data = dir.join("data");
        let any = "127.0.0.1:0";
        let arguments = ["serve", "--listen", any, "--admin", any, "--accept-unknown-stations"];
        let arguments = arguments
            .map(Into::into)
            .into_iter()
            .chain(["--data".into(), data.clone().into_os_string()]);
        let process =
            Process::start(Path::new(PLUGPOINT), arguments, &dir.join("server.log")).await?;
        let admin = format!("http://{}", process.address("admin")?);
        let key = std::fs::read_to_string(data.join("admin.key"))?.trim().to_owned();
        let client = reqwest::Client::builder().timeout(PATIENCE).build()?;
        Ok(Self { process, client, admin, key })
    }

    pub(crate) async fn load_policy(&self) -> anyhow::Result<()> {
        let wasm = std::fs::read(POLICY).with_context(|| format!("{POLICY}: run `make guests`"))?;
        let component = base64::engine::general_purpose::STANDARD.encode(wasm);
        let body = json!({ "component_base64": component, "settings": {} });
        self.put("/v1/plugins/rfid-list", &body).await
    }

    pub(crate) async fn allow(&self, card: &str) -> anyhow::Result<()> {
        self.put(&format!("/v1/tokens/{card}"), &json!({ "blocked": false })).await
    }

    async fn put(&self, path: &str, body: &serde_json::Value) -> anyhow::Result<()> {
        let url = format!("{}{path}", self.admin);
        let answer = self.client.put(url).bearer_auth(&self.key).json(body).send().await?;
        answer.error_for_status()?;
        Ok(())
    }

    /// One of the server's own counters.
    pub(crate) async fn counter(&self, name: &str) -> anyhow::Result<u64> {
        let text = self.client.get(format!("{}/metrics", self.admin)).send().await?;
        let text = text.error_for_status()?.text().await?;
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        Ok(line.with_context(|| format!("no {name} in the metrics"))?.parse()?)
    }
}
