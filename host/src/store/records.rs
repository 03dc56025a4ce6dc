//! The kinds of record that are kept, by which key, in which version. Knows how to read and write one; knows
//! neither engine nor committer.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::domain::{
    CertificateRequest, CommandNo, ConnectorState, Firmware, FirmwareName, Holding, HoldingKind,
    IdToken, KeptList, Message, Millis, MilliwattHours, OperatorCommand, OrderedHook, Place,
    PluginName, PluginVersion, Pseudonym, QueuedCommand, Seq, Session, SessionId, Shelf,
    StationCertificate, StationId, StationRecord, TokenRecord, Transfer, TransferNo, Versioned,
    Wish, WishName,
};

use super::StoreError;
use super::frames::{FramePiece, KeptFrame};
use super::keys::{Key, Table};
use super::value::{self, Codec};

/// Something that is kept under a key of its own and changes as a whole.
///
/// Fields may be added with `#[serde(default)]`. Whatever changes the meaning of what is already on disks takes the
/// next `VERSION`, and its reader keeps the old one.
pub trait Record: Serialize + DeserializeOwned {
    type Key: Key;
    const TABLE: Table;
    const VERSION: u8;
}

macro_rules! record {
    ($type:ty, $table:ident by $key:ty, version $version:literal) => {
        impl Record for $type {
            type Key = $key;
            const TABLE: Table = Table::$table;
            const VERSION: u8 = $version;
        }
    };
}

record!(StationRecord, Station by StationId, version 1);
record!(StationCertificate, Certificate by (StationId, String), version 1);
record!(CertificateRequest, CertificateRequest by StationId, version 1);
record!(ConnectorState, Connector by (StationId, Place), version 1);
record!(Session, Session by SessionId, version 1);
record!(StationSession, StationSession by (StationId, SessionId), version 1);
record!(OpenSession, OpenSession by (StationId, Place, SessionId), version 1);
record!(UnpricedSession, UnpricedSession by SessionId, version 1);
record!(SeenStart, SeenStart by (StationId, Place, Millis, MilliwattHours, Pseudonym), version 1);
record!(SeenEvent, SeenEvent by (StationId, String, u32), version 1);
record!(StationTransaction, StationTransaction by (StationId, String), version 1);
record!(TokenRecord, Token by IdToken, version 1);
record!(TokenName, TokenName by Pseudonym, version 1);
record!(PluginRecord, Plugin by PluginName, version 1);
record!(UnloadedPlugin, UnloadedPlugin by PluginName, version 1);
record!(PluginOrder, PluginOrder by OrderedHook, version 1);
record!(ObserverCursor, ObserverCursor by PluginName, version 1);
record!(QueuedCommand, Outbox by (PluginName, StationId, String), version 1);
record!(OperatorCommand, Command by (StationId, CommandNo), version 1);
record!(OpenCommand, OpenCommand by (StationId, CommandNo), version 1);
record!(Message, Inbox by (PluginName, Millis, String), version 1);
record!(Unread, Unread by PluginName, version 1);
record!(Timer, Timer by (PluginName, String), version 1);
record!(Holding, Holding by (StationId, HoldingKind, String), version 1);
record!(Shelf, Shelf by (StationId, HoldingKind), version 1);
record!(Transfer, Transfer by (StationId, TransferNo), version 1);
record!(OpenTransfer, OpenTransfer by (Millis, StationId, TransferNo), version 1);
record!(Firmware, Firmware by FirmwareName, version 1);
record!(KeptList, KeptList by StationId, version 1);
record!(Wish, Wish by (StationId, WishName), version 1);
record!(LastSeen, LastSeen by StationId, version 1);
record!(KeptFrame, ChangedFrame by (StationId, u32), version 1);
record!(FramePiece, FramePiece by (StationId, u32, u32), version 1);
record!(Counter, Counter by String, version 1);

/// The sessions of one station, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StationSession {}

/// A session that still runs, found by its connector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenSession {
    pub session: SessionId,
}

/// An operator's command that waits or is under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenCommand {}

/// A transfer that has not ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenTransfer {}

/// A session that has ended on terms and waits for its bill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnpricedSession {}

