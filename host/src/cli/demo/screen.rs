//! What the demo shows: one line per event of the server's log, and totals. Decides nothing.

use std::time::Duration;

use anyhow::Context;
use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};

use super::bills::Bills;
use super::operator::Orders;
use crate::admin::views::EventView;
use crate::cli::client::Client;
use crate::cli::output::Output;
use crate::cli::sentence;
use crate::cli::sse::{Parser, Said};
use crate::cli::tally::Tally;
use crate::sim::{Event, Profile, Report};

/// Between two lines of totals.
const TOTALS: Duration = Duration::from_secs(5);

/// Kinds of events without a line: the session's other lines say what the connector does.
const TOLD_OTHERWISE: [&str; 2] = ["connector-status", "transaction-updated"];

/// Something to show.
pub(super) enum Line {
    Event(Box<EventView>),
    Operator(String),
}

/// Reads the server's live stream from now on.
pub(super) async fn follow(
    client: &Client,
    lines: mpsc::Sender<Line>,
) -> anyhow::Result<JoinHandle<()>> {
    let stream = client.stream(&["events"], &[]).await.context("the live stream")?;
    let mut bytes = stream.bytes_stream();
    Ok(tokio::spawn(async move {
        let mut parser = Parser::default();
        while let Some(Ok(piece)) = bytes.next().await {
            let Ok(said) = parser.take(&piece) else { return };
            for said in said {
                let Said::Data(data) = said else { continue };
                let Ok(event) = serde_json::from_str(&data) else { continue };
                if lines.send(Line::Event(Box::new(event))).await.is_err() {
                    return;
                }
            }
        }
    }))
}

pub(super) struct Screen {
    output: Output,
    lines: mpsc::Receiver<Line>,
    reports: mpsc::Receiver<Report>,
    orders: Option<Orders>,
    tally: Tally,
    bills: Bills,
    since: Instant,
}

impl Screen {
    pub(super) fn new(
        output: Output,
        lines: mpsc::Receiver<Line>,
        reports: mpsc::Receiver<Report>,
        profiles: &[Profile],
        orders: Option<Orders>,
    ) -> Self {
        let mut tally = Tally::default();
        profiles.iter().for_each(|profile| tally.expect(profile));
        let (bills, since) = (Bills::default(), Instant::now());
        Self { output, lines, reports, orders, tally, bills, since }
    }

    /// Shows what happens until `end`.
    pub(super) async fn show_until<T>(
        &mut self,
        end: impl Future<Output = T>,
    ) -> anyhow::Result<T> {
        tokio::pin!(end);
        let mut totals = tokio::time::interval_at(Instant::now() + TOTALS, TOTALS);
        totals.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                end = &mut end => return Ok(end),
                Some(line) = self.lines.recv() => self.show(&line)?,
                Some(report) = self.reports.recv() => self.note(&report)?,
                _ = totals.tick() => self.totals()?,
            }
        }
    }

    fn show(&mut self, line: &Line) -> anyhow::Result<()> {
        match line {
            Line::Event(event) if TOLD_OTHERWISE.contains(&event.kind.as_str()) => Ok(()),
            Line::Event(event) => {
                let terms = event.body().ok().and_then(|body| self.bills.note(&body));
                if self.output.json {
                    return self.output.line(&serde_json::to_string(event)?);
                }
                let line = sentence::line(event);
                self.output.line(&format!("{line}{}", terms.unwrap_or_default()))
            }
            Line::Operator(said) => self.aside("operator", said),
        }
    }

    /// What the log does not say, in the column of the stations.
    fn aside(&self, who: &str, what: &str) -> anyhow::Result<()> {
        self.output.say(&format!("{:21} {who:<12} {what}", ""))
    }

    fn note(&mut self, report: &Report) -> anyhow::Result<()> {
        self.tally.note(report);
        if let Event::CostShown { cost, .. } = &report.event {
            self.aside(report.station.as_str(), &format!("shows its driver: {cost}"))?;
        }
        if let Event::Started { transaction, .. } = &report.event
            && let Some(orders) = &self.orders
            && orders.station == report.station
        {
            // An operator who is busy finds the next one.
            let _ = orders.begun.try_send(transaction.clone());
        }
        Ok(())
    }

    fn totals(&self) -> anyhow::Result<()> {
        let seconds = self.since.elapsed().as_secs();
        let (online, did) = (self.tally.online(), self.tally.sentence());
        self.output.say(&format!("-- after {seconds} s: {online}; {did} --"))
    }

    pub(super) fn last_totals(&self) -> anyhow::Result<()> {
        if self.output.json {
            let mut totals = self.tally.json();
            totals["bills"] = self.bills.json();
            return self.output.line(&totals.to_string());
        }
        self.output.line(&format!("-- in all: {} --", self.tally.sentence()))?;
        match self.bills.sentence() {
            Some(bills) => self.output.line(&format!("-- {bills} --")),
            None => Ok(()),
        }
    }

    pub(super) fn without_charge(&self) -> Vec<String> {
        self.tally.without_charge().into_iter().map(ToString::to_string).collect()
    }
}
