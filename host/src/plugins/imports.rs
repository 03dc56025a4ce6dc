//! The capabilities: what a guest's imports do. Every one is bounded, quick and free of side effects; writes are
//! only noted.

use std::collections::BTreeSet;

use tracing::{debug, error, info, warn};
use wasmtime::component::{HasSelf, Linker};

use super::bindings::plugpoint::plugin::types::{HostError, StationResult as Station};
use super::bindings::plugpoint::plugin::{
    clock, commands, events, log, sessions, state, stations, tokens, types,
};
use super::context::{Context, tidy};
use super::limits::{KEYS_PER_PAGE, MAX_KEY, MAX_LINE, MAX_LOOKUPS, MAX_VALUE, MAX_WRITES};
use super::manifest::Capability;
use crate::domain::{
    Decision, IdToken, LineLevel, Millis, Session, Speaker, StateRead, StateWrite, StationId,
    StationRecord,
};

/// A linker that knows the granted capabilities and nothing else.
pub(super) fn linker(
    engine: &wasmtime::Engine,
    granted: &BTreeSet<Capability>,
) -> wasmtime::Result<Linker<Context>> {
    let mut linker = Linker::new(engine);
    for capability in granted {
        match capability {
            Capability::Log => log::add_to_linker::<_, HasSelf<_>>(&mut linker, |c| c)?,
            Capability::Clock => clock::add_to_linker::<_, HasSelf<_>>(&mut linker, |c| c)?,
            Capability::State => state::add_to_linker::<_, HasSelf<_>>(&mut linker, |c| c)?,
            Capability::Stations => stations::add_to_linker::<_, HasSelf<_>>(&mut linker, |c| c)?,
            Capability::Tokens => tokens::add_to_linker::<_, HasSelf<_>>(&mut linker, |c| c)?,
            Capability::Sessions => sessions::add_to_linker::<_, HasSelf<_>>(&mut linker, |c| c)?,
            Capability::Commands => commands::add_to_linker::<_, HasSelf<_>>(&mut linker, |c| c)?,
            Capability::Events => events::add_to_linker::<_, HasSelf<_>>(&mut linker, |c| c)?,
        }
    }
    Ok(linker)
}

/// `Ok` of the outer result: the guest goes on. The inner one is what it is told.
pub(super) type Answer<T> = wasmtime::Result<Result<T, HostError>>;

pub(super) fn limit<T>(what: String) -> Answer<T> {
    Ok(Err(HostError::Limit(what)))
}

pub(super) fn invalid<T>(what: String) -> Answer<T> {
    Ok(Err(HostError::Invalid(what)))
}

impl types::Host for Context {}

impl log::Host for Context {
    fn write(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        if !self.may_log() {
            return Ok(());
        }
        let line = tidy(&message, MAX_LINE, self.call.token.as_ref());
        let plugin = &self.plugin;
        match level {
            log::Level::Debug => debug!(%plugin, "{line}"),
            log::Level::Info => info!(%plugin, "{line}"),
            log::Level::Warn => warn!(%plugin, "{line}"),
            log::Level::Error => error!(%plugin, "{line}"),
        }
        self.log_gate.keep(level.into(), Speaker::Plugin, line);
        Ok(())
    }
}

impl From<log::Level> for LineLevel {
    fn from(level: log::Level) -> Self {
        match level {
            log::Level::Debug => Self::Debug,
            log::Level::Info => Self::Info,
            log::Level::Warn => Self::Warn,
            log::Level::Error => Self::Error,
        }
    }
}

impl clock::Host for Context {
    fn now_ms(&mut self) -> wasmtime::Result<u64> {
        Ok(Millis::of(std::time::SystemTime::now()).0)
    }

    fn offset(&mut self, at: u64, zone: String) -> wasmtime::Result<Option<clock::LocalOffset>> {
        Ok(super::zones::offset(at, &zone))
    }
}

