//! What a station and we say, and what it then holds.

use serde_json::{Value, json};

use super::records::Station;
use crate::domain::{HoldingState as State, SentVerdict, Withheld};

#[test]
fn a_profile_is_set_refused_reported_otherwise_and_cleared_by_what_it_is_for() {
    for (station, set, clear) in profiles() {
        let mut station = station;
        station.call("SetChargingProfile", set(7, 16), json!({ "status": "Accepted" }));
        let kept = station.one("charging-profile", "7");
        assert_eq!((kept.state(station.now), kept.differs()), (State::Accepted, false));
        assert_eq!(kept.marks["purpose"], "TxDefaultProfile");

        let no = json!({ "status": "Rejected" });
        station.call("SetChargingProfile", set(7, 32), no);
        let kept = station.one("charging-profile", "7");
        assert_eq!(kept.state(station.now), State::Refused);
        assert!(kept.in_force().unwrap().text.contains("16"), "the first one counts: {kept:?}");

        station.call("SetChargingProfile", set(8, 10), json!({ "status": "Accepted" }));
        let displaced = station.one("charging-profile", "7").gone.is_some();
        assert_eq!(displaced, station.is_v1(), "1.6 has one profile for each purpose and level");
        station.call("ClearChargingProfile", clear, json!({ "status": "Accepted" }));
        assert_eq!(station.one("charging-profile", "8").state(station.now), State::Removed);
        assert_eq!(station.shelf("charging-profile").held, 0);
        assert_eq!(station.shelf("charging-profile").kept, 2);
    }
}

type Set = fn(i64, i64) -> Value;

