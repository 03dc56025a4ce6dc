//! How typed keys become ordered bytes: `table · tenant · parts`. Names end with a zero byte, numbers have a fixed
//! width and are big endian, so that byte order is the order people expect. Knows no value.
//!
//! Made for retention: the log, long facts and original texts start with the fact's number, so each of them is
//! trimmed from its front, apart from the others and at its own age. A trim leaves the newest fact in the log,
//! because numbering goes on from it.

use crate::domain::{
    CommandNo, FirmwareName, HoldingKind, IdToken, Millis, MilliwattHours, OrderedHook, Place,
    PluginName, Pseudonym, Seq, SessionId, StationId, TransferNo, WishName,
};

use super::engine::KeyRange;

/// One operator per deployment; the byte keeps the way open for more.
const TENANT: u8 = 0;

/// Longest key that is written, in bytes.
pub(super) const MAX_KEY: usize = 1024;

/// The first byte of a key: which kind of record it leads to. Never give a byte a second meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Table {
    /// Counters of the store itself.
    Counter = b'#',
    /// Keys that never leave the store.
    Secret = b'!',
    /// Commands of operators, and what became of them.
    Command = b'M',
    /// Those that have not ended.
    OpenCommand = b'm',
    Token = b'A',
    /// Certificates of stations that let them in.
    Certificate = b'K',
    /// What stations asked to have signed.
    CertificateRequest = b'k',
    Connector = b'C',
    Plugin = b'G',
    PluginState = b'g',
    /// The order in which the plugins of a hook are asked.
    PluginOrder = b'r',
    UnloadedPlugin = b'u',
    LastSeen = b'H',
    /// What stations hold.
    Holding = b'D',
    /// The same in numbers, by kind.
    Shelf = b'd',
    /// Commands of plugins that wait for their stations.
    Outbox = b'Q',
    /// Messages that wait for their plugins.
    Inbox = b'q',
    /// What plugins could not take of their messages.
    Unread = b'w',
    Timer = b'W',
    SeenStart = b'I',
    SeenEvent = b'E',
    /// Facts by their number.
    Log = b'L',
    /// Facts that are too long for one value, in chunks.
    LongFact = b'l',
    TokenName = b'N',
    OpenSession = b'O',
    ObserverCursor = b'o',
    /// The text that a station sent, in chunks.
    Raw = b'R',
    /// Texts that came in together, in chunks, by the number of the last of their facts.
    RawBlock = b'B',
    /// The same of readings, which are forgotten sooner.
    RawReadings = b'b',
    Station = b'S',
    Session = b'T',
    UnpricedSession = b'P',
    StationSession = b'X',
    /// Frames that plugins have changed, and what of their texts has no room there.
    ChangedFrame = b'Z',
    FramePiece = b'z',
    /// Sessions by the name that the station gave the transaction.
    StationTransaction = b'U',
    /// Files on their way to or from stations, and those that were.
    Transfer = b'F',
    /// Those that have not ended, by the end of their time.
    OpenTransfer = b'f',
    /// What stations may fetch.
    Firmware = b'V',
    /// What operators want stations to be configured with.
    Wish = b'J',
    /// Local lists that are kept in step with the operator's tokens.
    KeptList = b'j',
}

/// A key, or a part of one, that keeps its order as bytes.
pub trait Key: Sized {
    fn write(&self, out: &mut Vec<u8>);

    /// Takes the key off the front of `rest`; `None` when it is not there.
    fn read(rest: &mut &[u8]) -> Option<Self>;
}

/// What narrows a page: nothing, or the leading parts of its keys.
pub trait Scope<K> {
    fn write(&self, out: &mut Vec<u8>);
}

/// The scope of a whole table.
#[derive(Debug, Clone, Copy)]
pub struct All;

/// A plugin's own key. Stands last, so it needs no end mark and may hold any character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StateKey(pub(super) String);

/// The place of a chunk in its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chunk(pub(super) u16);

pub(super) fn key(table: Table, key: &impl Key) -> Vec<u8> {
    let mut out = front(table);
    key.write(&mut out);
    out
}