impl state::Host for Context {
    fn get(&mut self, key: String) -> Answer<Option<Vec<u8>>> {
        if let Some(written) = self.call.effects.writes.iter().rev().find(|w| w.key == key) {
            return Ok(Ok(written.value.clone()));
        }
        if key.len() > MAX_KEY {
            return limit(format!("a key may have {MAX_KEY} bytes"));
        }
        if !self.call.may_look_up() {
            return too_many_lookups();
        }
        let Ok(found) = self.records.state(&self.plugin, &key) else {
            return Ok(Err(HostError::Unavailable));
        };
        let read = StateRead { plugin: self.plugin.clone(), key, revision: found.revision };
        self.call.effects.reads.push(read);
        Ok(Ok(found.value))
    }

    fn set(&mut self, key: String, value: Vec<u8>) -> Answer<()> {
        if value.len() > MAX_VALUE {
            return limit(format!("a value may have {MAX_VALUE} bytes"));
        }
        self.note(key, Some(value))
    }

    fn delete(&mut self, key: String) -> Answer<()> {
        self.note(key, None)
    }

    fn list_keys(&mut self, prefix: String, after: Option<String>) -> Answer<Vec<String>> {
        if !self.call.may_look_up() {
            return too_many_lookups();
        }
        // Deleted keys may fall out of the page, at most as many as were written.
        let room = KEYS_PER_PAGE + MAX_WRITES;
        let stored = self.records.state_keys(&self.plugin, &prefix, after.as_deref(), room);
        let Ok(stored) = stored else { return Ok(Err(HostError::Unavailable)) };
        // Beyond the last key of a full page the records have not been looked at.
        let last = (stored.len() == room).then(|| stored.last().cloned()).flatten();
        let mut keys: BTreeSet<String> = stored.into_iter().collect();
        for write in &self.call.effects.writes {
            let asked =
                write.key.starts_with(&prefix) && after.as_ref().is_none_or(|a| write.key > *a);
            let seen = last.as_ref().is_none_or(|last| write.key <= *last);
            match &write.value {
                Some(_) if asked && seen => drop(keys.insert(write.key.clone())),
                Some(_) => {}
                None => drop(keys.remove(&write.key)),
            }
        }
        Ok(Ok(keys.into_iter().take(KEYS_PER_PAGE).collect()))
    }
}

impl Context {
    fn note(&mut self, key: String, value: Option<Vec<u8>>) -> Answer<()> {
        if key.is_empty() || key.len() > MAX_KEY {
            return limit(format!("a key must have 1 to {MAX_KEY} bytes"));
        }
        let writes = &mut self.call.effects.writes;
        if let Some(earlier) = writes.iter_mut().find(|write| write.key == key) {
            earlier.value = value;
        } else if writes.len() < MAX_WRITES {
            writes.push(StateWrite { plugin: self.plugin.clone(), key, value });
        } else {
            return limit(format!("a call may write {MAX_WRITES} keys"));
        }
        Ok(Ok(()))
    }
}

pub(super) fn too_many_lookups<T>() -> Answer<T> {
    limit(format!("a call may look up {MAX_LOOKUPS} things"))
}

impl tokens::Host for Context {
    fn get(&mut self, value: String) -> Answer<Option<tokens::Entry>> {
        if !self.call.may_look_up() {
            return too_many_lookups();
        }
        let Ok(token) = IdToken::new(&value) else { return Ok(Ok(None)) };
        let Ok(record) = self.records.token(&token) else {
            return Ok(Err(HostError::Unavailable));
        };
        Ok(Ok(record.map(|record| tokens::Entry {
            blocked: record.blocked,
            expires: record.expires.map(|expires| expires.0),
            group: record.group,
            account: record.account,
        })))
    }
}

