//! What a station says that nobody answers: SENDs, and that it cannot take an answer of ours (both OCPP 2.1).
//!
//! Neither takes a turn: the station may have a CALL open meanwhile. Both go into the log, unless there are too many of
//! them. Knows no socket.

use serde_json::value::RawValue;

use super::super::scribe::Scribe;
use super::{Machine, Now, Output};
use crate::domain::{Fact, FactBody, Stamp};
use crate::ocpp::{Dialect, MessageId, MessageType, Problem};
use crate::store::{Commit, CommitError, Receipt};

/// Of one station, on their way to the records. What comes beyond is not kept.
const MAX_UNDER_WAY: u8 = 32;

/// Longest error code and description of a station that are kept, in characters (OCPP-J 2.1 §4.2.4).
const MAX_CODE: usize = 50;
const MAX_DESCRIPTION: usize = 255;

#[derive(Default)]
pub(super) struct Unanswered {
    under_way: u8,
    /// Our newest answer, and to what. Boxed, and only where the station can say that it cannot take it.
    answered: Option<Box<(MessageId, &'static str)>>,
}

impl Unanswered {
    pub(super) fn note_answer(&mut self, dialect: &Dialect, id: &MessageId, action: &'static str) {
        if dialect.message_types.contains(&MessageType::ResultError) {
            self.answered = Some(Box::new((id.clone(), action)));
        }
    }
}

impl Machine {
    /// A SEND.
    pub(super) fn sent(&mut self, now: Now, action: &str, payload: &RawValue, raw: String) {
        let Some(link) = &self.link else { return };
        let dialect = link.dialect;
        let read = dialect.read_send(action, payload, link.handling.validation);
        match read.and_then(|call| self.probation.hears(action).map(|()| call)) {
            Ok(call) => {
                self.tell_oddities(now, &call);
                let (station, action, received) = (self.station.clone(), call.action, now.wall);
                let scribe = Scribe { station, dialect, action, raw, received };
                self.keep(now, action.name, scribe.other());
            }
            Err(fault) => {
                let action: String = action.chars().take(MAX_CODE).collect();
                self.warn(now, format!("a SEND of {action:?} refused: {fault}"));
                self.keep_refused(now, Some(action), fault.to_string(), raw);
            }
        }
    }

    /// The station says that an answer of ours makes no sense to it.
    pub(super) fn answer_refused(
        &mut self,
        now: Now,
        id: &MessageId,
        problem: Problem,
        raw: String,
    ) {
        let to = self.unanswered.answered.take_if(|answered| answered.0 == *id);
        let action = to.map(|answered| answered.1.to_owned());
        let code: String = problem.code.chars().take(MAX_CODE).collect();
        let description: String = problem.description.chars().take(MAX_DESCRIPTION).collect();
        let what = action.as_deref().unwrap_or("something");
        self.warn(now, format!("it cannot take our answer to {what}: {code} {description}"));
        let body = FactBody::AnswerRefused { action, code, description };
        let mut commit = Commit::new();
        let station = Some(self.station.clone());
        commit.fact(Fact { station, stamp: Stamp::here(now.wall), body }, Some(raw));
        self.keep(now, "CALLRESULTERROR", commit);
    }

    fn keep(&mut self, now: Now, what: &str, commit: Commit) {
        if self.unanswered.under_way >= MAX_UNDER_WAY {
            let why = format!("{MAX_UNDER_WAY} are on their way to the records already");
            return self.warn(now, format!("{what} is not kept: {why}"));
        }
        self.unanswered.under_way += 1;
        self.outputs.push_back(Output::Keep(commit));
    }

    pub(super) fn kept(&mut self, now: Now, result: Result<Receipt, CommitError>) {
        self.unanswered.under_way = self.unanswered.under_way.saturating_sub(1);
        if let Err(error) = result {
            self.warn(now, format!("what nobody answers is not on record: {error}"));
        }
    }
}