fn profiles() -> [(Station, Set, Value); 2] {
    let first: Set = |id, limit| {
        json!({ "connectorId": 1, "csChargingProfiles": {
            "chargingProfileId": id, "stackLevel": 0, "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Absolute", "chargingSchedule": { "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{ "startPeriod": 0, "limit": limit }] } } })
    };
    let second: Set = |id, limit| {
        json!({ "evseId": 1, "chargingProfile": {
            "id": id, "stackLevel": 0, "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Absolute", "chargingSchedule": [{ "id": 1, "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{ "startPeriod": 0, "limit": limit }] }] } })
    };
    let criteria = json!({ "chargingProfilePurpose": "TxDefaultProfile", "stackLevel": 0 });
    let wrapped = json!({ "chargingProfileCriteria": criteria });
    [(Station::v1(), first, criteria), (Station::v2(), second, wrapped)]
}

#[test]
fn settings_of_both_families_stand_in_one_view() {
    let mut first = Station::v1();
    let change = json!({ "key": "HeartbeatInterval", "value": "60" });
    first.call("ChangeConfiguration", change, json!({ "status": "RebootRequired" }));
    let kept = first.one("variable", "HeartbeatInterval");
    let sent = kept.sent.as_ref().unwrap();
    assert_eq!(
        (sent.verdict, sent.status.as_deref()),
        (SentVerdict::Accepted, Some("RebootRequired"))
    );
    let key = |key: &str, value: &str| json!({ "key": key, "readonly": false, "value": value });
    let answer =
        json!({ "configurationKey": [key("HeartbeatInterval", "300"), key("Colour", "red")] });
    first.call("GetConfiguration", json!({}), answer);
    let kept = first.one("variable", "HeartbeatInterval");
    let [difference] = kept.differences().try_into().unwrap();
    assert_eq!(
        (difference.sent.as_deref(), difference.reported.as_deref()),
        (Some("60"), Some("300"))
    );
    assert_eq!((first.shelf("variable").held, first.shelf("variable").differing), (2, 1));
    let answer =
        json!({ "configurationKey": [key("HeartbeatInterval", "60")], "unknownKey": ["Colour"] });
    first.call("GetConfiguration", json!({ "key": ["HeartbeatInterval", "Colour"] }), answer);
    assert_eq!(first.one("variable", "Colour").state(first.now), State::Missing);
    assert_eq!((first.shelf("variable").held, first.shelf("variable").differing), (1, 0));

    let mut second = Station::v2();
    let named = json!({ "component": { "name": "OCPPCommCtrlr" }, "variable": { "name": "HeartbeatInterval" } });
    let with = |more: Value| {
        let mut all = named.clone();
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    let set = json!({ "setVariableData": [with(json!({ "attributeValue": "60" }))] });
    let result = with(json!({ "attributeStatus": "Accepted", "attributeType": "Actual" }));
    second.call("SetVariables", set, json!({ "setVariableResult": [result] }));
    let told = with(json!({ "attributeStatus": "Accepted", "attributeValue": "60" }));
    let ask = json!({ "getVariableData": [named] });
    second.call("GetVariables", ask.clone(), json!({ "getVariableResult": [told] }));
    let kept = second.one("variable", "OCPPCommCtrlr.HeartbeatInterval");
    assert_eq!((kept.state(second.now), kept.differs()), (State::Reported, false));
    let gone = with(json!({ "attributeStatus": "UnknownVariable" }));
    second.call("GetVariables", ask, json!({ "getVariableResult": [gone] }));
    assert!(second.one("variable", "OCPPCommCtrlr.HeartbeatInterval").differs(), "it had it");
}

#[test]
fn what_can_only_be_written_is_never_missing_and_never_differs() {
    let mut first = Station::v1();
    let change = json!({ "key": "AuthorizationKey", "value": "0123456789abcdef" });
    first.call("ChangeConfiguration", change, json!({ "status": "Accepted" }));
    first.call("GetConfiguration", json!({}), json!({ "configurationKey": [] }));
    let kept = first.one("variable", "AuthorizationKey");
    assert_eq!((kept.state(first.now), kept.differs()), (State::Accepted, false));

    let mut second = Station::v2();
    let named = |more: Value| {
        let mut all = json!({ "component": { "name": "C" }, "variable": { "name": "Pin" } });
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    let set = json!({ "setVariableData": [named(json!({ "attributeValue": "1234" }))] });
    let result = named(json!({ "attributeStatus": "Accepted" }));
    second.call("SetVariables", set, json!({ "setVariableResult": [result] }));
    let told = named(json!({ "variableAttribute": [{ "mutability": "WriteOnly" }] }));
    let part = json!({ "requestId": 1, "seqNo": 0, "generatedAt": "x", "reportData": [told] });
    second.says("NotifyReport", &part);
    let kept = second.one("variable", "C.Pin");
    assert_eq!((kept.state(second.now), kept.differs()), (State::Reported, false));
    assert_eq!(kept.seen().unwrap().text, "\"1234\"", "what it took is what it has");
}

#[test]
fn no_password_and_no_card_is_kept_in_clear() {
    let mut station = Station::v1();
    let change = json!({ "key": "AuthorizationKey", "value": "0123456789abcdef" });
    station.call("ChangeConfiguration", change, json!({ "status": "Accepted" }));
    let kept = station.one("variable", "AuthorizationKey");
    assert_eq!(kept.sent.as_ref().unwrap().content.withheld, Some(Withheld::Secret));
    let entry = json!({ "idTag": "04A2B3C4D5E6F7", "idTagInfo": { "status": "Accepted" } });
    let list = json!({ "listVersion": 1, "updateType": "Full", "localAuthorizationList": [entry] });
    station.call("SendLocalList", list, json!({ "status": "Accepted" }));
    let reserve = json!({ "connectorId": 1, "expiryDate": "2030-01-01T00:00:00Z",
                          "idTag": "04A2B3C4D5E6F7", "reservationId": 3 });
    station.call("ReserveNow", reserve, json!({ "status": "Accepted" }));
    let all = station.dump();
    assert!(!all.contains("04A2B3C4") && !all.contains("0123456789abcdef"), "{all}");
    assert!(all.contains("…E6F7"), "{all}");
}

#[test]
fn a_local_list_is_what_the_station_took() {
    for (mut station, version, token, info) in [
        (
            Station::v1(),
            "listVersion",
            (|card| json!({ "idTag": card })) as fn(&str) -> Value,
            "idTagInfo",
        ),
        (
            Station::v2(),
            "versionNumber",
            |card| json!({ "idToken": { "idToken": card, "type": "ISO14443" } }),
            "idTokenInfo",
        ),
    ] {
        let entry = |card: &str, is_there: bool| {
            let mut entry = token(card);
            if is_there {
                entry[info] = json!({ "status": "Accepted" });
            }
            entry
        };
        let list = |number: u32, kind: &str, entries: Vec<Value>| json!({ version: number, "updateType": kind, "localAuthorizationList": entries });
        let yes = json!({ "status": "Accepted" });
        let full = list(1, "Full", vec![entry("CARD-1", true), entry("CARD-2", true)]);
        station.call("SendLocalList", full, yes.clone());
        assert_eq!(station.keys("local-list-entry").len(), 2);
        let more = vec![entry("CARD-1", false), entry("CARD-3", true), entry("CARD-4", true)];
        station.call("SendLocalList", list(2, "Differential", more), yes.clone());
        assert_eq!(station.keys("local-list-entry").len(), 3);
        assert_eq!(station.shelf("local-list-entry").kept, 3, "who was on it is forgotten");
        let refused = json!({ "status": "VersionMismatch" });
        station.call("SendLocalList", list(2, "Full", vec![entry("CARD-9", true)]), refused);
        assert_eq!(station.keys("local-list-entry").len(), 3);
        let kept = station.one("local-list", "list");
        assert_eq!(
            (kept.state(station.now), kept.seen().unwrap().text.as_str()),
            (State::Refused, "2")
        );
        station.call("GetLocalListVersion", json!({}), json!({ version: 1 }));
        assert!(station.one("local-list", "list").differs());
        station.call("SendLocalList", list(5, "Full", vec![]), yes);
        assert_eq!(station.keys("local-list-entry").len(), 0);
    }
}

#[test]
fn a_reservation_ends_in_every_way_there_is() {
    let mut station = Station::v2();
    let reserve = |station: &mut Station, id: u32| {
        let asked = json!({ "id": id, "expiryDateTime": "2026-01-01T12:00:00Z", "evseId": 1,
                            "idToken": { "idToken": "CARD-1", "type": "ISO14443" } });
        station.call("ReserveNow", asked, json!({ "status": "Accepted" }));
    };
    (1..=4).for_each(|id| reserve(&mut station, id));
    station.call(
        "CancelReservation",
        json!({ "reservationId": 1 }),
        json!({ "status": "Accepted" }),
    );
    let told = json!({ "reservationId": 2, "reservationUpdateStatus": "Expired" });
    station.says("ReservationStatusUpdate", &told);
    station.says("TransactionEvent", &json!({ "eventType": "Started", "reservationId": 3 }));
    station.says("TransactionEvent", &json!({ "eventType": "Updated" }));
    let states = |station: &Station| {
        [1, 2, 3, 4].map(|id| station.one("reservation", &id.to_string()).state(station.now))
    };
    let gone = State::Removed;
    assert_eq!(states(&station), [gone, gone, gone, State::Accepted]);
    station.wait_until("2026-01-01T12:00:00Z");
    assert_eq!(states(&station)[3], State::Expired);
    assert_eq!(station.shelf("reservation").held, 1, "numbers know no clock");
    let asked = json!({ "id": 1, "expiryDateTime": "2026-01-01T13:00:00Z",
                        "idToken": { "idToken": "CARD-1", "type": "ISO14443" } });
    station.call("ReserveNow", asked, json!({ "status": "Occupied" }));
    assert_eq!(states(&station)[0], State::Refused, "the number is used again");
}

#[test]
fn a_monitor_gets_its_number_from_the_station() {
    let mut station = Station::v2();
    let monitor = json!({ "component": { "name": "Connector" }, "variable": { "name": "Temperature" },
                          "type": "UpperThreshold", "severity": 3 });
    let with = |more: Value| {
        let mut all = monitor.clone();
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    let set = json!({ "setMonitoringData": [with(json!({ "value": 80 }))] });
    let result = with(json!({ "id": 12, "status": "Accepted" }));
    station.call("SetVariableMonitoring", set, json!({ "setMonitoringResult": [result] }));
    assert_eq!(station.one("monitor", "12").state(station.now), State::Accepted);
    let result = json!({ "clearMonitoringResult": [{ "id": 12, "status": "Accepted" }] });
    station.call("ClearVariableMonitoring", json!({ "id": [12] }), result);
    assert_eq!(station.one("monitor", "12").state(station.now), State::Removed);
}

#[test]
fn what_nobody_answered_is_asked_and_what_was_refused_says_how() {
    let mut station = Station::v2();
    let set = |id: u32| json!({ "message": { "id": id, "priority": "InFront", "message": { "format": "UTF8", "content": "Hi" } } });
    station.call_without_answer("SetDisplayMessage", &set(1));
    assert_eq!(station.one("display-message", "1").state(station.now), State::Asked);
    station.call_refused("SetDisplayMessage", &set(2), "NotSupported");
    let kept = station.one("display-message", "2");
    assert_eq!(kept.state(station.now), State::Refused);
    assert_eq!(kept.sent.unwrap().status.as_deref(), Some("NotSupported"));
    assert_eq!(station.shelf("display-message").held, 0);
}

#[test]
fn more_than_there_is_room_for_is_counted() {
    let mut station = Station::v2();
    let most = u64::from("der-alarm".parse::<crate::domain::HoldingKind>().unwrap().most());
    for n in 0..most + 3 {
        station
            .says("NotifyDERAlarm", &json!({ "controlType": format!("T{n}"), "timestamp": "x" }));
    }
    let shelf = station.shelf("der-alarm");
    assert_eq!((u64::from(shelf.kept), shelf.left_out), (most, 3));
}

#[test]
fn what_has_gone_longest_makes_room() {
    let mut station = Station::v2();
    let open = |id: u32| {
        let params = json!({ "interval": 60 });
        json!({ "constantStreamData": { "id": id, "variableMonitoringId": 1, "params": params } })
    };
    let most = crate::domain::HoldingKind::EventStream.most();
    (0..most).for_each(|id| station.says("OpenPeriodicEventStream", &open(id)));
    for id in [9, 8, 7] {
        station.says("ClosePeriodicEventStream", &json!({ "id": id }));
    }
    for id in [9, most, most + 1, most + 2] {
        station.says("OpenPeriodicEventStream", &open(id));
    }
    let keys = station.keys("event-stream");
    let is_there = |id: u32| keys.contains(&id.to_string());
    let there = [7, 8, 9, most, most + 1, most + 2].map(is_there);
    assert_eq!(there, [false, false, true, true, true, false], "9 is open again");
    let shelf = station.shelf("event-stream");
    assert_eq!((shelf.kept, shelf.held, shelf.left_out), (most, most, 1));
}

#[test]
fn a_certificate_that_was_sent_is_the_one_that_the_station_names_by_its_hashes() {
    let key = rcgen::KeyPair::generate().unwrap();
    let root = rcgen::CertificateParams::new(vec![]).unwrap().self_signed(&key).unwrap().pem();
    let hashes = crate::tls::RootHashes::read(&root).unwrap();
    let named = json!({ "hashAlgorithm": "SHA256", "issuerNameHash": hashes.issuer_name,
                        "issuerKeyHash": hashes.issuer_key, "serialNumber": hashes.serial.to_uppercase() });
    for mut station in [Station::v1(), Station::v2()] {
        let (used, told) = match station.is_v1() {
            true => ("CentralSystemRootCertificate", json!({ "certificateHashData": [named] })),
            false => {
                let chain = json!({ "certificateType": "CSMSRootCertificate", "certificateHashData": named });
                ("CSMSRootCertificate", json!({ "certificateHashDataChain": [chain] }))
            }
        };
        let ask = match station.is_v1() {
            true => json!({ "certificateType": used }),
            false => json!({ "certificateType": [used] }),
        };
        let install = json!({ "certificateType": used, "certificate": root });
        station.call("InstallCertificate", install, json!({ "status": "Accepted" }));
        let mut answer = told.clone();
        answer["status"] = json!("Accepted");
        station.call("GetInstalledCertificateIds", ask.clone(), answer);
        let [key] = station.keys("certificate").try_into().unwrap();
        let state = |station: &Station| station.one("certificate", &key).state(station.now);
        assert_eq!(state(&station), State::Reported);
        station.call("GetInstalledCertificateIds", ask, json!({ "status": "NotFound" }));
        assert_eq!(state(&station), State::Missing);
        let delete = json!({ "certificateHashData": named });
        station.call("DeleteCertificate", delete, json!({ "status": "NotFound" }));
        assert_eq!(state(&station), State::Missing, "it was lost before it was deleted");
    }
}
