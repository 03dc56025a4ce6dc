//! A policy with state on the native stage: what the real host promises, the stage keeps.

use plugpoint_sdk::testing::{Loaded, NEW_YEAR, Stage, ask};
use plugpoint_sdk::{
    Ask, Authorizer, Lifecycle, NoSettings, Purpose, Token, Verdict, clock, log, state, stations,
};

/// Three charges a card, and never at a station that it does not know.
struct Carnet;

impl Lifecycle for Carnet {
    type Settings = NoSettings;

    fn configure(_: NoSettings) -> Result<Self, String> {
        state::set("configured", b"is discarded")?;
        Ok(Self)
    }

    fn migrate(other_version: &str) -> Result<(), String> {
        state::save("migrated", &other_version)
    }
}

impl Authorizer for Carnet {
    fn authorize(&self, ask: &Ask, _: Purpose, token: &Token) -> Result<Verdict, String> {
        let used = state::load::<u32>(&token.value)?.unwrap_or(0);
        state::save(&token.value, &(used + 1))?;
        log::info(format!("charge {used} at {}", clock::now()));
        if stations::get(&ask.station.id)?.is_none() {
            return Err("an unknown station".to_owned());
        }
        Ok(if used < 3 { Verdict::permit() } else { Verdict::refuse("used up") })
    }
}

fn carnet() -> Loaded<Carnet> {
    Stage::new().station(ask().station).load("{}").expect("settings that will do")
}

#[test]
fn state_lasts_from_call_to_call() {
    let mut carnet = carnet();
    for _ in 0..3 {
        assert_eq!(carnet.authorize(&ask(), "C"), Ok(Verdict::permit()));
    }
    assert_eq!(carnet.authorize(&ask(), "C"), Ok(Verdict::refuse("used up")));
    assert_eq!(carnet.state("C"), Some(&b"4"[..]));
}

#[test]
fn a_call_that_fails_and_a_configure_leave_no_state() {
    let mut carnet = carnet();
    let mut elsewhere = ask();
    elsewhere.station.id = "CS-2".to_owned();
    assert!(carnet.authorize(&elsewhere, "C").is_err());
    assert_eq!(carnet.state("C"), None);
    assert_eq!(carnet.state("configured"), None);
}

#[test]
fn time_stands_still_until_the_test_moves_it() {
    let mut carnet = carnet();
    carnet.authorize(&ask(), "C").unwrap();
    carnet.pass(5);
    carnet.authorize(&ask(), "C").unwrap();
    let lines: Vec<_> = carnet.log().iter().map(|(_, line)| line.clone()).collect();
    assert_eq!(lines, [format!("charge 0 at {NEW_YEAR}"), format!("charge 1 at {}", NEW_YEAR + 5)]);
}

#[test]
fn migrating_keeps_what_it_writes() {
    let mut carnet = carnet();
    carnet.migrate("0.9").unwrap();
    assert_eq!(carnet.state("migrated"), Some(&b"\"0.9\""[..]));
}

#[test]
fn settings_that_nobody_reads_are_refused() {
    let error = Stage::new().load::<Carnet>(r#"{"a": 1}"#).map(drop).unwrap_err();
    assert!(error.contains("unknown field"), "{error}");
}
