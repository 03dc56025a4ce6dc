use plugpoint_sdk::Event;
use plugpoint_sdk::testing::{Loaded, Stage, event};

use super::{EventCounter, Tally};

fn counter() -> Loaded<EventCounter> {
    Stage::new().load("{}").unwrap()
}

fn started() -> Event {
    event("transaction-started", r#"{"session": 1}"#)
}

fn ended(energy_wh: &str) -> Event {
    event("transaction-ended", &format!(r#"{{"session": 1, "energy_wh": {energy_wh}}}"#))
}

fn at(station: &str, event: Event) -> Event {
    Event { station: Some(station.to_owned()), ..event }
}

fn tally(counter: &Loaded<EventCounter>, station: &str) -> Option<Tally> {
    counter.state(station).map(|bytes| serde_json::from_slice(bytes).unwrap())
}

#[test]
fn sessions_and_energy_are_counted_by_station() {
    let mut counter = counter();
    let batch = [started(), ended("1500.5"), at("CS-2", started()), started()];
    counter.on_events(&batch).unwrap();
    counter.on_events(&[ended("0.125")]).unwrap();
    assert_eq!(tally(&counter, "CS-1"), Some(Tally { sessions: 2, energy_mwh: 1_500_625 }));
    assert_eq!(tally(&counter, "CS-2"), Some(Tally { sessions: 1, energy_mwh: 0 }));
}

#[test]
fn what_is_no_session_leaves_no_trace() {
    let mut counter = counter();
    let server = Event { station: None, ..started() };
    counter.on_events(&[server, event("disconnected", r#"{"why": "closed"}"#)]).unwrap();
    assert_eq!(tally(&counter, "CS-1"), None);
}

#[test]
fn an_event_that_cannot_be_read_is_an_error_and_counts_nothing_of_its_batch() {
    let mut counter = counter();
    let error = counter.on_events(&[started(), ended("\"much\"")]).unwrap_err();
    assert!(error.contains("transaction-ended"), "{error}");
    assert_eq!(tally(&counter, "CS-1"), None);
}
