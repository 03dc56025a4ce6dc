//! Reports that come in parts.

use serde_json::{Value, json};

use super::records::Station;
use crate::domain::HoldingState as State;

const PARTS: u32 = 50;

fn part(request: u32, number: u32, value: &str) -> Value {
    json!({
        "requestId": request, "seqNo": number, "tbc": number + 1 < PARTS, "generatedAt": "x",
        "reportData": [{
            "component": { "name": "C" }, "variable": { "name": format!("V{number}") },
            "variableAttribute": [{ "value": value, "mutability": "ReadOnly" }],
            "variableCharacteristics": { "dataType": "integer", "supportsMonitoring": false },
        }],
    })
}

fn order(request: u32) -> Value {
    json!({ "requestId": request, "reportBase": "FullInventory" })
}

fn yes() -> Value {
    json!({ "status": "Accepted" })
}

#[test]
fn a_report_out_of_order_and_with_parts_twice_is_whole_when_all_are_there() {
    let mut station = Station::v2();
    let stale = json!({
        "requestId": 1, "seqNo": 0, "generatedAt": "x",
        "reportData": [{ "component": { "name": "C" }, "variable": { "name": "Old" },
                         "variableAttribute": [{ "value": "1" }] }],
    });
    station.says("NotifyReport", &stale);
    assert_eq!(station.shelf("variable").held, 1);
    station.call("GetBaseReport", order(2), yes());
    // The last one comes first, and two of them twice.
    let numbers =
        [PARTS - 1, 3, 3].into_iter().chain((0..PARTS - 1).filter(|n| *n != 3)).chain([0]);
    let (mut came, all) = (0, numbers.clone().count());
    for number in numbers {
        let report = station.shelf("variable").reports.remove(0);
        let is_all_there = came >= all - 1;
        assert_eq!(report.whole.is_some(), is_all_there, "after {came}: {:?}", report.parts.len());
        station.says("NotifyReport", &part(2, number, "7"));
        came += 1;
    }
    let shelf = station.shelf("variable");
    let report = shelf.reports[0].clone();
    assert_eq!((report.parts.len(), report.repeated), (PARTS as usize, 2));
    assert_eq!(shelf.held, PARTS);
    assert_eq!(station.one("variable", "C.Old").state(station.now), State::Missing);
    assert_eq!(station.one("variable", "C.V3").marks["mutability"], "ReadOnly");
}

#[test]
fn a_quick_station_reports_before_its_answer_is_on_record_and_numbers_are_used_again() {
    let mut station = Station::v2();
    for value in ["1", "2"] {
        let sent = station.tick();
        (0..PARTS).for_each(|number| station.says("NotifyReport", &part(9, number, value)));
        station.answered(sent, "GetBaseReport", &order(9), &yes());
        let report = station.shelf("variable").reports.remove(0);
        assert_eq!((report.parts.len(), report.repeated), (PARTS as usize, 0), "{value}");
        assert!(report.whole.is_some() && report.asked == Some(sent));
        let told = station.one("variable", "C.V7").reported.unwrap();
        assert_eq!(told.content.text, format!("{value:?}"));
    }
}

#[test]
fn parts_without_numbers_are_whole_with_the_last_one() {
    let mut station = Station::v2();
    let profile = |id: u32, limit: u32| {
        json!({ "id": id, "stackLevel": 0, "chargingProfilePurpose": "TxDefaultProfile",
                "chargingProfileKind": "Absolute", "chargingSchedule": [{ "limit": limit }] })
    };
    for id in [1, 2] {
        let set = json!({ "evseId": 1, "chargingProfile": profile(id, 16) });
        station.call("SetChargingProfile", set, yes());
    }
    for request in [5, 5] {
        let ask = json!({ "requestId": request, "chargingProfile": {} });
        station.call("GetChargingProfiles", ask, yes());
        for (tbc, source) in [(true, "CSO"), (false, "EMS")] {
            let id = if tbc { 1 } else { 3 };
            let told = json!({ "requestId": request, "evseId": 1, "tbc": tbc, "chargingLimitSource": source,
                               "chargingProfile": [profile(id, 10)] });
            station.says("ReportChargingProfiles", &told);
        }
        assert_eq!(station.shelf("charging-profile").reports.remove(0).parts.len(), 2);
    }
    let state = |id: &str| station.one("charging-profile", id).state(station.now);
    assert_eq!(
        [state("1"), state("2"), state("3")],
        [State::Reported, State::Missing, State::Reported]
    );
    let kept = station.one("charging-profile", "1");
    assert_eq!(kept.differences()[0].at, "chargingSchedule[0].limit");
    assert_eq!(station.shelf("charging-profile").differing, 2);
}

#[test]
fn nothing_to_report_says_that_nothing_is_there() {
    let mut station = Station::v2();
    let set = json!({ "evseId": 1, "chargingProfile": { "id": 1, "stackLevel": 0,
                      "chargingProfilePurpose": "TxProfile" } });
    station.call("SetChargingProfile", set, yes());
    let ask = |purpose: &str| json!({ "requestId": 1, "chargingProfile": { "chargingProfilePurpose": purpose } });
    let none = json!({ "status": "NoProfiles" });
    station.call("GetChargingProfiles", ask("TxDefaultProfile"), none.clone());
    assert_eq!(station.one("charging-profile", "1").state(station.now), State::Accepted);
    station.call("GetChargingProfiles", ask("TxProfile"), none);
    assert_eq!(station.one("charging-profile", "1").state(station.now), State::Missing);
}

#[test]
fn of_a_report_about_a_person_nothing_is_kept_but_that_it_came() {
    let mut station = Station::v2();
    let ask =
        json!({ "requestId": 4, "report": true, "clear": false, "customerIdentifier": "Jo Doe" });
    station.call("CustomerInformation", ask, yes());
    for (number, tbc) in [(0, true), (1, false)] {
        let told =
            json!({ "requestId": 4, "seqNo": number, "tbc": tbc, "data": "Jo Doe, born 1970" });
        station.says("NotifyCustomerInformation", &told);
    }
    let shelf = station.shelf("customer-information");
    let report = shelf.reports[0].clone();
    assert!(report.whole.is_some() && report.bytes > 100 && shelf.kept == 0);
    assert!(!station.dump().contains("Doe"));
}

#[test]
fn a_report_that_is_still_told_does_not_disturb_the_next() {
    let mut station = Station::v2();
    station.call("GetBaseReport", order(1), yes());
    (0..PARTS / 2).for_each(|number| station.says("NotifyReport", &part(1, number, "1")));
    station.call("GetBaseReport", order(2), yes());
    for number in 0..PARTS {
        station.says("NotifyReport", &part(2, number, "2"));
        let late = (number + PARTS / 2).min(PARTS - 1);
        station.says("NotifyReport", &part(1, late, "1"));
    }
    let reports = station.shelf("variable").reports;
    let whole: Vec<_> = reports.iter().map(|it| (it.request, it.whole.is_some())).collect();
    assert_eq!(whole, [(1, true), (2, true)]);
}
