//! OCPP 2.0.1 and 2.1: payloads ⇄ requests and answers. One family: 2.1 adds to 2.0.1 and takes nothing away, so both are
//! read and written by the same functions. What they differ in is an [`Edition`]. Knows no state.

mod read;
mod write;

use super::frame::{CALLS, CALLS_AND_SENDS};
use super::{Dialect, catalogue};

/// What the versions of the family differ in beyond their tables of actions.
#[derive(Debug)]
struct Edition {
    /// For people.
    name: &'static str,
    /// Longest `idToken`, in characters (part 2, IdTokenType).
    max_id_token: usize,
    /// `totalCost` may stand in the answer to an event that ends nothing (part 2, TransactionEventResponse). Where it may
    /// not, a running cost is told in a call of its own.
    answers_tell_running_cost: bool,
    /// Answers to events have a `transactionLimit`, which the station keeps by itself.
    answers_tell_limits: bool,
}

static EDITION_201: Edition = Edition {
    name: "OCPP 2.0.1",
    max_id_token: 36,
    answers_tell_running_cost: false,
    answers_tell_limits: false,
};

static EDITION_21: Edition = Edition {
    name: "OCPP 2.1",
    max_id_token: 255,
    answers_tell_running_cost: true,
    answers_tell_limits: true,
};

/// OCPP 2.0.1 as the house sees it.
pub static V201: Dialect = Dialect {
    subprotocol: "ocpp2.0.1",
    message_types: CALLS,
    catalogue: &catalogue::V201,
    decode: |action, payload| read::decode(&EDITION_201, action, payload),
    encode: |answer, now| write::encode(&EDITION_201, answer, now),
    show_cost: |cost| write::show_cost(&EDITION_201, cost),
    spell: write::spell,
};

