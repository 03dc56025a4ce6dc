//! What survives a crash: records, the log of facts, and the one thread that writes them. Knows no socket, no plugin
//! and no protocol.
//!
//! A [`Commit`] is plain data; [`Store::commit`] queues it for the committer, which checks what the commit relies on,
//! numbers its facts, applies everything that waits in one batch, syncs once, and then answers.

mod archive;
mod chunks;
mod commit;
mod committer;
mod engine;
mod errors;
mod format;
mod frames;
mod group;
mod handle;
mod holdings;
mod keys;
mod ledger;
mod log;
mod memory_engine;
mod policy_records;
mod pseudonyms;
mod records;
mod retention;
mod session_ids;
mod sled_engine;
mod space;
#[cfg(test)]
mod tests;
mod texts;
mod value;
mod witness;

pub use archive::{ArchiveError, Progress, Step, Summary, import};
pub use commit::{Commit, CommitError, Conflict, Expect, MAX_RAW, Receipt, Unstorable};
pub use committer::{Health, Post, SOFT_SYNC};
pub use engine::{Batch, Engine, EngineError, KeyRange, Order, Pair};
pub use errors::{OpenError, StoreError, Unwritten};
pub use frames::{KeptFrame, MAX_FRAME_TEXT};
pub use handle::{Page, Store};
pub use keys::{All, Key, Scope, Table};
pub use memory_engine::MemoryEngine;
pub use records::{
    LastSeen, ObserverCursor, OpenCommand, OpenSession, OpenTransfer, PluginOrder, PluginRecord,
    Record, SeenEvent, SeenStart, StationSession, StationTransaction, Timer, TokenName,
    UnloadedPlugin, UnpricedSession, Unread,
};
pub use retention::{Kept, TrimError, Trimmed};
pub use space::{Reserve, Room};
