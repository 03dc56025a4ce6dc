//! A loaded plugin as the API shows it, and what a load takes. Knows no wasm.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Timestamp;
use crate::domain::{Digest, OrderedHook, PluginName, PluginVersion, Seq};
use crate::plugins::Filters;

/// `GET /v1/plugins`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PluginsPage {
    pub plugins: Vec<PluginView>,
    /// Always `null`: a server runs few enough plugins to show them all.
    pub next: Option<String>,
    /// What an operator should know of all of them together, such as that no authorizer is in service.
    #[serde(default)]
    pub notice: Option<String>,
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
    /// The operator wants it to answer nothing for now.
    #[serde(default)]
    pub disabled: bool,
    /// `null` when the plugin is disabled, or could not be started; then its log says why.
    pub running: Option<RunningView>,
    /// What follows from a change, in the answer to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
}

/// `GET /v1/hooks/{hook}/order`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderView {
    pub hook: OrderedHook,
    /// Who comes first, in the operator's words. Empty: the manifests' priorities decide.
    pub order: Vec<PluginName>,
    /// Who is in service, in the order in which they are asked.
    pub asked: Vec<AskedView>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedView {
    pub plugin: PluginName,
    pub version: String,
    /// As its manifest says. Lower numbers come first where the operator says nothing.
    pub priority: i32,
}

/// `PUT /v1/hooks/{hook}/order`. Plugins that are not named follow by priority; an empty list gives the word back to
/// the manifests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderChange {
    pub order: Vec<PluginName>,
}

/// How a plugin does, since this version came into service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunningView {
    pub summary: Option<String>,
    /// The hooks that it answers.
    pub hooks: Vec<String>,
    /// The capabilities that it was granted.
    pub imports: Vec<String>,
    /// The stations that it is asked about, as its manifest says; empty lists for all.
    #[serde(default)]
    pub filters: Filters,
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
