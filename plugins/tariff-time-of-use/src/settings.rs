//! What the operator may set, and the price list that goes into the terms of a session.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::amount::Amount;

/// Bands of one price list. With the four kinds of line that still makes a bill of less than 64 lines.
const MAX_BANDS: usize = 20;

/// Minutes of a day.
pub(crate) const DAY: u32 = 24 * 60;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// A name for the tariff, for lists and bills.
    pub(crate) id: String,
    /// Only for stations with one of these tags; empty for all.
    #[serde(default)]
    pub(crate) tags: Vec<String>,
    pub(crate) rates: Rates,
}

/// The price list. Its JSON is the body of the terms: whatever is added later needs a default.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rates {
    /// ISO 4217.
    pub(crate) currency: String,
    /// Percent.
    #[serde(default)]
    pub(crate) vat: Amount,
    /// The prices hold the tax already; otherwise it comes on top.
    #[serde(default)]
    pub(crate) vat_included: bool,
    /// Once a session in which any energy flowed.
    #[serde(default)]
    pub(crate) session: Amount,
    /// Minutes after charging has ended for which idling is free.
    #[serde(default)]
    pub(crate) idle_free_minutes: u32,
    /// Whenever no band says otherwise.
    pub(crate) base: Prices,
    /// The first that matches counts.
    #[serde(default)]
    pub(crate) bands: Vec<Band>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Prices {
    /// Per kilowatt-hour.
    pub(crate) energy: Amount,
    /// Per minute of charging.
    pub(crate) time: Amount,
    /// Per minute after charging has ended.
    pub(crate) idle: Amount,
}

/// Other prices at certain hours of certain days.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Band {
    /// Empty for all.
    #[serde(default)]
    pub(crate) days: Vec<Day>,
    pub(crate) from: TimeOfDay,
    /// The first moment that is not part of it. Before `from`, the band goes over midnight; each side of it is judged
    /// by its own day.
    pub(crate) to: TimeOfDay,
    pub(crate) prices: Prices,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

/// Minutes since midnight, written as `"06:30"`; `"24:00"` is the end of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct TimeOfDay(pub(crate) u32);

impl TryFrom<String> for TimeOfDay {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let number = |digits: &str| digits.parse::<u32>().ok().filter(|_| digits.len() == 2);
        let minutes = text.split_once(':').and_then(|(hour, minute)| {
            let minute = number(minute).filter(|minute| *minute < 60)?;
            Some(number(hour)? * 60 + minute).filter(|minutes| *minutes <= DAY)
        });
        minutes.map(Self).ok_or_else(|| format!("{text:?} is not a time of day like \"06:30\""))
    }
}

impl From<TimeOfDay> for String {
    fn from(time: TimeOfDay) -> Self {
        format!("{:02}:{:02}", time.0 / 60, time.0 % 60)
    }
}

impl Band {
    /// Is this minute of this day part of it?
    pub(crate) fn covers(&self, day: Day, minute: u32) -> bool {
        let (from, to) = (self.from.0, self.to.0);
        let hours =
            if from < to { (from..to).contains(&minute) } else { minute >= from || minute < to };
        hours && (self.days.is_empty() || self.days.contains(&day))
    }
}

impl Settings {
    pub(crate) fn check(&self) -> Result<(), String> {
        let Rates { currency, bands, .. } = &self.rates;
        if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Err(format!("currency: {currency:?} is not three capitals like \"EUR\""));
        }
        if bands.len() > MAX_BANDS {
            return Err(format!("bands: more than {MAX_BANDS}"));
        }
        match bands.iter().find(|band| band.from == band.to) {
            Some(band) => Err(format!(
                "bands: one from {0} to {0} has no length; use 00:00 to 24:00 for a whole day",
                String::from(band.from)
            )),
            None => Ok(()),
        }
    }
}

impl Rates {
    /// The price list in one line, for drivers.
    pub(crate) fn text(&self) -> String {
        let mut text = self.base.text(&self.currency);
        for band in &self.bands {
            let days: Vec<_> = band.days.iter().map(|day| format!("{day:?} ")).collect();
            let (from, to) = (String::from(band.from), String::from(band.to));
            let prices = band.prices.text(&self.currency);
            // Writing to a string cannot fail.
            let _ = write!(text, "; {}{from}-{to} {prices}", days.concat());
        }
        if self.session > Amount::default() {
            let _ = write!(text, "; {} {} a session", self.session, self.currency);
        }
        if self.vat > Amount::default() {
            let how = if self.vat_included { "incl." } else { "plus" };
            let _ = write!(text, "; {how} {} % VAT", self.vat);
        }
        text
    }
}

impl Prices {
    fn text(&self, currency: &str) -> String {
        let named = [(self.energy, "kWh"), (self.time, "min"), (self.idle, "min after charging")];
        let prices = named.iter().filter(|(price, _)| *price > Amount::default());
        let texts: Vec<_> =
            prices.map(|(price, unit)| format!("{price} {currency}/{unit}")).collect();
        if texts.is_empty() { "free".to_owned() } else { texts.join(", ") }
    }
}
