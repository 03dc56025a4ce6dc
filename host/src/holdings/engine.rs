//! Carries out one row of the table. Knows no action: rows say where to look, this says what follows from it.

use serde_json::Value;

use super::bench::Bench;
use super::path::Spot;
use super::report::{ordered, settle, sweep};
use super::table::{Judged, Keys, REASON, REQUEST, Row, STATUS, Sets, Things, Verb, Which, Word};
use super::{Called, Outcome};
use crate::domain::{
    Accepted, Covered, Gone, GoneWhy, Holding, Millis, ReadFailed, Reported, Sent, SentVerdict,
};

/// What a message of a station says.
pub(super) fn hear(
    row: &Row,
    bench: &mut Bench<'_>,
    payload: &Value,
    bytes: u64,
    at: Millis,
) -> Result<(), ReadFailed> {
    let spot = Spot::new(payload, &Value::Null);
    match &row.verb {
        Verb::Reports { things, paging } => {
            let request = paging.as_ref().and_then(|it| it.part(bench, &spot, bytes, at));
            for things in *things {
                for thing in spot.each(things.at) {
                    report(bench, things, &thing, at)?;
                }
            }
            request.map_or(Ok(()), |request| settle(bench, request, at, false))
        }
        Verb::Ends { key, word, .. } => {
            let Some(key) = key.of(&spot, bench) else { return Ok(()) };
            let word = match word {
                Word::At(path) => spot.text(path).unwrap_or_default(),
                Word::Is(word) => (*word).to_owned(),
            };
            bench.end(&key, GoneWhy::Ended(word))
        }
        Verb::Sets(_)
        | Verb::Clears { .. }
        | Verb::ClearsEach { .. }
        | Verb::Answers { .. }
        | Verb::Orders { .. } => Ok(()),
    }
}

/// Notes the station's word on one thing; gives back its key.
fn report(
    bench: &mut Bench<'_>,
    things: &Things,
    thing: &Spot<'_>,
    at: Millis,
) -> Result<Option<String>, ReadFailed> {
    let Some(key) = things.key.of(thing, bench) else {
        bench.shelf.left_out += 1;
        return Ok(None);
    };
    let known = bench.get(&key)?.unwrap_or_default();
    let mut holding = match known.gone {
        // What is there again after it was taken away is another thing under the same name.
        Some(Gone { why: GoneWhy::Cleared | GoneWhy::Replaced | GoneWhy::Ended(_), .. }) => {
            Holding::default()
        }
        Some(Gone { why: GoneWhy::Missing, .. }) | None => Holding { gone: None, ..known },
    };
    holding.marks.extend(things.marks.iter().filter_map(|mark| mark.of(thing)));
    holding.expires = expiry(things, thing).or(holding.expires);
    let is_mention = things.is_mention(thing);
    let content = things.content(&key, thing);
    holding.reported = Some(match holding.reported.take() {
        // That it is still there says nothing new of what is in it.
        Some(told) if is_mention && !told.is_mention => Reported { at, ..told },
        _ => Reported { content, at, is_mention },
    });
    bench.put(&key, holding)?;
    Ok(Some(key))
}

fn expiry(things: &Things, thing: &Spot<'_>) -> Option<Millis> {
    let text = thing.text(things.expires?)?;
    let time = chrono::DateTime::parse_from_rfc3339(&text).ok()?;
    Millis::from_utc(time.to_utc())
}

/// A call of ours with what came of it.
pub(super) struct Call<'a> {
    pub(super) called: &'a Called<'a>,
    pub(super) payload: &'a Value,
    /// `null` when there is none.
    pub(super) answer: &'a Value,
}

/// What came of one thing that was sent.
struct Judgement {
    verdict: SentVerdict,
    status: Option<String>,
    reason: Option<String>,
    /// In case the thing has its key from the station.
    key: Option<String>,
}

