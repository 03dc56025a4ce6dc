use std::collections::BTreeMap;

use plugpoint_sdk::testing::{Loaded, NEW_YEAR, Stage, ask};
use plugpoint_sdk::{Bill, Interval, Micros, Millis, Terms};
use serde::Deserialize;
use serde_json::{Value, json};

use super::TimeOfUse;

const MINUTE: Millis = 60_000;
const HOUR: Millis = 60 * MINUTE;

/// The switch to summer time in Berlin, 2026-03-29T01:00:00Z.
const SUMMER: Millis = 1_774_746_000_000;
/// The switch back, 2026-10-25T01:00:00Z.
const WINTER: Millis = 1_792_890_000_000;

fn berlin() -> Stage {
    let offsets = [(NEW_YEAR, 3_600), (SUMMER, 7_200), (WINTER, 3_600)];
    Stage::new().zone("Europe/Berlin", &offsets)
}

fn load(stage: Stage, rates: &Value) -> Result<Loaded<TimeOfUse>, String> {
    stage.load(&json!({ "id": "test", "rates": rates }).to_string())
}

fn part(start: Millis, end: Millis, energy_mwh: i64) -> Interval {
    let activity = if energy_mwh == 0 { "idle" } else { "charging" }.to_owned();
    Interval { start, end, energy_mwh, activity }
}

fn price(stage: Stage, rates: &Value, used: &[Interval]) -> Bill {
    let mut tariff = load(stage, rates).unwrap();
    let terms = tariff.offer(&ask(), None).unwrap().unwrap();
    tariff.price(&terms, "Europe/Berlin", used).unwrap()
}

fn lines(bill: &Bill) -> Vec<(&str, Micros, Micros)> {
    bill.lines.iter().map(|line| (line.kind.as_str(), line.net, line.tax)).collect()
}

#[derive(Deserialize)]
struct Figures {
    zones: BTreeMap<String, Vec<(Millis, i32)>>,
    net: Value,
    gross: Value,
    sessions: Vec<Figured>,
}

#[derive(Deserialize)]
struct Figured {
    zone: String,
    start: String,
    rates: String,
    used: Vec<Used>,
    /// Millionths with tax.
    sums: BTreeMap<String, Micros>,
    total_minor: i64,
}

#[derive(Deserialize)]
struct Used {
    start: Millis,
    end: Millis,
    energy_mwh: i64,
    activity: String,
}

#[test]
fn thirty_sessions_cost_to_the_cent_what_an_independent_script_says() {
    let figures: Figures = serde_json::from_str(include_str!("../tests/figures.json")).unwrap();
    let stage = figures.zones.iter().fold(Stage::new(), |stage, (n, o)| stage.zone(n, o));
    let mut net = load(stage.clone(), &figures.net).unwrap();
    let mut gross = load(stage, &figures.gross).unwrap();
    assert_eq!(figures.sessions.len(), 30);
    for session in figures.sessions {
        let tariff = if session.rates == "net" { &mut net } else { &mut gross };
        let terms = tariff.offer(&ask(), None).unwrap().unwrap();
        let used = session.used.into_iter().map(|used| {
            let Used { start, end, energy_mwh, activity } = used;
            Interval { start, end, energy_mwh, activity }
        });
        let used: Vec<_> = used.collect();
        let bill = tariff.price(&terms, &session.zone, &used).unwrap();
        let what = format!("{} from {}", session.zone, session.start);
        assert_eq!(bill.total_minor, session.total_minor, "{what}");
        for (kind, sum) in session.sums {
            let ours = bill.lines.iter().filter(|line| line.kind == kind);
            let ours: Micros = ours.map(|line| line.net + line.tax).sum();
            // Stretches are cut at whole milliwatt-hours, worth 45 millionths where prices are highest.
            assert!((ours - sum).abs() <= 45 * 4, "{what}, {kind}: {ours} is not {sum}");
        }
    }
}

#[test]
fn an_hour_that_clocks_skip_costs_nothing_and_one_that_they_repeat_costs_twice() {
    let rates = json!({ "currency": "EUR", "base": { "time": "0.01" }, "bands": [
        { "from": "02:00", "to": "03:00", "prices": { "time": "1" } }] });
    let around = |jump: Millis| [part(jump - 2 * HOUR, jump + 2 * HOUR, 1)];
    let spring = price(berlin(), &rates, &around(SUMMER));
    assert_eq!(lines(&spring), [("time", 2_400_000, 0)], "240 minutes, none of them after two");
    let autumn = price(berlin(), &rates, &around(WINTER));
    let (dear, cheap) = (("time", 120_000_000, 0), ("time", 1_200_000, 0));
    assert_eq!(lines(&autumn), [cheap, dear], "two o'clock came twice");
}

