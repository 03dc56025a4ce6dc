//! Offers no terms and traps whenever it is asked for a price. For tests of what becomes of sessions that end meanwhile.

use plugpoint_sdk::{Ask, Bill, Interval, Lifecycle, NoSettings, Tariff, Terms};

struct TariffTraps;

plugpoint_sdk::export!(TariffTraps: Tariff);

impl Lifecycle for TariffTraps {
    type Settings = NoSettings;

    fn configure(_: NoSettings) -> Result<Self, String> {
        Ok(Self)
    }
}

impl Tariff for TariffTraps {
    fn offer(&self, _: &Ask, _: Option<&str>) -> Result<Option<Terms>, String> {
        Ok(None)
    }

    fn price(&self, _: &Terms, _: &str, _: &[Interval], _: bool) -> Result<Bill, String> {
        panic!("as promised")
    }
}
