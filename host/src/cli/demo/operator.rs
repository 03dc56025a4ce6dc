//! The demo's operator: starts and stops a charge from afar, again and again. Knows the admin API only.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::cast::Cast;
use super::screen::Line;
use crate::cli::client::Client;
use crate::domain::{IdToken, StationId};

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
    place: Option<(StationId, IdToken)>,
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
        let place = cast.remote();
        let orders = place.clone().map(|(station, _)| Orders { station, begun: sender });
        (Self { client, place, begun, said }, orders)
    }

    pub(super) async fn work(mut self) {
        let Some((station, card)) = self.place.clone() else { return };
        loop {
            tokio::time::sleep(PAUSE).await;
            let start = json!({ "idTag": card.reveal(), "connectorId": 1 });
            if !self.command(&station, "RemoteStartTransaction", start).await {
                continue;
            }
            let begun = tokio::time::timeout(PATIENCE, self.begun.recv()).await;
            let Ok(Some(transaction)) = begun else { continue };
            tokio::time::sleep(CHARGE).await;
            let stop = json!({ "transactionId": transaction.parse::<i64>().unwrap_or(0) });
            self.command(&station, "RemoteStopTransaction", stop).await;
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
