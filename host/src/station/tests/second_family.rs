//! The same conversations over OCPP 2.0.1 and 2.1: transactions that the station names, in numbered events.

use super::Bench;
use crate::domain::{FactBody, MilliwattHours, Place};

#[test]
fn a_car_charges_over_2_0_1() {
    let mut bench = Bench::of_2_0_1();
    bench.transcript(
        r#"
        > [2,"1","BootNotification",{"reason":"PowerUp","chargingStation":{"vendorName":"Acme","model":"Two"}}]
        < [3,"1",{"currentTime":"2026-01-01T10:00:00.000Z","interval":300,"status":"Accepted"}]
        > [2,"2","StatusNotification",{"timestamp":"2026-01-01T10:00:00Z","connectorStatus":"Occupied","evseId":1,"connectorId":1}]
        < [3,"2",{}]
        > [2,"3","TransactionEvent",{"eventType":"Started","timestamp":"2026-01-01T10:00:00Z","triggerReason":"CablePluggedIn","seqNo":0,"transactionInfo":{"transactionId":"t-1","chargingState":"EVConnected"},"evse":{"id":1,"connectorId":1},"meterValue":[{"timestamp":"2026-01-01T10:00:00Z","sampledValue":[{"value":1000,"context":"Transaction.Begin"}]}]}]
        < [3,"3",{}]
        > [2,"4","TransactionEvent",{"eventType":"Updated","timestamp":"2026-01-01T10:01:00Z","triggerReason":"Authorized","seqNo":1,"transactionInfo":{"transactionId":"t-1","chargingState":"Charging"},"idToken":{"idToken":"CARD1","type":"ISO14443"}}]
        < [3,"4",{"idTokenInfo":{"status":"Accepted"}}]
        > [2,"5","TransactionEvent",{"eventType":"Ended","timestamp":"2026-01-01T10:20:00Z","triggerReason":"StopAuthorized","seqNo":2,"transactionInfo":{"transactionId":"t-1","stoppedReason":"Local"},"idToken":{"idToken":"CARD1","type":"ISO14443"},"meterValue":[{"timestamp":"2026-01-01T10:20:00Z","sampledValue":[{"value":9.0,"context":"Transaction.End","unitOfMeasure":{"unit":"kWh"}}]}]}]
        < [3,"5",{"idTokenInfo":{"status":"Accepted"}}]
        > [2,"6","NotifyEvent",{"generatedAt":"2026-01-01T10:20:00Z","seqNo":0,"eventData":[{"eventId":1,"timestamp":"2026-01-01T10:20:00Z","trigger":"Alerting","actualValue":"open","component":{"name":"Door"},"variable":{"name":"State"},"eventNotificationType":"HardWiredNotification"}]}]
        < [3,"6",{}]
        "#,
    );
    let session = bench.session(1);
    assert_eq!((session.protocol.as_str(), session.transaction.as_str()), ("ocpp2.0.1", "t-1"));
    assert_eq!(session.energy(), MilliwattHours::from_wh(8000));
    assert_eq!(session.place, Place::evse(1, Some(1)));
    assert!(session.token.is_some() && session.decision.is_some());
    assert_eq!(bench.asked, 1, "the end asks nobody");
}

fn event(kind: &str, number: u32, more: &str) -> String {
    format!(
        r#"[2,"e{number}","TransactionEvent",{{"eventType":"{kind}","timestamp":"2026-01-01T10:0{number}:00Z","triggerReason":"MeterValuePeriodic","seqNo":{number},"transactionInfo":{{"transactionId":"t-9"}}{more}}}]"#
    )
}

#[test]
fn events_that_come_twice_late_or_for_an_unknown_transaction_make_one_session() {
    let mut bench = Bench::of_2_0_1();
    let token = r#","idToken":{"idToken":"CARD1","type":"ISO14443"}"#;
    let last = event("Ended", 3, "");
    for message in [&event("Updated", 1, token), &last, &last, &event("Started", 0, "")] {
        let answer = bench.says(message);
        assert!(answer.starts_with("[3,"), "{answer}");
    }
    assert_eq!(bench.sessions(), 1);
    let session = bench.session(1);
    assert!(!session.is_active());
    assert_eq!(session.sequence.unwrap().missing(), [(2, 2)]);
    let ends = bench.facts();
    let ends = ends.iter().filter(|f| matches!(f, FactBody::TransactionEnded { .. })).count();
    assert_eq!(ends, 1, "the repetition is no new fact");

    // The first word on a number counts, and the operator hears of the second.
    bench.says(&event("Updated", 1, r#","offline":true"#));
    assert_eq!(bench.warnings.len(), 1, "{:?}", bench.warnings);
    assert_eq!(bench.sessions(), 1);
}