#[test]
fn a_weekend_begins_at_midnight_and_energy_is_split_there() {
    let rates = json!({ "currency": "EUR", "vat": "20", "base": { "energy": "0.50" }, "bands": [
        { "days": ["sat", "sun"], "from": "00:00", "to": "24:00", "prices": { "energy": "0.10" } }] });
    // Friday 2026-01-02, 23:30 in Berlin, to Saturday, 01:00.
    let start = NEW_YEAR + 46 * HOUR + HOUR / 2;
    let bill = price(berlin(), &rates, &[part(start, start + 90 * MINUTE, 9_000_000)]);
    assert_eq!(
        lines(&bill),
        [("energy", 600_000, 120_000), ("energy", 1_500_000, 300_000)],
        "6 kWh at 10 cents and 3 at 50"
    );
    assert_eq!(bill.total_minor, 252);
    assert_eq!(bill.lines[0].more[0].1, "6.000 kWh at 0.10");
}

#[test]
fn only_idling_after_the_last_energy_is_billed_and_not_at_once() {
    let rates = json!({ "currency": "EUR", "idle_free_minutes": 15, "base": { "idle": "0.10" } });
    let at = |minute: Millis| NEW_YEAR + minute * MINUTE;
    let used = [
        part(at(0), at(30), 0),
        part(at(30), at(60), 5_000_000),
        part(at(60), at(70), 0),
        part(at(70), at(80), 1_000),
        part(at(80), at(90), 0),
        part(at(90), at(120), 0),
    ];
    let bill = price(berlin(), &rates, &used);
    assert_eq!(lines(&bill), [("idle", 2_500_000, 0)], "25 of the last 40 minutes");
    assert_eq!(lines(&price(berlin(), &rates, &used[..1])), [], "who got nothing pays nothing");
}

#[test]
fn prices_with_tax_are_taken_apart() {
    let rates = json!({ "currency": "EUR", "vat": "19", "vat_included": true, "session": "1.19",
        "base": { "energy": "0.595" } });
    let bill = price(berlin(), &rates, &[part(NEW_YEAR, NEW_YEAR + HOUR, 10_000_000)]);
    assert_eq!(lines(&bill), [("session", 1_000_000, 190_000), ("energy", 5_000_000, 950_000)]);
    assert_eq!(bill.total_minor, 714);
}

#[test]
fn the_terms_decide_and_not_the_settings_of_whoever_computes() {
    let rates = |price: &str| json!({ "currency": "EUR", "base": { "energy": price } });
    let used = [part(NEW_YEAR, NEW_YEAR + HOUR, 10_000_000)];
    let mut before = load(berlin(), &rates("0.40")).unwrap();
    let mut after = load(berlin(), &rates("0.99")).unwrap();
    let terms = before.offer(&ask(), None).unwrap().unwrap();
    assert_eq!(after.price(&terms, "Europe/Berlin", &used).unwrap().total_minor, 400);
    let foreign = Terms { body: "a flat fee".to_owned(), ..terms };
    assert!(after.price(&foreign, "UTC", &used).unwrap_err().contains("not mine"));
}

#[test]
fn stations_without_the_tag_are_left_to_others() {
    let settings = r#"{"id": "t", "tags": ["public"], "rates": {"currency": "EUR", "base": {}}}"#;
    let mut tariff = Stage::new().load::<TimeOfUse>(settings).unwrap();
    assert_eq!(tariff.offer(&ask(), None), Ok(None));
    let mut public = ask();
    public.station.tags.push("public".to_owned());
    let terms = tariff.offer(&public, None).unwrap().unwrap();
    assert_eq!(terms.driver_text, "free");
}

#[test]
fn a_running_bill_says_when_the_price_changes() {
    let rates = json!({ "currency": "EUR", "base": { "energy": "0.50" }, "bands": [
        { "from": "22:00", "to": "06:00", "prices": { "energy": "0.10" } }] });
    let mut tariff = load(berlin(), &rates).unwrap();
    let terms = tariff.offer(&ask(), None).unwrap().unwrap();
    let text = "0.50 EUR/kWh; 22:00-06:00 0.10 EUR/kWh";
    assert_eq!(terms.driver_text, text);
    let used = [part(NEW_YEAR, NEW_YEAR + HOUR, 1)];
    let bill = tariff.price_so_far(&terms, "Europe/Berlin", &used, false).unwrap();
    assert_eq!(bill.next_change, Some(NEW_YEAR + 5 * HOUR), "six o'clock in Berlin");
    let nowhere = tariff.price_so_far(&terms, "Mars/Olympus", &used, false).unwrap_err();
    assert!(nowhere.contains("no time zone"), "{nowhere}");
}

#[test]
fn wrong_settings_say_what_is_wrong() {
    for (rates, told) in [
        (json!({ "currency": "Euro", "base": {} }), "three capitals"),
        (json!({ "currency": "EUR", "base": { "energy": "0,39" } }), "0.39"),
        (json!({ "currency": "EUR", "base": { "energy": 0.39 } }), "string"),
        (json!({ "currency": "EUR", "base": { "power": "1" } }), "power"),
        (
            json!({ "currency": "EUR", "base": {}, "bands": [
                { "from": "25:00", "to": "06:00", "prices": {} }] }),
            "06:30",
        ),
        (
            json!({ "currency": "EUR", "base": {}, "bands": [
                { "from": "06:00", "to": "06:00", "prices": {} }] }),
            "no length",
        ),
    ] {
        let error = load(berlin(), &rates).map(drop).unwrap_err();
        assert!(error.contains(told), "{rates}: {error}");
    }
}
