//! One price for every kilowatt-hour. Knows nothing of who may charge.

use plugpoint_sdk::{Ask, Bill, Interval, Lifecycle, Line, Tariff, Terms};
use serde::Deserialize;

/// Millionths of the currency in a cent.
const CENT: i64 = 10_000;

/// Milliwatt-hours in a kilowatt-hour.
const KWH: i64 = 1_000_000;

/// What the operator may set, as JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    cents_per_kwh: i64,
    currency: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self { cents_per_kwh: 40, currency: "EUR".to_owned() }
    }
}

pub struct Policy {
    settings: Settings,
}

plugpoint_sdk::export!(Policy: Tariff);

impl Lifecycle for Policy {
    type Settings = Settings;

    /// An error refuses the settings, and what ran before goes on.
    fn configure(settings: Settings) -> Result<Self, String> {
        match settings.cents_per_kwh {
            0.. => Ok(Self { settings }),
            _ => Err("cents_per_kwh must not be negative".to_owned()),
        }
    }
}

impl Tariff for Policy {
    /// All that the price depends on goes into the body: it stays with the session, the settings may change under it.
    fn offer(&self, _: &Ask, _account: Option<&str>) -> Result<Option<Terms>, String> {
        let Settings { cents_per_kwh, currency } = &self.settings;
        Ok(Some(Terms {
            id: "per-kwh".to_owned(),
            body: cents_per_kwh.to_string(),
            currency: currency.clone(),
            driver_text: format!("{cents_per_kwh} cents for a kilowatt-hour"),
        }))
    }

    fn price(&self, terms: &Terms, _: &str, used: &[Interval], _: bool) -> Result<Bill, String> {
        let cents: i64 = terms.body.parse().map_err(|_| "these terms are not its own")?;
        let mwh: i64 = used.iter().map(|interval| interval.energy_mwh).sum();
        let net = i128::from(mwh) * i128::from(cents * CENT) / i128::from(KWH);
        let net = i64::try_from(net).map_err(|_| "more than can be counted")?;
        let line = Line::new("energy", net, 0, format!("{} Wh", mwh / 1000));
        Ok(Bill::of(vec![line], &terms.currency))
    }
}

#[cfg(test)]
mod tests;
