use plugpoint_sdk::testing::{Stage, ask};

use super::Policy;

#[test]
fn what_stands_in_front_of_a_message_is_cut() {
    let mut policy = Stage::new().load::<Policy>("{}").unwrap();
    let station = ask().station;
    let mut mended = |text| policy.inbound(&station, text).unwrap();
    assert_eq!(mended(r#",[2,"1","Heartbeat",{}]"#).as_deref(), Some(r#"[2,"1","Heartbeat",{}]"#));
    assert_eq!(mended(r#"[2,"1","Heartbeat",{}]"#), None);
}
