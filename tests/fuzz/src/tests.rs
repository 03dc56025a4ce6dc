//! Every promise holds for every seed. Knows no fuzzer; what one has found stays in `found/`, a file for each finding,
//! and is read here ever after.

use std::fs;

use super::{TARGETS, Target, seeds};

/// How many of the seeds the target accepts.
fn accepted<T: AsRef<[u8]>>(target: &str, seeds: impl IntoIterator<Item = T>) -> usize {
    let target = Target::named(target).expect("a target");
    seeds.into_iter().filter(|seed| (target.check)(seed.as_ref())).count()
}

#[test]
fn every_message_of_the_transcripts_goes_through_every_version() {
    let messages = seeds::messages().unwrap();
    let frames = accepted("frame", &messages);
    assert!(frames > 100, "only {frames} of {} are frames", messages.len());
    for target in ["ocpp16", "ocpp201", "ocpp21"] {
        let accepted = accepted(target, &messages);
        assert!(accepted > 20, "{target} takes only {accepted} of {}", messages.len());
    }
}

#[test]
fn what_is_read_at_the_door_keeps_its_promises() {
    let (request, certificate) = seeds::signing().unwrap();
    assert_eq!(accepted("door", seeds::PATHS), 6);
    assert_eq!(accepted("login", seeds::LOGINS), 3);
    assert_eq!(accepted("time", seeds::TIMES), 7);
    assert_eq!(accepted("signing-request", [&request]), 1);
    assert_eq!(accepted("certificate", [&certificate]), 1);
    assert_eq!(accepted("link", seeds::LINKS), 2);
    // No byte of what is signed can be another one.
    for at in (0..request.len()).filter(|at| request.as_bytes()[*at].is_ascii_alphanumeric()) {
        let mut changed = request.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        accepted("signing-request", [changed]);
    }
}

#[test]
fn what_a_station_holds_is_counted_and_bounded() {
    let evening = [
        r#"[2,"1","SetChargingProfile",{"connectorId":1,"csChargingProfiles":{"chargingProfileId":7,"stackLevel":0,"chargingProfilePurpose":"TxDefaultProfile","chargingProfileKind":"Absolute","chargingSchedule":{"chargingRateUnit":"A","chargingSchedulePeriod":[{"startPeriod":0,"limit":16}]}}}]"#,
        r#"[3,"1",{"status":"Accepted"}]"#,
        r#"[2,"2","ClearChargingProfile",{"id":7}]"#,
        r#"[3,"2",{"status":"Accepted"}]"#,
    ];
    assert_eq!(accepted("holdings", [evening.join("\n"), evening[2..].join("\n")]), 1);
    accepted("holdings", seeds::messages().unwrap());
}

#[test]
fn what_was_found_once_stays_mended() {
    let found = seeds::root().join("tests/fuzz/found");
    for target in TARGETS {
        let folder = found.join(target.name);
        if folder.exists() {
            for file in fs::read_dir(folder).unwrap() {
                (target.check)(&fs::read(file.unwrap().path()).unwrap());
            }
        }
    }
}
