//! Firmware that a station fetches, and logs that it sends.

use serde_json::{Value, json};

use super::super::{Carried, Errand, Event, Faults, Input, Misdeed, Odds, Profile, Protocol};
use super::World;

const URL: &str = "http://csms/station-files/CS1/1/secret/fw.bin";

/// A station that has booted, and breaks off what it fetches and sends if it is said.
fn booted(protocol: Protocol, breaks: Odds) -> World {
    let mut world = World::speaking(protocol, &[]);
    let faults = Faults { breaks, ..Faults::default() };
    let profile = Profile { faults, ..world.charger.profile.clone() };
    world.charger = super::Charger::new(profile, world.now);
    world.until(|world| world.count("StatusNotification") == 1);
    world
}

/// Asks for the update in the words of the version.
fn update(world: &mut World, protocol: Protocol) {
    let at = "2026-01-01T00:00:00Z";
    let payload = match protocol {
        Protocol::Ocpp16 => json!({ "location": URL, "retrieveDate": at }),
        Protocol::Ocpp201 | Protocol::Ocpp21 => {
            json!({ "requestId": 7, "firmware": { "location": URL, "retrieveDateTime": at } })
        }
    };
    world.call("UpdateFirmware", payload);
}

fn statuses(world: &World, action: &str) -> Vec<Value> {
    let own = world.heard.iter().filter(|(said, _)| *said == action);
    own.map(|(_, payload)| payload["status"].clone()).collect()
}

fn whole(bytes: u64) -> Input {
    let first_line = Some("2.0.0".to_owned());
    Input::Carried(Carried { bytes, whole: bytes, first_line, failure: None })
}

#[test]
fn a_station_comes_back_with_the_firmware_that_it_fetched_and_says_so_then() {
    for protocol in Protocol::ALL {
        let mut world = booted(protocol, Odds::NEVER);
        update(&mut world, protocol);
        let errand = Errand::Fetch { url: URL.to_owned(), from: 0, breaks: false };
        assert_eq!(world.errands, [errand]);
        world.give(whole(100));
        world.until(|world| statuses(world, "FirmwareStatusNotification").len() == 4);
        let told = statuses(&world, "FirmwareStatusNotification");
        assert_eq!(told, ["Downloading", "Downloaded", "Installing", "Installed"]);
        let boot = world.last("BootNotification");
        let version = boot
            .get("firmwareVersion")
            .or_else(|| boot.pointer("/chargingStation/firmwareVersion"));
        assert_eq!(version, Some(&json!("2.0.0")), "{protocol:?}");
        let request = (protocol != Protocol::Ocpp16).then(|| json!(7));
        assert_eq!(world.last("FirmwareStatusNotification").get("requestId"), request.as_ref());
    }
}

#[test]
fn a_fetch_that_broke_off_goes_on_where_it_was_and_is_given_up_after_some_tries() {
    let mut world = booted(Protocol::Ocpp201, Odds::percent(100));
    update(&mut world, Protocol::Ocpp201);
    assert_eq!(world.misdeeds(Misdeed::BrokeOff), 1);
    for bytes in [50, 60, 70, 80] {
        let failure = Some("it broke".to_owned());
        world.give(Input::Carried(Carried { bytes, whole: 100, first_line: None, failure }));
    }
    let from: Vec<_> = world
        .errands
        .iter()
        .map(|errand| match errand {
            Errand::Fetch { from, breaks, .. } => (*from, *breaks),
            Errand::Send { .. } => panic!("{errand:?}"),
        })
        .collect();
    assert_eq!(from, [(0, true), (50, false), (60, false), (70, false)]);
    let told = statuses(&world, "FirmwareStatusNotification");
    assert_eq!(told, ["Downloading", "DownloadFailed"]);
}

#[test]
fn a_log_that_does_not_arrive_is_told_in_the_words_of_the_version() {
    for (protocol, action, told, payload, failure) in [
        (
            Protocol::Ocpp16,
            "GetDiagnostics",
            "DiagnosticsStatusNotification",
            json!({ "location": URL }),
            "UploadFailed",
        ),
        (
            Protocol::Ocpp21,
            "GetLog",
            "LogStatusNotification",
            json!({ "requestId": 7, "logType": "SecurityLog", "log": { "remoteLocation": URL } }),
            "UploadFailure",
        ),
    ] {
        let mut world = booted(protocol, Odds::NEVER);
        world.call(action, payload.clone());
        world.give(Input::Carried(Carried { failure: Some("no".into()), ..Carried::default() }));
        world.call(action, payload);
        let [_, Errand::Send { content, .. }] = world.errands.as_slice() else { panic!() };
        let bytes = content.len() as u64;
        world.give(whole(bytes));
        assert_eq!(statuses(&world, told), ["Uploading", failure, "Uploading", "Uploaded"]);
        let written = |event: &&Event| matches!(event, Event::LogWritten { .. });
        assert_eq!(world.events.iter().filter(written).count(), 2);
    }
}
