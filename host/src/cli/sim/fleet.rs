//! Which stations a simulated fleet has, and what is wrong with each. Knows no socket.

use std::time::Duration;

use anyhow::{Context, ensure};

use crate::domain::{IdToken, StationId};
use crate::sim::{Clock, Faults, Habit, Odds, Pace, Profile, Protocol};

/// Calls that a station which pipelines has open at once.
const PIPELINE: usize = 4;

/// What `--faults` says.
const DROPS: Odds = Odds::percent(1);
const REPLAYS: Odds = Odds::percent(2);
const PIPELINING: Odds = Odds::percent(25);
const BAD_CLOCKS: Odds = Odds::percent(25);

#[derive(Debug, clap::Args)]
pub(super) struct FleetArgs {
    /// How many stations
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    stations: u32,
    /// How many of them speak OCPP 2.0.1; those that speak nothing newer speak 1.6
    #[arg(long, value_name = "N", default_value_t = 0)]
    ocpp201: u32,
    /// How many of them speak OCPP 2.1
    #[arg(long, value_name = "N", default_value_t = 0)]
    ocpp21: u32,
    /// What station ids begin with; a number follows
    #[arg(long, value_name = "TEXT", default_value = "SIM-")]
    prefix: String,
    /// Basic password of every station
    #[arg(long, env = "PLUGPOINT_STATION_PASSWORD", hide_env_values = true)]
    password: Option<String>,
    /// Cards that drivers show, in turn; without cards only remote starts charge
    #[arg(long, value_name = "CARD", value_delimiter = ',', value_parser = card)]
    cards: Vec<IdToken>,
    /// The same seed tells the same story
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    rates: RateArgs,
    #[command(flatten)]
    faults: FaultArgs,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "How fast")]
struct RateArgs {
    /// As many messages as an honest station can send, instead of a pace that a person can follow
    #[arg(long)]
    brisk: bool,
    /// How long a charge takes: half as long to half as long again
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    charge: Option<Duration>,
    /// From one driver to the next: half as long to half as long again
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pause: Option<Duration>,
    /// Between two meter values of a charge
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    meter: Option<Duration>,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "What goes wrong in the field (shares such as 0.02 or 2%)")]
struct FaultArgs {
    /// All of the following: 1 % drops, 2 % replays, a quarter of the stations pipeline, a quarter have bad clocks
    #[arg(long)]
    faults: bool,
    /// Calls after which the connection is lost without a close frame; half of them leave the server in the dark
    #[arg(long, value_name = "SHARE")]
    drops: Option<Odds>,
    /// Answers about charges that are lost, so that the station sends the message again with a new message id
    #[arg(long, value_name = "SHARE")]
    replays: Option<Odds>,
    /// Stations that do not wait for an answer before the next call
    #[arg(long, value_name = "SHARE")]
    pipelining: Option<Odds>,
    /// Stations whose clock is ahead, behind, repeats itself or was never set
    #[arg(long, value_name = "SHARE")]
    bad_clocks: Option<Odds>,
    /// Stations that knock oddly, name no zone, repeat and contradict themselves, babble and send odd samples. Not part of `--faults`:
    /// their records have to say `--validation lenient` and `--protocol`
    #[arg(long, value_name = "SHARE", default_value = "0")]
    habits: Odds,
    /// Files that break off half-way; what is fetched is gone on with, what is sent is given up
    #[arg(long, value_name = "SHARE", default_value = "0")]
    breaks: Odds,
}

fn card(text: &str) -> Result<IdToken, String> {
    IdToken::new(text).map_err(|error| error.to_string())
}

/// More than nothing: a loop without a pause would starve the server and itself.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds: &f64| *seconds >= 0.01);
    let duration = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    duration.ok_or_else(|| "a number of seconds from 0.01".to_owned())
}

impl FleetArgs {
    pub(super) fn has_drivers(&self) -> bool {
        !self.cards.is_empty()
    }

    pub(super) fn profiles(&self) -> anyhow::Result<Vec<Profile>> {
        let (stations, newer) = (self.stations, self.newer());
        ensure!(
            newer <= stations.into(),
            "{newer} stations cannot speak OCPP 2.0.1 or 2.1 when there are {stations}: raise --stations"
        );
        (1..=stations).map(|n| self.profile(n)).collect()
    }

    fn profile(&self, n: u32) -> anyhow::Result<Profile> {
        let id = format!("{}{n}", self.prefix);
        let id = StationId::new(&id).with_context(|| format!("--prefix makes the id '{id}'"))?;
        let powerful = n.is_multiple_of(2);
        let seed = self.seed.wrapping_add(n.into());
        Ok(Profile {
            id,
            protocol: self.protocol(n),
            password: self.password.clone(),
            vendor: "Plugpoint".to_owned(),
            model: if powerful { "Simulated 22" } else { "Simulated 11" }.to_owned(),
            connectors: 1,
            register_wh: 0,
            power_w: if powerful { 22_000 } else { 11_000 },
            cards: self.cards.clone(),
            pace: self.rates.pace(),
            faults: self.faults.of(n, seed),
            seed,
        })
    }

