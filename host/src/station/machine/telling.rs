//! What the operator is told, and what goes into the log that no call asked for. Knows no message.

use super::{Machine, Now, Output};
use crate::domain::{Fact, FactBody, Stamp};
use crate::store::Commit;

impl Machine {
    /// What is refused is not lost: whoever mends the station can read it. As much of it as goes into the log.
    pub(super) fn keep_refused(
        &mut self,
        now: Now,
        action: Option<String>,
        why: String,
        raw: String,
    ) {
        if self.refusals.get_or_insert_default().admit(now.steady).is_some() {
            self.note_with(now, FactBody::MessageRefused { action, why }, Some(raw));
        }
    }

    pub(super) fn note(&mut self, now: Now, body: FactBody) {
        self.note_with(now, body, None);
    }

    fn note_with(&mut self, now: Now, body: FactBody, raw: Option<String>) {
        let mut commit = Commit::new();
        let station = Some(self.station.clone());
        commit.fact(Fact { station, stamp: Stamp::here(now.wall), body }, raw);
        self.outputs.push_back(Output::Note(commit));
    }

    pub(super) fn warn(&mut self, now: Now, what: String) {
        if let Some(withheld) = self.warnings.admit(now.steady) {
            if withheld > 0 {
                let what = format!("{withheld} more warnings were withheld");
                self.outputs.push_back(Output::Warn(what));
            }
            self.outputs.push_back(Output::Warn(what));
        }
    }
}
