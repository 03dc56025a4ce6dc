//! What a simulated station is and how fast it lives. Knows no address.

use std::ops::Range;
use std::time::Duration;

use super::{Clock, Habit, Odds, Protocol};
use crate::domain::{IdToken, StationId};

/// One simulated station.
#[derive(Debug, Clone)]
pub struct Profile {
    pub id: StationId,
    pub protocol: Protocol,
    /// Basic password, when the server asks for one.
    pub password: Option<String>,
    pub vendor: String,
    pub model: String,
    /// Connectors, numbered from 1.
    pub connectors: u32,
    /// What every connector's register shows at first, in watt-hours.
    pub register_wh: u64,
    /// What a car draws, in watts: 11,000 and 22,000 are what three phases of 16 A and 32 A give.
    pub power_w: u32,
    /// The cards that drivers show, in turn. Without cards only remote starts charge.
    pub cards: Vec<IdToken>,
    pub pace: Pace,
    pub faults: Faults,
    /// The same seed tells the same story.
    pub seed: u64,
}

/// How fast a station lives, in real time.
#[derive(Debug, Clone)]
pub struct Pace {
    /// How many times faster than the clock energy flows.
    pub speed: u32,
    /// From plug to unplug.
    pub charge: Range<Duration>,
    /// From unplug, or a refusal, to the next driver.
    pub pause: Range<Duration>,
    /// Between two MeterValues of a transaction.
    pub meter: Duration,
    /// How long the station waits for an answer before it gives the call up.
    pub answer: Duration,
    /// First wait after a lost connection; doubles up to [`Pace::backoff_most`], each with jitter.
    pub backoff: Duration,
    pub backoff_most: Duration,
}

impl Default for Pace {
    /// A charge of a few seconds that looks like a few minutes: what a person can watch.
    fn default() -> Self {
        Self {
            speed: 240,
            charge: Duration::from_secs(5)..Duration::from_secs(11),
            pause: Duration::from_millis(800)..Duration::from_millis(2500),
            meter: Duration::from_secs(2),
            answer: Duration::from_secs(30),
            backoff: Duration::from_millis(500),
            backoff_most: Duration::from_secs(15),
        }
    }
}

impl Pace {
    /// As many messages as an honest station can send: what tests and load use.
    pub fn brisk() -> Self {
        Self {
            speed: 3600,
            charge: Duration::from_millis(150)..Duration::from_millis(450),
            pause: Duration::from_millis(20)..Duration::from_millis(120),
            meter: Duration::from_millis(60),
            answer: Duration::from_secs(30),
            backoff: Duration::from_millis(50),
            backoff_most: Duration::from_secs(1),
        }
    }
}

/// What goes wrong at a station, and how often. Nothing unless it is said.
#[derive(Debug, Clone)]
pub struct Faults {
    /// Of the calls that it sends: the connection is lost before the answer, without a close frame.
    pub drops: Odds,
    /// Of the answers to messages about charges: the answer is lost, and the message is sent again with a new id.
    pub replays: Odds,
    /// Calls that it has open at once. OCPP-J allows one.
    pub open_calls: usize,
    pub clock: Clock,
    /// Of the files that it fetches or sends: the connection breaks half-way. A fetch is gone on with, a log is given up.
    pub breaks: Odds,
    /// What it says that it should not, and how it knocks.
    pub habits: Vec<Habit>,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            drops: Odds::NEVER,
            replays: Odds::NEVER,
            open_calls: 1,
            clock: Clock::Right,
            breaks: Odds::NEVER,
            habits: Vec::new(),
        }
    }
}
