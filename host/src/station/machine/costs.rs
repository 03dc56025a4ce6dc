//! Tells stations what sessions cost, and hears that they do not want to know. Knows no tariff and no socket.

use serde_json::value::RawValue;

use super::super::display;
use super::super::registry::CommandFailure;
use super::{Machine, Now};
use crate::ocpp::CostToShow;

impl Machine {
    /// Tells the station what its driver may read. Lost is lost: the next price comes in a minute.
    pub(super) fn show(&mut self, now: Now, cost: Option<Box<CostToShow>>) {
        let cost = cost.filter(|_| !self.takes_no_cost);
        let Some((cost, link)) = cost.zip(self.link.as_ref()) else { return };
        match (link.dialect.show_cost)(&cost) {
            Ok(None) => {}
            Ok(Some(call)) => {
                self.commands.tell(now.steady, cost.transaction, call);
                self.next_command();
            }
            Err(error) => self.warn(now, format!("the cost cannot be told: {error}")),
        }
    }

    /// A station that does not take what it was told is not told again until it connects anew.
    pub(super) fn told(
        &mut self,
        now: Now,
        action: &str,
        result: Result<Box<RawValue>, CommandFailure>,
    ) {
        let refusal = match result {
            Ok(answer) => display::refusal(answer.get()),
            Err(CommandFailure::Refused { code, .. }) => Some(code),
            Err(_) => None,
        };
        if let Some(refusal) = refusal {
            self.takes_no_cost = true;
            let set_up = "its record says that it shows costs, which may be wrong";
            self.warn(now, format!("{action} with a cost was answered with {refusal:?}: {set_up}"));
        }
    }
}
