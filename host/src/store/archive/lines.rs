//! One record or fact as a line, and back. Knows every table; what a table has no line for cannot be forgotten, because
//! the list has to name them all.

use std::marker::PhantomData;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use crate::domain::{
    CertificateRequest, ConnectorState, Fact, Firmware, Holding, KeptList, LoggedFact, Message,
    OperatorCommand, PluginName, QueuedCommand, Session, Shelf, StationCertificate, StationRecord,
    TokenRecord, Transfer, Wish,
};
use crate::store::StoreError;
use crate::store::commit::{BYTES_VERSION, FACT_VERSION, MAX_RAW, NewFact};
use crate::store::frames::{FramePiece, KeptFrame};
use crate::store::keys::{self, MAX_KEY, StateKey, Table};
use crate::store::pseudonyms::Secret;
use crate::store::records::{
    self, Counter, LastSeen, ObserverCursor, OpenCommand, OpenSession, OpenTransfer, PluginOrder,
    PluginRecord, Record, SeenEvent, SeenStart, StationSession, StationTransaction, Timer,
    TokenName, UnloadedPlugin, UnpricedSession, Unread,
};
use crate::store::retention::Kept;
use crate::store::value::{self, MAX_VALUE};

/// A line between the first and the last.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Line {
    pub(super) table: String,
    key: Box<RawValue>,
    /// Of the form of the value.
    version: u8,
    value: Box<RawValue>,
    /// The text that a fact came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    raw: Option<String>,
}

/// What a line says, ready for an engine.
pub(super) enum Entry {
    Record { key: Vec<u8>, value: Vec<u8> },
    Fact(crate::domain::Seq, NewFact),
}

/// How the content of a table travels.
pub(super) enum Way {
    Records(&'static dyn Port),
    Facts,
    /// In the line of its fact.
    WithItsFact,
}

/// The way between bytes and lines for one kind of record.
pub(super) trait Port: Sync {
    fn line(&self, name: &str, key: &[u8], value: &[u8]) -> Result<Line, StoreError>;
    /// What the line says, and how it would be written here.
    fn entry(&self, line: &Line) -> Result<(Entry, Line), String>;
}

macro_rules! tables {
    ($($table:ident $name:literal => $way:expr;)*) => {
        /// The table of a key, and its name in lines; `None` for keys of a newer server.
        pub(super) fn of_key(key: &[u8]) -> Option<(Table, &'static str)> {
            let first = *key.first()?;
            $(if first == Table::$table as u8 {
                return Some((Table::$table, $name));
            })*
            None
        }

        pub(super) fn by_name(name: &str) -> Option<Table> {
            match name {
                $($name => Some(Table::$table),)*
                _ => None,
            }
        }

        pub(super) fn way(table: Table) -> Way {
            match table {
                $(Table::$table => $way,)*
            }
        }
    };
}

/// Typed records.
struct Of<R>(PhantomData<fn() -> R>);

const fn records<R>() -> Way
where
    R: Record + 'static,
    R::Key: Serialize + DeserializeOwned,
{
    Way::Records(&Of::<R>(PhantomData))
}

/// What plugins keep: bytes, as base64.
struct State;

tables! {
    Certificate "certificate" => records::<StationCertificate>();
    CertificateRequest "certificate-request" => records::<CertificateRequest>();
    ChangedFrame "changed-frame" => records::<KeptFrame>();
    Command "command" => records::<OperatorCommand>();
    Connector "connector" => records::<ConnectorState>();
    Counter "counter" => records::<Counter>();
    Firmware "firmware" => records::<Firmware>();
    FramePiece "frame-piece" => records::<FramePiece>();
    Holding "holding" => records::<Holding>();
    Inbox "inbox" => records::<Message>();
    LastSeen "last-seen" => records::<LastSeen>();
    Log "log" => Way::Facts;
    LongFact "long-fact" => Way::WithItsFact;
    ObserverCursor "observer-cursor" => records::<ObserverCursor>();
    OpenCommand "open-command" => records::<OpenCommand>();
    OpenSession "open-session" => records::<OpenSession>();
    OpenTransfer "open-transfer" => records::<OpenTransfer>();
    Outbox "outbox" => records::<QueuedCommand>();
    Plugin "plugin" => records::<PluginRecord>();
    PluginOrder "plugin-order" => records::<PluginOrder>();
    PluginState "plugin-state" => Way::Records(&State);
    Raw "raw" => Way::WithItsFact;
    RawBlock "raw-block" => Way::WithItsFact;
    RawReadings "raw-readings" => Way::WithItsFact;
    Secret "secret" => records::<Secret>();
    SeenEvent "seen-event" => records::<SeenEvent>();
    SeenStart "seen-start" => records::<SeenStart>();
    Session "session" => records::<Session>();
    Shelf "shelf" => records::<Shelf>();
    Station "station" => records::<StationRecord>();
    StationSession "station-session" => records::<StationSession>();
    StationTransaction "station-transaction" => records::<StationTransaction>();
    Timer "timer" => records::<Timer>();
    Token "token" => records::<TokenRecord>();
    TokenName "token-name" => records::<TokenName>();
    Transfer "transfer" => records::<Transfer>();
    Unread "unread" => records::<Unread>();
    UnloadedPlugin "unloaded-plugin" => records::<UnloadedPlugin>();
    UnpricedSession "unpriced-session" => records::<UnpricedSession>();
    KeptList "kept-list" => records::<KeptList>();
    Wish "wish" => records::<Wish>();
}

impl<R> Port for Of<R>
where
    R: Record,
    R::Key: Serialize + DeserializeOwned,
{
    fn line(&self, name: &str, key: &[u8], value: &[u8]) -> Result<Line, StoreError> {
        let table = R::TABLE;
        let key = keys::parse::<R::Key>(table, key).ok_or(StoreError::Damaged { table })?;
        let record = records::decode::<R>(value)?.value;
        line(table, name, &key, R::VERSION, &record)
    }

    fn entry(&self, said: &Line) -> Result<(Entry, Line), String> {
        known(said.version, R::VERSION)?;
        let (key, record) = (read::<R::Key>(&said.key)?, read::<R>(&said.value)?);
        let again = line(R::TABLE, &said.table, &key, R::VERSION, &record).map_err(told)?;
        let value = records::encode(&record).map_err(told)?;
        Ok((fitting(keys::key(R::TABLE, &key), value)?, again))
    }
}

impl Port for State {
    fn line(&self, name: &str, key: &[u8], value: &[u8]) -> Result<Line, StoreError> {
        let table = Table::PluginState;
        let (plugin, StateKey(own)) = keys::parse::<(PluginName, StateKey)>(table, key)
            .ok_or(StoreError::Damaged { table })?;
        let view = records::checked(table, BYTES_VERSION, value)?;
        line(table, name, &(plugin, own), view.version, &BASE64.encode(view.payload))
    }

