//! A report that comes in parts: in any order, some twice, some before anybody knows that it was asked for. Knows no thing
//! in it.
//!
//! What a part tells counts at once. Only a report that is whole, and of which it is known what it tells all of, says what is
//! not there any more.

use serde_json::Value;

use super::bench::Bench;
use super::path::Spot;
use super::table::{MORE, Paging, REQUEST};
use crate::domain::{
    Covered, GoneWhy, Holding, MAX_REPORT_PARTS, MAX_REPORTS, Millis, ReadFailed, Report,
};

impl Paging {
    /// Notes one message of a report; gives back which.
    pub(super) fn part(
        &self,
        bench: &mut Bench<'_>,
        spot: &Spot<'_>,
        bytes: u64,
        at: Millis,
    ) -> Option<i64> {
        let request = spot.number(REQUEST)?;
        // Where parts have no numbers, one more than all is the first of another report.
        let is_same = |known: &Report| self.number.is_some() || known.whole.is_none();
        let known = take(bench, request).filter(is_same);
        let mut report = known.unwrap_or_else(|| Report::new(request));
        let next = u32::try_from(report.parts.len()).unwrap_or(u32::MAX);
        let number = match self.number {
            Some(path) => spot.number(path).and_then(|number| u32::try_from(number).ok()),
            None => Some(next),
        };
        match number {
            Some(number) if report.parts.contains_key(&number) => {
                report.repeated = report.repeated.saturating_add(1);
                report.parts.insert(number, at);
            }
            Some(number) if report.parts.len() < MAX_REPORT_PARTS => {
                report.bytes += bytes;
                report.parts.insert(number, at);
            }
            Some(_) | None => bench.shelf.left_out += 1,
        }
        if spot.value(MORE) != Some(&Value::Bool(true)) {
            report.last = number.or(report.last);
        }
        put(bench, report);
        Some(request)
    }
}

fn take(bench: &mut Bench<'_>, request: i64) -> Option<Report> {
    let reports = &mut bench.shelf.reports;
    let known = reports.iter().position(|report| report.request == request);
    known.map(|known| reports.remove(known))
}

fn put(bench: &mut Bench<'_>, report: Report) {
    bench.shelf.reports.insert(0, report);
    bench.shelf.reports.truncate(MAX_REPORTS);
}

/// A call that asks for a report was answered. Parts may have come before that.
pub(super) fn ordered(
    bench: &mut Bench<'_>,
    request: i64,
    status: Option<String>,
    covers: Option<Covered>,
    sent: Millis,
) {
    let mut report = take(bench, request).unwrap_or_else(|| Report::new(request));
    // The number may have been used before, for a report that is over.
    let is_over = report.whole.is_some_and(|whole| whole < sent);
    let parts = report.parts.len();
    report.parts.retain(|_, at| *at >= sent);
    if is_over || report.parts.len() < parts {
        report.repeated = 0;
        report.last = report.last.filter(|last| report.parts.contains_key(last));
    }
    if report.parts.is_empty() {
        report.bytes = 0;
    }
    report.asked = Some(sent);
    report.status = status;
    report.covers = covers;
    report.whole = None;
    put(bench, report);
}

/// Ends a report of which every part is there, or which has nothing to tell.
pub(super) fn settle(
    bench: &mut Bench<'_>,
    request: i64,
    at: Millis,
    has_nothing: bool,
) -> Result<(), ReadFailed> {
    let known = bench.shelf.reports.iter_mut().find(|report| report.request == request);
    let Some(report) = known else { return Ok(()) };
    if report.whole.is_some() || !(has_nothing || report.has_all()) {
        return Ok(());
    }
    report.whole = Some(at);
    let since = report.asked.or_else(|| report.began()).unwrap_or(at);
    match report.covers.clone() {
        Some(covered) => sweep(bench, &covered, |_, holding| {
            holding.reported.as_ref().is_some_and(|reported| reported.at >= since)
                || holding.sent.as_ref().is_some_and(|sent| sent.at >= since)
        }),
        None => Ok(()),
    }
}

/// What should have been told of and was not is missing.
pub(super) fn sweep(
    bench: &mut Bench<'_>,
    covered: &Covered,
    was_told: impl Fn(&str, &Holding) -> bool,
) -> Result<(), ReadFailed> {
    for (key, holding) in bench.all()? {
        let is_due =
            holding.is_held() && holding.can_be_told() && covered.has(&key, &holding.marks);
        if is_due && !was_told(&key, &holding) {
            bench.end(&key, GoneWhy::Missing)?;
        }
    }
    Ok(())
}