/// OCPP 2.1 as the house sees it.
pub static V21: Dialect = Dialect {
    subprotocol: "ocpp2.1",
    message_types: CALLS_AND_SENDS,
    catalogue: &catalogue::V21,
    decode: |action, payload| read::decode(&EDITION_21, action, payload),
    encode: |answer, now| write::encode(&EDITION_21, answer, now),
    show_cost: |cost| write::show_cost(&EDITION_21, cost),
    spell: write::spell,
};

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::super::{Answer, Cost, CostToShow, Fault, Request};
    use super::*;
    use crate::domain::{Limits, Millis, Permit, Phase, Place, Validation, Verdict};

    const BOTH: [&Dialect; 2] = [&V201, &V21];

    fn said(dialect: &Dialect, action: &str, payload: &str) -> Result<Request, Fault> {
        let payload = RawValue::from_string(payload.to_owned()).unwrap();
        dialect.read_call(action, &payload, Validation::Strict).map(|call| call.request)
    }

    fn call(action: &str, payload: &str) -> Result<Request, Fault> {
        said(&V201, action, payload)
    }

    fn told(dialect: &Dialect, answer: &Answer) -> String {
        (dialect.encode)(answer, Millis(0)).unwrap().get().to_owned()
    }

    #[test]
    fn an_event_is_read_with_its_place_its_token_and_every_digit() {
        let text = r#"{"eventType":"Updated","timestamp":"2026-01-01T10:00:00Z","triggerReason":"MeterValuePeriodic","seqNo":2147483648,
            "transactionInfo":{"transactionId":"t-1","chargingState":"Charging"},"evse":{"id":2,"connectorId":1},
            "idToken":{"idToken":"AB","type":"ISO14443","customData":{"vendorId":"x"}},
            "meterValue":[{"timestamp":"2026-01-01T10:00:00Z","sampledValue":[{"value":12345678.901,"unitOfMeasure":{"unit":"Wh","multiplier":3}}]}]}"#;
        let Ok(Request::Event(event)) = call("TransactionEvent", text) else { panic!() };
        assert_eq!((event.phase, event.number), (Phase::Updated, 2_147_483_648));
        assert_eq!(event.place, Some(Place::evse(2, Some(1))));
        assert_eq!(event.shown.unwrap().kind.as_deref(), Some("ISO14443"));
        let sample = &event.readings[0].samples[0];
        assert_eq!((sample.value.as_str(), sample.multiplier), ("12345678.901", Some(3)));
    }

    #[test]
    fn nobody_was_asked_is_no_token() {
        let text = r#"{"eventType":"Started","timestamp":"2026-01-01T10:00:00Z","triggerReason":"CablePluggedIn","seqNo":0,
            "transactionInfo":{"transactionId":"t-1"},"idToken":{"idToken":"","type":"NoAuthorization"}}"#;
        let Ok(Request::Event(event)) = call("TransactionEvent", text) else { panic!() };
        assert!(event.shown.is_none());
    }

    #[test]
    fn faults_have_the_codes_of_the_protocol() {
        let code = |action, payload| (V201.spell)(call(action, payload).unwrap_err().code);
        assert_eq!(code("StartTransaction", "{}"), "NotImplemented");
        assert_eq!(code("GetVariables", "{}"), "NotSupported");
        assert_eq!(code("TransactionEvent", "{}"), "OccurrenceConstraintViolation");
        assert_eq!(code("Authorize", r#"{"idToken":"AB"}"#), "TypeConstraintViolation");
        assert_eq!(code("Authorize", "[]"), "FormatViolation");
    }

    #[test]
    fn a_token_may_be_longer_in_the_newer_version() {
        let payload = |length| {
            let token = "A".repeat(length);
            format!(r#"{{"idToken":{{"idToken":"{token}","type":"eMAID"}}}}"#)
        };
        let fits = |dialect, length| said(dialect, "Authorize", &payload(length)).is_ok();
        assert_eq!([36, 37, 255].map(|length| fits(&V201, length)), [true, false, false]);
        assert_eq!([36, 255, 256].map(|length| fits(&V21, length)), [true, true, false]);
    }

    /// An answer to an event, with a verdict or a cost.
    fn answer(phase: Phase, verdict: Option<Verdict>, cost: Option<Cost>) -> Answer {
        Answer::Event { phase, verdict, cost }
    }

    #[test]
    fn verdicts_are_written_as_the_protocol_wants_them() {
        let permit = Permit { group: Some("fleet".into()), ..Default::default() };
        let permitted = answer(Phase::Started, Some(Verdict::Permit(permit)), None);
        for dialect in BOTH {
            assert_eq!(
                told(dialect, &permitted),
                r#"{"idTokenInfo":{"status":"Accepted","groupIdToken":{"idToken":"fleet","type":"Central"}}}"#
            );
            assert_eq!(told(dialect, &answer(Phase::Updated, None, None)), "{}");
            for (minor, decimals, text) in [(1_230, 2, "12.30"), (0, 2, "0.00"), (980, 0, "980")] {
                let ended = answer(Phase::Ended, None, Some(Cost { minor, decimals }));
                assert_eq!(told(dialect, &ended), format!(r#"{{"totalCost":{text}}}"#));
            }
        }
    }

    #[test]
    fn a_running_cost_stands_in_the_answer_of_the_newer_version_and_in_a_call_of_the_older() {
        let cost = Cost { minor: 150, decimals: 2 };
        let running = answer(Phase::Updated, None, Some(cost));
        assert_eq!(BOTH.map(|dialect| told(dialect, &running)), ["{}", r#"{"totalCost":1.50}"#]);
        let to_show = CostToShow {
            transaction: "t-1".into(),
            cost,
            is_final: false,
            meter: None,
            is_charging: true,
            price_text: String::new(),
        };
        let calls = BOTH.map(|dialect| (dialect.show_cost)(&to_show).unwrap().is_some());
        assert_eq!(calls, [true, false]);
    }

    #[test]
    fn limits_are_told_while_they_can_still_be_kept_to_those_who_keep_them() {
        let limits = |limits| Some(Verdict::Permit(Permit { limits, ..Default::default() }));
        let all = limits(Limits {
            max_mwh: Some(12_500_500),
            max_seconds: Some(3600),
            max_cost_micros: Some(20_500_000),
            evses: vec![],
        });
        let (accepted, limit) = (
            r#""idTokenInfo":{"status":"Accepted"}"#,
            r#""transactionLimit":{"maxCost":20.5,"maxEnergy":12500.5,"maxTime":3600}"#,
        );
        let permitted = answer(Phase::Updated, all.clone(), None);
        assert_eq!(told(&V201, &permitted), format!("{{{accepted}}}"));
        assert_eq!(told(&V21, &permitted), format!("{{{accepted},{limit}}}"));
        assert_eq!(told(&V21, &answer(Phase::Ended, all, None)), format!("{{{accepted}}}"));
        let none = answer(Phase::Started, limits(Limits::default()), None);
        assert_eq!(told(&V21, &none), format!("{{{accepted}}}"));
    }
}
