//! One change of the records, as plain data: facts to append, records to put or delete, and what they rely on.
//! Encoded by whoever makes it, so that the one thread that writes has little to do. Knows no engine.

use crate::domain::{
    CertificateRequest, Durability, Effects, Fact, Holding, HoldingKind, Message, Millis,
    NewCommand, NewMessage, PluginName, Seq, ShelfMoves, StationId, Transfer, TransferNo,
};

use super::committer::Post;
use super::keys::{self, MAX_KEY, StateKey, Table};
use super::records::{self, OpenTransfer, Record};
use super::retention::Kept;
use super::value::{self, Codec, MAX_VALUE};

/// Longest original text that is kept with a fact, in bytes. Frames are bounded at the door, well below it.
pub const MAX_RAW: usize = 1 << 20;

/// Version of the facts' format.
pub(super) const FACT_VERSION: u8 = 1;

/// Version of everything that is kept as bare bytes: chunks and plugin state.
pub(super) const BYTES_VERSION: u8 = 1;

/// What has to be true of a record for the commit to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    Any,
    /// There is no such record.
    Absent,
    /// The record is still the one that was read; revision 0 is the same as [`Expect::Absent`].
    Revision(u64),
}

/// What a commit got.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Receipt {
    /// One for each fact, in order.
    pub seqs: Vec<Seq>,
    /// One for each put, in order.
    pub revisions: Vec<u64>,
}

/// Why nothing of a commit happened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    #[error(transparent)]
    Conflict(#[from] Conflict),
    #[error("the store has more work waiting than it takes; try again shortly")]
    Overloaded,
    #[error("the store has stopped; restart the server, its log says why it stopped")]
    Unavailable,
    #[error("the disk is almost full; make room on it, then try again")]
    NoSpace,
    #[error(transparent)]
    Unstorable(#[from] Unstorable),
}

/// Somebody else was quicker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// The expectation of a put or a delete failed.
    #[error("the record has changed meanwhile; read it again and decide again")]
    Record,
    /// What a plugin's call read is stale.
    #[error("a plugin's state has changed meanwhile; run the call again")]
    Effects,
}

/// The store cannot keep this, today or later.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unstorable {
    #[error("{what:?} takes {bytes} bytes and at most {limit} are kept; make it smaller")]
    TooLarge { what: Table, bytes: usize, limit: usize },
    #[error("a record of {table:?} cannot be written as JSON: {cause}")]
    NotJson { table: Table, cause: String },
}

/// Facts and records that become true together, or not at all.
///
/// A commit without content that asks for [`synced`](Commit::synced) is a barrier: its answer says that everything
/// visible when it was queued is on the disk.
#[must_use = "nothing happens until it is handed to `Store::commit`"]
pub struct Commit {
    pub(super) facts: Vec<NewFact>,
    pub(super) writes: Vec<Write>,
    /// What plugins read.
    pub(super) reads: Vec<Read>,
    pub(super) durability: Durability,
    /// What it adds for others to pick up.
    pub(super) brings: Post,
    /// It gives back more room than it takes.
    makes_room: bool,
    /// About how much memory it takes.
    pub(super) bytes: usize,
    /// The first thing in it that cannot be kept; then nothing of it is.
    pub(super) unstorable: Option<Unstorable>,
}

pub(super) struct NewFact {
    /// Encoded without its number, which only the committer knows. Longer than [`MAX_VALUE`]: goes into chunks.
    pub(super) value: Vec<u8>,
    pub(super) raw: Option<String>,
    /// It holds nothing but readings.
    pub(super) is_reading: bool,
}

pub(super) struct Write {
    pub(super) key: Vec<u8>,
    pub(super) change: Change,
    /// The revision that the record must still have; 0 for none.
    pub(super) expected: Option<u64>,
}

/// A value that must still be as it was read.
pub(super) struct Read {
    pub(super) key: Vec<u8>,
    pub(super) revision: u64,
}

pub(super) enum Change {
    /// A record; its new revision goes into the receipt.
    Put(Vec<u8>),
    /// A value that nobody asks for the revision of.
    PutUncounted(Vec<u8>),
    Delete,
}

