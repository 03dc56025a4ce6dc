//! All that a station holds of one kind, in numbers, and the report that tells of it. Whatever changes a holding changes
//! its shelf in the same commit, so that two changes at once cannot both count. Knows no message.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::super::Millis;
use super::{Holding, HoldingKind};

/// Parts of one report that are told apart. A station with thousands of variables sends some dozens.
pub const MAX_REPORT_PARTS: usize = 1000;

/// Reports of one kind that are followed at once. A station may still tell of one when the next is asked for.
pub const MAX_REPORTS: usize = 2;

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shelf {
    /// Records that are kept, with those of what has gone.
    pub kept: u32,
    /// Of them: what the station holds now, as far as is known.
    pub held: u32,
    /// Of them: where the station has something else than it accepted.
    pub differing: u32,
    /// What there was no room for, ever.
    #[serde(default)]
    pub left_out: u64,
    /// Reports of which a part or an order came lately, the newest first.
    #[serde(default)]
    pub reports: Vec<Report>,
    pub changed: Millis,
}

/// What changes on one shelf of a station. Holds while the shelf has the revision that it was read with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShelfMoves {
    pub kind: HoldingKind,
    pub shelf: Shelf,
    pub revision: u64,
    /// `None` takes the record away.
    pub holdings: Vec<(String, Option<Holding>)>,
}

/// One report, which may come in many messages, in any order and some of them twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// By which number the station names it.
    pub request: i64,
    /// When it was asked for; `None` while that is not known.
    #[serde(default)]
    pub asked: Option<Millis>,
    /// The station's word for whether it will send one.
    #[serde(default)]
    pub status: Option<String>,
    /// The parts that came, by number, with the time of each.
    #[serde(default)]
    pub parts: BTreeMap<u32, Millis>,
    /// Messages that brought a part which was there already.
    #[serde(default)]
    pub repeated: u32,
    /// The number of the last part, once that came.
    #[serde(default)]
    pub last: Option<u32>,
    /// Of the messages that brought its parts.
    #[serde(default)]
    pub bytes: u64,
    /// What it tells all of; `None`: of nothing in particular, so that nobody can say what is missing.
    #[serde(default)]
    pub covers: Option<Covered>,
    /// When it was whole.
    #[serde(default)]
    pub whole: Option<Millis>,
}

/// Which holdings a report tells all of: those that have one of the words in each of the marks. No mark: all there are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Covered {
    #[serde(default)]
    pub keys: Vec<String>,
    #[serde(default)]
    pub marks: BTreeMap<String, Vec<String>>,
}

impl Covered {
    pub fn has(&self, key: &str, marks: &BTreeMap<String, String>) -> bool {
        (self.keys.is_empty() || self.keys.iter().any(|wanted| wanted == key))
            && self.marks.iter().all(|(name, words)| {
                marks.get(name).is_some_and(|mark| words.iter().any(|word| word == mark))
            })
    }
}

impl Report {
    pub fn new(request: i64) -> Self {
        Self {
            request,
            asked: None,
            status: None,
            parts: BTreeMap::new(),
            repeated: 0,
            last: None,
            bytes: 0,
            covers: None,
            whole: None,
        }
    }

    /// Every part up to the last one is there.
    pub fn has_all(&self) -> bool {
        self.last.is_some_and(|last| self.parts.keys().copied().eq(0..=last))
    }

    /// When its first part came.
    pub fn began(&self) -> Option<Millis> {
        self.parts.values().copied().min()
    }
}