pub(super) fn prefix<K>(table: Table, scope: &impl Scope<K>) -> Vec<u8> {
    let mut out = front(table);
    scope.write(&mut out);
    out
}

/// Room for a station id and a number or two without growing.
fn front(table: Table) -> Vec<u8> {
    let mut out = Vec::with_capacity(48);
    out.extend_from_slice(&[table as u8, TENANT]);
    out
}

/// Takes a key apart again; `None` when it is not a key of that kind.
pub(super) fn parse<K: Key>(table: Table, bytes: &[u8]) -> Option<K> {
    let mut rest = bytes.strip_prefix(&[table as u8, TENANT])?;
    let key = K::read(&mut rest)?;
    rest.is_empty().then_some(key)
}

/// All keys that start with `prefix`.
pub(super) fn under(prefix: Vec<u8>) -> KeyRange {
    let mut end = prefix.clone();
    // Table bytes are ASCII, so something is always left to count up.
    while end.last() == Some(&u8::MAX) {
        end.pop();
    }
    if let Some(last) = end.last_mut() {
        *last += 1;
    }
    KeyRange { start: prefix, end }
}

/// The key right after this one.
pub(super) fn after(mut key: Vec<u8>) -> Vec<u8> {
    key.push(0);
    key
}

fn write_name(name: &str, out: &mut Vec<u8>) {
    debug_assert!(!name.contains('\0'), "names are checked where they are made");
    out.extend_from_slice(name.as_bytes());
    out.push(0);
}

fn read_name<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let end = rest.iter().position(|byte| *byte == 0)?;
    let name = std::str::from_utf8(&rest[..end]).ok()?;
    *rest = &rest[end + 1..];
    Some(name)
}

fn read_number<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (number, left) = rest.split_first_chunk::<N>()?;
    *rest = left;
    Some(*number)
}

macro_rules! name_key {
    ($type:ty, $name:ident => $as_str:expr, $text:ident => $parse:expr) => {
        impl Key for $type {
            fn write(&self, out: &mut Vec<u8>) {
                let $name = self;
                write_name($as_str, out);
            }
            fn read(rest: &mut &[u8]) -> Option<Self> {
                let $text = read_name(rest)?;
                $parse
            }
        }
    };
}

name_key!(StationId, id => id.as_str(), text => Self::new(text).ok());
name_key!(WishName, name => name.as_str(), text => Self::new(text).ok());
name_key!(FirmwareName, name => name.as_str(), text => Self::new(text).ok());
name_key!(PluginName, name => name.as_str(), text => Self::new(text).ok());
name_key!(OrderedHook, hook => hook.as_str(), text => text.parse().ok());
name_key!(HoldingKind, kind => kind.as_str(), text => text.parse().ok());
name_key!(IdToken, token => &token.canonical(), text => Self::new(text).ok());
name_key!(Pseudonym, name => &name.0, text => Some(Self(text.to_owned())));
name_key!(String, name => name, text => Some(text.to_owned()));

macro_rules! number_key {
    ($type:ty, $value:ident => $number:expr, $read:ident: $int:ty => $parse:expr) => {
        impl Key for $type {
            fn write(&self, out: &mut Vec<u8>) {
                let $value = self;
                out.extend_from_slice(&<$int>::to_be_bytes($number));
            }
            fn read(rest: &mut &[u8]) -> Option<Self> {
                let $read = <$int>::from_be_bytes(read_number(rest)?);
                $parse
            }
        }
    };
}

/// Turns signed order into unsigned order.
const SIGN: u64 = 1 << 63;

number_key!(u32, number => *number, n: u32 => Some(n));
number_key!(CommandNo, number => number.get(), n: u32 => Self::new(n));
number_key!(TransferNo, number => number.get(), n: u32 => Self::new(n));
number_key!(SessionId, id => id.get(), n: u32 => Self::new(n));

number_key!(Millis, time => time.0, n: u64 => Some(Self(n)));
number_key!(MilliwattHours, energy => energy.0.cast_unsigned() ^ SIGN, n: u64 => Some(Self((n ^ SIGN).cast_signed())));
number_key!(Seq, seq => seq.0, n: u64 => Some(Self(n)));
number_key!(Chunk, chunk => chunk.0, n: u16 => Some(Self(n)));