    fn entry(&self, said: &Line) -> Result<(Entry, Line), String> {
        known(said.version, BYTES_VERSION)?;
        let (plugin, own) = read::<(PluginName, String)>(&said.key)?;
        let bytes = BASE64.decode(read::<String>(&said.value)?).map_err(told)?;
        let (name, text) = (&said.table, BASE64.encode(&bytes));
        let table = Table::PluginState;
        let again = line(table, name, &(&plugin, &own), BYTES_VERSION, &text).map_err(told)?;
        let key = keys::key(table, &(plugin, StateKey(own)));
        Ok((fitting(key, value::bytes(BYTES_VERSION, &bytes))?, again))
    }
}

/// A fact with its text.
pub(super) fn fact_line(
    name: &str,
    logged: &LoggedFact,
    raw: Option<String>,
) -> Result<Line, StoreError> {
    let line = line(Table::Log, name, &logged.seq, FACT_VERSION, &logged.fact)?;
    Ok(Line { raw, ..line })
}

/// What a line says, and how it would be written here.
pub(super) fn entry(line: Line) -> Result<(Entry, Line), String> {
    let table =
        by_name(&line.table).ok_or_else(|| format!("no table '{}' is known", line.table))?;
    match way(table) {
        Way::Records(port) => port.entry(&line),
        Way::Facts => fact(line),
        Way::WithItsFact => Err(format!("'{}' belongs into the line of its fact", line.table)),
    }
}

fn fact(said: Line) -> Result<(Entry, Line), String> {
    known(said.version, FACT_VERSION)?;
    let logged = LoggedFact { seq: read(&said.key)?, fact: read::<Fact>(&said.value)? };
    let value = records::json(FACT_VERSION, &logged.fact).map_err(told)?;
    let raw_bytes = said.raw.as_ref().map_or(0, String::len);
    if value.len().max(raw_bytes) > MAX_RAW {
        return Err(format!("it is longer than the {MAX_RAW} bytes that are kept"));
    }
    let again = fact_line(&said.table, &logged, said.raw.clone()).map_err(told)?;
    let is_reading = Kept::MeterValues.takes(&logged.fact.body);
    Ok((Entry::Fact(logged.seq, NewFact { value, raw: said.raw, is_reading }), again))
}

fn line(
    table: Table,
    name: &str,
    key: &impl Serialize,
    version: u8,
    value: &impl Serialize,
) -> Result<Line, StoreError> {
    let damaged = |_| StoreError::Damaged { table };
    Ok(Line {
        table: name.to_owned(),
        key: to_raw_value(key).map_err(damaged)?,
        version,
        value: to_raw_value(value).map_err(damaged)?,
        raw: None,
    })
}

fn read<T: DeserializeOwned>(json: &RawValue) -> Result<T, String> {
    serde_json::from_str(json.get()).map_err(told)
}

fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn known(version: u8, known: u8) -> Result<(), String> {
    if version <= known {
        Ok(())
    } else {
        Err(format!("it has version {version}, newer than the {known} that is known"))
    }
}

fn fitting(key: Vec<u8>, value: Vec<u8>) -> Result<Entry, String> {
    if key.len() <= MAX_KEY && value.len() <= MAX_VALUE {
        Ok(Entry::Record { key, value })
    } else {
        Err(format!("its key may have {MAX_KEY} bytes and its value {MAX_VALUE}"))
    }
}
