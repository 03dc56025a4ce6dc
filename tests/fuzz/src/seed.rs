//! Writes where the fuzzer begins, a folder for each target and a list of words for each version:
//!
//!     target/py/bin/python tests/catalogue/instances.py | cargo run -p plugpoint-fuzz --bin seed -- target/fuzz
//!
//! Standard input: lines of `tests/catalogue/instances.py`, whole and broken payloads of every message. Knows no fuzzer.

use std::collections::BTreeSet;
use std::io::BufRead as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use anyhow::Context as _;
use plugpoint::ocpp::catalogue::{V16, V21, V201};
use plugpoint_fuzz::seeds;
use serde::Deserialize;

/// Payloads of a message that are taken: each is of another kind.
const TAKEN: [&str; 4] = ["minimal", "maximal", "null", "a fraction for an integer"];

#[derive(Deserialize)]
struct Instance {
    version: String,
    action: String,
    message: String,
    kind: String,
    payload: String,
}

fn main() -> anyhow::Result<()> {
    let to = PathBuf::from(env::args_os().nth(1).context("say where to: seed target/fuzz")?);
    let transcripts = seeds::messages()?;
    let versions = [("ocpp16", &V16), ("ocpp201", &V201), ("ocpp21", &V21)];
    let mut all = transcripts.clone();
    let instances = instances()?;
    for (name, catalogue) in versions {
        let own = instances.iter().filter(|i| i.version == catalogue.version).map(message);
        let mut messages: BTreeSet<_> = own.collect();
        messages.extend(transcripts.iter().cloned());
        write(&to, name, &messages)?;
        all.extend(messages.into_iter().take(100));
        let words = seeds::words(catalogue);
        let quoted: Vec<_> = words.iter().map(|word| format!("\"\\\"{word}\\\"\"\n")).collect();
        fs::write(to.join(format!("{name}.words")), quoted.concat())?;
    }
    write(&to, "frame", &all)?;
    write(&to, "holdings", conversations(&instances))?;
    fs::copy(to.join("ocpp21.words"), to.join("holdings.words"))?;
    write(&to, "link", seeds::LINKS)?;
    write(&to, "door", seeds::PATHS)?;
    write(&to, "login", seeds::LOGINS)?;
    write(&to, "time", seeds::TIMES)?;
    let (request, certificate) = seeds::signing()?;
    write(&to, "signing-request", [request])?;
    write(&to, "certificate", [certificate])?;
    write(&to, "plugin", seeds::plugins()?)
}

fn instances() -> anyhow::Result<Vec<Instance>> {
    let mut instances = Vec::new();
    for line in io::stdin().lock().lines() {
        let instance: Instance = serde_json::from_str(&line?)?;
        if TAKEN.contains(&instance.kind.as_str()) {
            instances.push(instance);
        }
    }
    Ok(instances)
}

/// Each whole request with its whole answer.
fn conversations(instances: &[Instance]) -> Vec<String> {
    let whole = |i: &&Instance| i.kind == "minimal" || i.kind == "maximal";
    let requests = instances.iter().filter(whole).filter(|i| i.message == "request");
    let with_answer = requests.map(|request| {
        let answer = instances.iter().find(|i| {
            i.message == "response"
                && (&i.version, &i.action, &i.kind)
                    == (&request.version, &request.action, &request.kind)
        });
        format!("{}\n{}", message(request), answer.map(message).unwrap_or_default())
    });
    with_answer.collect()
}

/// As the target reads it: an answer is named by its action.
fn message(instance: &Instance) -> String {
    let Instance { action, payload, .. } = instance;
    match instance.message.as_str() {
        "response" => format!(r#"[3,"{action}",{payload}]"#),
        _ if action == "NotifyPeriodicEventStream" => format!(r#"[6,"1","{action}",{payload}]"#),
        _ => format!(r#"[2,"1","{action}",{payload}]"#),
    }
}

fn write<T: AsRef<[u8]>>(
    to: &Path,
    target: &str,
    seeds: impl IntoIterator<Item = T>,
) -> anyhow::Result<()> {
    let folder = to.join(target);
    fs::create_dir_all(&folder)?;
    for (number, seed) in seeds.into_iter().enumerate() {
        fs::write(folder.join(format!("seed-{number:05}")), seed)?;
    }
    Ok(())
}
