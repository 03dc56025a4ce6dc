//! On which terms a session charges, and what it costs: the first tariff that offers decides, and stays responsible.

use tokio::time::Instant;

use super::Policies;
use crate::domain::{Bill, Effects, Offer, OfferAsk, Pinned, PriceAsk, TariffAsk, TariffSaid};

impl Policies {
    /// Answers either question in kind. The effects belong into the commit that the answer becomes part of.
    pub async fn tariff(&self, ask: &TariffAsk, deadline: Instant) -> (TariffSaid, Effects) {
        match ask {
            TariffAsk::Offer(ask) => {
                let (offer, effects) = self.offer(ask, deadline).await;
                (TariffSaid::Offered(offer), effects)
            }
            TariffAsk::Price(ask) => {
                (TariffSaid::Priced(self.price(ask, deadline).await), Effects::default())
            }
        }
    }

    /// Terms for a session that starts. The tariffs whose manifest admits the station are asked in order; one that fails is passed over, and the offer
    /// says so. Nobody's offer is no offer: the session charges without a price.
    pub async fn offer(&self, ask: &OfferAsk, deadline: Instant) -> (Offer, Effects) {
        let mut offer = Offer::default();
        let mut effects = Effects::default();
        let tariffs = self.host.tariffs();
        for plugin in
            tariffs.iter().filter(|plugin| plugin.manifest().filters.admit(&ask.about.station))
        {
            let version = &plugin.version().version;
            match plugin.offer(ask, deadline).await {
                Ok((terms, more)) => {
                    effects.extend(more);
                    if let Some(terms) = terms {
                        let (plugin, version) = (plugin.name().clone(), version.clone());
                        let zone = ask.about.station.zone.clone();
                        offer.pinned = Some(Pinned { plugin, version, zone, terms });
                        break;
                    }
                }
                Err(error) => {
                    offer.failure.get_or_insert(format!("{} {version} {error}", plugin.name()));
                }
            }
        }
        (offer, effects)
    }

    /// The price on pinned terms, with the version that computed it. It is asked of the plugin of that name, whatever
    /// its version is by now and whichever stations that one wants: the terms hold all that decides.
    pub async fn price(&self, ask: &PriceAsk, deadline: Instant) -> Result<(Bill, String), String> {
        let name = &ask.pinned.plugin;
        let plugin = self.host.plugin(name).ok_or(format!("{name} is not in service"))?;
        let version = &plugin.version().version;
        match plugin.price(ask, deadline).await {
            Ok(bill) => Ok((bill, version.clone())),
            Err(error) => Err(format!("{name} {version} {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::domain::{MilliwattHours, SessionId};
    use crate::plugins::Host;
    use crate::plugins::guests::{SPINS, ask, host, name};
    use crate::plugins::tariff_guests::{
        NO_OFFER, PRICES_ITS_LETTER, PRICES_NONSENSE, letter, letter_for, offers, tariff,
    };
    use crate::policy::Defaults;

    /// Longer than any of these calls takes on a busy machine.
    const AMPLE: Duration = Duration::from_secs(20);

    async fn load(host: &Arc<Host>, plugin: &str, wasm: Vec<u8>) {
        host.publish(host.prepare(&name(plugin), wasm, "").await.unwrap());
    }

    fn policies(host: &Arc<Host>) -> Policies {
        Policies::new(Arc::clone(host), Defaults::default())
    }

    async fn terms(policies: &Policies) -> Offer {
        let ask = OfferAsk { about: Box::new(ask("CARD")), account: Some("42".into()) };
        policies.offer(&ask, Instant::now() + AMPLE).await.0
    }

    async fn price(policies: &Policies, pinned: &Pinned) -> Result<(i64, String), String> {
        let used = vec![crate::domain::Interval {
            start: crate::domain::Millis(0),
            end: crate::domain::Millis(60_000),
            energy: MilliwattHours(1),
            activity: crate::domain::Activity::Charging,
        }];
        let session = SessionId::new(1).unwrap();
        let ask = PriceAsk { session, pinned: pinned.clone(), used, closed: true };
        let priced = policies.price(&ask, Instant::now() + AMPLE).await;
        priced.map(|(bill, version)| (bill.total_minor, version))
    }

    #[tokio::test]
    async fn a_swap_of_the_tariff_never_reprices_a_session() {
        let (host, _dir) = host(|_| {});
        let policies = policies(&host);
        load(&host, "letters", letter('A', "1")).await;
        let before = terms(&policies).await.pinned.unwrap();
        assert_eq!((before.version.as_str(), before.terms.body.as_str()), ("1", "A"));
        assert_eq!(before.terms.driver_text, "cheap");

        load(&host, "letters", letter('B', "2")).await;
        assert_eq!(price(&policies, &before).await, Ok((65, "2".into())), "still the letter A");
        let after = terms(&policies).await.pinned.unwrap();
        assert_eq!(price(&policies, &after).await, Ok((66, "2".into())), "new sessions pay B");

        host.retire(&name("letters"));
        let nobody = price(&policies, &before).await.unwrap_err();
        assert_eq!(nobody, "letters is not in service");
    }

    #[tokio::test]
    async fn the_first_that_offers_decides_and_failures_are_passed_over_and_told() {
        let (host, _dir) = host(|_| {});
        let policies = policies(&host);
        let prices = PRICES_ITS_LETTER;
        load(&host, "a", tariff(NO_OFFER, prices, "1", 1)).await;
        load(&host, "b", tariff("unreachable", prices, "1", 2)).await;
        load(&host, "c", tariff(&offers('C'), prices, "1", 3)).await;
        load(&host, "d", tariff(&offers('D'), prices, "1", 4)).await;
        let offer = terms(&policies).await;
        assert_eq!(offer.pinned.unwrap().terms.body, "C");
        assert!(offer.failure.unwrap().starts_with("b 1 trapped"));
    }

    #[tokio::test]
    async fn a_tariff_that_spins_or_talks_nonsense_costs_its_budget_and_is_told() {
        let (host, _dir) = host(|_| {});
        let policies = policies(&host);
        load(&host, "a", tariff(SPINS, PRICES_NONSENSE, "1", 1)).await;
        let offer = terms(&policies).await;
        assert_eq!(offer.pinned, None);
        assert!(offer.failure.unwrap().contains("ms of CPU"));

        load(&host, "a", tariff(&offers('A'), PRICES_NONSENSE, "2", 1)).await;
        let pinned = terms(&policies).await.pinned.unwrap();
        let told = price(&policies, &pinned).await.unwrap_err();
        assert!(told.contains("add up"), "{told}");
    }

    #[tokio::test]
    async fn filters_say_who_offers_and_never_who_prices() {
        let (host, _dir) = host(|_| {});
        let policies = policies(&host);
        let elsewhere = letter_for('A', "tags = [\"elsewhere\"]");
        load(&host, "a", elsewhere.clone()).await;
        load(&host, "b", letter_for('B', "vendors = [\"vendor\"]")).await;
        let pinned = terms(&policies).await.pinned.unwrap();
        assert_eq!(pinned.terms.body, "B");
        load(&host, "b", elsewhere).await;
        assert_eq!(price(&policies, &pinned).await, Ok((66, "1".into())), "its terms still hold");
        assert_eq!(terms(&policies).await, Offer::default());
    }

    #[tokio::test]
    async fn without_a_tariff_there_is_no_offer_and_nothing_failed() {
        let (host, _dir) = host(|_| {});
        assert_eq!(terms(&policies(&host)).await, Offer::default());
    }
}
