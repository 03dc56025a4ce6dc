//! Hands a policy under test frames to mend and calls to answer.

use super::Loaded;
use crate::{Ask, Quirks, Reply, Responder, Station};

impl<P: Quirks> Loaded<P> {
    /// A frame that the station sends. What the call writes to its state is discarded.
    pub fn inbound(&mut self, sender: &Station, text: &str) -> Result<Option<String>, String> {
        let policy = &self.policy;
        self.stage.discarding(|| policy.inbound(sender, text))
    }

    /// A frame for the station, in answer to a call of this action. What the call writes to its state is discarded.
    pub fn outbound(
        &mut self,
        receiver: &Station,
        text: &str,
        answers: Option<&str>,
    ) -> Result<Option<String>, String> {
        let policy = &self.policy;
        self.stage.discarding(|| policy.outbound(receiver, text, answers))
    }
}

impl<P: Responder> Loaded<P> {
    /// A call of a station. A call that fails leaves no state behind.
    pub fn answer(
        &mut self,
        ask: &Ask,
        action: &str,
        payload: &str,
    ) -> Result<Option<Reply>, String> {
        let policy = &self.policy;
        self.stage.keeping(|| policy.answer(ask, action, payload))
    }
}
