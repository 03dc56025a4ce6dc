//! The table against the schemas: every path leads somewhere in every version, every word can be said there, and every row
//! makes something of a message that its version allows.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::records::Station;
use crate::holdings::table::{
    Family, Judged, Kept, Key, Keys, MORE, Mark, REASON, REQUEST, Row, STATUS, Sets, Things, Verb,
    Which, Word, rows,
};
use crate::ocpp::catalogue::{Action, Catalogue, Kind, Shape, V16, V21, V201};

fn versions(family: Family) -> Vec<(&'static str, &'static Catalogue)> {
    match family {
        Family::V1 => vec![("ocpp1.6", &V16)],
        Family::V2 => vec![("ocpp2.0.1", &V201), ("ocpp2.1", &V21)],
    }
}

/// Each row in each version that has its action.
fn each(mut see: impl FnMut(&'static str, &'static Catalogue, &'static Action, &'static Row)) {
    for (family, row) in rows() {
        let mut seen = 0;
        for (subprotocol, catalogue) in versions(family) {
            if let Some(action) = catalogue.action(row.action) {
                see(subprotocol, catalogue, action, row);
                seen += 1;
            }
        }
        assert!(seen > 0, "nobody has {}", row.action);
    }
}

/// Where paths start.
#[derive(Clone)]
struct Place<'a> {
    catalogue: &'a Catalogue,
    way: Vec<&'a Shape>,
    call: &'a Shape,
}

impl<'a> Place<'a> {
    /// The kind at the end of a path, and the shape if it is an object.
    fn find(&self, path: &str) -> Option<(Kind, Option<&'a Shape>)> {
        let up = path.len() - path.trim_start_matches('^').len();
        let (start, path) = match path.as_bytes().first() {
            Some(b'@') => (self.call, &path[1..]),
            Some(b'/') => (self.way[0], &path[1..]),
            _ => (*self.way.get(self.way.len().checked_sub(1 + up)?)?, &path[up..]),
        };
        let mut at = (Kind::Any, Some(start));
        for name in path.split('.').filter(|name| !name.is_empty()) {
            let (name, is_list) = match name.strip_suffix("[]") {
                Some(name) => (name, true),
                None => (name, false),
            };
            let member = at.1?.members.iter().find(|member| member.name == name)?;
            if member.list.is_some() != is_list {
                return None;
            }
            let shape = match member.kind {
                Kind::Object(id) => Some(self.catalogue.shape(id)),
                _ => None,
            };
            at = (member.kind, shape);
        }
        Some(at)
    }

    fn inside(&self, path: &str) -> Option<Self> {
        let mut place = self.clone();
        let mut parts = path.split_inclusive("[]").map(|part| part.trim_start_matches('.'));
        parts.try_for_each(|part| {
            let shape = place.find(part)?.1?;
            place.way.push(shape);
            Some(())
        })?;
        Some(place)
    }
}

/// What is wrong with a row.
#[derive(Default)]
struct Complaints(Vec<String>);

impl Complaints {
    fn path(&mut self, place: &Place<'_>, path: &str) {
        if !path.is_empty() && place.find(path).is_none() {
            self.0.push(format!("no {path:?}"));
        }
    }

    fn words(&mut self, place: &Place<'_>, path: &str, words: &[&str]) {
        match place.find(path) {
            Some((Kind::Word(id), _)) => {
                let known = &place.catalogue.words(id).words;
                let wrong = words.iter().filter(|word| !known.contains(word));
                self.0.extend(wrong.map(|word| format!("{path} is never {word:?}")));
            }
            Some(_) if words.is_empty() => {}
            other => self.0.push(format!("{path} has no words: {other:?}")),
        }
    }

    /// Words that at least one version has.
    fn key(&mut self, place: &Place<'_>, key: &Key) {
        match key {
            Key::Only(_) => {}
            Key::Of(paths) => paths.iter().for_each(|path| self.path(place, path)),
            Key::Or(path, _) | Key::Token(path) | Key::Certificate(path) => self.path(place, path),
            Key::Place { evse, connector } => {
                [evse, connector].into_iter().for_each(|path| self.path(place, path));
            }
            Key::Variable { component, variable, attribute } => {
                for member in ["name", "instance"] {
                    self.path(place, &format!("{component}.{member}"));
                    self.path(place, &format!("{variable}.{member}"));
                }
                self.path(place, &format!("{component}.evse.id"));
                self.path(place, &format!("{component}.evse.connectorId"));
                self.path(place, attribute);
            }
            Key::Hashes(at) => {
                let dot = if at.is_empty() { "" } else { "." };
                for member in ["hashAlgorithm", "issuerNameHash", "issuerKeyHash", "serialNumber"] {
                    self.path(place, &format!("{at}{dot}{member}"));
                }
            }
        }
    }

