//! What simulated stations did together, in numbers, and when the show is over. Knows no socket.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

use crate::domain::StationId;
use crate::sim::{Clock, Event, Misdeed, Profile, Report};

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
    /// Stations by the version of OCPP that they speak.
    versions: BTreeMap<&'static str, u64>,
    /// Stations by what is wrong with their clock.
    crooked: BTreeMap<&'static str, u64>,
    online: u64,
    started: u64,
    stopped: u64,
    delivered_wh: u64,
    refused: u64,
    answers: u64,
    /// CALLERRORs by their code.
    errors: BTreeMap<String, u64>,
    unanswered: u64,
    given_up: u64,
    slowest: Duration,
    misdeeds: BTreeMap<Misdeed, u64>,
    disconnected: u64,
    unfinished: usize,
}

impl Tally {
    pub(super) fn expect(&mut self, profile: &Profile) {
        self.completed.entry(profile.id.clone()).or_default();
        *self.versions.entry(profile.protocol.subprotocol()).or_default() += 1;
        if profile.faults.clock != Clock::Right {
            *self.crooked.entry(profile.faults.clock.name()).or_default() += 1;
        }
    }

    pub(super) fn note(&mut self, report: &Report) {
        match &report.event {
            Event::Connected => self.online += 1,
            Event::Disconnected { .. } => {
                self.online = self.online.saturating_sub(1);
                self.disconnected += 1;
            }
            Event::Answered { took, .. } => {
                self.answers += 1;
                self.slowest = self.slowest.max(*took);
            }
            Event::CallError { code, .. } => *self.errors.entry(code.clone()).or_default() += 1,
            Event::Unanswered { .. } => self.unanswered += 1,
            Event::GaveUp { .. } => self.given_up += 1,
            Event::CardRefused { .. } => self.refused += 1,
            Event::Started { .. } => self.started += 1,
            Event::Stopped { delivered_wh, .. } => {
                self.stopped += 1;
                self.delivered_wh += delivered_wh;
                if *delivered_wh > 0 {
                    *self.completed.entry(report.station.clone()).or_default() += 1;
                }
            }
            Event::Misbehaved(misdeed) => *self.misdeeds.entry(*misdeed).or_default() += 1,
            Event::Unreachable { .. }
            | Event::Booted { .. }
            | Event::CardAccepted { .. }
            | Event::Metered { .. }
            | Event::CostShown { .. }
            | Event::Commanded { .. }
            | Event::FirmwareFetched { .. }
            | Event::LogWritten { .. }
            | Event::AnswerRefused { .. } => {}
        }
    }

    /// Stations that were still not done when the patience with them was.
    pub(super) fn unfinished(&mut self, stations: usize) {
        self.unfinished = stations;
    }

    /// Stations that have not completed one charge.
    pub(super) fn without_charge(&self) -> Vec<&StationId> {
        self.completed.iter().filter(|(_, charges)| **charges == 0).map(|(id, _)| id).collect()
    }

    /// A station that is done has nothing left to say: what it said was acknowledged, or it gave up.
    pub(super) fn is_all_acknowledged(&self) -> bool {
        self.unfinished == 0 && self.given_up == 0 && self.started == self.stopped
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
            self.all_errors(),
        )
    }

    /// What the stations did wrong, on purpose.
    pub(super) fn faults(&self) -> String {
        let stations = self.crooked.values().sum::<u64>();
        let clocks = match stations {
            0 => String::new(),
            _ => format!(" ({})", counted(&self.crooked)),
        };
        format!(
            "faults: {} connections dropped, {} more without a sign; {} answers lost and their messages sent again; \
             {} calls pipelined; {stations} stations with a bad clock{clocks}",
            self.did(Misdeed::Dropped { silent: false }),
            self.did(Misdeed::Dropped { silent: true }),
            self.did(Misdeed::Replayed),
            self.did(Misdeed::Pipelined),
        )
    }

    /// What the server made of it.
    pub(super) fn came_back(&self) -> String {
        let codes = match self.errors.is_empty() {
            true => String::new(),
            false => format!(" ({})", counted(&self.errors)),
        };
        format!(
            "came back: {} answers, {} CALLERRORs{codes}; {} calls unanswered, {} messages given up, {} connections ended",
            self.answers,
            self.errors.values().sum::<u64>(),
            self.unanswered,
            self.given_up,
            self.disconnected,
        )
    }

    pub(super) fn acknowledged(&self) -> String {
        if self.is_all_acknowledged() {
            return format!("every charge was acknowledged: {} starts and ends", self.started);
        }
        format!(
            "NOT every charge was acknowledged: {} starts, {} ends; {} messages given up; {} stations did not finish",
            self.started, self.stopped, self.given_up, self.unfinished
        )
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "stations": self.completed.len(),
            "versions": self.versions,
            "charges_begun": self.started,
            "charges_ended": self.stopped,
            "charges_completed": self.completed.values().sum::<u64>(),
            "delivered_wh": self.delivered_wh,
            "cards_refused": self.refused,
            "answers": self.answers,
            "slowest_ms": u64::try_from(self.slowest.as_millis()).unwrap_or(u64::MAX),
            "errors": self.all_errors(),
            "call_errors": self.errors,
            "unanswered": self.unanswered,
            "given_up": self.given_up,
            "connections_ended": self.disconnected,
            "faults": {
                "drops": self.did(Misdeed::Dropped { silent: false }),
                "silent_drops": self.did(Misdeed::Dropped { silent: true }),
                "replays": self.did(Misdeed::Replayed),
                "pipelined": self.did(Misdeed::Pipelined),
                "bad_clocks": self.crooked,
                "spoilt_samples": self.did(Misdeed::SpoiltSamples),
                "repeated": self.did(Misdeed::Repeated),
                "contradicted": self.did(Misdeed::Contradicted),
                "strayed": self.did(Misdeed::Strayed),
                "babbled": self.did(Misdeed::Babbled),
            },
            "all_acknowledged": self.is_all_acknowledged(),
            "unfinished": self.unfinished,
            "without_charge": self.without_charge(),
        })
    }

    fn did(&self, misdeed: Misdeed) -> u64 {
        self.misdeeds.get(&misdeed).copied().unwrap_or(0)
    }

    fn all_errors(&self) -> u64 {
        self.errors.values().sum::<u64>() + self.unanswered + self.given_up
    }
}

/// `2 ahead, 1 unset`.
fn counted<K: std::fmt::Display>(counts: &BTreeMap<K, u64>) -> String {
    let counts = counts.iter().map(|(what, count)| format!("{count} {what}"));
    counts.collect::<Vec<_>>().join(", ")
}
