use plugpoint_sdk::testing::{Stage, event};

use super::Policy;

#[test]
fn events_are_counted_by_kind() {
    let mut policy = Stage::new().load::<Policy>("{}").unwrap();
    let (started, ended) = (event("transaction-started", "{}"), event("transaction-ended", "{}"));
    policy.on_events(&[started.clone(), ended, started]).unwrap();
    assert_eq!(policy.state("transaction-started"), Some(&b"2"[..]));
    assert_eq!(policy.state("transaction-ended"), Some(&b"1"[..]));
}
