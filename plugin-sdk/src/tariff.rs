//! The questions "on which terms?" and "what does it cost?". Knows no protocol.

use crate::bindings::tariff::exports::plugpoint::plugin::tariff as wit;
use crate::{Ask, Lifecycle, Micros, Millis};

pub use wit::{Bill, Interval, Line, Terms};

/// Prices sessions.
pub trait Tariff: Lifecycle {
    /// The terms for a session that starts; `None` leaves it to the next tariff. Whatever [`price`](Self::price)
    /// needs goes into [`Terms::body`]: the terms stay with the session, the settings may change under it.
    ///
    /// An error says that the policy could not find out: the next tariff is asked.
    fn offer(&self, ask: &Ask, account: Option<&str>) -> Result<Option<Terms>, String>;

    /// The bill for what was used so far, on terms that this policy offered, perhaps in an older version. The zone is
    /// that of the station at the start. A calculation: what it writes to [`state`](crate::state) is discarded.
    fn price(
        &self,
        terms: &Terms,
        zone: &str,
        used: &[Interval],
        closed: bool,
    ) -> Result<Bill, String>;
}

impl Interval {
    /// The car took energy, as opposed to merely being connected.
    pub fn is_charging(&self) -> bool {
        self.activity == "charging"
    }

    pub fn duration(&self) -> Millis {
        self.end.saturating_sub(self.start)
    }
}

impl Line {
    /// A line with a text for people: what was counted, and at which rate.
    pub fn new(kind: &str, net: Micros, tax: Micros, text: impl Into<String>) -> Self {
        Self { kind: kind.to_owned(), net, tax, more: vec![("text".to_owned(), text.into())] }
    }
}

impl Bill {
    /// A bill of these lines. The total is rounded once, half away from zero, to the currency's minor unit.
    pub fn of(lines: Vec<Line>, currency: &str) -> Self {
        let sum: i128 = lines.iter().map(|line| i128::from(line.net) + i128::from(line.tax)).sum();
        let minor = 10_i128.pow(6 - decimals(currency));
        let total = divide(sum, minor);
        let total_minor =
            i64::try_from(total).unwrap_or(if total < 0 { i64::MIN } else { i64::MAX });
        Self { lines, total_minor, next_change: None }
    }
}

/// `amount / by`, rounded half away from zero. `by` is positive.
pub fn divide(amount: i128, by: i128) -> i128 {
    (amount.abs() + by / 2) / by * amount.signum()
}

/// Decimals of a currency's minor unit (ISO 4217). Two unless the list says otherwise.
pub fn decimals(currency: &str) -> u32 {
    match currency {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX"
        | "UYI" | "VND" | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        "CLF" | "UYW" => 4,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(micros: &[Micros], currency: &str) -> i64 {
        let lines = micros.iter().map(|net| Line::new("energy", *net, 0, "")).collect();
        Bill::of(lines, currency).total_minor
    }

    #[test]
    fn a_total_is_rounded_once_and_half_away_from_zero() {
        assert_eq!(
            total(&[1_004_000, 1_004_000, 1_004_000], "EUR"),
            301,
            "3.012, not 3 times 1.00"
        );
        assert_eq!(total(&[1_005_000], "EUR"), 101);
        assert_eq!(total(&[-1_005_000], "EUR"), -101);
        assert_eq!(total(&[1_499_999], "JPY"), 1);
        assert_eq!(total(&[1_000_500], "KWD"), 1_001);
    }
}
