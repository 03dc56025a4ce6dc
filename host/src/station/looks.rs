//! What a call asks the records, and what they say. Plain data; `lookup` carries it out.

use std::sync::Arc;

use crate::domain::{
    IdToken, Millis, MilliwattHours, Place, Pseudonym, Session, SessionId, ShelfMoves,
    StationRecord, Transfer, TransferNo, TransferTopic, Verdict, Versioned,
};
use crate::holdings::Heard;

/// What the records are asked.
#[derive(Debug)]
pub enum Look {
    Station,
    /// What changes of the things that the station holds.
    Holdings(Arc<Heard>),
    /// The station, and the token's pseudonym.
    Token(IdToken),
    /// The same, and whether this start was reported before; a fresh session id in case it was not.
    Start {
        token: IdToken,
        place: Place,
        at: Millis,
        meter: MilliwattHours,
    },
    Session {
        session: Option<SessionId>,
        token: Option<IdToken>,
    },
    /// Which of the station's transfers its word is about.
    Transfer {
        topic: TransferTopic,
        request: Option<i64>,
    },
    /// The session of a transaction that the station named, and whether this event of it has come before.
    Event {
        transaction: String,
        number: u32,
        token: Option<IdToken>,
    },
}

/// What the records say. One variant per [`Look`].
#[derive(Debug)]
pub enum Found {
    Station(Versioned<StationRecord>),
    Holdings(Vec<ShelfMoves>),
    Token {
        station: StationRecord,
        token: Named,
    },
    /// The start was reported before, and its session still runs.
    Replay {
        session: SessionId,
        verdict: Option<Verdict>,
    },
    Start {
        station: StationRecord,
        token: Named,
        /// Of the record of an equal start whose session has ended: dead clocks repeat themselves.
        twin_revision: Option<u64>,
        fresh: SessionId,
    },
    Session {
        session: Option<Box<Versioned<Session>>>,
        token: Option<Named>,
        /// Of the station; looked up for sessions that have a price only.
        shows_cost: bool,
    },
    /// `None` when nobody here asked for it.
    Transfer(Option<(TransferNo, Versioned<Transfer>)>),
    /// `seen` is the digest of the event that came under this number before.
    Event {
        station: StationRecord,
        ground: Ground,
        seen: Option<String>,
    },
}

/// What an event of a transaction stands on.
#[derive(Debug, Clone)]
pub struct Ground {
    pub session: Option<Box<Versioned<Session>>>,
    /// In case there is no session yet.
    pub fresh: SessionId,
    pub token: Option<Named>,
}

/// A token as the records know it.
#[derive(Debug, Clone)]
pub struct Named {
    pub token: IdToken,
    pub pseudonym: Pseudonym,
    /// The way back from the pseudonym to the token is on record.
    pub is_recorded: bool,
}
