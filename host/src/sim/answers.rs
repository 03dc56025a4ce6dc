//! What a simulated station does with the server's answers to its calls. Knows no socket.

use std::time::Duration;

use serde_json::Value;

use super::bay::Doing;
use super::charger::{Boot, Charger, OpenCall, Output};
use super::message::{Body, ChargeNo, Ending, Limit, Reply};
use super::{Event, v16};
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
        out.push(Output::Report(Event::Answered { action: self.action(&message.body), took }));
        let replayed = message.replayed(self.connection);
        match ((self.wire().reply)(&message.body, answer), message.body) {
            (Reply::Boot { status, interval }, _) => {
                self.boot_answered(now, status, interval, out);
            }
            (Reply::Card { status }, Body::Authorize { connector, card }) => {
                self.card_answered(now, connector, card, status, out);
            }
            (
                Reply::Started { transaction, accepted, limit },
                Body::Start { connector, charge, card, meter_wh, at, .. },
            ) => {
                if let Some(transaction) = transaction {
                    self.transactions.insert(charge, transaction);
                }
                out.push(Output::Report(Event::Started {
                    connector,
                    card,
                    transaction: self.transaction(charge),
                    began: self.shown(at),
                    meter_wh,
                    accepted,
                    replayed,
                }));
                self.obey_verdict(now, charge, accepted, limit);
            }
            (Reply::Stream { accepted }, _) => self.stream_answered(now, accepted),
            (Reply::Noted { cost }, body) => self.noted(body, cost, replayed, out),
            // A reply is read for its message: there are no other pairs.
            (Reply::Card { .. } | Reply::Started { .. }, _) => {}
        }
    }

    /// No leave to charge, no power; and no more than there is leave for.
    fn obey_verdict(&mut self, now: Millis, charge: ChargeNo, accepted: bool, limit: Limit) {
        let (power_w, speed) = (self.profile.power_w, self.profile.pace.speed);
        let Some(n) = self.bay_of(charge) else { return };
        if !accepted {
            self.stop(now, n, Ending::Refused);
        } else if let Some(charge) = self.bays[n].charge_mut() {
            charge.keep_within(limit, power_w, speed);
        }
    }

    fn noted(&mut self, body: Body, cost: Option<String>, replayed: bool, out: &mut Vec<Output>) {
        let Some(charge) = body.charge() else { return };
        let transaction = self.transaction(charge);
        // A reading may be told again after the end: only then is the name of no use.
        if self.bay_of(charge).is_none() && !self.tells_of(charge) {
            self.transactions.remove(&charge);
        }
        if let Some(cost) = cost {
            let transaction = transaction.clone();
            out.push(Output::Report(Event::CostShown { transaction, cost }));
        }
        match body {
            Body::Meter { connector, meter_wh, delivered_wh, .. } => {
                let metered = Event::Metered { connector, transaction, meter_wh, delivered_wh };
                out.push(Output::Report(metered));
            }
            Body::Stop { connector, meter_wh, delivered_wh, why, at, .. } => {
                out.push(Output::Report(Event::Stopped {
                    connector,
                    transaction,
                    ended: self.shown(at),
                    meter_wh,
                    delivered_wh,
                    reason: v16::reason(why),
                    replayed,
                }));
            }
            _ => {}
        }
    }

    /// A charge's name on the wire, for listeners.
    fn transaction(&self, charge: ChargeNo) -> String {
        self.transactions.get(&charge).cloned().unwrap_or_default()
    }

    fn boot_answered(
        &mut self,
        now: Millis,
        status: String,
        interval: Duration,
        out: &mut Vec<Output>,
    ) {
        if status == "Accepted" {
            self.boot = Boot::Accepted;
            if !interval.is_zero() {
                self.settings.set_heartbeat(interval);
            }
            self.heartbeat_at = Some(now + self.settings.heartbeat());
            self.tell_all_statuses(now);
            self.offer_stream();
            self.tell_installed();
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
        status: String,
        out: &mut Vec<Output>,
    ) {
        let Some(n) = self.bay_at(connector) else { return };
        if status == "Accepted" {
            out.push(Output::Report(Event::CardAccepted { connector, card: card.clone() }));
            if !self.winding_down
                && let Doing::Asking { order } = self.bays[n].doing
            {
                self.start(now, n, card, order);
                return;
            }
        } else {
            out.push(Output::Report(Event::CardRefused { connector, card, status }));
        }
        if matches!(self.bays[n].doing, Doing::Asking { .. }) {
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
        let action = self.action(&open.message.body);
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
        out.push(Output::Report(Event::GaveUp { action: self.action(&body) }));
        let Body::Start { charge, .. } = body else { return };
        if let Some(n) = self.bay_of(charge) {
            self.next_driver(now, n);
            self.tell_status(now, n);
        }
        self.backlog.forget(charge);
        self.transactions.remove(&charge);
    }

    /// An Authorize without an answer: the driver goes away.
    pub(super) fn give_up_question(&mut self, now: Millis, body: &Body) {
        if let Body::Authorize { connector, .. } = body
            && let Some(n) = self.bay_at(*connector)
            && matches!(self.bays[n].doing, Doing::Asking { .. })
        {
            self.next_driver(now, n);
        }
    }
}
