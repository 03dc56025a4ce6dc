//! What stations hold, read from what is said between them and us: one table of data, and what carries it out. Pure: no
//! store, no clock, no socket. Knows no policy.
//!
//! A message or an answered call becomes [`ShelfMoves`], which go into the commit of the fact that caused them.

mod bench;
mod engine;
mod key;
mod path;
mod report;
mod table;
#[cfg(test)]
mod tests;

use serde_json::Value;
use serde_json::value::RawValue;

use self::bench::Bench;
use self::engine::Call;
use self::table::{Family, Row, TABLE, Verb};
use crate::domain::{HoldingRecords, Millis, PluginName, ReadFailed, ShelfMoves, StationId};

pub use self::key::variable;

/// A message of more bytes than this may name hundreds of things.
const LONG: u64 = 8 << 10;

/// A message of a station that says something of its holdings.
#[derive(Debug, Clone)]
pub struct Heard {
    rows: Vec<&'static Row>,
    payload: Value,
    bytes: u64,
    at: Millis,
}

/// A call of ours that was sent.
#[derive(Debug, Clone, Copy)]
pub struct Called<'a> {
    pub subprotocol: &'a str,
    pub action: &'a str,
    pub payload: &'a str,
    pub sent: Millis,
    pub ended: Millis,
    pub outcome: Outcome<'a>,
    /// The plugin that wanted it; `None` for an operator.
    pub plugin: Option<&'a PluginName>,
    pub command: &'a str,
}

/// What came of it.
#[derive(Debug, Clone, Copy)]
pub enum Outcome<'a> {
    Answered(&'a RawValue),
    /// A CALLERROR, by its code.
    Refused(&'a str),
    /// Nobody knows.
    Unknown,
}

/// Whether a call of ours can change what a station holds.
pub fn is_about_holdings(subprotocol: &str, action: &str) -> bool {
    TABLE.contains_key(&(Family::of(subprotocol), action))
}

/// `None` for a message that says nothing of the kind, which is told by its name or by a look at its text.
pub fn heard(subprotocol: &str, action: &str, payload: &RawValue, at: Millis) -> Option<Heard> {
    let rows = TABLE.get(&(Family::of(subprotocol), action))?.iter().copied();
    let says = |row: &&Row| match &row.verb {
        Verb::Ends { only: Some(member), .. } => payload.get().contains(member),
        Verb::Ends { .. } | Verb::Reports { .. } => true,
        Verb::Sets(_)
        | Verb::Clears { .. }
        | Verb::ClearsEach { .. }
        | Verb::Answers { .. }
        | Verb::Orders { .. } => false,
    };
    let rows: Vec<_> = rows.filter(says).collect();
    if rows.is_empty() {
        return None;
    }
    let bytes = payload.get().len() as u64;
    Some(Heard { rows, payload: serde_json::from_str(payload.get()).ok()?, bytes, at })
}

impl Heard {
    /// It may take a while to see what follows from it.
    pub fn is_long(&self) -> bool {
        self.bytes > LONG
    }

    pub fn moves(
        &self,
        station: &StationId,
        records: &dyn HoldingRecords,
    ) -> Result<Vec<ShelfMoves>, ReadFailed> {
        each_kind(&self.rows, station, records, self.at, |row, bench| {
            engine::hear(row, bench, &self.payload, self.bytes, self.at)
        })
    }
}

impl Called<'_> {
    pub fn moves(
        &self,
        station: &StationId,
        records: &dyn HoldingRecords,
    ) -> Result<Vec<ShelfMoves>, ReadFailed> {
        let rows = TABLE.get(&(Family::of(self.subprotocol), self.action));
        let payload = serde_json::from_str(self.payload).ok();
        let Some((rows, payload)) = rows.zip(payload) else { return Ok(Vec::new()) };
        let answer = match self.outcome {
            Outcome::Answered(answer) => serde_json::from_str(answer.get()).unwrap_or_default(),
            Outcome::Refused(_) | Outcome::Unknown => Value::Null,
        };
        let call = Call { called: self, payload: &payload, answer: &answer };
        each_kind(rows, station, records, self.ended, |row, bench| call.settle(row, bench))
    }
}

fn each_kind(
    rows: &[&'static Row],
    station: &StationId,
    records: &dyn HoldingRecords,
    now: Millis,
    mut apply: impl FnMut(&Row, &mut Bench<'_>) -> Result<(), ReadFailed>,
) -> Result<Vec<ShelfMoves>, ReadFailed> {
    let mut moves = Vec::new();
    for row in rows {
        let mut bench = Bench::open(station, row.kind, records, now)?;
        apply(row, &mut bench)?;
        moves.extend(bench.close());
    }
    Ok(moves)
}
