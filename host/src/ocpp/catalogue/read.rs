//! From the text of a table to the table. Knows no file and no JSON.
//!
//! ```text
//! words NAME            the words that a value may be, on the lines below
//!     WORD WORD …
//! type NAME [open]      an object; `open`: members that are not listed may come as well
//!     MEMBER[!] KIND    `!`: it has to be there
//! block TITLE           the actions below belong to this part of the specification
//! action NAME in|out|both
//!   request             members as above; `in` is from a station, `out` to one
//!   response            absent: never answered
//!
//! KIND  any, boolean, time (RFC 3339), uri, text, text(LONGEST), integer, integer(LOW..HIGH), number,
//!       number(LOW..HIGH/STEP), or a name from above; with [FEWEST..MOST] behind it a list of those
//! ```

use std::collections::HashMap;

use super::check::MAX_MEMBERS;
use super::stock::{LASTING, OPEN, reply};
use super::{
    Action, Catalogue, Count, Direction, Kind, Member, Range, Shape, ShapeId, Words, WordsId,
};

/// A table that cannot be read is a mistake of whoever wrote it: every test that touches one sees it.
pub(super) fn table(text: &'static str) -> Catalogue {
    let mut reader = Reader {
        catalogue: Catalogue {
            version: "",
            actions: Vec::new(),
            by_name: HashMap::new(),
            shapes: Vec::new(),
            words: Vec::new(),
        },
        kinds: HashMap::new(),
        block: "",
        place: Place::Nowhere,
    };
    for (number, line) in text.lines().enumerate() {
        if reader.line(line).is_none() {
            panic!(
                "line {} of the table of OCPP {}: {line:?}",
                number + 1,
                reader.catalogue.version
            );
        }
    }
    reader.catalogue
}

/// Where the lines below belong.
enum Place {
    Nowhere,
    Words,
    Type,
    Request,
    Response,
}

struct Reader {
    catalogue: Catalogue,
    /// What names stand for.
    kinds: HashMap<&'static str, Kind>,
    block: &'static str,
    place: Place,
}

impl Reader {
    fn line(&mut self, line: &'static str) -> Option<()> {
        if line.is_empty() || line.starts_with('#') {
            return Some(());
        }
        if let Some(content) = line.strip_prefix("    ") {
            return self.content(content);
        }
        let (word, rest) = line.trim_start().split_once(' ').unwrap_or((line.trim_start(), ""));
        match word {
            "version" => self.catalogue.version = rest,
            "block" => self.block = rest,
            "words" => {
                let id = WordsId(self.catalogue.words.len());
                self.catalogue.words.push(Words { name: rest, words: Vec::new() });
                self.kinds.insert(rest, Kind::Word(id));
                self.place = Place::Words;
            }
            "type" => {
                let name = rest.strip_suffix(" open").unwrap_or(rest);
                let id = ShapeId(self.catalogue.shapes.len());
                self.catalogue.shapes.push(shape(name, rest != name));
                self.kinds.insert(name, Kind::Object(id));
                self.place = Place::Type;
            }
            "action" => self.action(rest)?,
            "request" => self.place = Place::Request,
            "response" => {
                let action = self.catalogue.actions.last_mut()?;
                action.response = Some(shape(action.name, false));
                self.place = Place::Response;
            }
            _ => return None,
        }
        Some(())
    }

    fn action(&mut self, rest: &'static str) -> Option<()> {
        let (name, direction) = rest.split_once(' ')?;
        let direction = match direction {
            "in" => Direction::FromStation,
            "out" => Direction::ToStation,
            "both" => Direction::Both,
            _ => return None,
        };
        self.catalogue.by_name.insert(name, self.catalogue.actions.len());
        self.catalogue.actions.push(Action {
            name,
            block: self.block,
            direction,
            request: shape(name, false),
            response: None,
            reply: reply(name),
            is_open: OPEN.contains(&name),
            lasting: LASTING.contains(&name),
        });
        Some(())
    }

