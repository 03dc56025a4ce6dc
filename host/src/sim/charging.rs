//! What happens at a simulated station's connectors: drivers come, cars charge and leave. Knows no connection.

use super::bay::{Charge, Doing};
use super::charger::Charger;
use super::message::{Body, ChargeNo, Ending};
use crate::domain::{IdToken, Millis};

impl Charger {
    pub(super) fn pass_time_at(&mut self, now: Millis, n: usize) {
        match &mut self.bays[n].doing {
            Doing::Waiting { until } if *until <= now => {
                if let Some(card) = self.profile.cards.get(self.next_card).cloned() {
                    self.next_card = (self.next_card + 1) % self.profile.cards.len();
                    self.ask(now, n, card, None);
                }
            }
            Doing::Charging(charge) if charge.ends <= now => {
                let ending = charge.ending;
                self.stop(now, n, ending);
            }
            Doing::Charging(charge) if charge.next_reading <= now => {
                charge.next_reading = now + self.profile.pace.meter;
                self.read_meter(now, n, false);
            }
            _ => {}
        }
    }

    pub(super) fn ask(&mut self, now: Millis, n: usize, card: IdToken, order: Option<i64>) {
        let connector = self.bays[n].connector;
        self.bays[n].doing = Doing::Asking { order };
        self.tell_status(now, n);
        self.say(Body::Authorize { connector, card });
    }

    pub(super) fn start(&mut self, now: Millis, n: usize, card: IdToken, order: Option<i64>) {
        self.charges += 1;
        let charge = self.charges;
        let ends = now + self.chance.within(&self.profile.pace.charge);
        let bay = &mut self.bays[n];
        let (connector, meter_wh) = (bay.connector, bay.register_wh);
        bay.doing = Doing::Charging(Charge {
            no: charge,
            card: card.clone(),
            began: now,
            ends,
            ending: Ending::Unplugged,
            meter_start_wh: meter_wh,
            next_reading: now + self.profile.pace.meter,
            // The start is the first of them.
            messages: 1,
        });
        self.name_charge(charge);
        self.say(Body::Start { connector, charge, card, meter_wh, order, at: now });
        self.tell_status(now, n);
    }

    /// Says what the meter shows, if a car charges; by itself or because the server `asked`.
    pub(super) fn read_meter(&mut self, now: Millis, n: usize, asked: bool) {
        let power_w = self.profile.power_w;
        let connector = self.bays[n].connector;
        let Some(charge) = self.bays[n].charge_mut() else { return };
        let number = charge.next_number();
        let delivered_wh = charge.delivered_wh(now, power_w, self.profile.pace.speed);
        let meter_wh = charge.meter_start_wh + delivered_wh;
        let charge = charge.no;
        self.say(Body::Meter {
            connector,
            charge,
            number,
            meter_wh,
            delivered_wh,
            power_w,
            asked,
            at: now,
        });
    }

    /// Ends the connector's charge; nothing happens when there is none.
    pub(super) fn stop(&mut self, now: Millis, n: usize, why: Ending) {
        let (power_w, speed) = (self.profile.power_w, self.profile.pace.speed);
        let bay = &mut self.bays[n];
        let Some(charge) = bay.charge_mut() else { return };
        let delivered_wh = charge.delivered_wh(now, power_w, speed);
        let (no, number, card) = (charge.no, charge.next_number(), charge.card.clone());
        bay.register_wh += delivered_wh;
        self.say(Body::Stop {
            connector: self.bays[n].connector,
            charge: no,
            number,
            card,
            meter_wh: self.bays[n].register_wh,
            delivered_wh,
            why,
            at: now,
        });
        self.next_driver(now, n);
        self.tell_status(now, n);
    }

    /// The connector is free again, or closed if it was to be.
    pub(super) fn next_driver(&mut self, now: Millis, n: usize) {
        let pause = self.chance.within(&self.profile.pace.pause);
        let bay = &mut self.bays[n];
        bay.doing = if bay.closing { Doing::Closed } else { Doing::Waiting { until: now + pause } };
    }

    pub(super) fn tell_status(&mut self, now: Millis, n: usize) {
        let (connector, condition) = (self.bays[n].connector, self.bays[n].condition());
        self.say(Body::Status { connector, condition, at: now });
    }

    pub(super) fn tell_all_statuses(&mut self, now: Millis) {
        (0..self.bays.len()).for_each(|n| self.tell_status(now, n));
    }

    pub(super) fn bay_at(&self, connector: u32) -> Option<usize> {
        self.bays.iter().position(|bay| bay.connector == connector)
    }

    pub(super) fn bay_of(&self, charge: ChargeNo) -> Option<usize> {
        self.bays.iter().position(|bay| bay.charge().is_some_and(|c| c.no == charge))
    }

    pub(super) fn bay_of_transaction(&self, transaction: &str) -> Option<usize> {
        self.bays.iter().position(|bay| {
            let charge = bay.charge().map(|charge| charge.no);
            charge.is_some_and(|no| {
                self.transactions.get(&no).is_some_and(|name| name == transaction)
            })
        })
    }
}
