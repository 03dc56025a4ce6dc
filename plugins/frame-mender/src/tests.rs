use plugpoint_sdk::Station;
use plugpoint_sdk::testing::{Loaded, Stage, ask};

use super::FrameMender;

fn load(rules: &str) -> Loaded<FrameMender> {
    Stage::new().load(&format!(r#"{{"rules": [{rules}]}}"#)).unwrap()
}

fn station() -> Station {
    Station {
        vendor: Some("Acme".to_owned()),
        more: vec![("firmware".to_owned(), "3.1".to_owned())],
        ..ask().station
    }
}

fn mended(rules: &str, text: &str) -> Option<String> {
    load(rules).inbound(&station(), text).unwrap()
}

#[test]
fn a_member_without_a_value_gets_the_one_that_the_rule_has_for_it() {
    let rule = r#"{"fill": {"transactionId": 0}}"#;
    let text = r#"[2,"1","MeterValues",{"connectorId":1,"transactionId":,"meterValue":[]}]"#;
    let expected = r#"[2,"1","MeterValues",{"connectorId":1,"transactionId":0,"meterValue":[]}]"#;
    assert_eq!(mended(rule, text).as_deref(), Some(expected));
    let last = r#"[2,"1","X",{"transactionId": }]"#;
    assert_eq!(mended(rule, last).as_deref(), Some(r#"[2,"1","X",{"transactionId": 0}]"#));
    assert_eq!(mended(rule, r#"[2,"1","X",{"other":,}]"#), None, "nothing is guessed");
}

#[test]
fn commas_too_many_are_cut_and_those_in_texts_are_not() {
    let rule = r#"{"commas": true}"#;
    for text in [
        r#",[2,"1","X",{"a":",,"}]"#,
        r#"[2,"1","X",{,"a":",,"}]"#,
        r#"[2,,"1","X",{"a":",,"},]"#,
        r#"[2,"1","X",{"a":",,",}]"#,
    ] {
        assert_eq!(mended(rule, text).as_deref(), Some(r#"[2,"1","X",{"a":",,"}]"#), "{text}");
    }
}

#[test]
fn brackets_that_were_never_closed_are_added_where_they_are_missing() {
    let rule = r#"{"brackets": true}"#;
    let whole = r#"[3,"1",{"configurationKey":[]}]"#;
    for text in [r#"[3,"1",{"configurationKey":[]"#, r#"[3,"1",{"configurationKey":[]]"#] {
        assert_eq!(mended(rule, text).as_deref(), Some(whole), "{text}");
    }
    assert_eq!(mended(rule, r#"[3,"1",{"a":"#), None);
    assert_eq!(mended(rule, r#"[3,"1",{"a":"never ends"#), None);
}

#[test]
fn backslashes_that_mean_nothing_are_doubled_and_the_others_stay() {
    let rule = r#"{"backslashes": true}"#;
    let text = r#"[2,"1","Authorize",{"idTag":"A\xB\u00e9\"\u12"}]"#;
    let expected = r#"[2,"1","Authorize",{"idTag":"A\\xB\u00e9\"\\u12"}]"#;
    assert_eq!(mended(rule, text).as_deref(), Some(expected));
}

#[test]
fn what_is_json_stays_as_it_is_whatever_the_rule_says() {
    let all = r#"{"commas": true, "brackets": true, "backslashes": true, "fill": {"a": 0}}"#;
    assert_eq!(mended(all, r#"[2, "1", "Heartbeat", {}]"#), None);
    assert_eq!(mended(all, "hello"), None);
    assert_eq!(mended(all, ""), None);
}

#[test]
fn the_first_rule_that_the_station_matches_counts() {
    let rules = r#"{"vendors": ["Other"], "commas": true},
        {"vendors": ["ACME"], "firmware": ["3."]}, {"commas": true}"#;
    let text = r#",[2,"1","X",{}]"#;
    let mut policy = load(rules);
    assert_eq!(policy.inbound(&station(), text), Ok(None), "a rule without anything to do");
    let newer = Station { more: Vec::new(), ..station() };
    assert!(policy.inbound(&newer, text).unwrap().is_some());
    assert_eq!(load("").inbound(&station(), text), Ok(None));
}

fn profile(rules: &str, call: &str) -> Option<String> {
    load(rules).outbound(&station(), call, None).unwrap()
}

#[test]
fn a_profile_is_sent_as_the_model_takes_it() {
    let rule =
        r#"{"profiles": {"unit": "A", "max-stack-level": 0, "connector": 1, "absolute": true}}"#;
    let call = r#"[2,"1","SetChargingProfile",{"connectorId":2,"csChargingProfiles":{"chargingProfileId":5,"stackLevel":3,"chargingProfilePurpose":"TxProfile","chargingProfileKind":"Relative","chargingSchedule":{"chargingRateUnit":"W","chargingSchedulePeriod":[{"startPeriod":0,"limit":11000},{"startPeriod":60,"limit":3700.0,"numberPhases":1}]}}}]"#;
    let expected = r#"[2,"1","SetChargingProfile",{"connectorId":1,"csChargingProfiles":{"chargingProfileId":5,"stackLevel":0,"chargingProfilePurpose":"TxProfile","chargingProfileKind":"Absolute","chargingSchedule":{"chargingRateUnit":"A","chargingSchedulePeriod":[{"startPeriod":0,"limit":15.9},{"startPeriod":60,"limit":16.0,"numberPhases":1}],"startSchedule":"2026-01-01T00:00:00Z"}}}]"#;
    assert_eq!(profile(rule, call).as_deref(), Some(expected));
}

#[test]
fn the_newer_versions_have_a_list_of_schedules() {
    let rule = r#"{"profiles": {"unit": "W", "phases": 1}}"#;
    let call = r#"[2,"1","SetChargingProfile",{"evseId":2,"chargingProfile":{"stackLevel":3,"chargingProfileKind":"Relative","chargingSchedule":[{"chargingRateUnit":"A","chargingSchedulePeriod":[{"startPeriod":0,"limit":16}]}]}}]"#;
    let expected = call.replace("\"A\"", "\"W\"").replace(":16}", ":3680.0}");
    assert_eq!(profile(rule, call), Some(expected));
    assert_eq!(profile(rule, r#"[2,"1","Reset",{"type":"Soft"}]"#), None);
    let bad = Stage::new().load::<FrameMender>(r#"{"rules": [{"profiles": {"volts": 0}}]}"#);
    assert!(bad.is_err());
}
