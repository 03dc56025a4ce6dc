//! Stations that do what stations of the field do.

use std::collections::BTreeSet;

use super::super::{Charger, Clock, Event, Faults, Misdeed, Odds, Profile, Protocol};
use super::{World, stops};

/// A station of whose faults the test decides.
fn faulty(protocol: Protocol, faults: Faults) -> World {
    let mut world = World::speaking(protocol, &["CARD"]);
    let profile = Profile { faults, ..world.charger.profile.clone() };
    world.charger = Charger::new(profile, world.now);
    world
}

#[test]
fn a_lost_answer_is_asked_for_again_with_the_same_content_and_another_message_id() {
    for protocol in Protocol::ALL {
        let faults = Faults { replays: Odds::percent(60), ..Faults::default() };
        let mut world = faulty(protocol, faults);
        world.until(|world| stops(world) == 3);
        let replays = world.misdeeds(Misdeed::Replayed);
        assert!(replays > 3, "{replays}");
        let again = world.heard.windows(2).filter(|pair| pair[0] == pair[1]).count();
        assert_eq!(again, replays, "what is sent again is sent at once, and says the same");
        let ids = world.ids.iter().collect::<BTreeSet<_>>();
        assert_eq!(ids.len(), world.ids.len());
        let told = world.events.iter().filter(|event| matches!(event, Event::Started { .. }));
        assert_eq!(told.count(), 3, "one start a charge is acknowledged");
    }
}

#[test]
fn a_station_that_pipelines_keeps_its_charges_in_order() {
    for protocol in Protocol::ALL {
        let mut world = faulty(protocol, Faults { open_calls: 4, ..Faults::default() });
        world.until(|world| stops(world) == 2);
        assert!(world.misdeeds(Misdeed::Pipelined) > 2);
        assert!(world.most_open <= 4);
        for (action, payload) in &world.heard {
            assert_ne!(payload["transactionId"], -1, "{action} went before the start's answer");
        }
    }
}

#[test]
fn a_dropped_connection_comes_back_and_every_charge_is_told() {
    for protocol in Protocol::ALL {
        let faults = Faults { drops: Odds::percent(30), open_calls: 3, ..Faults::default() };
        let mut world = faulty(protocol, faults);
        world.until(|world| stops(world) == 4);
        let drops = [true, false].map(|silent| world.misdeeds(Misdeed::Dropped { silent }));
        assert!(drops[0] > 0 && drops[1] > 0, "{drops:?}");
        let ended = world.events.iter().filter_map(|event| match event {
            Event::Stopped { transaction, .. } => Some(transaction),
            _ => None,
        });
        let ended = ended.collect::<BTreeSet<_>>();
        assert_eq!(ended.len(), 4, "each charge ends once: {ended:?}");
    }
}

#[test]
fn a_crooked_clock_is_told_as_it_was_sent() {
    let unset = Faults { clock: Clock::Unset, ..Faults::default() };
    let mut world = faulty(Protocol::Ocpp16, unset);
    world.until(|world| stops(world) == 1);
    let start = world.last("StartTransaction");
    let began = world.events.iter().find_map(|event| match event {
        Event::Started { began, .. } => Some(began.rfc3339()),
        _ => None,
    });
    assert_eq!(start["timestamp"].as_str(), began.as_deref());
    assert!(began.unwrap().starts_with("1970-01-01T00:00:"));
}
