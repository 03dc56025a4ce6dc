//! Whether a station's answer to a call of ours is what its protocol allows. Knows no socket and nobody who waits for it.

use serde_json::value::RawValue;

use super::super::registry::CommandFailure;
use super::{Machine, Now};
use crate::domain::Validation;
use crate::ocpp::{Fault, Frame, MessageId, MessageType};

impl Machine {
    /// The answer if it can be taken. One that cannot is told to the operator, and to a station that can be told so.
    pub(super) fn fitting(
        &mut self,
        now: Now,
        id: &MessageId,
        answer: Box<RawValue>,
    ) -> Result<Box<RawValue>, CommandFailure> {
        let Some((link, action)) = self.link.as_ref().zip(self.commands.open_action(id)) else {
            return Ok(answer);
        };
        let Some(finding) = link.dialect.check_answer(action, &answer) else { return Ok(answer) };
        let fault = Fault::from(finding);
        if link.handling.validation == Validation::Lenient {
            let what = format!("its answer to {action} is odd, and taken: {}", fault.description);
            self.warn(now, what);
            return Ok(answer);
        }
        let problem = link.dialect.problem(&fault);
        let is_told = link.dialect.message_types.contains(&MessageType::ResultError);
        self.warn(now, format!("its answer to {action} is not taken: {}", fault.description));
        if is_told {
            self.send(&Frame::ResultError { id: id.clone(), problem });
        }
        Err(CommandFailure::Unfit { fault, answer })
    }
}
