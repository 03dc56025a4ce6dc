//! What somebody outside of the core wants a station to be answered: held to what its version allows. Knows no plugin.

use serde_json::value::RawValue;

use super::{Action, Answer, Dialect, ErrorCode, Fault};
use crate::domain::Reply;

/// Longest description of an error, in characters (OCPP-J 1.6 §4.2.3, 2.1 part 4 §4.2.3).
const MAX_DESCRIPTION: usize = 255;

/// The codes with which a call that could be read can be refused.
const CODES: [ErrorCode; 9] = [
    ErrorCode::NotImplemented,
    ErrorCode::NotSupported,
    ErrorCode::InternalError,
    ErrorCode::FormatViolation,
    ErrorCode::PropertyConstraintViolation,
    ErrorCode::OccurrenceConstraintViolation,
    ErrorCode::TypeConstraintViolation,
    ErrorCode::SecurityError,
    ErrorCode::GenericError,
];

impl Dialect {
    /// The answer or the refusal as it is sent; why it cannot be, for whoever wants it said. Codes may be spelled as
    /// any version spells them.
    pub fn fit_reply(
        &self,
        action: &Action,
        reply: Reply,
    ) -> Result<Result<Answer, Fault>, String> {
        match reply {
            Reply::Answer(payload) => {
                let wrong = |error: serde_json::Error| format!("the answer is no JSON: {error}");
                let payload = RawValue::from_string(payload).map_err(wrong)?;
                let shape = action.response.as_ref();
                let shape = shape.ok_or_else(|| format!("nobody answers {}", action.name))?;
                match self.catalogue.first_finding(shape, &payload) {
                    Some(finding) => Err(format!(
                        "no answer to {} in OCPP {}: {finding}",
                        action.name, self.catalogue.version
                    )),
                    None => Ok(Ok(Answer::Given(self.catalogue.arrange(shape, &payload)))),
                }
            }
            Reply::Refuse { code, description } => {
                let spelled = |known: &ErrorCode| {
                    super::DIALECTS.iter().any(|dialect| (dialect.spell)(*known) == code)
                };
                let known = CODES.into_iter().find(spelled);
                let known = known.ok_or_else(|| format!("no error code of OCPP: {code:?}"))?;
                let description: String = description.chars().take(MAX_DESCRIPTION).collect();
                Ok(Err(Fault::new(known, description)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{v2, v16};
    use super::*;

    fn fit(
        dialect: &Dialect,
        action: &str,
        reply: Reply,
    ) -> Result<Result<String, String>, String> {
        let fit = dialect.fit_reply(dialect.action(action).unwrap(), reply)?;
        Ok(match fit {
            Ok(Answer::Given(payload)) => Ok(payload.get().to_owned()),
            Ok(other) => panic!("{other:?}"),
            Err(fault) => Err((dialect.spell)(fault.code).to_owned()),
        })
    }

    fn answer(text: &str) -> Reply {
        Reply::Answer(text.to_owned())
    }

    #[test]
    fn an_answer_is_what_the_version_allows_and_is_written_as_all_others_are() {
        let odd_order = answer("{ \"data\": \"x\", \"status\": \"Accepted\" }");
        let told = fit(&v16::DIALECT, "DataTransfer", odd_order);
        assert_eq!(told, Ok(Ok(r#"{"status":"Accepted","data":"x"}"#.to_owned())));
        for (bad, why) in [
            (r#"{"status":"Fine"}"#, "status"),
            (r#"{"data":"x"}"#, "status"),
            ("[]", "DataTransfer"),
            ("{", "no JSON"),
        ] {
            let told = fit(&v16::DIALECT, "DataTransfer", answer(bad)).unwrap_err();
            assert!(told.contains(why), "{bad}: {told}");
        }
        let silent = fit(&v2::V21, "NotifyPeriodicEventStream", answer("{}"));
        assert!(silent.is_err(), "{silent:?}");
    }

    #[test]
    fn a_refusal_is_spelled_as_the_version_spells_it() {
        let refuse =
            |code: &str| Reply::Refuse { code: code.to_owned(), description: "é".repeat(300) };
        for code in ["OccurrenceConstraintViolation", "OccurenceConstraintViolation"] {
            let told = |dialect| fit(dialect, "DataTransfer", refuse(code)).unwrap().unwrap_err();
            assert_eq!(told(&v16::DIALECT), "OccurenceConstraintViolation");
            assert_eq!(told(&v2::V201), "OccurrenceConstraintViolation");
        }
        assert!(fit(&v16::DIALECT, "DataTransfer", refuse("Nonsense")).is_err());
        assert!(fit(&v16::DIALECT, "DataTransfer", refuse("RpcFrameworkError")).is_err());
    }
}
