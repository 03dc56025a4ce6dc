//! Prices energy, time, idling and sessions by weekday and hour of the station's zone. Knows nothing of cards and
//! payments.

mod amount;
mod bill;
mod calendar;
mod settings;

use plugpoint_sdk::{Ask, Bill, Interval, Lifecycle, Tariff, Terms};

use settings::{Rates, Settings};

pub struct TimeOfUse {
    settings: Settings,
}

plugpoint_sdk::export!(TimeOfUse: Tariff);

impl Lifecycle for TimeOfUse {
    type Settings = Settings;

    fn configure(settings: Settings) -> Result<Self, String> {
        settings.check()?;
        Ok(Self { settings })
    }
}

impl Tariff for TimeOfUse {
    /// The whole price list goes into the terms, so that no later settings reprice a session.
    fn offer(&self, ask: &Ask, _: Option<&str>) -> Result<Option<Terms>, String> {
        let Settings { id, tags, rates } = &self.settings;
        if !tags.is_empty() && !ask.station.tags.iter().any(|tag| tags.contains(tag)) {
            return Ok(None);
        }
        let body = serde_json::to_string(rates).map_err(|error| error.to_string())?;
        let (currency, driver_text) = (rates.currency.clone(), rates.text());
        Ok(Some(Terms { id: id.clone(), body, currency, driver_text }))
    }

    fn price(
        &self,
        terms: &Terms,
        zone: &str,
        used: &[Interval],
        closed: bool,
    ) -> Result<Bill, String> {
        let rates: Rates = serde_json::from_str(&terms.body)
            .map_err(|error| format!("these terms are not mine: {error}"))?;
        bill::bill(&rates, zone, used, closed)
    }
}

#[cfg(test)]
mod tests;