impl stations::Host for Context {
    fn get(&mut self, id: String) -> Answer<Option<Station>> {
        if !self.call.may_look_up() {
            return too_many_lookups();
        }
        let Ok(name) = StationId::new(&id) else { return Ok(Ok(None)) };
        let Ok(record) = self.records.station(&name) else {
            return Ok(Err(HostError::Unavailable));
        };
        Ok(Ok(record.map(|record| station(id, record))))
    }
}

impl sessions::Host for Context {
    fn get(&mut self, id: String) -> Answer<Option<sessions::Session>> {
        if !self.call.may_look_up() {
            return too_many_lookups();
        }
        let Ok(id) = id.parse() else { return Ok(Ok(None)) };
        let Ok(found) = self.records.session(id) else {
            return Ok(Err(HostError::Unavailable));
        };
        Ok(Ok(found.map(session)))
    }
}

fn session(session: Session) -> sessions::Session {
    let energy = session.energy();
    let permit = session.decision.as_ref().and_then(Decision::permit);
    sessions::Session {
        id: session.id.to_string(),
        station: session.station.to_string(),
        evse: session.place.evse,
        connector: session.place.connector,
        started: session.started.best().0,
        ended: session.ended.as_ref().map(|ending| ending.stamp.best().0),
        energy_mwh: energy.0,
        permitted: permit.is_some(),
        account: permit.and_then(|permit| permit.account.clone()),
        max_mwh: permit.and_then(|permit| permit.limits.max_mwh),
        max_seconds: permit.and_then(|permit| permit.limits.max_seconds),
        protocol: session.protocol,
        transaction: session.transaction,
        more: Vec::new(),
    }
}