impl Default for Commit {
    fn default() -> Self {
        Self::new()
    }
}

impl Commit {
    pub fn new() -> Self {
        Self {
            facts: Vec::new(),
            writes: Vec::new(),
            reads: Vec::new(),
            durability: Durability::Soft,
            brings: Post::default(),
            makes_room: false,
            bytes: 0,
            unstorable: None,
        }
    }

    /// Appends a fact, and the text it came from. The kind of the fact says how durable the commit has to be.
    pub fn fact(&mut self, fact: Fact, raw: Option<String>) -> &mut Self {
        self.durability = self.durability.max(fact.body.durability());
        let is_reading = Kept::MeterValues.takes(&fact.body);
        let raw_bytes = raw.as_ref().map_or(0, String::len);
        if raw_bytes > MAX_RAW {
            self.refuse(Unstorable::TooLarge {
                what: Table::Raw,
                bytes: raw_bytes,
                limit: MAX_RAW,
            });
        }
        match records::json(FACT_VERSION, &fact) {
            Ok(value) if value.len() > MAX_RAW => {
                let bytes = value.len();
                self.refuse(Unstorable::TooLarge { what: Table::Log, bytes, limit: MAX_RAW });
            }
            Ok(value) => {
                self.bytes += value.len() + raw_bytes;
                self.facts.push(NewFact { value, raw, is_reading });
            }
            Err(error) => self.not_json(Table::Log, &error),
        }
        self
    }

    pub fn put<R: Record>(&mut self, key: &R::Key, record: &R, expect: Expect) -> &mut Self {
        let key = keys::key(R::TABLE, key);
        match records::encode(record) {
            Ok(value) => self.write(R::TABLE, key, Change::Put(value), expect),
            Err(error) => self.not_json(R::TABLE, &error),
        }
        self
    }

    /// Deleting what is not there is no error, unless `expect` says so.
    pub fn delete<R: Record>(&mut self, key: &R::Key, expect: Expect) -> &mut Self {
        let key = keys::key(R::TABLE, key);
        self.write(R::TABLE, key, Change::Delete, expect);
        self
    }

    /// What plugins did and want done: what they read becomes a condition, what they wrote is put, and commands and
    /// messages wait from then on. Those ask for the disk, because what follows from them leaves the server.
    pub fn effects(&mut self, effects: Effects) -> &mut Self {
        for read in effects.reads {
            let key = keys::key(Table::PluginState, &(read.plugin, StateKey(read.key)));
            self.reads.push(Read { key, revision: read.revision });
        }
        for written in effects.writes {
            let key = keys::key(Table::PluginState, &(written.plugin, StateKey(written.key)));
            let change = match written.value {
                Some(bytes) => Change::PutUncounted(value::bytes(BYTES_VERSION, &bytes)),
                None => Change::Delete,
            };
            self.write(Table::PluginState, key, change, Expect::Any);
        }
        for NewCommand { plugin, station, id, command } in effects.commands {
            self.put_uncounted(&(plugin, station, id), &command);
            self.queues_command();
        }
        for NewMessage { to, id, at, message } in effects.messages {
            self.message(&to, at, id, &message);
        }
        self
    }

    /// It queues a command: whoever sends what waits is to look, once it is on the disk.
    pub fn queues_command(&mut self) -> &mut Self {
        self.brings.commands += 1;
        self.synced()
    }

    /// Puts a message into the inbox of a plugin. `id` tells it from others of the same moment.
    pub fn message(
        &mut self,
        to: &PluginName,
        at: Millis,
        id: String,
        message: &Message,
    ) -> &mut Self {
        self.put_uncounted(&(to.clone(), at, id), message);
        self.brings.messages += 1;
        self.synced()
    }

    /// Keeps what a station wants signed. What it asked for before is out of date.
    pub fn certificate_request(
        &mut self,
        station: &StationId,
        request: &CertificateRequest,
    ) -> &mut Self {
        self.put_uncounted(station, request);
        self.brings.requests += 1;
        self.synced()
    }

