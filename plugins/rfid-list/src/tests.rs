use plugpoint_sdk::testing::{Loaded, NEW_YEAR, Stage, ask};
use plugpoint_sdk::{Permit, Verdict, tokens::Entry};

use super::RfidList;

const HOUR: u64 = 3_600_000;

fn load(stage: Stage, settings: &str) -> Loaded<RfidList> {
    stage.load(settings).unwrap()
}

#[test]
fn without_settings_the_operators_list_decides() {
    let stage = Stage::new()
        .token("GOOD", Entry { account: Some("42".into()), ..Entry::default() })
        .token("BAD", Entry { blocked: true, ..Entry::default() })
        .token("OLD", Entry { expires: Some(NEW_YEAR), ..Entry::default() });
    let mut list = load(stage, "{}");
    let account = Some("42".to_owned());
    let permit = Verdict::Permit(Permit { account, ..Permit::default() });
    assert_eq!(list.authorize(&ask(), "good"), Ok(permit));
    assert_eq!(list.authorize(&ask(), "BAD"), Ok(Verdict::refuse("blocked")));
    assert_eq!(list.authorize(&ask(), "OLD"), Ok(Verdict::refuse("expired")));
    assert_eq!(list.authorize(&ask(), "WHO"), Ok(Verdict::refuse("unknown")));
}

#[test]
fn a_card_is_judged_by_the_time_it_was_shown() {
    let stage = Stage::new().token("C", Entry { expires: Some(NEW_YEAR), ..Entry::default() });
    let mut list = load(stage, "{}");
    let mut shown_before = ask();
    shown_before.at -= HOUR;
    shown_before.received += HOUR;
    assert!(matches!(list.authorize(&shown_before, "C"), Ok(Verdict::Permit(_))));
}

#[test]
fn the_station_may_remember_a_permit_until_the_card_expires() {
    let entry =
        Entry { expires: Some(NEW_YEAR + HOUR), group: Some("FLEET".into()), ..Entry::default() };
    let mut list = load(Stage::new().token("C", entry), "{}");
    let Ok(Verdict::Permit(permit)) = list.authorize(&ask(), "C") else { panic!("not permitted") };
    assert_eq!(permit.expires, Some(NEW_YEAR + HOUR));
    assert_eq!(permit.group.as_deref(), Some("FLEET"));
}

#[test]
fn its_own_list_works_without_the_operators() {
    let settings = r#"{"core_tokens": false, "tokens": [
        {"token": "A", "group": "G", "expires": "2026-01-01T01:00:00+01:00"},
        {"token": "B", "blocked": true},
        {"token": "C", "account": "7"}]}"#;
    let mut list = load(Stage::new().token("CORE", Entry::default()), settings);
    assert_eq!(list.authorize(&ask(), "a"), Ok(Verdict::refuse("expired")));
    assert_eq!(list.authorize(&ask(), "b"), Ok(Verdict::refuse("blocked")));
    assert!(matches!(list.authorize(&ask(), "c"), Ok(Verdict::Permit(_))));
    assert_eq!(list.authorize(&ask(), "CORE"), Ok(Verdict::refuse("unknown")));
}

#[test]
fn a_block_on_either_list_stands() {
    let blocked = Entry { blocked: true, ..Entry::default() };
    let settings = r#"{"tokens": [{"token": "A"}, {"token": "B", "blocked": true}]}"#;
    let stage = Stage::new().token("A", blocked).token("B", Entry::default());
    let mut list = load(stage, settings);
    assert_eq!(list.authorize(&ask(), "A"), Ok(Verdict::refuse("blocked")));
    assert_eq!(list.authorize(&ask(), "B"), Ok(Verdict::refuse("blocked")));
}

#[test]
fn blocking_the_parent_blocks_the_group() {
    let child = Entry { group: Some("FLEET".into()), ..Entry::default() };
    let stage = Stage::new()
        .token("CAR", child)
        .token("FLEET", Entry { blocked: true, ..Entry::default() });
    assert_eq!(load(stage, "{}").authorize(&ask(), "CAR"), Ok(Verdict::refuse("blocked")));
}

#[test]
fn unknown_cards_can_be_permitted_or_left_to_others() {
    let mut open = load(Stage::new(), r#"{"unknown": "permit"}"#);
    assert_eq!(open.authorize(&ask(), "WHO"), Ok(Verdict::permit()));
    let mut modest = load(Stage::new(), r#"{"unknown": "pass"}"#);
    assert_eq!(modest.authorize(&ask(), "WHO"), Ok(Verdict::Pass));
}

#[test]
fn a_list_that_cannot_be_read_is_an_error_and_not_a_refusal() {
    let mut list = load(Stage::new().without_records(), "{}");
    assert!(list.authorize(&ask(), "GOOD").is_err());
}

#[test]
fn wrong_settings_say_what_is_wrong() {
    for (settings, told) in [
        (r#"{"unkown": "pass"}"#, "unkown"),
        (r#"{"tokens": [{"token": "a"}, {"token": "A"}]}"#, "a is listed twice"),
        (r#"{"tokens": [{"token": ""}]}"#, "empty"),
        (r#"{"tokens": [{"token": "a", "expires": "tomorrow"}]}"#, "2026-12-31T23:00:00Z"),
    ] {
        let error = Stage::new().load::<RfidList>(settings).map(drop).unwrap_err();
        assert!(error.contains(told), "{settings}: {error}");
    }
}
