use plugpoint_sdk::testing::{Stage, ask};
use plugpoint_sdk::{Interval, Terms};

use super::Policy;

const HOUR: u64 = 3_600_000;

fn used(energy_mwh: i64) -> Vec<Interval> {
    vec![Interval { start: 0, end: HOUR, energy_mwh, activity: "charging".to_owned() }]
}

#[test]
fn energy_costs_what_the_terms_say_whatever_the_settings_have_become() {
    let load = |settings| Stage::new().load::<Policy>(settings).unwrap();
    let terms: Terms = load("{}").offer(&ask(), None).unwrap().unwrap();
    let mut dearer = load(r#"{"cents_per_kwh": 99}"#);
    let bill = dearer.price(&terms, "UTC", &used(12_500_000)).unwrap();
    assert_eq!(bill.total_minor, 500, "12.5 kWh at 40 cents");
}

#[test]
fn a_negative_price_is_refused() {
    let refused = Stage::new().load::<Policy>(r#"{"cents_per_kwh": -1}"#).err().unwrap();
    assert!(refused.contains("negative"), "{refused}");
}
