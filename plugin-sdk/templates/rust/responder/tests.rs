use plugpoint_sdk::Reply;
use plugpoint_sdk::testing::{Stage, ask};

use super::Policy;

#[test]
fn one_vendor_is_answered_and_counted_and_others_are_left_to_others() {
    let mut policy = Stage::new().load::<Policy>(r#"{"vendor": "V"}"#).unwrap();
    let mut told = |vendor: &str| {
        let call = format!(r#"{{"vendorId":"{vendor}"}}"#);
        policy.answer(&ask(), "DataTransfer", &call).unwrap()
    };
    assert_eq!(told("V"), Some(Reply::Answer(r#"{"status":"Accepted"}"#.to_owned())));
    assert_eq!(told("W"), None);
    assert_eq!(policy.state("CS-1"), Some(&b"1"[..]));
}