/// A start that was taken in: a station that sends it again gets the same session. Found by what the start says,
/// because a station gives a repeated message a new id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenStart {
    pub session: SessionId,
}

/// An event of a 2.x transaction that was taken in, by transaction and number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenEvent {
    /// Of its content: another event under the same number is told apart from a repetition.
    pub digest: String,
}

/// The session of a transaction that the station named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StationTransaction {
    pub session: SessionId,
}

/// The way back from a pseudonym. Deleting it makes the facts of a person anonymous.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenName {
    pub token: IdToken,
}

/// Which version of a plugin is to run, and what a rollback returns to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginRecord {
    pub active: PluginVersion,
    pub previous: Option<PluginVersion>,
    pub loaded_at: Millis,
    /// The operator wants it to answer nothing for now.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disabled: bool,
}

/// What is known of a plugin that was unloaded: its state is still there, and a later load has to know whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnloadedPlugin {
    /// `version` of the manifest that ran last.
    pub version: String,
}

/// Who is asked first, in the operator's words. Plugins that are not named come behind, by their manifests.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginOrder {
    pub plugins: Vec<PluginName>,
}

/// How far an observing plugin has come. Moves in one commit with what the plugin wrote on the way, and stays with
/// that when the plugin is unloaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObserverCursor {
    /// The last fact that it was told of or that was passed over.
    pub seq: Seq,
    /// Events that it could not bear.
    #[serde(default)]
    pub skipped: u64,
    #[serde(default)]
    pub last_skipped: Option<Seq>,
}

/// The messages that a plugin failed at so often that they were skipped, ever.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unread {
    pub skipped: u64,
}

/// When a timer of a plugin is next due. Stays when the plugin is unloaded, like its state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timer {
    /// Milliseconds from one time to the next.
    pub every_ms: u64,
    pub next: Millis,
}

/// When a station was last heard of. Kept in memory and written now and then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastSeen {
    pub at: Millis,
}

/// The next number of a series. What lies below may have been used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counter {
    pub(super) next: u64,
}

/// A record as bytes, without its revision yet.
pub(super) fn encode<R: Record>(record: &R) -> Result<Vec<u8>, serde_json::Error> {
    json(R::VERSION, record)
}

pub(super) fn json(version: u8, of: &impl Serialize) -> Result<Vec<u8>, serde_json::Error> {
    let mut bytes = value::begin(version, Codec::Json, 246);
    serde_json::to_writer(&mut bytes, of)?;
    Ok(bytes)
}

pub(super) fn decode<R: Record>(bytes: &[u8]) -> Result<Versioned<R>, StoreError> {
    let view = checked(R::TABLE, R::VERSION, bytes)?;
    let value = match view.codec {
        Codec::Json => serde_json::from_slice(view.payload).ok(),
        Codec::Bytes | Codec::Chunks => None,
    };
    let value = value.ok_or(StoreError::Damaged { table: R::TABLE })?;
    Ok(Versioned { value, revision: view.revision })
}

/// Takes a value apart, and refuses what a newer server wrote: guessing at it would lose what it knows.
pub(super) fn checked(
    table: Table,
    known: u8,
    bytes: &[u8],
) -> Result<value::View<'_>, StoreError> {
    let view = value::view(bytes).ok_or(StoreError::Damaged { table })?;
    if view.version > known {
        return Err(StoreError::NewerRecord { table, version: view.version, known });
    }
    Ok(view)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_a_newer_server_is_refused_and_not_guessed_at() {
        let mut bytes = encode(&LastSeen { at: Millis(5) }).unwrap();
        bytes[0] = 2;
        let refused = decode::<LastSeen>(&bytes).unwrap_err();
        assert_eq!(
            refused,
            StoreError::NewerRecord { table: Table::LastSeen, version: 2, known: 1 }
        );
        assert!(refused.to_string().contains("newer"), "{refused}");
    }

    #[test]
    fn bytes_that_are_no_record_are_called_damaged() {
        let damaged = StoreError::Damaged { table: Table::LastSeen };
        assert_eq!(decode::<LastSeen>(b"?").unwrap_err(), damaged);
        assert_eq!(decode::<LastSeen>(&value::bytes(1, b"{\"at\":5}")).unwrap_err(), damaged);
    }
}