impl Call<'_> {
    pub(super) fn settle(&self, row: &Row, bench: &mut Bench<'_>) -> Result<(), ReadFailed> {
        match &row.verb {
            Verb::Sets(sets) => self.set(sets, bench),
            _ if !matches!(self.called.outcome, Outcome::Answered(_)) => Ok(()),
            Verb::Clears { which, gone } => {
                if self.has_status(gone) {
                    self.clear(which, bench)
                } else {
                    Ok(())
                }
            }
            Verb::ClearsEach { results, key, gone } => {
                for result in self.answered().each(results) {
                    let is_gone = result.text(STATUS).is_some_and(|it| gone.contains(&it.as_str()));
                    if is_gone && let Some(key) = key.of(&result, bench) {
                        bench.end(&key, GoneWhy::Cleared)?;
                    }
                }
                Ok(())
            }
            Verb::Answers { things, when, covers } => {
                if when.is_empty() || self.has_status(when) {
                    self.take_answer(things, covers, bench)
                } else {
                    Ok(())
                }
            }
            Verb::Orders { covers, empty } => {
                let spot = self.sent();
                let Some(request) = spot.number(REQUEST) else { return Ok(()) };
                let status = self.answered().text(STATUS);
                let covers = covered(covers, &spot, bench);
                ordered(bench, request, status, covers, self.called.sent);
                settle(bench, request, self.called.ended, self.has_status(empty))
            }
            Verb::Reports { .. } | Verb::Ends { .. } => Ok(()),
        }
    }

    fn sent(&self) -> Spot<'_> {
        Spot::new(self.payload, self.payload)
    }

    fn answered(&self) -> Spot<'_> {
        Spot::new(self.answer, self.payload)
    }

    fn has_status(&self, words: &[&str]) -> bool {
        self.answered().text(STATUS).is_some_and(|status| words.contains(&status.as_str()))
    }

    fn set(&self, sets: &Sets, bench: &mut Bench<'_>) -> Result<(), ReadFailed> {
        let things = self.sent().each(sets.things.at);
        let mut judged = Vec::new();
        for (n, thing) in things.iter().enumerate() {
            judged.push(self.judge(sets, thing, n, bench));
        }
        let accepted = |it: &Judgement| it.verdict == SentVerdict::Accepted;
        let is_new = sets.replaces_all.is_some_and(|(path, word)| {
            self.sent().text(path).as_deref() == Some(word) && self.is_accepted(sets)
        });
        if is_new {
            for (key, _) in bench.all()? {
                bench.end(&key, GoneWhy::Replaced)?;
            }
        }
        for (thing, judgement) in things.iter().zip(judged) {
            if sets.is_silent && !accepted(&judgement) {
                continue;
            }
            let key = sets.things.key.of(thing, bench).or_else(|| judgement.key.clone());
            let Some(key) = key else { continue };
            if sets.drops_without.is_some_and(|member| thing.value(member).is_none()) {
                bench.end(&key, GoneWhy::Cleared)?;
                continue;
            }
            let displaces = if accepted(&judgement) { sets.displaces } else { &[] };
            self.note(&sets.things, &key, thing, judgement, bench)?;
            displace(&key, displaces, bench)?;
        }
        Ok(())
    }

    /// The answer as a whole says yes; an empty list has nothing else that could.
    fn is_accepted(&self, sets: &Sets) -> bool {
        match sets.verdict {
            Judged::Whole(yes) => self.has_status(yes),
            Judged::Each { .. } | Judged::Answered => false,
        }
    }

    fn judge(&self, sets: &Sets, thing: &Spot<'_>, n: usize, bench: &Bench<'_>) -> Judgement {
        let answer = self.answered();
        let verdict_of = |status: &Option<String>, yes: &[&str]| match status {
            Some(status) if yes.contains(&status.as_str()) => SentVerdict::Accepted,
            Some(_) => SentVerdict::Refused,
            None => SentVerdict::Unknown,
        };
        let plain = |verdict, status| Judgement { verdict, status, reason: None, key: None };
        match (self.called.outcome, &sets.verdict) {
            (Outcome::Unknown, _) => plain(SentVerdict::Unknown, None),
            (Outcome::Refused(code), _) => plain(SentVerdict::Refused, Some(code.to_owned())),
            (Outcome::Answered(_), Judged::Answered) => plain(SentVerdict::Accepted, None),
            (Outcome::Answered(_), Judged::Whole(yes)) => {
                let status = answer.text(STATUS);
                let verdict = verdict_of(&status, yes);
                Judgement { verdict, status, reason: answer.text(REASON), key: None }
            }
            (Outcome::Answered(_), Judged::Each { results, same, status, reason, yes }) => {
                let results = answer.each(results);
                let Some(result) = fitting(thing, &results, same, n) else {
                    return plain(SentVerdict::Unknown, None);
                };
                let (status, reason) = (result.text(status), result.text(reason));
                let verdict = verdict_of(&status, yes);
                Judgement { verdict, status, reason, key: sets.things.key.of(result, bench) }
            }
        }
    }

    fn note(
        &self,
        things: &Things,
        key: &str,
        thing: &Spot<'_>,
        judgement: Judgement,
        bench: &mut Bench<'_>,
    ) -> Result<(), ReadFailed> {
        // What was taken away and is sent again is another thing under the same name.
        let known = bench.get(key)?.filter(|known| known.gone.is_none());
        let mut holding = known.unwrap_or_default();
        let Judgement { verdict, status, reason, .. } = judgement;
        let is_accepted = verdict == SentVerdict::Accepted;
        if is_accepted || !holding.is_held() {
            holding.marks.extend(things.marks.iter().filter_map(|mark| mark.of(thing)));
            holding.expires = expiry(things, thing);
        }
        let before = holding.sent.take().filter(|sent| sent.verdict == SentVerdict::Accepted);
        if let Some(Sent { content, at, .. }) = before {
            holding.accepted = Some(Accepted { content, at });
        }
        if is_accepted {
            holding.accepted = None;
        }
        holding.sent = Some(Sent {
            content: things.content(key, thing),
            at: self.called.sent,
            plugin: self.called.plugin.cloned(),
            command: Some(self.called.command.to_owned()),
            verdict,
            status,
            reason,
        });
        bench.put(key, holding)
    }

    fn clear(&self, which: &Which, bench: &mut Bench<'_>) -> Result<(), ReadFailed> {
        let spot = self.sent();
        let Some(covered) = covered(which, &spot, bench) else { return Ok(()) };
        if !covered.keys.is_empty() {
            return covered.keys.iter().try_for_each(|key| bench.end(key, GoneWhy::Cleared));
        }
        for (key, holding) in bench.all()? {
            if covered.has(&key, &holding.marks) {
                bench.end(&key, GoneWhy::Cleared)?;
            }
        }
        Ok(())
    }

    fn take_answer(
        &self,
        things: &Things,
        covers: &Which,
        bench: &mut Bench<'_>,
    ) -> Result<(), ReadFailed> {
        let answer = self.answered();
        let mut told = Vec::new();
        for thing in answer.each(things.at) {
            let status = things.if_status.as_ref();
            let word = status.and_then(|status| thing.text(status.at)).unwrap_or_default();
            if status.is_none_or(|status| status.told.contains(&word.as_str())) {
                told.extend(report(bench, things, &thing, self.called.ended)?);
            } else if status.is_some_and(|status| status.missing.contains(&word.as_str()))
                && let Some(key) = things.key.of(&thing, bench)
                && bench.get(&key)?.is_some_and(|holding| holding.is_held())
            {
                bench.end(&key, GoneWhy::Missing)?;
            }
        }
        match covered(covers, &answer, bench) {
            Some(covered) => sweep(bench, &covered, |key, _| told.iter().any(|told| told == key)),
            None => Ok(()),
        }
    }
}

