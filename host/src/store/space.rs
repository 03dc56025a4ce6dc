//! How much room the disk leaves, and what is still written then. Pure: who measures, and how, is known elsewhere.
//!
//! sled cannot go on after a write that found the disk full. So the store stops taking things in while there is still
//! room, first what the next message repeats anyway, then everything that makes it grow.

use std::fmt;

use crate::domain::Durability;

use super::commit::Commit;

/// What is kept free, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reserve {
    /// With less than this, soft commits are refused.
    pub soft: u64,
    /// With less than this, everything that makes the store grow is refused. At most `soft`.
    pub hard: u64,
}

/// A threshold is left again only with this part of it on top, so that a disk near it does not flicker.
const MARGIN: u64 = 8;

/// From much to little.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Room {
    Ample,
    /// Soft commits are refused.
    Low,
    /// Only deletions and barriers are taken.
    Exhausted,
}

impl Room {
    /// What `free` bytes mean after it was `before`.
    pub fn left(free: u64, reserve: Reserve, before: Self) -> Self {
        let room = |soft, hard| match free {
            free if free < hard => Self::Exhausted,
            free if free < soft => Self::Low,
            _ => Self::Ample,
        };
        let now = room(reserve.soft, reserve.hard);
        let cautious = room(reserve.soft_again(), with_margin(reserve.hard));
        now.max(cautious.min(before))
    }

    pub(super) fn takes(self, commit: &Commit) -> bool {
        match self {
            Self::Ample => true,
            Self::Low => commit.durability() == Durability::Synced || !commit.adds(),
            Self::Exhausted => !commit.adds(),
        }
    }
}

impl Reserve {
    /// What has to be free before room is ample again.
    pub fn soft_again(self) -> u64 {
        with_margin(self.soft)
    }
}

fn with_margin(threshold: u64) -> u64 {
    threshold.saturating_add(threshold / MARGIN)
}

impl fmt::Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ample => "ample",
            Self::Low => "low",
            Self::Exhausted => "exhausted",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESERVE: Reserve = Reserve { soft: 800, hard: 400 };

    #[test]
    fn room_shrinks_at_a_threshold_and_grows_back_only_beyond_it() {
        let mut room = Room::Ample;
        let mut rooms = Vec::new();
        for free in [800, 799, 850, 899, 900, 399, 400, 449, 450, 899, 900] {
            room = Room::left(free, RESERVE, room);
            rooms.push((free, room));
        }
        assert_eq!(
            rooms,
            [
                (800, Room::Ample),
                (799, Room::Low),
                (850, Room::Low),
                (899, Room::Low),
                (900, Room::Ample),
                (399, Room::Exhausted),
                (400, Room::Exhausted),
                (449, Room::Exhausted),
                (450, Room::Low),
                (899, Room::Low),
                (900, Room::Ample),
            ]
        );
    }

    #[test]
    fn without_a_reserve_there_is_always_room() {
        let none = Reserve { soft: 0, hard: 0 };
        assert_eq!(Room::left(0, none, Room::Exhausted), Room::Ample);
    }
}