    fn content(&mut self, line: &'static str) -> Option<()> {
        let shape = match self.place {
            Place::Nowhere => return None,
            Place::Words => {
                self.catalogue.words.last_mut()?.words.extend(line.split(' '));
                return Some(());
            }
            Place::Type => self.catalogue.shapes.last_mut()?,
            Place::Request => &mut self.catalogue.actions.last_mut()?.request,
            Place::Response => self.catalogue.actions.last_mut()?.response.as_mut()?,
        };
        if shape.members.len() == MAX_MEMBERS {
            return None;
        }
        let (name, kind) = line.split_once(' ')?;
        let (kind, list) = match kind.strip_suffix(']') {
            None => (kind, None),
            Some(list) => {
                let (kind, count) = list.split_once('[')?;
                let (low, high) = ends(count)?;
                (kind, Some(Count { low: low.unwrap_or(0), high }))
            }
        };
        let known = self.kinds.get(kind).copied();
        shape.members.push(Member {
            name: name.trim_end_matches('!'),
            is_required: name.ends_with('!'),
            kind: known.or_else(|| plain(kind))?,
            list,
        });
        Some(())
    }
}

fn shape(name: &'static str, is_open: bool) -> Shape {
    Shape { name, members: Vec::new(), is_open }
}

/// A kind that has no name of its own.
fn plain(kind: &str) -> Option<Kind> {
    let (word, limits) = match kind.strip_suffix(')') {
        None => (kind, None),
        Some(limited) => limited.split_once('(').map(|(word, limits)| (word, Some(limits)))?,
    };
    Some(match (word, limits) {
        ("any", None) => Kind::Any,
        ("boolean", None) => Kind::Boolean,
        ("time", None) => Kind::Time,
        ("uri", None) => Kind::Uri,
        ("text", None) => Kind::Text(None),
        ("text", Some(longest)) => Kind::Text(Some(longest.parse().ok()?)),
        ("integer", limits) => Kind::Integer(limits.map_or(Some(Range::default()), range)?),
        ("number", None) => Kind::Number { range: Range::default(), step: None },
        ("number", Some(limits)) => {
            let (limits, step) = match limits.split_once('/') {
                None => (limits, None),
                Some((limits, step)) => (limits, Some(step.parse().ok()?)),
            };
            let range = if limits.is_empty() { Range::default() } else { range(limits)? };
            Kind::Number { range, step }
        }
        _ => return None,
    })
}

fn range(text: &str) -> Option<Range> {
    let (low, high) = ends(text)?;
    Some(Range { low, high })
}

/// `LOW..HIGH`, either of which may be missing. Bounds of numbers are whole, some with a decimal point.
fn ends<T: std::str::FromStr>(text: &str) -> Option<(Option<T>, Option<T>)> {
    let end = |text: &str| match text {
        "" => Some(None),
        text => text.parse().ok().map(Some),
    };
    let (low, high) = text.split_once("..")?;
    Some((end(low)?, end(high)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_as_it_is_written() {
        let table = table(
            "# for people\nversion 9\n\nwords Colour\n    Red Green\n\ntype Bag open\n    colour! Colour\n\n\
             block A First\n\naction Paint in\n  request\n    bag Bag[1..4]\n    much! number(0..7/0.5)\n  response\n    who text(9)\n",
        );
        let paint = table.action("Paint").unwrap();
        assert_eq!(
            (table.version, paint.block, paint.direction),
            ("9", "A First", Direction::FromStation)
        );
        let [bag, much] = paint.request.members.as_slice() else { panic!() };
        assert_eq!(bag.list, Some(Count { low: 1, high: Some(4) }));
        let Kind::Object(shape) = bag.kind else { panic!() };
        assert!(table.shape(shape).is_open && table.shape(shape).members[0].is_required);
        let Kind::Number { range, step } = much.kind else { panic!() };
        assert_eq!((range.low, range.high, step), (Some(0), Some(7), Some("0.5".parse().unwrap())));
        let response = paint.response.as_ref().unwrap();
        assert_eq!(response.members[0].kind, Kind::Text(Some(9)));
    }
}
