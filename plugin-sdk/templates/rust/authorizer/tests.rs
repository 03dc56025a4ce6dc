use plugpoint_sdk::testing::{Stage, ask};
use plugpoint_sdk::{Verdict, tokens::Entry};

use super::Policy;

#[test]
fn cards_on_the_list_may_charge_unless_they_are_blocked() {
    let stage = Stage::new()
        .token("GOOD", Entry::default())
        .token("BAD", Entry { blocked: true, ..Entry::default() });
    let mut policy = stage.load::<Policy>("{}").unwrap();
    assert_eq!(policy.authorize(&ask(), "GOOD"), Ok(Verdict::permit()));
    assert_eq!(policy.authorize(&ask(), "BAD"), Ok(Verdict::refuse("blocked")));
    assert_eq!(policy.authorize(&ask(), "WHO"), Ok(Verdict::refuse("unknown")));
}

#[test]
fn stations_without_the_tag_are_none_of_its_business() {
    let mut policy = Stage::new().load::<Policy>(r#"{"tag": "depot"}"#).unwrap();
    let mut question = ask();
    question.station.tags.clear();
    assert_eq!(policy.authorize(&question, "WHO"), Ok(Verdict::Pass));
    question.station.tags.push("depot".to_owned());
    assert_eq!(policy.authorize(&question, "WHO"), Ok(Verdict::refuse("unknown")));
}
