//! `plugin.toml`: what a plugin is called, what it asks for and how it wants to be asked. Knows no wasm.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::filters::Filters;
use super::wishes::{InboxError, InboxSettings};
use crate::domain::{FactKind, OrderedHook, PluginName};

/// Longest manifest, in bytes.
const MAX_MANIFEST: usize = 64 << 10;

/// Longest `version`, in bytes.
const MAX_VERSION: usize = 64;

/// Events that an observer is told of at once, at most. The contract promises it.
pub const MAX_BATCH: usize = 64;

/// The priority of a hook that names none. Lower numbers are asked first.
const DEFAULT_PRIORITY: i32 = 100;

/// A checked manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Manifest {
    pub name: PluginName,
    /// Any text without blanks; `1.4.0` by custom. Two files of one version are told apart by their digest.
    pub version: String,
    /// One line for the operator.
    #[serde(default)]
    pub summary: Option<String>,
    /// The capabilities it uses.
    #[serde(default)]
    pub imports: BTreeSet<Capability>,
    /// The stations that it wants to be asked about.
    #[serde(default)]
    pub filters: Filters,
    #[serde(default)]
    pub hooks: HookSettings,
}

/// How each hook wants to be asked. A hook that is exported and not named here gets the defaults.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct HookSettings {
    pub authorizer: AuthorizerSettings,
    pub observer: ObserverSettings,
    pub tariff: Turn,
    pub inbox: InboxSettings,
    pub quirks: Turn,
    pub responder: Turn,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct AuthorizerSettings {
    /// Lower numbers are asked first; equals go by name.
    pub priority: i32,
    pub on_failure: OnFailure,
}

impl Default for AuthorizerSettings {
    fn default() -> Self {
        Self { priority: DEFAULT_PRIORITY, on_failure: OnFailure::default() }
    }
}

/// What an observer is told of, and from where on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ObserverSettings {
    /// The kinds of event that it is told of; empty for all.
    pub kinds: BTreeSet<FactKind>,
    pub from: Begin,
    /// Events of one call at most: a plugin that looks up much for each asks for fewer.
    pub batch: Batch,
}

/// 1 to [`MAX_BATCH`] events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "usize", into = "usize")]
pub struct Batch(usize);

impl Default for Batch {
    fn default() -> Self {
        Self(MAX_BATCH)
    }
}

impl TryFrom<usize> for Batch {
    type Error = String;

    fn try_from(events: usize) -> Result<Self, String> {
        if (1..=MAX_BATCH).contains(&events) {
            Ok(Self(events))
        } else {
            Err(format!("a batch has 1 to {MAX_BATCH} events"))
        }
    }
}

impl From<Batch> for usize {
    fn from(batch: Batch) -> Self {
        batch.0
    }
}

impl ObserverSettings {
    pub fn wants(&self, kind: FactKind) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&kind)
    }
}

/// Where in the log an observer begins that has no cursor yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Begin {
    /// With what happens from the load on.
    #[default]
    Now,
    /// With the oldest fact that is kept.
    Start,
}

/// When a plugin is asked, where its hook has nothing else to set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Turn {
    /// Lower numbers are asked first; equals go by name.
    pub priority: i32,
}

impl Default for Turn {
    fn default() -> Self {
        Self { priority: DEFAULT_PRIORITY }
    }
}

/// What counts as a plugin's word when it traps, is too slow or says that it could not find out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    #[default]
    Refuse,
    /// As if it had not been asked.
    Pass,
    /// Rather a free charge than a stranded driver.
    Permit,
}

/// A question that plugins answer: one exported interface of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hook {
    Authorizer,
    Observer,
    Tariff,
    Inbox,
    Quirks,
    Responder,
}

impl Hook {
    const ALL: [Self; 6] = [
        Self::Authorizer,
        Self::Observer,
        Self::Tariff,
        Self::Inbox,
        Self::Quirks,
        Self::Responder,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Authorizer => "authorizer",
            Self::Observer => "observer",
            Self::Tariff => "tariff",
            Self::Inbox => "inbox",
            Self::Quirks => "quirks",
            Self::Responder => "responder",
        }
    }

    pub fn from_interface(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hook| hook.as_str() == name)
    }
}

impl From<OrderedHook> for Hook {
    fn from(hook: OrderedHook) -> Self {
        match hook {
            OrderedHook::Authorizer => Self::Authorizer,
            OrderedHook::Tariff => Self::Tariff,
            OrderedHook::Quirks => Self::Quirks,
            OrderedHook::Responder => Self::Responder,
        }
    }
}