    /// Those that speak something newer than 1.6.
    fn newer(&self) -> u64 {
        u64::from(self.ocpp201) + u64::from(self.ocpp21)
    }

    /// The newer versions are spread evenly over the fleet, and the newest over those.
    fn protocol(&self, n: u32) -> Protocol {
        let Some(newer) = nth_of_share(n.into(), self.newer(), self.stations.into()) else {
            return Protocol::Ocpp16;
        };
        match nth_of_share(newer, self.ocpp21.into(), self.newer()) {
            Some(_) => Protocol::Ocpp21,
            None => Protocol::Ocpp201,
        }
    }
}

/// Which one of the `share` the `n`-th of `all` is, if it is one; both counted from 1.
fn nth_of_share(n: u64, share: u64, all: u64) -> Option<u64> {
    let upto = |n: u64| n * share / all;
    (upto(n) > upto(n - 1)).then_some(upto(n))
}

impl RateArgs {
    fn pace(&self) -> Pace {
        let mut pace = if self.brisk { Pace::brisk() } else { Pace::default() };
        if let Some(charge) = self.charge {
            pace.charge = charge / 2..charge + charge / 2;
        }
        if let Some(pause) = self.pause {
            pace.pause = pause / 2..pause + pause / 2;
        }
        if let Some(meter) = self.meter {
            pace.meter = meter;
        }
        pace
    }
}

impl FaultArgs {
    /// What goes wrong at the n-th station. Which stations pipeline has nothing to do with which have bad clocks.
    fn of(&self, n: u32, seed: u64) -> Faults {
        let odds = |said: Option<Odds>, preset| {
            said.unwrap_or(if self.faults { preset } else { Odds::NEVER })
        };
        let pipelines = odds(self.pipelining, PIPELINING).falls_on(seed.wrapping_mul(2));
        let is_crooked = odds(self.bad_clocks, BAD_CLOCKS).falls_on(seed.wrapping_mul(2) + 1);
        let kind = n as usize % Clock::CROOKED.len();
        let has_habits = self.habits.falls_on(seed.wrapping_mul(3));
        Faults {
            drops: odds(self.drops, DROPS),
            replays: odds(self.replays, REPLAYS),
            open_calls: if pipelines { PIPELINE } else { 1 },
            clock: match (is_crooked, has_habits) {
                (true, _) => Clock::CROOKED[kind],
                (false, true) => Clock::MISSPELT[n as usize % Clock::MISSPELT.len()],
                (false, false) => Clock::Right,
            },
            breaks: self.breaks,
            habits: if has_habits { odd_habits(n) } else { Vec::new() },
        }
    }
}

/// One way to knock, and all ways to speak.
fn odd_habits(n: u32) -> Vec<Habit> {
    let (knocks, speech) = Habit::ALL.split_at(3);
    std::iter::once(knocks[n as usize % knocks.len()]).chain(speech.iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        fleet: FleetArgs,
    }

    fn fleet(words: &str) -> Vec<Profile> {
        let words = std::iter::once("sim").chain(words.split_whitespace());
        Cli::try_parse_from(words).unwrap().fleet.profiles().unwrap()
    }

    #[test]
    fn a_fleet_has_as_many_of_each_version_as_was_said() {
        let fleet = fleet("--stations 100 --ocpp201 30 --ocpp21 15");
        let speak = |wanted| fleet.iter().filter(|profile| profile.protocol == wanted).count();
        assert_eq!(Protocol::ALL.map(speak), [55, 30, 15]);
        assert!(fleet.iter().all(|profile| profile.faults.open_calls == 1));
    }

    #[test]
    fn a_station_with_habits_knocks_in_one_way_and_speaks_in_all() {
        let fleet = fleet("--stations 30 --habits 100%");
        assert!(fleet.iter().all(|p| p.faults.habits.len() == 6 && p.faults.clock != Clock::Right));
        let knocks = fleet.iter().map(|profile| profile.faults.habits[0]);
        assert_eq!(knocks.collect::<std::collections::BTreeSet<_>>().len(), 3);
    }

    #[test]
    fn faults_hit_about_as_many_as_was_said_and_what_is_said_wins() {
        let fleet = fleet("--stations 400 --faults --drops 0 --pipelining 10%");
        let pipelining = fleet.iter().filter(|p| p.faults.open_calls > 1).count();
        let crooked = fleet.iter().filter(|p| p.faults.clock != Clock::Right).count();
        assert!((20..=60).contains(&pipelining), "{pipelining}");
        assert!((70..=130).contains(&crooked), "{crooked}");
        assert!(fleet.iter().all(|p| p.faults.drops == Odds::NEVER && p.faults.replays == REPLAYS));
    }
}
