//! Every action of every version as data: direction, block, and what each member may be. Knows no meaning.
//!
//! One table per version (`v16.txt`, `v201.txt`, `v21.txt`), written by `tests/catalogue/generate.py` from the published
//! JSON schemas: OCPP 1.6 edition 2 with the security extension, edition 3; OCPP 2.0.1; OCPP 2.1. Validation, the
//! command line's help and the simulated stations read the same tables.

mod arrange;
mod check;
mod describe;
mod read;
mod stock;
mod value;

use std::collections::HashMap;
use std::sync::LazyLock;

pub use check::{Broken, Finding, MAX_FINDINGS};
pub use describe::Line;

/// OCPP 1.6J with the security extension: 39 actions.
pub static V16: LazyLock<Catalogue> = LazyLock::new(|| read::table(include_str!("v16.txt")));

/// OCPP 2.0.1: 64 actions.
pub static V201: LazyLock<Catalogue> = LazyLock::new(|| read::table(include_str!("v201.txt")));

/// OCPP 2.1: 91 actions.
pub static V21: LazyLock<Catalogue> = LazyLock::new(|| read::table(include_str!("v21.txt")));

/// One version.
#[derive(Debug)]
pub struct Catalogue {
    /// As people write it, for example `2.0.1`.
    pub version: &'static str,
    actions: Vec<Action>,
    by_name: HashMap<&'static str, usize>,
    shapes: Vec<Shape>,
    words: Vec<Words>,
}

/// One action of one version.
#[derive(Debug)]
pub struct Action {
    pub name: &'static str,
    /// The part of the specification that it belongs to.
    pub block: &'static str,
    pub direction: Direction,
    pub request: Shape,
    /// `None`: it is sent and never answered (OCPP 2.1 SEND).
    pub response: Option<Shape>,
    /// What a station is told when neither the core nor a plugin has an answer of its own; `None`: that it has none.
    pub reply: Option<&'static str>,
    /// Its answer takes somebody who knows it: plugins are asked.
    pub is_open: bool,
    /// To be on the disk before it is answered, although the core has no view of it.
    pub lasting: bool,
}

/// Who may send an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    FromStation,
    ToStation,
    Both,
}

/// The members of an object, in the order in which they are written.
#[derive(Debug)]
pub struct Shape {
    pub name: &'static str,
    pub members: Vec<Member>,
    /// Members that are not listed may come as well (customData).
    pub is_open: bool,
}

#[derive(Debug)]
pub struct Member {
    pub name: &'static str,
    pub is_required: bool,
    pub kind: Kind,
    /// How many of them there may be in the list that it then is.
    pub list: Option<Count>,
}

/// What a value may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    Any,
    Boolean,
    /// At most this many characters.
    Text(Option<usize>),
    /// RFC 3339.
    Time,
    Uri,
    Integer(Range),
    Number {
        range: Range,
        /// It is a whole multiple of this; `None`: of anything.
        step: Option<rust_decimal::Decimal>,
    },
    /// One of a list of words.
    Word(WordsId),
    Object(ShapeId),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WordsId(usize);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShapeId(usize);

/// Both ends included.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Range {
    pub low: Option<i64>,
    pub high: Option<i64>,
}

/// Both ends included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    pub low: usize,
    pub high: Option<usize>,
}

#[derive(Debug)]
pub struct Words {
    pub name: &'static str,
    pub words: Vec<&'static str>,
}

impl Catalogue {
    /// By its name as people write it.
    pub fn of_version(version: &str) -> Option<&'static Self> {
        let all: [&'static Self; 3] = [&V16, &V201, &V21];
        all.into_iter().find(|catalogue| catalogue.version == version)
    }

    pub fn action(&self, name: &str) -> Option<&Action> {
        self.by_name.get(name).map(|index| &self.actions[*index])
    }

    /// By block, in the order of the specification.
    pub fn actions(&self) -> &[Action] {
        &self.actions
    }

    pub fn shape(&self, id: ShapeId) -> &Shape {
        &self.shapes[id.0]
    }

    pub fn words(&self, id: WordsId) -> &Words {
        &self.words[id.0]
    }
}

impl Action {
    /// Comes as a SEND, and there is no answer to it.
    pub fn is_unconfirmed(&self) -> bool {
        self.response.is_none()
    }
}

impl Direction {
    pub fn is_from_station(self) -> bool {
        self != Self::ToStation
    }

    pub fn is_to_station(self) -> bool {
        self != Self::FromStation
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::value::RawValue;

    use super::*;

    fn all() -> [&'static Catalogue; 3] {
        [&V16, &V201, &V21]
    }

    #[test]
    fn the_tables_have_every_action_of_their_version() {
        let census = |catalogue: &Catalogue| {
            let count = |d| catalogue.actions().iter().filter(|a| a.direction == d).count();
            let [from, to, both] =
                [Direction::FromStation, Direction::ToStation, Direction::Both].map(count);
            (catalogue.version, catalogue.by_name.len(), from, to, both)
        };
        let expected = [("1.6", 39, 13, 25, 1), ("2.0.1", 64, 24, 39, 1), ("2.1", 91, 36, 54, 1)];
        assert_eq!(all().map(census), expected);
    }

    #[test]
    fn every_stock_reply_is_what_its_version_allows() {
        for catalogue in all() {
            let incoming = catalogue.actions().iter().filter(|a| a.direction.is_from_station());
            for action in incoming {
                let Some((response, reply)) = action.response.as_ref().zip(action.reply) else {
                    continue;
                };
                let reply = RawValue::from_string(reply.to_owned()).unwrap();
                let found = catalogue.first_finding(response, &reply);
                assert_eq!(found, None, "{}", action.name);
            }
        }
    }

    /// What the core answers by itself, and what nothing depends on.
    #[test]
    fn every_call_whose_answer_says_something_is_the_cores_or_open_to_plugins() {
        const CORE: [&str; 6] = [
            "Authorize",
            "BootNotification",
            "Heartbeat",
            "StartTransaction",
            "StopTransaction",
            "TransactionEvent",
        ];
        // Whether the server keeps a stream is the server's affair, as are its own certificates.
        const OWN: [&str; 2] = ["SignCertificate", "OpenPeriodicEventStream"];
        let open = all().map(|catalogue| {
            let says = |action: &&Action| {
                let members = action.response.iter().flat_map(|shape| &shape.members);
                members.into_iter().any(|member| member.name != "customData")
            };
            let incoming = catalogue.actions().iter().filter(|a| a.direction.is_from_station());
            let left = incoming.filter(says).map(|action| action.name);
            let left = left.filter(|name| !CORE.contains(name) && !OWN.contains(name));
            let left = left.collect::<BTreeSet<_>>();
            let open = catalogue.actions().iter().filter(|action| action.is_open);
            assert_eq!(open.map(|action| action.name).collect::<BTreeSet<_>>(), left);
            left.len()
        });
        assert_eq!(open, [1, 5, 9]);
    }

    #[test]
    fn only_periodic_event_streams_are_not_answered() {
        let silent = V21.actions().iter().filter(|action| action.response.is_none());
        let names: Vec<_> = silent.map(|action| action.name).collect();
        assert_eq!(names, ["NotifyPeriodicEventStream"]);
    }
}