    /// What changes of the things that a station holds. A conflict says that somebody else has changed them meanwhile.
    /// Asks for the disk: a station does not tell twice what it was told that we know.
    pub fn holdings(&mut self, station: &StationId, moves: &[ShelfMoves]) -> &mut Self {
        if !moves.is_empty() {
            self.synced();
        }
        for ShelfMoves { kind, shelf, revision, holdings } in moves {
            if matches!(kind, HoldingKind::Variable | HoldingKind::LocalList) {
                self.brings.settings += 1;
            }
            for (key, holding) in holdings {
                let key = (station.clone(), *kind, key.clone());
                match holding {
                    Some(holding) => self.put_uncounted(&key, holding),
                    None => {
                        self.delete::<Holding>(&key, Expect::Any);
                    }
                }
            }
            self.put(&(station.clone(), *kind), shelf, Expect::Revision(*revision));
        }
        self
    }

    /// A transfer as it is now, and whether it is among those that are open.
    pub fn transfer(
        &mut self,
        key: &(StationId, TransferNo),
        transfer: &Transfer,
        expect: Expect,
    ) -> &mut Self {
        let open = (transfer.expires, key.0.clone(), key.1);
        match transfer.is_open() {
            true => self.put_uncounted(&open, &OpenTransfer {}),
            false => {
                self.delete::<OpenTransfer>(&open, Expect::Any);
            }
        }
        self.put(key, transfer, expect)
    }

    /// A record whose revision is not in the receipt.
    fn put_uncounted<R: Record>(&mut self, key: &R::Key, record: &R) {
        match records::encode(record) {
            Ok(value) => {
                let key = keys::key(R::TABLE, key);
                self.write(R::TABLE, key, Change::PutUncounted(value), Expect::Any);
            }
            Err(error) => self.not_json(R::TABLE, &error),
        }
    }

    /// Asks for the disk although no fact demands it: for what an operator was told is saved.
    pub fn synced(&mut self) -> &mut Self {
        self.durability = Durability::Synced;
        self
    }

    pub fn durability(&self) -> Durability {
        self.durability
    }

    /// A key that was found in the store.
    pub(super) fn delete_key(&mut self, table: Table, key: Vec<u8>) {
        self.write(table, key, Change::Delete, Expect::Any);
    }

    /// To be taken even when the disk is full.
    pub(super) fn makes_room(&mut self) {
        self.makes_room = true;
    }

    /// Whether the store grows by it. Deleting does not count: what takes room away must not wait for room.
    pub(super) fn adds(&self) -> bool {
        let deletes = |write: &Write| matches!(write.change, Change::Delete);
        !self.makes_room && (!self.facts.is_empty() || !self.writes.iter().all(deletes))
    }

    fn write(&mut self, table: Table, key: Vec<u8>, change: Change, expect: Expect) {
        let value_bytes = match &change {
            Change::Put(value) | Change::PutUncounted(value) => value.len(),
            Change::Delete => 0,
        };
        if value_bytes > MAX_VALUE {
            self.refuse(Unstorable::TooLarge { what: table, bytes: value_bytes, limit: MAX_VALUE });
        }
        if key.len() > MAX_KEY {
            self.refuse(Unstorable::TooLarge { what: table, bytes: key.len(), limit: MAX_KEY });
        }
        self.bytes += key.len() + value_bytes;
        let expected = match expect {
            Expect::Any => None,
            Expect::Absent => Some(0),
            Expect::Revision(revision) => Some(revision),
        };
        self.writes.push(Write { key, change, expected });
    }

    fn refuse(&mut self, why: Unstorable) {
        self.unstorable.get_or_insert(why);
    }

    fn not_json(&mut self, table: Table, error: &serde_json::Error) {
        self.refuse(Unstorable::NotJson { table, cause: error.to_string() });
    }
}

impl NewFact {
    /// Whether the fact has to be cut up.
    pub(super) fn is_long(&self) -> bool {
        self.value.len() > MAX_VALUE
    }

    /// What stands in the log in place of a long fact.
    pub(super) fn stand_in() -> Vec<u8> {
        value::begin(FACT_VERSION, Codec::Chunks, 0)
    }
}
