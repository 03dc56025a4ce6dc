//! What a station keeps for whoever sent it.

use super::*;

fn statuses(world: &World) -> Vec<&str> {
    world.answers.iter().map(|answer| answer["status"].as_str().unwrap_or("-")).collect()
}

#[test]
fn profiles_are_kept_reported_and_cleared_by_what_they_are_for() {
    let mut world = World::speaking(Protocol::Ocpp201, &[]);
    world.until(|world| world.count("StatusNotification") == 1);
    let profile = |id: i64, level: i64| {
        json!({ "id": id, "stackLevel": level, "chargingProfilePurpose": "TxDefaultProfile",
                "chargingProfileKind": "Relative", "chargingSchedule": [{ "id": 1, "chargingRateUnit": "A",
                "chargingSchedulePeriod": [{ "startPeriod": 0, "limit": 16 }] }] })
    };
    for (id, level) in [(7, 0), (8, 1)] {
        let set = json!({ "evseId": 1, "chargingProfile": profile(id, level) });
        world.call("SetChargingProfile", set);
    }
    world.call("GetChargingProfiles", json!({ "requestId": 3, "chargingProfile": {} }));
    world.until(|world| world.count("ReportChargingProfiles") == 2);
    let last = world.last("ReportChargingProfiles");
    assert_eq!((&last["tbc"], &last["chargingProfile"][0]), (&json!(false), &profile(8, 1)));
    let level = json!({ "chargingProfileCriteria": { "stackLevel": 1 } });
    world.call("ClearChargingProfile", level.clone());
    world.call("ClearChargingProfile", level);
    world.call("ClearChargingProfile", json!({ "chargingProfileId": 7 }));
    world.call("GetChargingProfiles", json!({ "requestId": 4, "chargingProfile": {} }));
    let yes = "Accepted";
    assert_eq!(statuses(&world), [yes, yes, yes, yes, "Unknown", yes, "NoProfiles"]);
}

#[test]
fn a_list_has_a_version_and_a_reservation_can_be_cancelled_once() {
    for (protocol, member) in
        [(Protocol::Ocpp16, "listVersion"), (Protocol::Ocpp21, "versionNumber")]
    {
        let mut world = World::speaking(protocol, &[]);
        world.until(|world| world.count("StatusNotification") >= 1);
        for (version, kind) in [(4, "Full"), (5, "Differential"), (5, "Differential")] {
            world.call("SendLocalList", json!({ member: version, "updateType": kind }));
        }
        world.call("GetLocalListVersion", json!({}));
        assert_eq!(world.answers[3], json!({ member: 5 }));
        let reserve = match protocol {
            Protocol::Ocpp16 => json!({ "connectorId": 1, "expiryDate": "2099-01-01T00:00:00Z",
                                        "idTag": "CARD", "reservationId": 9 }),
            _ => json!({ "id": 9, "expiryDateTime": "2099-01-01T00:00:00Z",
                         "idToken": { "idToken": "CARD", "type": "ISO14443" } }),
        };
        world.call("ReserveNow", reserve);
        for _ in 0..2 {
            world.call("CancelReservation", json!({ "reservationId": 9 }));
        }
        let yes = "Accepted";
        let said = [yes, yes, "VersionMismatch", "-", yes, yes, "Rejected"];
        assert_eq!(statuses(&world), said, "{protocol:?}");
    }
}
