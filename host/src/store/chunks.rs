//! Long texts in small pieces: original texts, and facts too long for one value. Knows how a text is cut and put
//! together again, not what it says.

use crate::domain::Seq;

use super::StoreError;
use super::commit::{BYTES_VERSION, MAX_RAW};
use super::engine::{Batch, Engine, KeyRange, Order};
use super::keys::{self, All, Chunk, Key, Table};
use super::records;
use super::value;

/// Largest piece, in bytes. Small pieces keep the engine's pages small, and a page is rewritten as a whole.
const CHUNK: usize = 4096;

/// No text has more pieces than this.
const MAX_CHUNKS: usize = MAX_RAW.div_ceil(CHUNK);

struct ChunkKey(Seq, Chunk);

impl Key for ChunkKey {
    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
        self.1.write(out);
    }

    fn read(rest: &mut &[u8]) -> Option<Self> {
        Some(Self(Seq::read(rest)?, Chunk::read(rest)?))
    }
}

/// Pieces of `text`, to be found under `seq`. An empty text is one empty piece: it was there.
pub(super) fn cut(batch: &mut Batch, table: Table, seq: Seq, revision: u64, text: &[u8]) {
    let whole = [text];
    let pieces = text.chunks(CHUNK).chain(whole.into_iter().filter(|text| text.is_empty()));
    for (number, piece) in (0_u16..).zip(pieces) {
        let mut value = value::bytes(BYTES_VERSION, piece);
        value::set_revision(&mut value, revision);
        batch.put(keys::key(table, &ChunkKey(seq, Chunk(number))), value);
    }
}

/// The first number from `seq` on under which there is a text.
pub(super) fn first_from(
    engine: &dyn Engine,
    table: Table,
    seq: Seq,
) -> Result<Option<Seq>, StoreError> {
    let end = keys::under(keys::prefix::<ChunkKey>(table, &All)).end;
    let range = KeyRange { start: keys::key(table, &seq), end };
    match engine.scan(&range, Order::Ascending, 1)?.first() {
        Some((key, _)) => match keys::parse::<ChunkKey>(table, key) {
            Some(ChunkKey(found, _)) => Ok(Some(found)),
            None => Err(StoreError::Damaged { table }),
        },
        None => Ok(None),
    }
}

/// The whole text under `seq`; `None` when there is none, or none any more.
pub(super) fn join(
    engine: &dyn Engine,
    table: Table,
    seq: Seq,
) -> Result<Option<Vec<u8>>, StoreError> {
    let range = keys::under(keys::key(table, &seq));
    let pieces = engine.scan(&range, Order::Ascending, MAX_CHUNKS)?;
    if pieces.is_empty() {
        return Ok(None);
    }
    let mut text = Vec::with_capacity(pieces.len() * CHUNK);
    for (expected, (key, bytes)) in (0_u16..).zip(&pieces) {
        let number = keys::parse::<ChunkKey>(table, key).map(|key| key.1);
        if number != Some(Chunk(expected)) {
            return Err(StoreError::Damaged { table });
        }
        text.extend_from_slice(records::checked(table, BYTES_VERSION, bytes)?.payload);
    }
    Ok(Some(text))
}