    fn things<'a>(&mut self, place: &Place<'a>, things: &Things) -> Option<Place<'a>> {
        let Some(place) = place.inside(things.at) else {
            self.0.push(format!("no things at {:?}", things.at));
            return None;
        };
        self.key(&place, &things.key);
        for Mark { at, .. } in things.marks {
            self.path(&place, at);
        }
        match things.content {
            Kept::Whole | Kept::Mention => {}
            // Each of them somewhere is enough; that all are is seen from the messages.
            Kept::First(paths) => {
                if !paths.iter().any(|path| place.find(path).is_some()) {
                    self.0.push(format!("none of {paths:?}"));
                }
            }
            Kept::Pick(members) => members.iter().for_each(|path| self.path(&place, path)),
        }
        if let Some(status) = &things.if_status {
            let words: Vec<_> = status.told.iter().chain(status.missing).copied().collect();
            self.words(&place, status.at, &words);
        }
        if let Some(path) = things.expires {
            self.path(&place, path);
        }
        Some(place)
    }

    fn which(&mut self, place: &Place<'_>, which: &Which) {
        match which {
            Which::None | Which::All => {}
            Which::AllIf(path, word) => self.words(place, path, &[word]),
            Which::AllWithout(paths) => paths.iter().for_each(|path| {
                if place.find(path).is_none() && place.find(&format!("{path}[]")).is_none() {
                    self.path(place, path);
                }
            }),
            Which::By { keys, marks } => {
                match keys {
                    Keys::None => {}
                    Keys::At(path) => self.path(place, path),
                    Keys::One(key) => self.key(place, key),
                }
                for (_, path) in *marks {
                    // 2.0.1 and 1.6 differ in how many may be given.
                    let single = path.trim_end_matches("[]");
                    if place.find(path).is_none() {
                        self.path(place, single);
                    }
                }
            }
        }
    }

    fn sets(&mut self, call: &Place<'_>, answer: &Place<'_>, sets: &Sets) {
        let Some(thing) = self.things(call, &sets.things) else { return };
        match &sets.verdict {
            Judged::Answered => {}
            Judged::Whole(yes) => {
                self.words(answer, STATUS, yes);
                if answer.way[0].members.iter().any(|member| member.name == "statusInfo") {
                    self.path(answer, REASON);
                }
            }
            Judged::Each { results, same, status, reason, yes } => {
                let Some(result) = answer.inside(results) else {
                    return self.0.push(format!("no results at {results}"));
                };
                for path in *same {
                    self.path(&thing, path);
                    self.path(&result, path);
                }
                self.words(&result, status, yes);
                self.path(&result, reason);
                self.key(&result, &sets.things.key);
            }
        }
        if let Some((path, word)) = sets.replaces_all {
            self.words(&thing, path, &[word]);
        }
        if let Some(path) = sets.drops_without {
            self.path(&thing, path);
        }
        let marks: BTreeSet<_> = sets.things.marks.iter().map(|mark| mark.name).collect();
        let unknown = sets.displaces.iter().filter(|name| !marks.contains(**name));
        self.0.extend(unknown.map(|name| format!("no mark {name}")));
    }
}

