//! The texts from which facts were read. One that comes alone is kept under its fact's number; those of one batch share
//! blocks, because a record of its own for each is most of what keeping them costs. Knows nothing of what they say.

use crate::domain::Seq;

use super::StoreError;
use super::chunks;
use super::engine::{Batch, Engine};
use super::keys::Table;
use super::ledger::UNCHANGING;

/// A block takes no further text beyond this many bytes: to read one text is to read its block.
const BLOCK: usize = 16 << 10;

/// Before each text of a block stand the number of its fact and its length in bytes.
const SEQ: usize = size_of::<u64>();
const LENGTH: usize = size_of::<u32>();

/// The texts of one batch, in the order of their facts.
#[derive(Default)]
pub(super) struct Texts {
    readings: Vec<(Seq, String)>,
    others: Vec<(Seq, String)>,
}

impl Texts {
    /// Readings keep to themselves: they are forgotten at an age of their own.
    pub(super) fn add(&mut self, seq: Seq, text: String, is_reading: bool) {
        if is_reading { &mut self.readings } else { &mut self.others }.push((seq, text));
    }

    pub(super) fn write(self, batch: &mut Batch) {
        write_all(batch, Table::RawReadings, &self.readings);
        write_all(batch, Table::RawBlock, &self.others);
    }
}

fn write_all(batch: &mut Batch, table: Table, mut texts: &[(Seq, String)]) {
    while !texts.is_empty() {
        let (block, rest) = texts.split_at(fitting(texts));
        match block {
            [(seq, text)] => write_alone(batch, *seq, text),
            [.., (last, _)] => chunks::cut(batch, table, *last, UNCHANGING, &joined(block)),
            [] => {}
        }
        texts = rest;
    }
}

/// How many of the texts make the next block; one at least.
fn fitting(texts: &[(Seq, String)]) -> usize {
    let mut bytes = 0;
    let fits = |(_, text): &&(Seq, String)| {
        bytes += text.len();
        bytes <= BLOCK
    };
    texts.iter().take_while(fits).count().max(1)
}

fn joined(texts: &[(Seq, String)]) -> Vec<u8> {
    let mut block = Vec::with_capacity(BLOCK);
    for (Seq(seq), text) in texts {
        // Bounded by BLOCK.
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        block.extend_from_slice(&seq.to_be_bytes());
        block.extend_from_slice(&length.to_be_bytes());
        block.extend_from_slice(text.as_bytes());
    }
    block
}

pub(super) fn write_alone(batch: &mut Batch, seq: Seq, text: &str) {
    chunks::cut(batch, Table::Raw, seq, UNCHANGING, text.as_bytes());
}

/// The text of a fact, wherever it is kept; `None` when there is none, or none any more.
pub(super) fn find(engine: &dyn Engine, seq: Seq) -> Result<Option<String>, StoreError> {
    if let Some(text) = chunks::join(engine, Table::Raw, seq)? {
        return readable(Table::Raw, text).map(Some);
    }
    for table in [Table::RawReadings, Table::RawBlock] {
        let Some(last) = chunks::first_from(engine, table, seq)? else { continue };
        let Some(block) = chunks::join(engine, table, last)? else { continue };
        if let Some((_, text)) = parts(table, &block)?.into_iter().find(|(its, _)| *its == seq) {
            return readable(table, text.to_vec()).map(Some);
        }
    }
    Ok(None)
}

/// How many texts go when the fact `seq` loses its own.
pub(super) fn count(engine: &dyn Engine, seq: Seq) -> Result<usize, StoreError> {
    let mut count = usize::from(chunks::join(engine, Table::Raw, seq)?.is_some());
    for table in [Table::RawReadings, Table::RawBlock] {
        if let Some(block) = chunks::join(engine, table, seq)? {
            count += parts(table, &block)?.len();
        }
    }
    Ok(count)
}

fn parts(table: Table, mut block: &[u8]) -> Result<Vec<(Seq, &[u8])>, StoreError> {
    let mut parts = Vec::new();
    while !block.is_empty() {
        let (seq, text, rest) = first(block).ok_or(StoreError::Damaged { table })?;
        parts.push((seq, text));
        block = rest;
    }
    Ok(parts)
}

fn first(block: &[u8]) -> Option<(Seq, &[u8], &[u8])> {
    let (seq, rest) = block.split_first_chunk::<SEQ>()?;
    let (length, rest) = rest.split_first_chunk::<LENGTH>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (text, rest) = rest.split_at_checked(length)?;
    Some((Seq(u64::from_be_bytes(*seq)), text, rest))
}

fn readable(table: Table, text: Vec<u8>) -> Result<String, StoreError> {
    String::from_utf8(text).map_err(|_| StoreError::Damaged { table })
}
