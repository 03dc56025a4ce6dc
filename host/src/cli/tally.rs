//! What simulated stations did together, in numbers, and when the show is over. Knows no socket.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

use crate::domain::StationId;
use crate::sim::{Event, Report};

/// Ends after so many seconds, or when somebody presses Ctrl-C or asks the process to end.
pub(super) async fn the_end(seconds: Option<u64>) {
    let time = async {
        match seconds {
            Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            None => std::future::pending().await,
        }
    };
    let asked = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            // Without a handler the signal ends the process all the same.
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = time => {}
        () = asked => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

/// Thousands with three decimals.
pub(super) fn kilo(wh: u64) -> String {
    format!("{}.{:03}", wh / 1000, wh % 1000)
}

/// What all stations did together.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Completed charges by station.
    completed: BTreeMap<StationId, u64>,
    online: u64,
    started: u64,
    delivered_wh: u64,
    refused: u64,
    answers: u64,
    errors: u64,
    slowest: Duration,
}

impl Tally {
    pub(super) fn expect(&mut self, station: StationId) {
        self.completed.entry(station).or_default();
    }

    pub(super) fn note(&mut self, report: &Report) {
        match &report.event {
            Event::Connected => self.online += 1,
            Event::Disconnected { .. } => self.online = self.online.saturating_sub(1),
            Event::Answered { took, .. } => {
                self.answers += 1;
                self.slowest = self.slowest.max(*took);
            }
            Event::CallError { .. } | Event::Unanswered { .. } | Event::GaveUp { .. } => {
                self.errors += 1;
            }
            Event::CardRefused { .. } => self.refused += 1,
            Event::Started { .. } => self.started += 1,
            Event::Stopped { delivered_wh, .. } => {
                self.delivered_wh += delivered_wh;
                if *delivered_wh > 0 {
                    *self.completed.entry(report.station.clone()).or_default() += 1;
                }
            }
            Event::Unreachable { .. }
            | Event::Booted { .. }
            | Event::CardAccepted { .. }
            | Event::Metered { .. }
            | Event::CostShown { .. }
            | Event::Commanded { .. } => {}
        }
    }

    /// Stations that have not completed one charge.
    pub(super) fn without_charge(&self) -> Vec<&StationId> {
        self.completed.iter().filter(|(_, charges)| **charges == 0).map(|(id, _)| id).collect()
    }

    pub(super) fn online(&self) -> String {
        format!("{} of {} stations online", self.online, self.completed.len())
    }

    pub(super) fn sentence(&self) -> String {
        format!(
            "{} charges begun, {} completed, {} kWh; {} cards refused; {} answers, slowest {} ms; {} errors",
            self.started,
            self.completed.values().sum::<u64>(),
            kilo(self.delivered_wh),
            self.refused,
            self.answers,
            self.slowest.as_millis(),
            self.errors,
        )
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "stations": self.completed.len(),
            "charges_begun": self.started,
            "charges_completed": self.completed.values().sum::<u64>(),
            "delivered_wh": self.delivered_wh,
            "cards_refused": self.refused,
            "answers": self.answers,
            "slowest_ms": u64::try_from(self.slowest.as_millis()).unwrap_or(u64::MAX),
            "errors": self.errors,
            "without_charge": self.without_charge(),
        })
    }
}
