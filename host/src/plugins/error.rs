//! Everything that can go wrong with a plugin, typed: at load, and in a call.

use std::time::Duration;

use super::inspect::InspectError;
use super::manifest::Capability;
use crate::domain::Digest;

/// Why a call of a plugin has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    #[error("took longer than the time that was left for the answer")]
    Deadline,
    #[error("used more than {} ms of CPU", .0.as_millis())]
    CpuBudget(Duration),
    #[error("wanted more than {} MiB of memory", .0 >> 20)]
    Memory(usize),
    #[error("trapped: {0}")]
    Trap(String),
    #[error("all of its instances were busy until the deadline")]
    Saturated,
    #[error("is not asked for a while because it kept failing")]
    BreakerOpen,
    /// The plugin's own words.
    #[error("could not find out: {0}")]
    Told(String),
    #[error("gave an answer that cannot be used: {0}")]
    Nonsense(String),
}

impl CallError {
    /// Short names of the kinds, for metrics.
    pub const KINDS: [&str; 8] = [
        "deadline",
        "cpu-budget",
        "memory",
        "trap",
        "saturated",
        "breaker-open",
        "told",
        "nonsense",
    ];

    /// Place of this one's kind in [`KINDS`](Self::KINDS).
    pub(super) const fn index(&self) -> usize {
        match self {
            Self::Deadline => 0,
            Self::CpuBudget(_) => 1,
            Self::Memory(_) => 2,
            Self::Trap(_) => 3,
            Self::Saturated => 4,
            Self::BreakerOpen => 5,
            Self::Told(_) => 6,
            Self::Nonsense(_) => 7,
        }
    }

    pub const fn kind(&self) -> &'static str {
        Self::KINDS[self.index()]
    }

    /// Did the plugin break, as opposed to being busy or saying that it cannot tell?
    pub(super) const fn is_breakage(&self) -> bool {
        match self {
            Self::Deadline
            | Self::CpuBudget(_)
            | Self::Memory(_)
            | Self::Trap(_)
            | Self::Nonsense(_) => true,
            Self::Saturated | Self::BreakerOpen | Self::Told(_) => false,
        }
    }
}

/// Why a plugin was not loaded. The version in service, if any, stays.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error(transparent)]
    Inspect(#[from] InspectError),
    #[error("the plugin uses `{}`, which its manifest does not ask for; put this line into plugin.toml:\n{line}", .missing.first().map_or("", |c| c.as_str()))]
    NotAsked { missing: Vec<Capability>, line: String },
    #[error("the plugin asks for `{0}`, which this server does not grant to plugins")]
    NotGranted(Capability),
    #[error("the plugin answers no question; a Rust plugin needs `plugpoint_sdk::export!(…)`")]
    NoHook,
    #[error("the plugin does not fit the contract in wit/: {0}")]
    Contract(String),
    #[error("an instance starts with {needs} bytes of memory, this server gives it {limit}")]
    NeedsMemory { needs: u64, limit: usize },
    #[error("the settings are no JSON object: {0}")]
    Settings(String),
    #[error("the settings are longer than {0} bytes")]
    SettingsTooLong(usize),
    #[error("the plugin refuses its settings: {0}")]
    SettingsRefused(String),
    #[error("the plugin cannot take over the state of version {from}: {why}")]
    Migration { from: String, why: String },
    /// It failed before it served anybody.
    #[error("the plugin failed while it was {step}: it {error}")]
    Failed { step: &'static str, error: CallError },
    #[error(transparent)]
    Compile(#[from] CompileError),
    #[error("no component {} is kept here; load its file again", .0.short())]
    NotKept(Digest),
    #[error("the component kept as {} has changed on the disk; load its file again", .0.short())]
    Damaged(Digest),
    #[error("plugins cannot be written to the data directory: {0}")]
    Files(#[from] std::io::Error),
    #[error("there are {0} plugins already; unload one first")]
    TooMany(usize),
}

impl LoadError {
    /// The error and what led to it, in one line.
    pub fn with_causes(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        text
    }
}

/// Why no machine code was made of a component.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    #[error("the compiler's process could not be started: {0}")]
    Start(std::io::Error),
    #[error("compiling took longer than {} s", .0.as_secs())]
    TooSlow(Duration),
    #[error("the component does not compile: {0}")]
    Failed(String),
    #[error("the compiled code cannot be opened: {0}")]
    Open(String),
}

/// Why there is no plugin host at all.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("the WebAssembly engine does not start: {0}")]
    Engine(String),
    #[error("the directory for plugins cannot be used: {0}")]
    Files(#[from] std::io::Error),
}
