//! A message of a station or for a station, through all that its version does with it. Knows no connection.

use plugpoint::domain::Validation;
use plugpoint::ocpp::{Dialect, Fault, Frame};
use serde_json::Value;
use serde_json::value::RawValue;

/// Longest text that anybody is told about a wrong message, in characters (OCPP-J 1.6 §4.2.3).
const LONGEST_DESCRIPTION: usize = 255;

/// Reads a frame as if it came from a station. A CALLRESULT has the name of its action where its id would be.
pub(crate) fn read(dialect: &Dialect, text: &str) -> bool {
    match Frame::parse(text, dialect.message_types) {
        Ok(Frame::Call { action, payload, .. }) => {
            let is_command = command(dialect, &action, &payload);
            call(dialect, &action, &payload) || is_command
        }
        Ok(Frame::Send { action, payload, .. }) => {
            let strict = dialect.read_send(&action, &payload, Validation::Strict);
            let lenient = dialect.read_send(&action, &payload, Validation::Lenient);
            if let Err(fault) = &lenient {
                told(dialect, fault);
            }
            if strict.is_ok() {
                assert!(lenient.is_ok_and(|call| call.oddities.is_empty()));
                arranged(dialect, &action, &payload, Part::Request);
            }
            strict.is_ok()
        }
        Ok(Frame::Result { id, payload }) => {
            let action = id.to_string();
            let is_fit = dialect.check_answer(&action, &payload).is_none();
            let is_known = dialect.action(&action).is_some_and(|action| action.response.is_some());
            if is_known && is_fit {
                arranged(dialect, &action, &payload, Part::Response);
            }
            is_known && is_fit
        }
        Ok(Frame::Error { .. } | Frame::ResultError { .. }) => true,
        Err(bad) => {
            assert!(!(dialect.spell)(bad.code).is_empty());
            false
        }
    }
}

/// What the strict reader takes, the lenient one takes without a remark.
fn call(dialect: &Dialect, action: &str, payload: &RawValue) -> bool {
    let strict = dialect.read_call(action, payload, Validation::Strict);
    let lenient = dialect.read_call(action, payload, Validation::Lenient);
    match (&strict, &lenient) {
        (Ok(strict), Ok(lenient)) => {
            assert!(strict.oddities.is_empty() && lenient.oddities.is_empty());
            assert_eq!(format!("{:?}", strict.request), format!("{:?}", lenient.request));
            arranged(dialect, action, payload, Part::Request);
        }
        (Ok(_), Err(fault)) => panic!("only the strict reader takes {action}: {fault:?}"),
        (Err(fault), Ok(_)) => told(dialect, fault),
        (Err(strict), Err(lenient)) => {
            told(dialect, strict);
            told(dialect, lenient);
        }
    }
    strict.is_ok()
}

/// What we would send is what the tables say.
fn command(dialect: &Dialect, action: &str, payload: &RawValue) -> bool {
    match dialect.write_command(action, payload) {
        Ok(written) => {
            let again = dialect.write_command(action, &written).expect("it was checked");
            assert_eq!(written.get(), again.get(), "arranged twice");
            same(payload, &written);
            true
        }
        Err(fault) => {
            told(dialect, &fault);
            false
        }
    }
}

enum Part {
    Request,
    Response,
}

/// In the order of the table nothing is lost, nothing is added, and it is as good as before.
fn arranged(dialect: &Dialect, action: &str, payload: &RawValue, part: Part) {
    let action = dialect.action(action).expect("it was read");
    let shape = match part {
        Part::Request => &action.request,
        Part::Response => action.response.as_ref().expect("it was read"),
    };
    let arranged = dialect.catalogue.arrange(shape, payload);
    assert_eq!(dialect.catalogue.first_finding(shape, &arranged), None);
    same(payload, &arranged);
}

fn same(one: &RawValue, other: &RawValue) {
    let value = |raw: &RawValue| serde_json::from_str::<Value>(raw.get()).expect("it is JSON");
    assert_eq!(value(one), value(other));
}

fn told(dialect: &Dialect, fault: &Fault) {
    let problem = dialect.problem(fault);
    assert!(!problem.code.is_empty());
    assert!(problem.description.chars().count() <= LONGEST_DESCRIPTION, "{}", problem.description);
    let frame = Frame::Error { id: plugpoint::ocpp::MessageId::unreadable(), problem };
    Frame::parse(&frame.write(), dialect.message_types).expect("what we write, we read");
}