/// The result of a thing: with the same in all of these members, as far as both say it; else that in the same place.
fn fitting<'r, 'a>(
    thing: &Spot<'_>,
    results: &'r [Spot<'a>],
    same: &[&str],
    n: usize,
) -> Option<&'r Spot<'a>> {
    let fits = |result: &Spot<'_>| {
        same.iter().all(|member| match (thing.value(member), result.value(member)) {
            (Some(one), Some(other)) => one == other,
            (None, _) | (_, None) => true,
        })
    };
    let here = results.get(n);
    here.filter(|result| fits(result)).or_else(|| results.iter().find(|it| fits(it))).or(here)
}

/// What has the same in all of these marks as the thing under `key` has made way for it.
fn displace(key: &str, marks: &[&str], bench: &mut Bench<'_>) -> Result<(), ReadFailed> {
    let Some(new) = bench.get(key)?.filter(|_| !marks.is_empty()) else { return Ok(()) };
    for (other, holding) in bench.all()? {
        let is_same = marks.iter().all(|mark| holding.marks.get(*mark) == new.marks.get(*mark));
        if other != key && is_same {
            bench.end(&other, GoneWhy::Replaced)?;
        }
    }
    Ok(())
}

/// `None`: nothing in particular.
fn covered(which: &Which, spot: &Spot<'_>, bench: &Bench<'_>) -> Option<Covered> {
    let all = |is_all: bool| is_all.then(Covered::default);
    match which {
        Which::None => None,
        Which::All => all(true),
        Which::AllIf(path, word) => all(spot.text(path).as_deref() == Some(word)),
        Which::AllWithout(paths) => all(paths.iter().all(|path| spot.value(path).is_none())),
        Which::By { keys, marks } => Some(Covered {
            keys: match keys {
                Keys::None => Vec::new(),
                Keys::At(path) => spot.texts(path).unwrap_or_default(),
                Keys::One(key) => key.of(spot, bench).into_iter().collect(),
            },
            marks: marks
                .iter()
                .filter_map(|(name, path)| Some(((*name).to_owned(), spot.texts(path)?)))
                .collect(),
        }),
    }
}
