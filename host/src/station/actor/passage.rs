//! What waits in one direction for its turn to pass the quirks. Knows no quirk.

use std::collections::VecDeque;

use futures_util::future::AbortHandle;

use super::Letter;
use crate::station::machine::Now;

/// Frames of one direction that may wait, and their bytes together. What comes beyond lets the first of them go on as
/// it is.
const MAX_HELD: usize = 64;
const MAX_HELD_BYTES: usize = 4 << 20;

/// One direction.
#[derive(Default)]
pub(super) struct Passage {
    /// The frame whose call is under way, and the end of the call.
    pub(super) first: Option<(Parcel, AbortHandle)>,
    pub(super) held: VecDeque<Held>,
    bytes: usize,
    /// What waits first has been told to take its turn.
    pub(super) is_called: bool,
    /// Frames had to go on unchanged, which was told.
    pub(super) is_crowded: bool,
}

/// What takes its turn.
pub(super) enum Held {
    Frame(Parcel),
    /// The connection is over.
    Lost(String),
    /// The next connection. Nothing is read from it yet, so that nothing comes behind it.
    Link(Box<Letter>),
}

/// A frame that waits.
pub(super) struct Parcel {
    pub(super) text: String,
    /// When it was read, or made.
    pub(super) now: Now,
    pub(super) answers: Option<&'static str>,
}

impl Held {
    pub(super) fn into_letter(self) -> Option<Box<Letter>> {
        match self {
            Self::Link(letter) => Some(letter),
            Self::Frame(_) | Self::Lost(_) => None,
        }
    }
}

impl Passage {
    pub(super) fn is_clear(&self) -> bool {
        self.first.is_none() && self.held.is_empty()
    }

    pub(super) fn push(&mut self, held: Held) {
        if let Held::Frame(parcel) = &held {
            self.bytes += parcel.text.len();
        }
        self.held.push_back(held);
    }

    /// What has its turn now.
    pub(super) fn next(&mut self) -> Option<Held> {
        if self.first.is_some() {
            return None;
        }
        let next = self.held.pop_front();
        if let Some(Held::Frame(parcel)) = &next {
            self.bytes -= parcel.text.len();
        }
        self.is_crowded &= !self.held.is_empty();
        next
    }

    pub(super) fn is_full(&self) -> bool {
        self.held.len() >= MAX_HELD || self.bytes > MAX_HELD_BYTES
    }
}
