//! What a simulated station does with the server's answers to its calls. Knows no socket.

use std::time::Duration;

use serde_json::Value;

use super::Event;
use super::backlog::Body;
use super::bay::Doing;
use super::charger::{Boot, Charger, OpenCall, Output};
use crate::domain::{IdToken, Millis};

/// Between two boots when the server answers `Pending` or `Rejected` without an interval.
const BOOT_AGAIN: Duration = Duration::from_secs(10);

impl Charger {
    pub(super) fn answered(
        &mut self,
        now: Millis,
        open: OpenCall,
        answer: &Value,
        out: &mut Vec<Output>,
    ) {
        let OpenCall { message, since, .. } = open;
        let took = now.since(since);
        out.push(Output::Report(Event::Answered { action: message.body.action(), took }));
        let replayed = message.replayed(self.connection);
        let status = answer.pointer("/idTagInfo/status").and_then(Value::as_str).unwrap_or("");
        match message.body {
            Body::Boot => self.boot_answered(now, answer, out),
            Body::Heartbeat | Body::Status { .. } => {}
            Body::Authorize { connector, card } => {
                self.card_answered(now, connector, card, status, out);
            }
            Body::Start { connector, charge, card, meter_wh, at } => {
                let transaction = answer.get("transactionId").and_then(Value::as_i64).unwrap_or(0);
                let accepted = status == "Accepted";
                self.transactions.insert(charge, transaction);
                out.push(Output::Report(Event::Started {
                    connector,
                    card,
                    transaction,
                    began: at,
                    meter_wh,
                    accepted,
                    replayed,
                }));
                // `StopTransactionOnInvalidId`: no leave to charge, no power.
                if !accepted && let Some(n) = self.bay_of(charge) {
                    self.stop(now, n, "DeAuthorized");
                }
            }
            Body::Meter { connector, charge, meter_wh, delivered_wh, .. } => {
                let transaction = self.transactions.get(&charge).copied().unwrap_or(-1);
                let metered = Event::Metered { connector, transaction, meter_wh, delivered_wh };
                out.push(Output::Report(metered));
            }
            Body::Stop { connector, charge, meter_wh, delivered_wh, reason, at, .. } => {
                let transaction = self.transactions.remove(&charge).unwrap_or(-1);
                out.push(Output::Report(Event::Stopped {
                    connector,
                    transaction,
                    ended: at,
                    meter_wh,
                    delivered_wh,
                    reason,
                    replayed,
                }));
            }
        }
    }

    fn boot_answered(&mut self, now: Millis, answer: &Value, out: &mut Vec<Output>) {
        let status = answer.get("status").and_then(Value::as_str).unwrap_or("").to_owned();
        let seconds = answer.get("interval").and_then(Value::as_u64).unwrap_or(0);
        let interval = Duration::from_secs(seconds);
        if status == "Accepted" {
            self.boot = Boot::Accepted;
            if !interval.is_zero() {
                self.settings.set_heartbeat(interval);
            }
            self.heartbeat_at = Some(now + self.settings.heartbeat());
            self.tell_all_statuses(now);
        } else {
            self.boot = Boot::Due(now + if interval.is_zero() { BOOT_AGAIN } else { interval });
        }
        let heartbeat = self.settings.heartbeat();
        out.push(Output::Report(Event::Booted { status, heartbeat }));
    }

    fn card_answered(
        &mut self,
        now: Millis,
        connector: u32,
        card: IdToken,
        status: &str,
        out: &mut Vec<Output>,
    ) {
        let Some(n) = self.bay_at(connector) else { return };
        if status == "Accepted" {
            out.push(Output::Report(Event::CardAccepted { connector, card: card.clone() }));
            if !self.winding_down && matches!(self.bays[n].doing, Doing::Asking) {
                self.start(now, n, card);
                return;
            }
        } else {
            let status = status.to_owned();
            out.push(Output::Report(Event::CardRefused { connector, card, status }));
        }
        if matches!(self.bays[n].doing, Doing::Asking) {
            self.next_driver(now, n);
            self.tell_status(now, n);
        }
    }

    pub(super) fn refused(
        &mut self,
        now: Millis,
        open: OpenCall,
        code: String,
        description: String,
        out: &mut Vec<Output>,
    ) {
        let action = open.message.body.action();
        out.push(Output::Report(Event::CallError { action, code, description }));
        self.give_up_question(now, &open.message.body);
        match open.message.body {
            Body::Boot => self.boot = Boot::Due(now + BOOT_AGAIN),
            _ => {
                if let Some(given_up) = self.backlog.try_again(open.message) {
                    self.give_up(now, given_up.body, out);
                }
            }
        }
    }

    /// The server will not have a message of a transaction. Without a start there is no transaction to speak of.
    fn give_up(&mut self, now: Millis, body: Body, out: &mut Vec<Output>) {
        out.push(Output::Report(Event::GaveUp { action: body.action() }));
        let Body::Start { charge, .. } = body else { return };
        if let Some(n) = self.bay_of(charge) {
            self.next_driver(now, n);
            self.tell_status(now, n);
        }
        self.backlog.forget(charge);
    }

    /// An Authorize without an answer: the driver goes away.
    pub(super) fn give_up_question(&mut self, now: Millis, body: &Body) {
        if let Body::Authorize { connector, .. } = body
            && let Some(n) = self.bay_at(*connector)
            && matches!(self.bays[n].doing, Doing::Asking)
        {
            self.next_driver(now, n);
        }
    }
}
