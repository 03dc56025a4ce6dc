//! A policy with state on the native stage: what the real host promises, the stage keeps.

use std::collections::BTreeMap;
use std::time::Duration;

use plugpoint_sdk::testing::{Loaded, NEW_YEAR, Stage, ask, event_from, timer};
use plugpoint_sdk::{
    Ask, Authorizer, Inbox, Lifecycle, Message, NoSettings, Outcome, Purpose, Quirks, Reply,
    Responder, Station, Token, Verdict, clock, commands, events, log, responder, state, stations,
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

#[test]
fn a_made_up_zone_jumps_when_the_test_says() {
    /// Notes the offset of the place that it is asked about.
    struct Traveller;

    impl Lifecycle for Traveller {
        type Settings = NoSettings;

        fn configure(_: NoSettings) -> Result<Self, String> {
            Ok(Self)
        }
    }

    impl Authorizer for Traveller {
        fn authorize(&self, ask: &Ask, _: Purpose, _: &Token) -> Result<Verdict, String> {
            let offset = clock::offset(ask.at, &ask.station.zone).ok_or("no such zone")?;
            Ok(Verdict::refuse(format!("{} until {:?}", offset.seconds, offset.until)))
        }
    }

    let stage = Stage::new().zone("Moon/Apollo", &[(NEW_YEAR, -60), (NEW_YEAR + 10, 3_600)]);
    let mut traveller = stage.load::<Traveller>("{}").unwrap();
    let mut told = |zone: &str, at| {
        let mut ask = ask();
        ask.station.zone = zone.to_owned();
        ask.at = at;
        traveller.authorize(&ask, "C")
    };
    let before = format!("-60 until Some({})", NEW_YEAR + 10);
    assert_eq!(told("Moon/Apollo", NEW_YEAR + 9), Ok(Verdict::refuse(before)));
    assert_eq!(told("Moon/Apollo", NEW_YEAR + 10), Ok(Verdict::refuse("3600 until None")));
    assert_eq!(told("UTC", NEW_YEAR), Ok(Verdict::refuse("0 until None")));
    assert!(told("Moon/Dark Side", NEW_YEAR).is_err());
}

#[test]
fn a_message_that_fails_sends_nothing() {
    /// Resets a station at each tick, and does not get far with anything else.
    struct Restless;

    impl Lifecycle for Restless {
        type Settings = NoSettings;

        fn configure(_: NoSettings) -> Result<Self, String> {
            Ok(Self)
        }
    }

    impl Inbox for Restless {
        fn handle(&self, _: u64, message: &Message) -> Result<(), String> {
            let minute = Duration::from_secs(60);
            let id =
                commands::enqueue("CS-1", "Reset", &BTreeMap::from([("type", "Soft")]), minute)?;
            events::emit("reset", &id)?;
            match message {
                Message::Timer(_) => Ok(()),
                other => Err(format!("what is {other:?}?")),
            }
        }
    }

    let mut restless = Stage::new().load::<Restless>("{}").unwrap();
    restless.handle(&timer("tick")).unwrap();
    assert!(restless.handle(&event_from("somebody", "topic", "")).is_err());
    assert!(restless.end("command-1", Outcome::Expired).is_err());
    let [command] = restless.commands() else { panic!("{:?}", restless.commands()) };
    assert_eq!(
        (command.action.as_str(), command.payload.as_str()),
        ("Reset", r#"{"type":"Soft"}"#)
    );
    assert_eq!(restless.events(), [("reset".to_owned(), r#""command-1""#.to_owned())]);
}

/// Counts every call of either hook, and says how many it knows of.
struct Tallies;

impl Tallies {
    fn count() -> Result<u32, String> {
        let before: u32 = state::load("calls")?.unwrap_or(0);
        state::save("calls", &(before + 1))?;
        Ok(before)
    }
}

impl Lifecycle for Tallies {
    type Settings = NoSettings;

    fn configure(_: NoSettings) -> Result<Self, String> {
        Ok(Self)
    }
}

impl Quirks for Tallies {
    fn inbound(&self, sender: &Station, _: &str) -> Result<Option<String>, String> {
        let (calls, firmware) = (Self::count()?, sender.firmware().unwrap_or("none"));
        Ok(Some(format!("{calls} {firmware}")))
    }
}

impl Responder for Tallies {
    fn answer(&self, _: &Ask, action: &str, payload: &str) -> Result<Option<Reply>, String> {
        let calls = Self::count()?;
        let wanted: BTreeMap<String, u32> = responder::read(action, payload)?;
        Ok(wanted.contains_key("count").then(|| Reply::refuse("GenericError", calls.to_string())))
    }
}

#[test]
fn what_a_frames_call_writes_is_discarded_and_what_an_answer_writes_stays() {
    let mut tallies = Stage::new().load::<Tallies>("{}").unwrap();
    let mut station = ask().station;
    station.more.push(("firmware".to_owned(), "1.2".to_owned()));
    let told = |calls: &str| Some(Reply::refuse("GenericError", calls));
    for calls in ["0", "1"] {
        let mended = tallies.inbound(&station, "x").unwrap();
        assert_eq!(mended, Some(format!("{calls} 1.2")));
        let answer = tallies.answer(&ask(), "DataTransfer", r#"{"count":1}"#);
        assert_eq!(answer, Ok(told(calls)));
    }
    assert_eq!(tallies.outbound(&station, "x", None), Ok(None), "left as it is by default");
    assert!(tallies.answer(&ask(), "DataTransfer", "[]").is_err());
    assert_eq!(tallies.answer(&ask(), "DataTransfer", "{}"), Ok(None));
    assert_eq!(tallies.state("calls"), Some(&b"3"[..]), "a call that failed leaves nothing");
}