#[test]
fn every_path_and_every_word_of_the_table_is_in_the_schemas() {
    let mut wrong = Vec::new();
    each(|subprotocol, catalogue, action, row| {
        let call = Place { catalogue, way: vec![&action.request], call: &action.request };
        let answer =
            action.response.as_ref().map(|answer| Place { way: vec![answer], ..call.clone() });
        let answer = answer.unwrap_or_else(|| call.clone());
        let mut found = Complaints::default();
        let is_ours = match &row.verb {
            Verb::Sets(sets) => {
                found.sets(&call, &answer, sets);
                true
            }
            Verb::Clears { which, gone } => {
                found.which(&call, which);
                found.words(&answer, STATUS, gone);
                true
            }
            Verb::ClearsEach { results, key, gone } => {
                let result = answer.inside(results).expect(results);
                found.key(&result, key);
                found.words(&result, STATUS, gone);
                true
            }
            Verb::Answers { things, when, covers } => {
                found.things(&answer, things);
                found.which(&answer, covers);
                if !when.is_empty() {
                    found.words(&answer, STATUS, when);
                }
                true
            }
            Verb::Orders { covers, empty } => {
                found.which(&call, covers);
                found.path(&call, REQUEST);
                found.words(&answer, STATUS, empty);
                true
            }
            Verb::Reports { things, paging } => {
                things.iter().for_each(|things| {
                    found.things(&call, things);
                });
                if let Some(paging) = paging {
                    [REQUEST, MORE].into_iter().for_each(|path| found.path(&call, path));
                    found.path(&call, paging.number.unwrap_or_default());
                }
                false
            }
            Verb::Ends { key, word, only } => {
                found.key(&call, key);
                if let Word::At(path) = word {
                    found.words(&call, path, &[]);
                }
                found.path(&call, only.unwrap_or_default());
                false
            }
        };
        let fits = if is_ours {
            action.direction.is_to_station()
        } else {
            action.direction.is_from_station()
        };
        assert!(fits, "{} goes the other way", row.action);
        wrong.extend(
            found.0.into_iter().map(|what| format!("{subprotocol} {}: {what}", row.action)),
        );
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A message with every member that its version has, one of each list, and the words that matter.
fn fullest(catalogue: &Catalogue, shape: &Shape, depth: usize) -> Value {
    let member = |member: &crate::ocpp::catalogue::Member| {
        let value = match member.kind {
            Kind::Any => json!({}),
            Kind::Boolean => json!(true),
            Kind::Text(_) | Kind::Uri => json!("a"),
            Kind::Time => json!("2030-01-01T00:00:00Z"),
            Kind::Integer(_) | Kind::Number { .. } => json!(0),
            Kind::Word(id) => {
                let words = &catalogue.words(id).words;
                let wanted = ["Accepted", "FullInventory", "Full"];
                let word = wanted.into_iter().find(|word| words.contains(word));
                json!(word.unwrap_or(words[0]))
            }
            Kind::Object(id) if depth > 0 => fullest(catalogue, catalogue.shape(id), depth - 1),
            Kind::Object(_) => json!({}),
        };
        let value = if member.list.is_some() { json!([value]) } else { value };
        (member.name.to_owned(), value)
    };
    let mut all: Map<_, _> = shape.members.iter().map(member).collect();
    // A report of one part.
    if all.contains_key(MORE) {
        all.insert(MORE.to_owned(), json!(false));
    }
    Value::Object(all)
}

#[test]
fn every_row_makes_something_of_its_message() {
    each(|subprotocol, catalogue, action, row| {
        let mut station = Station::of(subprotocol);
        let request = fullest(catalogue, &action.request, 5);
        let answer = action.response.as_ref().map(|answer| fullest(catalogue, answer, 5));
        let answer = answer.unwrap_or_default();
        let carry_out = |station: &mut Station| match action.direction.is_to_station() {
            true => station.call(row.action, request.clone(), answer.clone()),
            false => station.says(row.action, &request),
        };
        // What is to be taken away has to be there first.
        match &row.verb {
            Verb::Clears { .. } | Verb::ClearsEach { .. } | Verb::Ends { .. } => {
                let (putter, message) = putter(catalogue, row);
                let answer = putter.response.as_ref().map(|it| fullest(catalogue, it, 5));
                match putter.direction.is_to_station() {
                    true => station.call(putter.name, message, answer.unwrap_or_default()),
                    false => station.says(putter.name, &message),
                }
                let before = station.shelf(row.kind.as_str());
                assert!(before.held > 0, "{subprotocol} {} by {}", row.action, putter.name);
                carry_out(&mut station);
                let left = station.shelf(row.kind.as_str()).held;
                assert_eq!(left, 0, "{subprotocol} {}: {}", row.action, station.dump());
            }
            Verb::Orders { .. } => {
                carry_out(&mut station);
                let report = station.shelf(row.kind.as_str()).reports.remove(0);
                assert!(report.asked.is_some(), "{subprotocol} {}", row.action);
            }
            Verb::Reports { things: [], .. } => {
                carry_out(&mut station);
                let report = station.shelf(row.kind.as_str()).reports.remove(0);
                assert!(report.whole.is_some(), "{subprotocol} {}", row.action);
            }
            Verb::Sets(_) | Verb::Answers { .. } | Verb::Reports { .. } => {
                carry_out(&mut station);
                assert!(station.shelves().contains(&row.kind), "{subprotocol} {}", row.action);
                let shelf = station.shelf(row.kind.as_str());
                assert!(shelf.held > 0 && shelf.left_out == 0, "{subprotocol} {}", row.action);
                let all = station.keys(row.kind.as_str());
                for key in &all {
                    let kept = station.one(row.kind.as_str(), key);
                    let content = kept.seen().or(kept.reported.as_ref().map(|it| &it.content));
                    assert_ne!(content.unwrap().text, "null", "{subprotocol} {} {key}", row.action);
                }
            }
        }
    });
}

/// A message that puts there what the row takes away.
fn putter(catalogue: &'static Catalogue, row: &Row) -> (&'static Action, Value) {
    let puts = |other: &&(Family, &'static Row)| {
        other.1.kind == row.kind
            && catalogue.action(other.1.action).is_some()
            && matches!(other.1.verb, Verb::Sets(_) | Verb::Reports { .. } | Verb::Answers { .. })
            && !matches!(&other.1.verb, Verb::Sets(sets) if matches!(sets.things.key, Key::Certificate(_)))
    };
    let all: Vec<_> = rows().collect();
    let of_version =
        all.iter().filter(|(family, _)| (*family == Family::V1) == (catalogue.version == "1.6"));
    let (_, other) = of_version.clone().find(puts).expect("somebody puts it there");
    let action = catalogue.action(other.action).unwrap();
    (action, fullest(catalogue, &action.request, 5))
}
