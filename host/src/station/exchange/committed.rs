//! What comes of a commit: the answer that it opens, another try, or a refusal. Knows no request.

use super::{Exchange, Grounds, MAX_TRIES, Stage, Step};
use crate::domain::{Decision, Effects, Refusal, Responded, Verdict};
use crate::ocpp::ErrorCode;
use crate::store::{CommitError, Conflict, Receipt};

impl Exchange {
    pub(in crate::station) fn committed(&mut self, result: Result<Receipt, CommitError>) -> Step {
        let Stage::Committing(sealed, grounds) = std::mem::replace(&mut self.stage, Stage::Over)
        else {
            return self.lost_thread();
        };
        match result {
            Ok(receipt) => {
                self.stage = Stage::Over;
                Step::Done(sealed.open(&receipt))
            }
            Err(CommitError::Conflict(conflict)) if self.tries < MAX_TRIES => {
                match (conflict, grounds, self.ask.clone()) {
                    (Conflict::Effects, Some(Grounds::Open(open)), _) => {
                        self.tries += 1;
                        self.ask_responders(open)
                    }
                    (Conflict::Effects, Some(grounds), Some(ask)) => {
                        self.tries += 1;
                        self.stage = Stage::Asking(grounds);
                        Step::Ask(ask, self.deadline)
                    }
                    _ => self.take_up(),
                }
            }
            // The policies' own state moves too fast, or is too large: what happened is recorded all the same.
            Err(
                error @ (CommitError::Conflict(Conflict::Effects) | CommitError::Unstorable(_)),
            ) if grounds.is_some() && self.tries <= MAX_TRIES => {
                self.tries = MAX_TRIES + 1;
                self.stage = grounds.map_or(Stage::Over, Stage::Asking);
                let why = format!("what the policies wrote is not kept: {error}");
                if matches!(self.stage, Stage::Asking(Grounds::Open(_))) {
                    let failures = vec![why];
                    let nobody = Responded { reply: None, failures, is_asked: true };
                    return self.responded(nobody, Effects::default());
                }
                let verdict = Verdict::Refuse(Refusal::Other("policy-state".to_owned()));
                let decision = Decision { verdict, decided_by: None, why, opinions: Vec::new() };
                self.decided(decision, Effects::default())
            }
            Err(CommitError::Conflict(_) | CommitError::Overloaded) => {
                self.fail(ErrorCode::GenericError, "the server is busy: try again")
            }
            Err(CommitError::Unstorable(_)) => self
                .fail(ErrorCode::PropertyConstraintViolation, "the message is too large to keep"),
            Err(CommitError::NoSpace) => {
                self.fail(ErrorCode::InternalError, "the server's disk is full: try again later")
            }
            Err(CommitError::Unavailable) => self
                .fail(ErrorCode::InternalError, "the server cannot keep records: try again later"),
        }
    }
}
