//! What an exchange asks of the policies: of the authorisers whether a token may charge, of the responders what to
//! answer to a call that the core leaves open. Knows no plugin.

use super::{Exchange, Grounds, Stage, Step};
use crate::domain::{
    AskedStation, AuthorizeAsk, Effects, FactBody, OpenAsk, Reply, Responded, StationRecord,
};
use crate::ocpp::{Action, Answer, Dialect, ErrorCode, Fault, Request};
use crate::station::question::{Question, question};

/// A call that waits for somebody who knows its answer.
#[derive(Debug, Clone)]
pub struct Open {
    pub ask: OpenAsk,
    dialect: &'static Dialect,
    action: &'static Action,
}

impl Open {
    /// What a reply comes to; why the station's protocol does not allow it, in words.
    pub fn fit(&self, reply: Reply) -> Result<Result<Answer, Fault>, String> {
        self.dialect.fit_reply(self.action, reply)
    }
}

impl Exchange {
    pub(super) fn ask(&mut self, station: StationRecord, grounds: Grounds) -> Step {
        let Some(question) = question(&self.request, &grounds) else { return self.lost_thread() };
        let Question { purpose, shown, place, session, at, offline } = question;
        let ask = Box::new(AuthorizeAsk {
            station: self.asked(station),
            place,
            session,
            stamp: self.scribe.stamp(at),
            offline,
            purpose,
            token: shown.token.clone(),
            token_kind: shown.kind.clone(),
        });
        self.ask = Some(ask.clone());
        self.stage = Stage::Asking(grounds);
        Step::Ask(ask, self.deadline)
    }

    fn asked(&self, record: StationRecord) -> AskedStation {
        let (id, protocol) = (self.scribe.station.clone(), self.scribe.dialect.subprotocol);
        AskedStation::of(id, protocol, record)
    }

    pub(super) fn found_open(&mut self, record: StationRecord) -> Step {
        let Request::Open { payload } = &self.request else { return self.lost_thread() };
        let (dialect, action) = (self.scribe.dialect, self.scribe.action);
        let ask = OpenAsk {
            station: self.asked(record),
            stamp: self.scribe.stamp(None),
            action: action.name,
            payload: payload.get().to_owned(),
        };
        self.ask_responders(Box::new(Open { ask, dialect, action }))
    }

    pub(super) fn ask_responders(&mut self, open: Box<Open>) -> Step {
        self.stage = Stage::Asking(Grounds::Open(open.clone()));
        Step::Respond(open, self.deadline)
    }

    /// The core's own word, when nobody else has one.
    pub(super) fn stock_reply(&self) -> Result<Answer, Fault> {
        let why = "this is on record, but nobody here has an answer to it";
        let reply = self.scribe.action.reply.map(Answer::Stock);
        reply.ok_or_else(|| Fault::new(ErrorCode::NotSupported, why))
    }

    /// What the call reports is on record whatever the responders say; who answered stands beside it.
    pub(in super::super) fn responded(
        &mut self,
        said: Responded<Result<Answer, Fault>>,
        effects: Effects,
    ) -> Step {
        let stage = std::mem::replace(&mut self.stage, Stage::Over);
        let Stage::Asking(Grounds::Open(open)) = stage else { return self.lost_thread() };
        let mut commit = self.scribe.other();
        let Responded { reply, failures, is_asked } = said;
        let (by, reply) = match reply {
            Some((plugin, version, reply)) => (Some((plugin, version)), reply),
            None => (None, self.stock_reply()),
        };
        if is_asked {
            let (plugin, version) = by.unzip();
            let refused = reply.as_ref().err();
            let code = refused.map(|fault| (self.scribe.dialect.spell)(fault.code).to_owned());
            let action = self.scribe.action.name.to_owned();
            let body = FactBody::ActionAnswered { action, plugin, version, code, failures };
            commit.fact(self.scribe.fact(None, body), None);
        }
        commit.effects(effects);
        self.commit_then(commit, reply, Some(Grounds::Open(open)))
    }
}
