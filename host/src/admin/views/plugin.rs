//! A loaded plugin as the API shows it, and what a load takes. Knows no wasm.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Timestamp;
use crate::domain::{Digest, PluginName, PluginVersion, Seq};

/// `GET /v1/plugins`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PluginsPage {
    pub plugins: Vec<PluginView>,
    /// Always `null`: a server runs few enough plugins to show them all.
    pub next: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PluginView {
    pub name: PluginName,
    pub version: String,
    pub digest: Digest,
    pub loaded_at: Timestamp,
    /// What `POST …/rollback` returns to.
    pub previous: Option<VersionView>,
    /// As the operator gave them.
    pub settings: Box<RawValue>,
    /// `null` when the plugin is on record but could not be started; the server's log says why.
    pub running: Option<RunningView>,
}

/// How a plugin does, since this version came into service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunningView {
    pub summary: Option<String>,
    /// The hooks that it answers.
    pub hooks: Vec<String>,
    /// The capabilities that it was granted.
    pub imports: Vec<String>,
    /// `closed`: it is asked. `open`: it is not, for a while, because it kept failing. `probing`: one call tries it.
    pub breaker: String,
    /// Failed ones included.
    pub calls: u64,
    /// Time that all calls took together, in microseconds.
    pub took_micros: u64,
    /// How many calls failed, by kind.
    pub failures: BTreeMap<String, u64>,
    pub last_failure: Option<String>,
    pub instances_busy: u64,
    pub instances_idle: u64,
    /// `null` unless it observes.
    #[serde(default)]
    pub observer: Option<ObserverView>,
    /// `null` unless it has an inbox.
    #[serde(default)]
    pub inbox: Option<InboxView>,
}

/// How far an observing plugin has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObserverView {
    /// The last event that it was told of, or that is of no kind it asked for.
    pub cursor: Seq,
    /// How many events of the log are still before it.
    pub lag: u64,
    /// How many events it failed at so often that they were skipped, ever.
    pub skipped: u64,
    pub last_skipped: Option<Seq>,
    /// Why it does not go on at the moment; `null` while it does.
    pub trouble: Option<String>,
}

/// How the post of a plugin stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboxView {
    /// Its commands that wait for their stations, and messages that wait for it.
    pub commands: u64,
    pub messages: u64,
    /// How many messages it failed at so often that they were skipped, ever.
    pub skipped: u64,
    /// How many events of other plugins found its inbox full, since the server was started.
    pub missed: u64,
    /// Why it does not go on at the moment; `null` while it does.
    pub trouble: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionView {
    pub version: String,
    pub digest: Digest,
}

impl From<PluginVersion> for VersionView {
    fn from(version: PluginVersion) -> Self {
        Self { version: version.version, digest: version.digest }
    }
}

/// `PUT /v1/plugins/{name}` as `application/json`. What is left out stays as it is, so that a change of settings
/// needs no file and a new file needs no settings.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PluginLoad {
    /// The component file in Base64 (RFC 4648 §4, with padding).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub component_base64: Option<String>,
    /// Any JSON; the plugin itself checks it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settings: Option<Box<RawValue>>,
}
