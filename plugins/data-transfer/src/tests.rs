use plugpoint_sdk::testing::{Loaded, Stage, ask};
use plugpoint_sdk::{Ask, Reply};

use super::DataTransfer;

const LIST: &str = r#"{"answers": [
    {"vendor": "V", "message": "Price", "data": {"kwh": "0.39"}},
    {"vendor": "V", "message": "Set", "refuse": "SecurityError"},
    {"vendor": "W", "status": "Rejected"}
]}"#;

fn listed() -> Loaded<DataTransfer> {
    Stage::new().load(LIST).unwrap()
}

fn told(policy: &mut Loaded<DataTransfer>, ask: &Ask, payload: &str) -> Option<String> {
    match policy.answer(ask, "DataTransfer", payload).unwrap()? {
        Reply::Answer(payload) => Some(payload),
        Reply::Refuse(refusal) => Some(refusal.code),
    }
}

#[test]
fn each_vendor_is_answered_as_the_list_says_and_others_are_left_to_others() {
    let mut policy = listed();
    let mut told = |payload| told(&mut policy, &ask(), payload);
    assert_eq!(told(r#"{"vendorId":"V","messageId":"Set"}"#).as_deref(), Some("SecurityError"));
    let unknown = Some(r#"{"status":"UnknownMessageId"}"#);
    assert_eq!(told(r#"{"vendorId":"V","messageId":"What"}"#).as_deref(), unknown);
    assert_eq!(told(r#"{"vendorId":"V"}"#).as_deref(), unknown);
    let rejected = Some(r#"{"status":"Rejected"}"#);
    assert_eq!(told(r#"{"vendorId":"W","messageId":"What"}"#).as_deref(), rejected);
    assert_eq!(told(r#"{"vendorId":"X"}"#), None);
    assert_eq!(policy.answer(&ask(), "VatNumberValidation", "{}"), Ok(None));
}

#[test]
fn data_is_a_text_where_the_protocol_has_nothing_else() {
    let mut policy = listed();
    let price = r#"{"vendorId":"V","messageId":"Price"}"#;
    let older = told(&mut policy, &ask(), price);
    assert_eq!(older.as_deref(), Some(r#"{"status":"Accepted","data":"{\"kwh\":\"0.39\"}"}"#));
    let mut newer = ask();
    newer.station.protocol = "ocpp2.0.1".to_owned();
    let newer = told(&mut policy, &newer, price);
    assert_eq!(newer.as_deref(), Some(r#"{"status":"Accepted","data":{"kwh":"0.39"}}"#));
    assert_eq!(policy.state("asked/CS-1/V/Price"), Some(&b"2"[..]));
}

#[test]
fn a_list_that_cannot_be_meant_is_refused() {
    let load = |list: &str| Stage::new().load::<DataTransfer>(list).map(drop);
    assert!(load(r#"{"answers": [{"vendor": "V", "refuse": "X", "data": 1}]}"#).is_err());
    assert!(load(r#"{"answers": [{"vendor": "V", "status": "Fine"}]}"#).is_err());
    let long = "x".repeat(250);
    assert!(load(&format!(r#"{{"answers": [{{"vendor": "{long}"}}]}}"#)).is_err());
}
