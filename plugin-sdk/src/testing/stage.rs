//! The made-up host behind the capability modules. One per thread, and only while a policy runs.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::NEW_YEAR;
use crate::bindings::imports::plugpoint::plugin::log::Level;
use crate::clock::LocalOffset;
use crate::sessions::Session;
use crate::tokens::Entry;
use crate::{HostError, Millis, Station};

/// Keys that the host hands out at once.
const KEYS_PER_PAGE: usize = 256;

/// Tokens, stations, state and time for a policy under test.
#[derive(Debug, Clone)]
pub struct Stage {
    pub(super) now: Millis,
    pub(super) tokens: BTreeMap<String, Entry>,
    pub(super) stations: BTreeMap<String, Station>,
    pub(super) sessions: BTreeMap<String, Session>,
    pub(super) effects: Effects,
    pub(super) log: Vec<(Level, String)>,
    /// By name: from when on which offset in seconds. `UTC` needs no entry.
    pub(super) zones: BTreeMap<String, BTreeMap<Millis, i32>>,
    pub(super) unavailable: bool,
}

/// What the host keeps only when a call goes well.
#[derive(Debug, Clone, Default)]
pub(super) struct Effects {
    pub(super) state: BTreeMap<String, Vec<u8>>,
    pub(super) commands: Vec<Command>,
    pub(super) events: Vec<(String, String)>,
}

/// A call to a station that a policy has asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// `command-1`, `command-2` and so on.
    pub id: String,
    pub station: String,
    pub action: String,
    /// JSON.
    pub payload: String,
    pub expires_in: Millis,
}

thread_local! {
    static RUNNING: RefCell<Option<Stage>> = const { RefCell::new(None) };
}

impl Stage {
    /// Empty lists, at [`NEW_YEAR`](super::NEW_YEAR).
    pub fn new() -> Self {
        Self {
            now: NEW_YEAR,
            tokens: BTreeMap::new(),
            stations: BTreeMap::new(),
            sessions: BTreeMap::new(),
            effects: Effects::default(),
            log: Vec::new(),
            zones: BTreeMap::new(),
            unavailable: false,
        }
    }

    /// Runs a hook: its effects stay unless it fails.
    pub(super) fn keeping<T>(
        &mut self,
        call: impl FnOnce() -> Result<T, String>,
    ) -> Result<T, String> {
        let before = self.effects.clone();
        let result = self.run(call);
        if result.is_err() {
            self.effects = before;
        }
        result
    }

    /// Runs a function whose effects the host discards.
    pub(super) fn discarding<T>(&mut self, call: impl FnOnce() -> T) -> T {
        let before = self.effects.clone();
        let result = self.run(call);
        self.effects = before;
        result
    }

    fn run<T>(&mut self, call: impl FnOnce() -> T) -> T {
        RUNNING.set(Some(std::mem::take(self)));
        let result = call();
        *self = RUNNING.take().unwrap_or_default();
        result
    }
}

impl Default for Stage {
    fn default() -> Self {
        Self::new()
    }
}

/// Outside of a run, for example in a test that calls a policy's inner function, the stage is an empty one.
fn on_stage<T>(act: impl FnOnce(&mut Stage) -> T) -> T {
    RUNNING.with_borrow_mut(|running| act(running.get_or_insert_default()))
}

fn records<T>(act: impl FnOnce(&mut Stage) -> T) -> Result<T, HostError> {
    on_stage(|stage| if stage.unavailable { Err(HostError::Unavailable) } else { Ok(act(stage)) })
}

pub(crate) fn log(level: Level, message: &str) {
    on_stage(|stage| stage.log.push((level, message.to_owned())));
}

pub(crate) fn now() -> Millis {
    on_stage(|stage| stage.now)
}

pub(crate) fn offset(at: Millis, zone: &str) -> Option<LocalOffset> {
    if zone == "UTC" {
        return Some(LocalOffset { seconds: 0, until: None });
    }
    on_stage(|stage| {
        let offsets = stage.zones.get(zone)?;
        let (_, seconds) = offsets.range(..=at).next_back()?;
        let until = offsets.range(at + 1..).next().map(|(from, _)| *from);
        Some(LocalOffset { seconds: *seconds, until })
    })
}

pub(crate) fn token(value: &str) -> Result<Option<Entry>, HostError> {
    records(|stage| stage.tokens.get(&value.to_ascii_uppercase()).cloned())
}

pub(crate) fn station(id: &str) -> Result<Option<Station>, HostError> {
    records(|stage| stage.stations.get(id).cloned())
}

pub(crate) fn session(id: &str) -> Result<Option<Session>, HostError> {
    records(|stage| stage.sessions.get(id).cloned())
}

pub(crate) fn enqueue(
    station: &str,
    action: &str,
    payload: String,
    expires_in: Millis,
) -> Result<String, HostError> {
    records(|stage| {
        let commands = &mut stage.effects.commands;
        let id = format!("command-{}", commands.len() + 1);
        let (station, action) = (station.to_owned(), action.to_owned());
        commands.push(Command { id: id.clone(), station, action, payload, expires_in });
        id
    })
}

pub(crate) fn emit(topic: &str, body: String) -> Result<(), HostError> {
    records(|stage| stage.effects.events.push((topic.to_owned(), body)))
}

pub(crate) fn get(key: &str) -> Result<Option<Vec<u8>>, HostError> {
    records(|stage| stage.effects.state.get(key).cloned())
}

pub(crate) fn set(key: &str, value: &[u8]) -> Result<(), HostError> {
    records(|stage| stage.effects.state.insert(key.to_owned(), value.to_owned())).map(drop)
}

pub(crate) fn delete(key: &str) -> Result<(), HostError> {
    records(|stage| stage.effects.state.remove(key)).map(drop)
}

pub(crate) fn list_keys(prefix: &str, after: Option<&str>) -> Result<Vec<String>, HostError> {
    records(|stage| {
        let later = |key: &&String| after.is_none_or(|after| key.as_str() > after);
        let ours = stage.effects.state.keys().filter(|key| key.starts_with(prefix)).filter(later);
        ours.take(KEYS_PER_PAGE).cloned().collect()
    })
}
