//! What a simulated station does when the server calls. Knows no socket and no version of OCPP.

use serde_json::Value;

use super::Event;
use super::bay::Doing;
use super::charger::{Charger, Output};
use super::files::Task;
use super::message::{Body, Command, Ending, Outcome, Response, Wanted};
use super::settings::{Topic, Unchanged};
use super::shelf::Told;
use super::stock::Stock;
use crate::domain::{IdToken, Millis};

impl Charger {
    pub(super) fn commanded(
        &mut self,
        now: Millis,
        id: String,
        action: String,
        payload: &Value,
        out: &mut Vec<Output>,
    ) {
        let Some(command) = (self.wire().command)(&action, payload) else {
            if self.do_as_told(now, &id, &action, payload, out) {
                return;
            }
            let description = "this station does not know the action";
            out.push(Output::Refuse { id, code: "NotImplemented", description });
            out.push(Output::Report(Event::Commanded { action, answer: "NotImplemented" }));
            return;
        };
        let at_once = match command {
            Command::Reset { at_once } => at_once,
            _ => None,
        };
        let response = self.obey(now, command, out);
        let (payload, answer) = (self.wire().response)(&response);
        // Nothing that it does leaves before the answer: a station that acts first confuses every server.
        out.push(Output::Answer { id, payload });
        if let Some(why) = at_once {
            (0..self.bays.len()).for_each(|n| self.stop(now, n, why));
            self.reboot(now, out);
        }
        out.push(Output::Report(Event::Commanded { action, answer }));
    }

    /// An action that the station does not act upon: it keeps what it is given, fetches and sends files, or only pretends
    /// to. `false` when its version has no such action.
    fn do_as_told(
        &mut self,
        now: Millis,
        id: &str,
        action: &str,
        asked: &Value,
        out: &mut Vec<Output>,
    ) -> bool {
        let written = self.profile.faults.clock.writes(now, self.power_on);
        let stock = Stock { catalogue: self.wire().catalogue, now: &written };
        let Some((payload, answer)) = stock.answer(action) else { return false };
        let task = Task::of(action, asked);
        let (payload, answer, follow_ups) = match self.shelf.answer(action, asked, &payload) {
            Some(Told { payload, word, later }) => (payload, word, later),
            None if task.is_some() => (payload, answer, Vec::new()),
            None => (payload, answer, stock.follow_ups(action, asked)),
        };
        out.push(Output::Answer { id: id.to_owned(), payload });
        out.push(Output::Report(Event::Commanded { action: action.to_owned(), answer }));
        follow_ups.into_iter().for_each(|body| self.say(body));
        if let Some(task) = task {
            self.take_on(now, task, out);
        }
        true
    }

    fn obey(&mut self, now: Millis, command: Command, out: &mut Vec<Output>) -> Response {
        let outcome = match command {
            Command::Start { connector, card, order } => {
                self.remote_start(now, connector, card, order)
            }
            Command::Stop { transaction } => self.remote_stop(now, &transaction),
            Command::Trigger { wanted, connector } => self.trigger(now, wanted, connector),
            Command::Unlock { connector } => self.unlock(now, connector),
            Command::Availability { connector, closing } => {
                self.change_availability(now, connector, closing)
            }
            Command::Reset { at_once } => self.reset(at_once),
            Command::ClearCache => Outcome::Accepted,
            Command::ReadSettings { keys } if keys.is_empty() => {
                return Response::Settings { found: self.settings.all(), unknown: keys };
            }
            Command::ReadSettings { keys } => {
                let (found, unknown) = self.settings.find(keys);
                return Response::Settings { found, unknown };
            }
            Command::ChangeSettings(changes) => {
                let change = |(key, value): (String, String)| {
                    let outcome = self.change_setting(now, &key, &value);
                    (key, outcome)
                };
                return Response::Changed(changes.into_iter().map(change).collect());
            }
            Command::Report { request } => {
                self.say(Body::Report { request, settings: self.settings.all(), at: now });
                Outcome::Accepted
            }
            Command::TransactionStatus { transaction } => {
                let ongoing = transaction.map(|name| self.bay_of_transaction(&name).is_some());
                let messages_wait = !self.has_nothing_to_say();
                return Response::TransactionStatus { ongoing, messages_wait };
            }
            Command::ShowCost { transaction, cost } => {
                out.push(Output::Report(Event::CostShown { transaction, cost }));
                return Response::Noted;
            }
            Command::AdjustStream { interval } if self.adjust_stream(now, interval) => {
                Outcome::Accepted
            }
            Command::AdjustStream { .. } => Outcome::Rejected,
            Command::ReadStreams => {
                return Response::Streams(self.stream.map(|stream| stream.interval));
            }
            Command::Foreign => Outcome::UnknownVendor,
            Command::Senseless => Outcome::Rejected,
        };
        Response::Did(outcome)
    }

