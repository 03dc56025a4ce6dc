//! The store from outside: what other rooms rely on, told as stories. Those in `conformance` hold on every engine.

mod archive;
mod conformance;
mod durability;
mod holdings;
mod older_formats;
mod retention;
mod sled_directory;

use std::sync::Arc;

use crate::domain::{
    Fact, FactBody, Millis, MilliwattHours, Place, PluginName, SessionId, Stamp, StateRead,
    StateWrite, StationId,
};

use super::{Commit, Engine, Expect, LastSeen, MemoryEngine, Store};

/// Where a store stands, so that it can be opened again.
enum Ground {
    Memory(Arc<MemoryEngine>),
    Sled(tempfile::TempDir),
}

impl Ground {
    fn memory() -> Self {
        Self::Memory(Arc::new(MemoryEngine::new()))
    }

    fn sled() -> Self {
        Self::Sled(tempfile::tempdir().unwrap())
    }

    fn open(&self) -> Store {
        match self {
            Self::Memory(engine) => on(engine),
            Self::Sled(dir) => Store::open(dir.path()).unwrap(),
        }
    }
}

fn on(engine: &Arc<MemoryEngine>) -> Store {
    Store::on_engine(engine.clone() as Arc<dyn Engine>).unwrap()
}

fn station(name: &str) -> StationId {
    StationId::new(name).unwrap()
}

fn session(id: u32) -> SessionId {
    SessionId::new(id).unwrap()
}

fn plugin(name: &str) -> PluginName {
    PluginName::new(name).unwrap()
}

fn seen(at: u64) -> LastSeen {
    LastSeen { at: Millis(at) }
}

fn fact(body: FactBody) -> Fact {
    Fact { station: Some(station("CS1")), stamp: Stamp::here(Millis(7)), body }
}

fn soft(action: &str) -> Fact {
    fact(FactBody::Other { action: action.into() })
}

fn synced(transaction: &str) -> Fact {
    let transaction = transaction.into();
    fact(FactBody::OrphanStop { transaction, meter: MilliwattHours(1), reason: None })
}

/// A commit of one record.
fn put(name: &str, at: u64, expect: Expect) -> Commit {
    let mut commit = Commit::new();
    commit.put(&station(name), &seen(at), expect);
    commit
}

fn at(store: &Store, name: &str) -> Option<u64> {
    store.read::<LastSeen>(&station(name)).unwrap().map(|seen| seen.value.at.0)
}

fn state_read(key: &str, revision: u64) -> StateRead {
    StateRead { plugin: plugin("wallet"), key: key.into(), revision }
}

fn state_write(key: &str, value: Option<&[u8]>) -> StateWrite {
    StateWrite { plugin: plugin("wallet"), key: key.into(), value: value.map(<[u8]>::to_vec) }
}

const ONE: Place = Place::connector(1);
