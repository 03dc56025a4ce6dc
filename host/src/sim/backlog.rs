//! What a station still has to say, in order. Knows no socket and no card list.
//!
//! Messages about transactions survive a lost connection and a lack of answer; the rest is worth nothing later
//! (OCPP 1.6 §3.7).

use std::collections::VecDeque;

use super::message::{Body, ChargeNo};

/// Messages that wait at most. When it is full, meter values are dropped: the register's end value tells the sum.
const MAX_WAITING: usize = 1000;

/// How often a transaction's message is sent before the station gives it up (`TransactionMessageAttempts`). Counts
/// refusals by CALLERROR only: silence and lost connections are no answer.
const MAX_REFUSALS: u32 = 3;

/// The connection of what is written without one.
pub(super) const OFFLINE: u32 = 0;

/// A message on its way.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) body: Body,
    /// The connection during which it was written, counted from 1, or [`OFFLINE`].
    pub(super) born: u32,
    pub(super) sent: u32,
    refused: u32,
}

impl Message {
    /// Sent before, or written while there was no connection or another one.
    pub(super) const fn replayed(&self, connection: u32) -> bool {
        self.sent > 1 || self.born != connection
    }

    /// Written while there was no connection.
    pub(super) const fn is_offline(&self) -> bool {
        self.born == OFFLINE
    }
}

#[derive(Debug, Default)]
pub(super) struct Backlog(VecDeque<Message>);

impl Backlog {
    pub(super) fn push(&mut self, body: Body, born: u32) {
        if self.0.len() < MAX_WAITING || !matches!(body, Body::Meter { .. }) {
            self.0.push_back(Message { body, born, sent: 0, refused: 0 });
        }
    }

    pub(super) fn push_front(&mut self, body: Body, born: u32) {
        self.0.push_front(Message { body, born, sent: 0, refused: 0 });
    }

    pub(super) fn peek(&self) -> Option<&Body> {
        self.0.front().map(|message| &message.body)
    }

    pub(super) fn pop(&mut self) -> Option<Message> {
        self.0.pop_front()
    }

    /// Puts a message that got no answer back to where it was.
    pub(super) fn take_back(&mut self, message: Message) {
        if message.body.survives() {
            self.0.push_front(message);
        }
    }

    /// Puts a refused message of a transaction back to where it was, or hands it back when it was refused too often.
    pub(super) fn try_again(&mut self, mut message: Message) -> Option<Message> {
        message.refused += 1;
        if message.body.survives() && message.refused >= MAX_REFUSALS {
            return Some(message);
        }
        self.take_back(message);
        None
    }

    /// The connection is gone: only what survives stays.
    pub(super) fn cut(&mut self) {
        self.0.retain(|message| message.body.survives());
    }

    /// A charge whose start was given up has nothing more to say.
    pub(super) fn forget(&mut self, charge: ChargeNo) {
        self.0.retain(|message| message.body.charge() != Some(charge));
    }

    pub(super) fn tells_of(&self, charge: ChargeNo) -> bool {
        self.0.iter().any(|message| message.body.charge() == Some(charge))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