fn station(id: String, record: StationRecord) -> Station {
    let mut more =
        vec![("settings".to_owned(), serde_json::Value::Object(record.settings).to_string())];
    let (mut vendor, mut model) = (None, None);
    let mut tell = |name: &str, value: Option<String>| {
        more.extend(value.map(|value| (name.to_owned(), value)));
    };
    tell("currency", record.currency);
    if let Some(boot) = record.boot {
        tell("serial", boot.serial);
        tell("firmware", boot.firmware);
        (vendor, model) = (Some(boot.vendor), Some(boot.model));
    }
    Station {
        id,
        protocol: String::new(),
        vendor,
        model,
        zone: record.zone.unwrap_or_else(|| "UTC".to_owned()),
        tags: record.tags,
        more,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::Versioned;
    use crate::plugins::context::{Call, LogGate};
    use crate::plugins::guests::{Records, name};
    use crate::plugins::limits::MemoryLedger;

    /// A call with these keys in its plugin's state, all of revision 5.
    fn calling(keys: impl IntoIterator<Item = String>) -> Context {
        let records = Records::default();
        let stored = |key| (key, Versioned { value: Some(b"old".to_vec()), revision: 5 });
        records.state.lock().unwrap().extend(keys.into_iter().map(stored));
        Context {
            plugin: name("guest"),
            records: Arc::new(records),
            memory: MemoryLedger::new(0),
            log_gate: Arc::new(LogGate::default()),
            listeners: Arc::default(),
            call: Call::default(),
        }
    }

    fn get(call: &mut Context, key: &str) -> Option<Vec<u8>> {
        state::Host::get(call, key.to_owned()).unwrap().unwrap()
    }

    fn set(call: &mut Context, key: &str, value: &[u8]) -> Result<(), HostError> {
        state::Host::set(call, key.to_owned(), value.to_owned()).unwrap()
    }

    fn keys(call: &mut Context, prefix: &str, after: Option<&str>) -> Vec<String> {
        let after = after.map(str::to_owned);
        state::Host::list_keys(call, prefix.to_owned(), after).unwrap().unwrap()
    }

    #[test]
    fn a_call_sees_its_own_writes_and_the_records_do_not() {
        let mut call = calling(["a".to_owned()]);
        assert_eq!(get(&mut call, "a").as_deref(), Some(&b"old"[..]));
        set(&mut call, "a", b"new").unwrap();
        set(&mut call, "a", b"newer").unwrap();
        assert_eq!(get(&mut call, "a").as_deref(), Some(&b"newer"[..]));
        state::Host::delete(&mut call, "a".to_owned()).unwrap().unwrap();
        assert_eq!(get(&mut call, "a"), None);
        let effects = &call.call.effects;
        assert_eq!((effects.reads.len(), effects.writes.len()), (1, 1), "the last word counts");
        assert_eq!(effects.reads[0].revision, 5);
        assert_eq!(call.records.state(&name("guest"), "a").unwrap().revision, 5);
    }

    #[test]
    fn listed_keys_are_those_that_would_be_there_after_the_call() {
        let mut call = calling(["a/1", "a/2", "a/3", "b/1"].map(str::to_owned));
        set(&mut call, "a/0", b"").unwrap();
        set(&mut call, "a/25", b"").unwrap();
        state::Host::delete(&mut call, "a/2".to_owned()).unwrap().unwrap();
        assert_eq!(keys(&mut call, "a/", None), ["a/0", "a/1", "a/25", "a/3"]);
        assert_eq!(keys(&mut call, "a/", Some("a/1")), ["a/25", "a/3"]);
    }

    #[test]
    fn pages_of_keys_leave_none_out_however_many_were_deleted() {
        let all: Vec<_> = (0..700).map(|n| format!("k{n:03}")).collect();
        let mut call = calling(all.clone());
        let (gone, left) = all.split_at(MAX_WRITES);
        for key in gone {
            state::Host::delete(&mut call, key.clone()).unwrap().unwrap();
        }
        let mut seen: Vec<String> = Vec::new();
        loop {
            let page = keys(&mut call, "k", seen.last().map(String::as_str));
            assert!(page.len() <= KEYS_PER_PAGE);
            if page.is_empty() {
                break;
            }
            seen.extend(page);
        }
        assert_eq!(seen, left);
    }

    #[test]
    fn every_bound_is_told_by_its_name() {
        let mut call = calling([]);
        let told = |result: Result<(), HostError>| match result {
            Err(HostError::Limit(told)) => told,
            other => panic!("{other:?}"),
        };
        assert!(told(set(&mut call, "", b"")).contains("a key"));
        assert!(told(set(&mut call, &"k".repeat(MAX_KEY + 1), b"")).contains("a key"));
        assert!(told(set(&mut call, "k", &vec![0; MAX_VALUE + 1])).contains("a value"));
        for n in 0..MAX_WRITES {
            set(&mut call, &n.to_string(), b"").unwrap();
        }
        set(&mut call, "0", b"again").unwrap();
        assert!(told(set(&mut call, "one more", b"")).contains("write"));
        for _ in 0..MAX_LOOKUPS {
            get(&mut call, "k");
        }
        let one_more = state::Host::get(&mut call, "k".to_owned()).unwrap().map(drop);
        assert!(told(one_more).contains("look up"));
    }

    #[test]
    fn records_that_cannot_be_read_are_told_and_odd_tokens_are_merely_unknown() {
        let mut call = calling([]);
        let token = |call: &mut Context, value: &str| {
            tokens::Host::get(call, value.to_owned()).unwrap().map(|entry| entry.is_some())
        };
        assert!(matches!(token(&mut call, "DOWN"), Err(HostError::Unavailable)));
        assert!(matches!(token(&mut call, "\0"), Ok(false)));
    }

    #[test]
    fn a_station_comes_with_the_operators_settings() {
        let mut call = calling([]);
        let station = stations::Host::get(&mut call, "CS-1".to_owned()).unwrap().unwrap().unwrap();
        assert_eq!((station.id.as_str(), station.zone.as_str()), ("CS-1", "UTC"));
        assert_eq!(station.more, [("settings".to_owned(), "{}".to_owned())]);
    }
}
