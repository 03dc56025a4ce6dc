//! From what was used to a bill. Every amount is exact until it is written into its line.

use std::collections::BTreeMap;

use plugpoint_sdk::tariff::divide;
use plugpoint_sdk::{Bill, Interval, Line, Millis};

use crate::amount::Amount;
use crate::calendar::Calendar;
use crate::settings::Rates;

/// A session longer than this comes from a station without a clock.
const MAX_SESSION: Millis = 400 * 24 * 3_600_000;

const MINUTE: Millis = 60_000;

/// What is counted, in the order of the bill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Session,
    Energy,
    Time,
    Idle,
}

/// How much was used at which price: milliwatt-hours, milliseconds, or sessions.
type Meter = BTreeMap<(Kind, Amount), i128>;

pub(crate) fn bill(
    rates: &Rates,
    zone: &str,
    used: &[Interval],
    closed: bool,
) -> Result<Bill, String> {
    let (Some(first), Some(last)) = (used.first(), used.last()) else {
        return Ok(Bill::of(Vec::new(), &rates.currency));
    };
    if last.end.saturating_sub(first.start) > MAX_SESSION {
        return Err("a session of more than 400 days is a mistake".to_owned());
    }
    let mut calendar = Calendar::new(rates, zone);
    let mut meter = Meter::new();
    if used.iter().any(|interval| interval.energy_mwh > 0) {
        meter.insert((Kind::Session, rates.session), 1);
    }
    // Pauses on the way are not the driver's; what comes after the last charging is.
    let takes = |interval: &Interval| interval.is_charging() || interval.energy_mwh != 0;
    let charged = used.iter().rposition(takes).map_or(0, |last| last + 1);
    for interval in &used[..charged] {
        charging(interval, &mut calendar, &mut meter)?;
    }
    if let Some(full) = charged.checked_sub(1) {
        let from = used[full].end + Millis::from(rates.idle_free_minutes) * MINUTE;
        for interval in &used[charged..] {
            let mut at = interval.start.max(from);
            while at < interval.end {
                let (prices, until) = calendar.at(at)?;
                let end = until.map_or(interval.end, |until| until.min(interval.end));
                *meter.entry((Kind::Idle, prices.idle)).or_default() += i128::from(end - at);
                at = end;
            }
        }
    }
    let used_up = meter.into_iter().filter(|((_, price), used)| *used != 0 && price.millionths > 0);
    let lines = used_up.map(|((kind, price), used)| line(rates, kind, price, used));
    let mut bill = Bill::of(lines.collect(), &rates.currency);
    if !closed {
        bill.next_change = calendar.next_change(last.end)?;
    }
    Ok(bill)
}

/// Energy is taken to flow evenly within an interval, whether the car was said to charge in it or not.
fn charging(
    interval: &Interval,
    calendar: &mut Calendar<'_>,
    meter: &mut Meter,
) -> Result<(), String> {
    let length = i128::from(interval.duration());
    let energy = i128::from(interval.energy_mwh);
    let (mut at, mut delivered) = (interval.start, 0);
    loop {
        let (prices, until) = calendar.at(at)?;
        let end = until.map_or(interval.end, |until| until.min(interval.end));
        let so_far = i128::from(end - interval.start);
        let due = if length == 0 { energy } else { energy * so_far / length };
        *meter.entry((Kind::Energy, prices.energy)).or_default() += due - delivered;
        if interval.is_charging() {
            *meter.entry((Kind::Time, prices.time)).or_default() += i128::from(end - at);
        }
        (at, delivered) = (end, due);
        if at >= interval.end {
            return Ok(());
        }
    }
}

fn line(rates: &Rates, kind: Kind, price: Amount, used: i128) -> Line {
    let (name, per, text) = match kind {
        Kind::Session => ("session", 1, "starting".to_owned()),
        Kind::Energy => {
            let text =
                format!("{}.{:03} kWh at {price}", used / 1_000_000, used % 1_000_000 / 1_000);
            ("energy", 1_000_000, text)
        }
        Kind::Time => ("time", i128::from(MINUTE), minutes(used, price)),
        Kind::Idle => ("idle", i128::from(MINUTE), minutes(used, price)),
    };
    let amount = i128::from(price.millionths) * used;
    // 100 % in millionths of a percent.
    let (whole, vat) = (100_000_000, i128::from(rates.vat.millionths));
    let (net, tax) = if rates.vat_included {
        let net = divide(amount * whole, per * (whole + vat));
        (net, divide(amount, per) - net)
    } else {
        (divide(amount, per), divide(amount * vat, per * whole))
    };
    let fits = |micros: i128| i64::try_from(micros).unwrap_or(i64::MAX);
    Line::new(name, fits(net), fits(tax), text)
}

fn minutes(ms: i128, price: Amount) -> String {
    format!("{}:{:02} min at {price}", ms / 60_000, ms % 60_000 / 1_000)
}