    fn remote_start(
        &mut self,
        now: Millis,
        wanted: Option<u32>,
        card: IdToken,
        order: Option<i64>,
    ) -> Outcome {
        let fits = |connector| wanted.is_none_or(|wanted| wanted == connector);
        match self.bays.iter().position(|bay| bay.is_free() && fits(bay.connector)) {
            None => Outcome::Rejected,
            Some(n) if self.settings.asks_first() => {
                self.ask(now, n, card, order);
                Outcome::Accepted
            }
            Some(n) => {
                self.start(now, n, card, order);
                Outcome::Accepted
            }
        }
    }

    fn remote_stop(&mut self, now: Millis, transaction: &str) -> Outcome {
        match self.bay_of_transaction(transaction) {
            None => Outcome::Rejected,
            Some(n) => {
                self.stop(now, n, Ending::Remote);
                Outcome::Accepted
            }
        }
    }

    fn trigger(&mut self, now: Millis, wanted: Wanted, connector: Option<u32>) -> Outcome {
        let bay = connector.map(|connector| self.bay_at(connector));
        match (wanted, bay) {
            (Wanted::Status | Wanted::Meter, Some(None)) => return Outcome::Rejected,
            (Wanted::Boot, _) => self.boot_again(now),
            (Wanted::Heartbeat, _) => self.say(Body::Heartbeat),
            (Wanted::Status, Some(Some(n))) => self.tell_status(now, n),
            (Wanted::Status, None) => self.tell_all_statuses(now),
            (Wanted::Meter, Some(Some(n))) => self.read_meter(now, n, true),
            (Wanted::Meter, None) => {
                (0..self.bays.len()).for_each(|n| self.read_meter(now, n, true));
            }
            (Wanted::Other, _) => return Outcome::NotImplemented,
        }
        Outcome::Accepted
    }

    fn reset(&mut self, at_once: Option<Ending>) -> Outcome {
        let is_charging = self.bays.iter().any(|bay| bay.charge().is_some());
        match at_once {
            Some(_) => Outcome::Accepted,
            None => {
                self.reset_due = true;
                if is_charging { Outcome::Scheduled } else { Outcome::Accepted }
            }
        }
    }

    fn change_setting(&mut self, now: Millis, key: &str, value: &str) -> Outcome {
        match self.settings.change(key, value) {
            Ok(topic) => {
                if topic == Topic::Heartbeat {
                    self.heartbeat_from(now);
                }
                Outcome::Accepted
            }
            Err(Unchanged::Unknown) => Outcome::Unknown,
            Err(Unchanged::Refused) => Outcome::Rejected,
        }
    }

    fn unlock(&mut self, now: Millis, connector: Option<u32>) -> Outcome {
        match connector.and_then(|connector| self.bay_at(connector)) {
            None => Outcome::Unknown,
            Some(n) => {
                self.stop(now, n, Ending::Unlocked);
                Outcome::Unlocked
            }
        }
    }

    /// Running charges end first.
    fn change_availability(
        &mut self,
        now: Millis,
        connector: Option<u32>,
        closing: bool,
    ) -> Outcome {
        let mut outcome = Outcome::Rejected;
        for n in 0..self.bays.len() {
            let bay = &mut self.bays[n];
            if connector.is_some_and(|connector| connector != bay.connector) {
                continue;
            }
            bay.closing = closing;
            match (&bay.doing, closing) {
                (Doing::Charging(_) | Doing::Asking { .. }, true) => {
                    outcome = Outcome::Scheduled;
                    continue;
                }
                (_, true) => bay.doing = Doing::Closed,
                (Doing::Closed, false) => bay.doing = Doing::Waiting { until: now },
                (_, false) => {}
            }
            if outcome == Outcome::Rejected {
                outcome = Outcome::Accepted;
            }
            self.tell_status(now, n);
        }
        outcome
    }
}
