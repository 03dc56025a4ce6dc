//! Many simulated stations with one listener.

use std::time::Duration;

use plugpoint::domain::{IdToken, StationId};
use plugpoint::sim::{Endpoint, Event, Faults, Pace, Profile, Protocol, Report, Station};
use tokio::sync::mpsc;

/// Reports that may wait for the story to read them.
const REPORTS: usize = 10_000;

fn card(value: &str) -> IdToken {
    IdToken::new(value).unwrap()
}

/// Which version of OCPP the n-th station of a mixed fleet speaks: they take turns.
pub(crate) fn version_of(n: u64) -> Protocol {
    Protocol::ALL[usize::try_from(n).unwrap() % Protocol::ALL.len()]
}

/// A brisk OCPP 1.6 station with one connector.
pub(crate) fn profile(id: &str, seed: u64, cards: &[&str]) -> Profile {
    Profile {
        id: StationId::new(id).unwrap(),
        protocol: Protocol::Ocpp16,
        password: Some(super::PASSWORD.to_owned()),
        vendor: "Simulated".to_owned(),
        model: "AC-22".to_owned(),
        connectors: 1,
        register_wh: seed * 1000,
        power_w: 22_000,
        cards: cards.iter().map(|value| card(value)).collect(),
        pace: Pace::brisk(),
        faults: Faults::default(),
        seed,
    }
}

/// Stations that run until the story ends.
#[derive(Debug)]
pub(crate) struct Fleet {
    stations: Vec<Station>,
    reports: mpsc::Receiver<Report>,
    /// Everything heard so far.
    pub(crate) heard: Vec<Report>,
}

impl Fleet {
    pub(crate) fn start(profiles: Vec<Profile>, endpoint: &Endpoint) -> Self {
        let (sender, reports) = mpsc::channel(REPORTS);
        let stations = profiles
            .into_iter()
            .map(|profile| Station::start(profile, endpoint.clone(), sender.clone()))
            .collect();
        Self { stations, reports, heard: Vec::new() }
    }

    /// Listens for a while.
    pub(crate) async fn listen(&mut self, duration: Duration) {
        let end = tokio::time::Instant::now() + duration;
        while let Ok(Some(report)) = tokio::time::timeout_at(end, self.reports.recv()).await {
            self.heard.push(report);
        }
    }

    /// Listens until what was heard is enough; panics when that takes longer than `patience`.
    pub(crate) async fn listen_until(
        &mut self,
        what: &str,
        patience: Duration,
        enough: impl Fn(&[Report]) -> bool,
    ) {
        let end = tokio::time::Instant::now() + patience;
        while !enough(&self.heard) {
            match tokio::time::timeout_at(end, self.reports.recv()).await {
                Ok(Some(report)) => self.heard.push(report),
                _ => panic!("waited {patience:?} in vain until {what}; {}", self.summary()),
            }
        }
    }

    /// Lets every station finish its charge and hang up.
    pub(crate) async fn wind_down(&mut self, patience: Duration) {
        let stations = std::mem::take(&mut self.stations);
        let ends = stations.into_iter().map(|station| station.wind_down(patience));
        let ends = futures_util::future::join_all(ends);
        tokio::pin!(ends);
        let ended = loop {
            tokio::select! {
                ended = &mut ends => break ended,
                Some(report) = self.reports.recv() => self.heard.push(report),
            }
        };
        while let Ok(report) = self.reports.try_recv() {
            self.heard.push(report);
        }
        let late = ended.iter().filter(|ended| !**ended).count();
        assert!(late == 0, "{late} stations could not finish; {}", self.summary());
    }

    pub(crate) fn count(&self, wanted: impl Fn(&Event) -> bool) -> usize {
        self.heard.iter().filter(|report| wanted(&report.event)).count()
    }

    pub(crate) fn summary(&self) -> String {
        format!(
            "heard {} starts, {} stops, {} refused cards, {} CALLERRORs, {} disconnects, {} unanswered",
            self.count(|e| matches!(e, Event::Started { .. })),
            self.count(|e| matches!(e, Event::Stopped { .. })),
            self.count(|e| matches!(e, Event::CardRefused { .. })),
            self.count(|e| matches!(e, Event::CallError { .. })),
            self.count(|e| matches!(e, Event::Disconnected { .. })),
            self.count(|e| matches!(e, Event::Unanswered { .. })),
        )
    }
}
