//! What a station still has to say, in order. Knows no socket and no card list.
//!
//! Messages about transactions survive a lost connection and a lack of answer; the rest is worth nothing later
//! (OCPP 1.6 §3.7).

use std::collections::VecDeque;

use serde_json::{Value, json};

use crate::domain::{IdToken, Millis};

/// Messages that wait at most. When it is full, meter values are dropped: the register's end value tells the sum.
const MAX_WAITING: usize = 1000;

/// How often a transaction's message is sent before the station gives it up (`TransactionMessageAttempts`). Counts
/// refusals by CALLERROR only: silence and lost connections are no answer.
const MAX_REFUSALS: u32 = 3;

/// A transaction's number inside the station; the server's id comes with its answer.
pub(super) type ChargeNo = u64;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Body {
    Boot,
    Heartbeat,
    Status {
        connector: u32,
        status: &'static str,
        at: Millis,
    },
    Authorize {
        connector: u32,
        card: IdToken,
    },
    Start {
        connector: u32,
        charge: ChargeNo,
        card: IdToken,
        meter_wh: u64,
        at: Millis,
    },
    Meter {
        connector: u32,
        charge: ChargeNo,
        meter_wh: u64,
        delivered_wh: u64,
        power_w: u32,
        at: Millis,
    },
    Stop {
        connector: u32,
        charge: ChargeNo,
        card: IdToken,
        meter_wh: u64,
        delivered_wh: u64,
        reason: &'static str,
        at: Millis,
    },
}

impl Body {
    pub(super) const fn action(&self) -> &'static str {
        match self {
            Self::Boot => "BootNotification",
            Self::Heartbeat => "Heartbeat",
            Self::Status { .. } => "StatusNotification",
            Self::Authorize { .. } => "Authorize",
            Self::Start { .. } => "StartTransaction",
            Self::Meter { .. } => "MeterValues",
            Self::Stop { .. } => "StopTransaction",
        }
    }

    pub(super) const fn survives(&self) -> bool {
        matches!(self, Self::Start { .. } | Self::Meter { .. } | Self::Stop { .. })
    }

    /// The charge whose id the message has to name: it cannot be sent before the start was answered.
    pub(super) const fn names_charge(&self) -> Option<ChargeNo> {
        match self {
            Self::Meter { charge, .. } | Self::Stop { charge, .. } => Some(*charge),
            _ => None,
        }
    }

    /// The payload, given the server's id of the charge. Boot is the charger's to fill in.
    pub(super) fn payload(&self, transaction: i64) -> Value {
        match self {
            Self::Boot | Self::Heartbeat => json!({}),
            Self::Status { connector, status, at } => json!({
                "connectorId": connector, "errorCode": "NoError", "status": status, "timestamp": at.rfc3339(),
            }),
            Self::Authorize { card, .. } => json!({ "idTag": card.reveal() }),
            Self::Start { connector, card, meter_wh, at, .. } => json!({
                "connectorId": connector, "idTag": card.reveal(), "meterStart": meter_wh, "timestamp": at.rfc3339(),
            }),
            Self::Meter { connector, meter_wh, power_w, at, .. } => json!({
                "connectorId": connector, "transactionId": transaction, "meterValue": [{
                    "timestamp": at.rfc3339(),
                    "sampledValue": [
                        { "value": meter_wh.to_string(), "measurand": "Energy.Active.Import.Register", "unit": "Wh", "context": "Sample.Periodic" },
                        { "value": power_w.to_string(), "measurand": "Power.Active.Import", "unit": "W", "context": "Sample.Periodic" },
                    ],
                }],
            }),
            Self::Stop { card, meter_wh, reason, at, .. } => json!({
                "transactionId": transaction, "idTag": card.reveal(), "meterStop": meter_wh, "timestamp": at.rfc3339(),
                "reason": reason,
            }),
        }
    }
}

/// A message on its way.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) body: Body,
    /// The connection during which it was written; 0 before the first one.
    pub(super) born: u32,
    pub(super) sent: u32,
    refused: u32,
}

impl Message {
    /// Sent before, or written while there was no connection or another one.
    pub(super) const fn replayed(&self, connection: u32) -> bool {
        self.sent > 1 || self.born != connection
    }
}

#[derive(Debug, Default)]
pub(super) struct Backlog(VecDeque<Message>);

impl Backlog {
    pub(super) fn push(&mut self, body: Body, born: u32) {
        if self.0.len() < MAX_WAITING || !matches!(body, Body::Meter { .. }) {
            self.0.push_back(Message { body, born, sent: 0, refused: 0 });
        }
    }

    pub(super) fn push_front(&mut self, body: Body, born: u32) {
        self.0.push_front(Message { body, born, sent: 0, refused: 0 });
    }

    pub(super) fn pop(&mut self) -> Option<Message> {
        self.0.pop_front()
    }

    /// Puts a message that got no answer back to where it was.
    pub(super) fn take_back(&mut self, message: Message) {
        if message.body.survives() {
            self.0.push_front(message);
        }
    }

    /// Puts a refused message of a transaction back to where it was, or hands it back when it was refused too often.
    pub(super) fn try_again(&mut self, mut message: Message) -> Option<Message> {
        message.refused += 1;
        if message.body.survives() && message.refused >= MAX_REFUSALS {
            return Some(message);
        }
        self.take_back(message);
        None
    }

    /// The connection is gone: only what survives stays.
    pub(super) fn cut(&mut self) {
        self.0.retain(|message| message.body.survives());
    }

    /// A charge whose start was given up has nothing more to say.
    pub(super) fn forget(&mut self, charge: ChargeNo) {
        self.0.retain(|message| message.body.names_charge() != Some(charge));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