/// Something of the host that a plugin can use: one imported interface of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Capability {
    Log,
    Clock,
    State,
    Stations,
    Tokens,
    Sessions,
    Commands,
    Events,
}

impl Capability {
    pub const ALL: [Self; 8] = [
        Self::Log,
        Self::Clock,
        Self::State,
        Self::Stations,
        Self::Tokens,
        Self::Sessions,
        Self::Commands,
        Self::Events,
    ];

    /// The interface's name in the contract and in the manifest.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Clock => "clock",
            Self::State => "state",
            Self::Stations => "stations",
            Self::Tokens => "tokens",
            Self::Sessions => "sessions",
            Self::Commands => "commands",
            Self::Events => "events",
        }
    }

    pub fn from_interface(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|capability| capability.as_str() == name)
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is wrong with a `plugin.toml`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    #[error("plugin.toml: {0}")]
    Syntax(String),
    #[error("plugin.toml: version must be 1 to {MAX_VERSION} bytes without blanks")]
    Version,
    #[error(transparent)]
    Inbox(#[from] InboxError),
    #[error("plugin.toml: filters.{list} may have {words} words, each of 1 to {bytes} bytes")]
    Filter { list: &'static str, words: usize, bytes: usize },
    #[error("plugin.toml is longer than {MAX_MANIFEST} bytes")]
    TooLong,
}

impl FromStr for Manifest {
    type Err = ManifestError;

    fn from_str(text: &str) -> Result<Self, ManifestError> {
        if text.len() > MAX_MANIFEST {
            return Err(ManifestError::TooLong);
        }
        let manifest: Self =
            toml::from_str(text).map_err(|e| ManifestError::Syntax(e.to_string()))?;
        manifest.check()
    }
}

impl Manifest {
    /// The same plugin under another version, for builds that take theirs from the repository.
    pub fn with_version(self, version: &str) -> Result<Self, ManifestError> {
        Self { version: version.to_owned(), ..self }.check()
    }

    /// The manifest as it travels inside the component.
    pub fn to_toml(&self) -> Result<String, ManifestError> {
        toml::to_string(self).map_err(|e| ManifestError::Syntax(e.to_string()))
    }

    fn check(self) -> Result<Self, ManifestError> {
        let fits = (1..=MAX_VERSION).contains(&self.version.len());
        let clean = !self.version.chars().any(|c| c.is_whitespace() || c.is_control());
        if !fits || !clean {
            return Err(ManifestError::Version);
        }
        self.hooks.inbox.check()?;
        self.filters.check()?;
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_needs_a_name_and_a_version_and_nothing_else() {
        let manifest: Manifest = "name = \"x\"\nversion = \"1\"".parse().unwrap();
        assert!(manifest.imports.is_empty());
        assert_eq!(manifest.hooks.authorizer.on_failure, OnFailure::Refuse);
    }

    #[test]
    fn a_manifest_survives_the_way_into_a_component() {
        let text = "name = \"x\"\nversion = \"1\"\nimports = [\"state\", \"log\"]\n\
                    [filters]\ntags = [\"depot\"]\n\
                    [hooks.authorizer]\npriority = -3\non-failure = \"pass\"";
        let manifest: Manifest = text.parse().unwrap();
        assert_eq!(manifest.to_toml().unwrap().parse::<Manifest>().unwrap(), manifest);
        assert_eq!(manifest.with_version("2").unwrap().version, "2");
    }

    #[test]
    fn typing_errors_are_told_and_not_ignored() {
        for (text, told) in [
            ("name = \"x\"\nversion = \"1\"\nimport = []", "import"),
            ("name = \"x\"\nversion = \"1\"\nimports = [\"http\"]", "http"),
            (
                "name = \"x\"\nversion = \"1\"\n[hooks.observer]\nkinds = [\"boot\"]",
                "transaction-ended",
            ),
            ("name = \"x\"\nversion = \"1\"\n[filters]\nvendor = \"A\"", "vendors"),
            ("name = \"x\"\nversion = \"1\"\n[filters]\ntags = [\"\"]", "filters.tags"),
            ("name = \"X\"\nversion = \"1\"", "plugin name"),
            ("name = \"x\"\nversion = \"1 2\"", "version"),
        ] {
            let error = text.parse::<Manifest>().unwrap_err().to_string();
            assert!(error.contains(told), "{text}: {error}");
        }
    }
}
