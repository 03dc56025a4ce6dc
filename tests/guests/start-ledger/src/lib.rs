//! Permits every card and keeps a ledger of the starts that it was asked about. For tests of what becomes of a
//! plugin's writes when the server dies.
//!
//! `start/<session>` counts how often its call for that session was kept, which must be once. `sum/<n>` counts the
//! starts of every sixteenth session: calls at the same time read and write the same ones, and have to be run again.

use plugpoint_sdk::{Ask, Authorizer, Lifecycle, NoSettings, Purpose, Token, Verdict, state};

/// Sums, so that a burst of starts meets some of the others, and not all of them.
const SUMS: u64 = 16;

struct StartLedger;

plugpoint_sdk::export!(StartLedger: Authorizer);

impl Lifecycle for StartLedger {
    type Settings = NoSettings;

    fn configure(_: NoSettings) -> Result<Self, String> {
        Ok(Self)
    }
}

impl Authorizer for StartLedger {
    fn authorize(&self, ask: &Ask, purpose: Purpose, _: &Token) -> Result<Verdict, String> {
        if let (Purpose::Start, Some(session)) = (purpose, &ask.session) {
            let number: u64 = session.parse().map_err(|e| format!("session {session:?}: {e}"))?;
            count(&format!("start/{session}"))?;
            count(&format!("sum/{}", number % SUMS))?;
        }
        Ok(Verdict::permit())
    }
}

fn count(key: &str) -> Result<(), String> {
    let before: u64 = state::load(key)?.unwrap_or_default();
    state::save(key, &(before + 1))
}
