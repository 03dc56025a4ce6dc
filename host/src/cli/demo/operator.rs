//! The demo's operator: starts and stops a charge from afar, again and again. Knows the admin API only.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::cast::{Cast, Remote};
use super::screen::Line;
use crate::cli::client::Client;
use crate::domain::StationId;
use crate::sim::Protocol;

/// From the start's answer to the stop: half of what a driver would charge.
const CHARGE: Duration = Duration::from_secs(4);

/// Between two charges.
const PAUSE: Duration = Duration::from_secs(3);

/// How long the station may take to answer, and to report the transaction that it was told to start.
const PATIENCE: Duration = Duration::from_secs(10);

/// Transactions that may wait for the operator: one station has one connector.
const TRANSACTIONS: usize = 4;

/// What the operator watches: the station's transactions as they begin.
pub(super) struct Orders {
    pub(super) station: StationId,
    pub(super) begun: mpsc::Sender<String>,
}

pub(super) struct Operator {
    client: Client,
    remote: Option<Remote>,
    begun: mpsc::Receiver<String>,
    said: mpsc::Sender<Line>,
}

impl Operator {
    pub(super) fn new(
        client: Client,
        cast: &Cast,
        said: mpsc::Sender<Line>,
    ) -> (Self, Option<Orders>) {
        let (sender, begun) = mpsc::channel(TRANSACTIONS);
        let remote = cast.remote();
        let orders =
            remote.as_ref().map(|remote| Orders { station: remote.station.clone(), begun: sender });
        (Self { client, remote, begun, said }, orders)
    }

    pub(super) async fn work(mut self) {
        let Some(remote) = self.remote.clone() else { return };
        for order in 1.. {
            tokio::time::sleep(PAUSE).await;
            let (action, payload) = start(&remote, order);
            if !self.command(&remote.station, action, payload).await {
                continue;
            }
            let begun = tokio::time::timeout(PATIENCE, self.begun.recv()).await;
            let Ok(Some(transaction)) = begun else { continue };
            tokio::time::sleep(CHARGE).await;
            let (action, payload) = stop(remote.protocol, &transaction);
            self.command(&remote.station, action, payload).await;
        }
    }

    /// Whether the station did as it was told.
    async fn command(&self, station: &StationId, action: &str, payload: Value) -> bool {
        let path = ["stations", station.as_str(), "commands"];
        let body = json!({ "action": action, "payload": payload });
        let answer: anyhow::Result<Value> = self.client.post(&path, &body, PATIENCE).await;
        let (said, accepted) = match &answer {
            Ok(answer) => {
                let status = answer.pointer("/response/status").and_then(Value::as_str);
                (status.unwrap_or("no status").to_owned(), status == Some("Accepted"))
            }
            Err(error) => (format!("{error:#}"), false),
        };
        // Nobody looks at the screen any more: the show is over.
        let _ = self.said.send(Line::Operator(format!("{action} to {station}: {said}"))).await;
        accepted
    }
}

fn start(remote: &Remote, order: u32) -> (&'static str, Value) {
    let card = remote.card.reveal();
    match remote.protocol {
        Protocol::Ocpp16 => ("RemoteStartTransaction", json!({ "idTag": card, "connectorId": 1 })),
        Protocol::Ocpp201 | Protocol::Ocpp21 => {
            let token = json!({ "idToken": card, "type": "ISO14443" });
            let start = json!({ "idToken": token, "evseId": 1, "remoteStartId": order });
            ("RequestStartTransaction", start)
        }
    }
}

/// The transaction by its name on the wire: a number on 1.6.
fn stop(protocol: Protocol, transaction: &str) -> (&'static str, Value) {
    match protocol {
        Protocol::Ocpp16 => {
            let number = transaction.parse::<i64>().unwrap_or(0);
            ("RemoteStopTransaction", json!({ "transactionId": number }))
        }
        Protocol::Ocpp201 | Protocol::Ocpp21 => {
            ("RequestStopTransaction", json!({ "transactionId": transaction }))
        }
    }
}
