//! Which messages of OCPP say what of a station's holdings, as data. Knows nothing of how it is carried out: `engine` reads
//! a row, and a test holds every path in it against the schemas.

mod both;
mod v1;
mod v2;
mod v2_energy;

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::domain::HoldingKind;

/// Versions that say the same in the same places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Family {
    /// 1.6.
    V1,
    /// 2.0.1 and 2.1.
    V2,
}

impl Family {
    pub(super) fn of(subprotocol: &str) -> Self {
        if subprotocol.starts_with("ocpp1") { Self::V1 } else { Self::V2 }
    }
}

/// What one message says of holdings of one kind. Paths are those of `path`.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) action: &'static str,
    pub(super) kind: HoldingKind,
    pub(super) verb: Verb,
}

#[derive(Debug)]
pub(super) enum Verb {
    /// A call of ours puts things there, if the station takes them.
    Sets(Sets),
    /// A call of ours takes away what `which` says, by its keys alone if it names any, once the station has one of the words as its status.
    Clears { which: Which, gone: &'static [&'static str] },
    /// The same, with an answer for each.
    ClearsEach { results: &'static str, key: Key, gone: &'static [&'static str] },
    /// The answer to a call of ours tells what is there; `covers` says of what it tells all.
    Answers { things: Things, when: &'static [&'static str], covers: Which },
    /// A call of ours has the station send a report. With one of the words of `empty` there is nothing to tell.
    Orders { covers: Which, empty: &'static [&'static str] },
    /// A message of the station tells what is there.
    Reports { things: &'static [Things], paging: Option<Paging> },
    /// A message of the station says that something has ended, in the word at `word` or else in this one. `only` is a
    /// member without which it says nothing of that.
    Ends { key: Key, word: Word, only: Option<&'static str> },
}

#[derive(Debug)]
pub(super) struct Sets {
    pub(super) things: Things,
    pub(super) verdict: Judged,
    /// What has the same in all of these marks has made way.
    pub(super) displaces: &'static [&'static str],
    /// All others have made way if this member is this word.
    pub(super) replaces_all: Option<(&'static str, &'static str)>,
    /// A thing without this member is taken away.
    pub(super) drops_without: Option<&'static str>,
    /// Only what was accepted is noted at all.
    pub(super) is_silent: bool,
}

impl Sets {
    /// What almost all of them are.
    pub(super) const fn plain(things: Things, verdict: Judged) -> Self {
        Self {
            things,
            verdict,
            displaces: &[],
            replaces_all: None,
            drops_without: None,
            is_silent: false,
        }
    }
}

/// How a station says whether it takes what was sent.
#[derive(Debug)]
pub(super) enum Judged {
    /// The answer has a `status`.
    Whole(&'static [&'static str]),
    /// There is one result for each thing: with the same values in these members.
    Each {
        results: &'static str,
        same: &'static [&'static str],
        status: &'static str,
        reason: &'static str,
        yes: &'static [&'static str],
    },
    /// That it answers at all.
    Answered,
}

/// The things in a message.
#[derive(Debug)]
pub(super) struct Things {
    pub(super) at: &'static str,
    pub(super) key: Key,
    pub(super) marks: &'static [Mark],
    pub(super) content: Kept,
    /// Each has a status: with one of the first words it is told, with one of the others it is not there.
    pub(super) if_status: Option<Status>,
    /// When it ends by itself.
    pub(super) expires: Option<&'static str>,
}

impl Things {
    /// What almost all of them are.
    pub(super) const fn new(
        at: &'static str,
        key: Key,
        marks: &'static [Mark],
        content: Kept,
    ) -> Self {
        Self { at, key, marks, content, if_status: None, expires: None }
    }

    pub(super) const fn until(self, expires: &'static str) -> Self {
        Self { expires: Some(expires), ..self }
    }
}

#[derive(Debug)]
pub(super) struct Status {
    pub(super) at: &'static str,
    pub(super) told: &'static [&'static str],
    pub(super) missing: &'static [&'static str],
}

/// A word by which people know a thing.
#[derive(Debug)]
pub(super) struct Mark {
    pub(super) name: &'static str,
    pub(super) at: &'static str,
    /// In place of the first word the second.
    pub(super) words: &'static [(&'static str, &'static str)],
}

pub(super) const fn mark(name: &'static str, at: &'static str) -> Mark {
    Mark { name, at, words: &[] }
}

/// What of a thing is kept, and compared.
#[derive(Debug)]
pub(super) enum Kept {
    Whole,
    /// The first of these that is there.
    First(&'static [&'static str]),
    /// These members.
    Pick(&'static [&'static str]),
    /// All of it, but there is nothing to compare it with: the message tells that the thing is there.
    Mention,
}

/// What tells a thing from others of its kind.
#[derive(Debug)]
pub(super) enum Key {
    /// There is one only.
    Only(&'static str),
    /// All of these that are there.
    Of(&'static [&'static str]),
    /// What is at the path, or else this.
    Or(&'static str, &'static str),
    /// `evse 1 connector 2`; the station itself without an EVSE, or with EVSE 0.
    Place { evse: &'static str, connector: &'static str },
    /// A variable of the device model; paths to its component, its variable and its attribute.
    Variable { component: &'static str, variable: &'static str, attribute: &'static str },
    /// The name of an id token.
    Token(&'static str),
    /// A certificate by its hashes, below this path.
    Hashes(&'static str),
    /// The same by its text.
    Certificate(&'static str),
}

/// Which holdings something is about.
#[derive(Debug)]
pub(super) enum Which {
    /// Of none in particular.
    None,
    All,
    /// All, if this member has this word.
    AllIf(&'static str, &'static str),
    /// All, if none of these members is there.
    AllWithout(&'static [&'static str]),
    /// Those with these keys and with all of these marks, as far as the message names any. Names of marks, paths.
    By {
        keys: Keys,
        marks: &'static [(&'static str, &'static str)],
    },
}

/// Which keys a message names.
#[derive(Debug)]
pub(super) enum Keys {
    None,
    /// Each word at this path is one.
    At(&'static str),
    One(Key),
}

/// The word with which something ends.
#[derive(Debug)]
pub(super) enum Word {
    At(&'static str),
    Is(&'static str),
}

/// How the parts of a report are told apart.
#[derive(Debug)]
pub(super) struct Paging {
    /// The number of a part; without it the order of arrival has to do.
    pub(super) number: Option<&'static str>,
}

pub(super) const REQUEST: &str = "requestId";
pub(super) const MORE: &str = "tbc";

pub(super) const STATUS: &str = "status";
pub(super) const REASON: &str = "statusInfo.reasonCode";
pub(super) const ACCEPTED: &[&str] = &["Accepted"];

pub(super) static TABLE: LazyLock<HashMap<(Family, &'static str), Vec<&'static Row>>> =
    LazyLock::new(|| {
        let mut table: HashMap<_, Vec<&'static Row>> = HashMap::new();
        for (family, row) in rows() {
            table.entry((family, row.action)).or_default().push(row);
        }
        table
    });

pub(super) fn rows() -> impl Iterator<Item = (Family, &'static Row)> {
    let first = v1::ROWS.iter().chain(both::ROWS);
    let second = v2::ROWS.iter().chain(v2_energy::ROWS).chain(both::ROWS);
    first.map(|row| (Family::V1, row)).chain(second.map(|row| (Family::V2, row)))
}