/// In place of a number that a message did not give; sorts last.
const NOT_SAID: u32 = u32::MAX;

impl Key for Place {
    fn write(&self, out: &mut Vec<u8>) {
        for number in [self.evse, self.connector] {
            out.extend_from_slice(&number.unwrap_or(NOT_SAID).to_be_bytes());
        }
    }

    fn read(rest: &mut &[u8]) -> Option<Self> {
        let mut number = || {
            let number = u32::from_be_bytes(read_number(rest)?);
            Some((number != NOT_SAID).then_some(number))
        };
        Some(Self { evse: number()?, connector: number()? })
    }
}

impl Key for StateKey {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.0.as_bytes());
    }

    fn read(rest: &mut &[u8]) -> Option<Self> {
        let key = std::str::from_utf8(std::mem::take(rest)).ok()?;
        Some(Self(key.to_owned()))
    }
}

macro_rules! tuple_key {
    ($($part:ident . $index:tt),+) => {
        impl<$($part: Key),+> Key for ($($part,)+) {
            fn write(&self, out: &mut Vec<u8>) {
                $(self.$index.write(out);)+
            }
            fn read(rest: &mut &[u8]) -> Option<Self> {
                Some(($($part::read(rest)?,)+))
            }
        }
    };
}

tuple_key!(A.0, B.1);
tuple_key!(A.0, B.1, C.2);
tuple_key!(A.0, B.1, C.2, D.3, E.4);

impl<K> Scope<K> for All {
    fn write(&self, _out: &mut Vec<u8>) {}
}

impl<A: Key, B> Scope<(A, B)> for &A {
    fn write(&self, out: &mut Vec<u8>) {
        Key::write(*self, out);
    }
}

impl<A: Key, B, C> Scope<(A, B, C)> for &A {
    fn write(&self, out: &mut Vec<u8>) {
        Key::write(*self, out);
    }
}

impl<A: Key, B: Key, C> Scope<(A, B, C)> for (&A, &B) {
    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
        self.1.write(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type StartKey = (StationId, Place, Millis, MilliwattHours, Pseudonym);

    fn start(station: &str, connector: u32, meter: i64) -> StartKey {
        let station = StationId::new(station).unwrap();
        let name = Pseudonym("0a1b".into());
        (station, Place::connector(connector), Millis(5), MilliwattHours(meter), name)
    }

    #[test]
    fn a_key_of_many_parts_comes_back() {
        let parts = start("CS-1:é", 2, -7);
        let bytes = key(Table::SeenStart, &parts);
        assert_eq!(parse::<StartKey>(Table::SeenStart, &bytes), Some(parts));
        assert_eq!(parse::<StartKey>(Table::Session, &bytes), None, "another table");
        assert_eq!(parse::<StartKey>(Table::SeenStart, &bytes[..bytes.len() - 1]), None, "cut");
    }

    #[test]
    fn byte_order_is_the_order_of_the_parts() {
        let in_order = [
            start("A", 1, -5),
            start("A", 1, 3),
            start("A", 2, 0),
            start("A1", 1, 0),
            start("B", 0, 0),
        ];
        let bytes: Vec<_> = in_order.iter().map(|parts| key(Table::SeenStart, parts)).collect();
        assert!(bytes.is_sorted(), "{bytes:?}");
    }

    #[test]
    fn a_scope_holds_its_own_keys_only() {
        let station = StationId::new("A").unwrap();
        let range = under(prefix::<(StationId, SessionId)>(Table::StationSession, &&station));
        let inside = |name: &str| {
            let id = (StationId::new(name).unwrap(), SessionId::new(1).unwrap());
            let key = key(Table::StationSession, &id);
            range.start <= key && key < range.end
        };
        assert!(inside("A"));
        assert!(!inside("A1"), "a longer name is another station");
        assert!(!inside("B"));
    }

    #[test]
    fn a_range_ends_after_its_last_key_even_when_bytes_are_full() {
        let range = under(vec![b'L', 0xff, 0xff]);
        assert_eq!(range.end, vec![b'M']);
    }
}
