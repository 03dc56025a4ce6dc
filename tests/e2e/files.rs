//! Firmware goes to stations and logs come from them, by links that open one file for one station and nothing else.

mod links;
mod python;
mod stations;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Api, Server, Start};

/// Longer than any transfer of these stories takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server with a files listener, and more of `[files]` than that if the story wants it.
async fn start(data: &Path, settings: &str) -> Server {
    Server::start(with_files(data, settings)).await
}

fn with_files(data: &Path, settings: &str) -> Start {
    let config = data.with_extension("toml");
    std::fs::write(&config, format!("[files]\nlisten = \"127.0.0.1:0\"\n{settings}")).unwrap();
    Start::new(data).with(&["--config", config.to_str().unwrap()])
}

/// A file of so many bytes, no two parts of which are alike.
fn file(dir: &Path, name: &str, first_line: &str, bytes: usize) -> (PathBuf, Vec<u8>) {
    let mut content = format!("{first_line}\n").into_bytes();
    let mut word = 0x5EED_u32;
    while content.len() < bytes {
        word = word.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        content.extend(word.to_le_bytes());
    }
    content.truncate(bytes);
    let path = dir.join(name);
    std::fs::write(&path, &content).unwrap();
    (path, content)
}

fn sha256(content: &[u8]) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn transfer(api: &Api, station: &str, number: u32) -> Value {
    api.get(&format!("/v1/stations/{station}/transfers/{number}")).await
}

/// Waits until something is true of a transfer.
async fn until(
    api: &Api,
    station: &str,
    number: u32,
    what: &str,
    is_so: impl Fn(&Value) -> bool,
) -> Value {
    let mut seen = json!(null);
    let wait = async {
        loop {
            seen = transfer(api, station, number).await;
            if is_so(&seen) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, wait).await;
    assert!(in_time.is_ok(), "waited in vain until {what}: {seen:#}");
    seen
}
