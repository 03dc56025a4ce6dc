//! The workload: charging sessions over OCPP 1.6 as stations report them. Half an hour with readings every five
//! minutes and a heartbeat between every two of them, so 16 messages, of which three are answered from the disk.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use plugpoint::domain::Millis;
use tokio::task::JoinSet;

use crate::station::Station;

/// Stations that charge at the same time. Each has one call open at any time, as OCPP demands.
pub(crate) const STATIONS: usize = 100;

/// Messages of one session.
pub(crate) const MESSAGES: usize = 16;

/// Messages of one session that leave something in the records: all but the heartbeats.
pub(crate) const RECORDED: usize = 13;

const READINGS: u32 = 6;

/// Of the stations' clock between two messages.
const STEP: Duration = Duration::from_secs(150);

/// The fleet, connected.
pub(crate) struct Fleet(Vec<Driver>);

/// A station, its card, its clock and its meter.
struct Driver {
    station: Station,
    card: String,
    clock: Millis,
    meter: u32,
}

pub(crate) fn card(number: usize) -> String {
    format!("04A1B2C3D4{number:04}")
}

impl Fleet {
    pub(crate) async fn connect(server: SocketAddr) -> anyhow::Result<Self> {
        let mut fleet = Vec::with_capacity(STATIONS);
        for number in 0..STATIONS {
            let station = Station::start(server, &format!("CS-{number:04}")).await?;
            let clock = Millis::of(std::time::SystemTime::now());
            fleet.push(Driver { station, card: card(number), clock, meter: 15_300 });
        }
        Ok(Self(fleet))
    }

    /// Every station charges so many times, as fast as it is answered. Returns the number of messages.
    pub(crate) async fn charge(&mut self, sessions: usize) -> anyhow::Result<usize> {
        let mut charging = JoinSet::new();
        for mut driver in self.0.drain(..) {
            charging.spawn(async move {
                for _ in 0..sessions {
                    driver.session().await?;
                }
                anyhow::Ok(driver)
            });
        }
        while let Some(driver) = charging.join_next().await {
            self.0.push(driver??);
        }
        Ok(self.0.len() * sessions * MESSAGES)
    }
}

impl Driver {
    async fn session(&mut self) -> anyhow::Result<()> {
        self.status("Preparing").await?;
        let card = format!(r#"{{"idTag":"{}"}}"#, self.card);
        let answer = self.station.call("Authorize", &card).await?;
        ensure!(answer.contains("Accepted"), "the card is refused: {answer}");
        let transaction = self.start().await?;
        self.status("Charging").await?;
        for reading in 0..READINGS {
            self.meter(transaction).await?;
            if reading % 2 == 1 {
                self.station.call("Heartbeat", "{}").await?;
            }
        }
        self.status("Finishing").await?;
        self.stop(transaction).await?;
        self.status("Available").await
    }

    async fn status(&mut self, status: &str) -> anyhow::Result<()> {
        let payload = format!(
            r#"{{"connectorId":1,"errorCode":"NoError","status":"{status}","timestamp":"{}"}}"#,
            self.time()
        );
        self.station.call("StatusNotification", &payload).await.map(drop)
    }

    async fn start(&mut self) -> anyhow::Result<u32> {
        let (card, meter, time) = (&self.card.clone(), self.meter, self.time());
        let payload = format!(
            r#"{{"connectorId":1,"idTag":"{card}","meterStart":{meter},"timestamp":"{time}"}}"#
        );
        let answer = self.station.call("StartTransaction", &payload).await?;
        ensure!(answer.contains("Accepted"), "the start is refused: {answer}");
        let number = answer.split_once("\"transactionId\":").context("no transactionId")?.1;
        Ok(number.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default().parse()?)
    }

    async fn meter(&mut self, transaction: u32) -> anyhow::Result<()> {
        self.meter += 920;
        let (meter, time) = (self.meter, self.time());
        let sample = |value: &str, measurand: &str, more: &str| {
            format!(
                r#"{{"value":"{value}","context":"Sample.Periodic","measurand":"{measurand}",{more}}}"#
            )
        };
        let samples = [
            sample(&meter.to_string(), "Energy.Active.Import.Register", r#""unit":"Wh""#),
            sample("11032", "Power.Active.Import", r#""unit":"W""#),
            sample("16.02", "Current.Import", r#""phase":"L1","unit":"A""#),
            sample("15.98", "Current.Import", r#""phase":"L2","unit":"A""#),
            sample("16.00", "Current.Import", r#""phase":"L3","unit":"A""#),
        ];
        let payload = format!(
            r#"{{"connectorId":1,"transactionId":{transaction},"meterValue":[{{"timestamp":"{time}","sampledValue":[{}]}}]}}"#,
            samples.join(",")
        );
        self.station.call("MeterValues", &payload).await.map(drop)
    }

    async fn stop(&mut self, transaction: u32) -> anyhow::Result<()> {
        let (card, meter, time) = (&self.card.clone(), self.meter, self.time());
        let payload = format!(
            r#"{{"transactionId":{transaction},"idTag":"{card}","meterStop":{meter},"timestamp":"{time}","reason":"EVDisconnected"}}"#
        );
        self.station.call("StopTransaction", &payload).await.map(drop)
    }

    /// The station's time, which goes on from message to message.
    fn time(&mut self) -> String {
        self.clock = Millis(self.clock.0 + STEP.as_millis() as u64);
        self.clock.to_utc().to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
    }
}
