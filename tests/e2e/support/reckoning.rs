//! What stations heard against what the server has on record, both ways. Knows nothing of how the server died.
//!
//! The server runs four plugins: `rfid-list` refuses cards, `start-ledger` keeps a key for each start that it was asked
//! about, and sums, `tariff-time-of-use` writes bills, and `event-counter` counts sessions and energy from the log.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;

use plugpoint::domain::Millis;
use plugpoint::sim::Event;
use serde_json::Value;

use super::{Api, Fleet, guest};

/// The plugins of the stories about crashes, by the names of their folders.
const PLUGINS: [(&str, &str); 4] = [
    ("rfid-list", "{}"),
    ("start-ledger", "{}"),
    ("tariff-time-of-use", r#"{"id":"day","rates":{"currency":"EUR","base":{"energy":"0.40"}}}"#),
    ("event-counter", "{}"),
];

/// Examples of what is wrong that a failure shows.
const EXAMPLES: usize = 5;

/// A transaction as its station knows it: the station, and the name on the wire.
pub(crate) type Name = (String, String);

/// Loads what writes down what it was asked and told.
pub(crate) async fn load_bookkeepers(api: &Api) {
    for (plugin, settings) in PLUGINS {
        api.load(plugin, &guest(plugin), settings).await;
    }
}

/// Everything that was acknowledged and everything on record, and how they differ.
#[derive(Debug, Default)]
pub(crate) struct Reckoning {
    starts: usize,
    stops: usize,
    readings: usize,
    cards: usize,
    bills: usize,
    sessions: usize,
    facts: usize,
    effects: usize,
    /// Acknowledged, and not on record as it was said.
    pub(crate) lost: Vec<String>,
    /// On record more often than it was said.
    pub(crate) doubled: Vec<String>,
    /// What a plugin wrote is there, and what made it write is not.
    pub(crate) effects_alone: Vec<String>,
    /// The other way round.
    pub(crate) facts_alone: Vec<String>,
}

impl Reckoning {
    /// Of the fleet, and of transactions that somebody else started and stopped.
    pub(crate) async fn of(fleet: &Fleet, others: &HashSet<Name>, api: &Api) -> Self {
        let mut reckoning = Self::default();
        let sessions = api.all("sessions", "").await;
        let log = Log::read(api).await;
        api.caught_up("event-counter").await;
        let ledger = Ledger::of(api.state("start-ledger").await);
        let tallies = tallies(&api.state("event-counter").await);
        reckoning.facts = log.facts;
        reckoning.doubled.extend(log.out_of_order.clone());
        reckoning.sessions(fleet, others, &sessions);
        reckoning.readings(fleet, &sessions, &log);
        reckoning.authorisations(fleet, &log);
        reckoning.log(&sessions, &log);
        reckoning.bills(&sessions, &log);
        reckoning.ledger(&sessions, &ledger);
        reckoning.tallies(&tallies, &log);
        reckoning
    }

    /// Panics unless everything agrees.
    pub(crate) fn assert_clean(&self) {
        for (what, wrong) in [
            ("lost", &self.lost),
            ("doubled", &self.doubled),
            ("effects without their fact", &self.effects_alone),
            ("facts without their effects", &self.facts_alone),
        ] {
            let examples = wrong.iter().take(EXAMPLES).collect::<Vec<_>>();
            assert!(wrong.is_empty(), "{self}\n{what}, for example: {examples:#?}");
        }
    }

    /// Every acknowledged start is one session, every acknowledged stop ended it, and there is no session besides.
    fn sessions(&mut self, fleet: &Fleet, others: &HashSet<Name>, sessions: &[Value]) {
        self.sessions = sessions.len();
        let mut by_name = HashMap::<Name, &Value>::new();
        let mut contents = HashSet::new();
        for session in sessions {
            if let Some(twin) = by_name.insert(name_of(session), session) {
                self.doubled.push(format!("{session} has the name of {twin}"));
            }
            let content = ["station", "evse", "connector", "started", "meter_start_wh"];
            if !contents.insert(content.map(|part| session[part].to_string())) {
                self.doubled.push(format!("the start of {session} is there twice"));
            }
        }
        let mut begun = others.clone();
        for report in &fleet.heard {
            let station = report.station.to_string();
            match &report.event {
                Event::Started { transaction, began, meter_wh, .. } => {
                    self.starts += 1;
                    let name = (station, transaction.clone());
                    let session = by_name.get(&name).copied().unwrap_or(&Value::Null);
                    if !begun.insert(name) {
                        self.doubled.push(format!("transaction {transaction} was given twice"));
                    }
                    let kept = time(&session["started"]) == Some(*began)
                        && wh(&session["meter_start_wh"]) == Some(*meter_wh);
                    self.lost_unless(kept, || format!("{report:?} is on record as {session}"));
                }
                Event::Stopped { transaction, ended, meter_wh, delivered_wh, .. } => {
                    self.stops += 1;
                    let name = (station, transaction.clone());
                    let session = by_name.get(&name).copied().unwrap_or(&Value::Null);
                    let kept = session["active"] == false
                        && time(&session["ended"]) == Some(*ended)
                        && wh(&session["meter_stop_wh"]) == Some(*meter_wh)
                        && wh(&session["energy_wh"]) == Some(*delivered_wh);
                    self.lost_unless(kept, || format!("{report:?} is on record as {session}"));
                }
                _ => {}
            }
        }
        let missing = others.iter().filter(|name| !by_name.contains_key(*name));
        self.lost.extend(missing.map(|name| format!("the start of {name:?}")));
        // A station may give up on a start whose answer was lost.
        let given_up = fleet.count(|event| matches!(event, Event::GaveUp { .. }));
        let strangers = by_name.iter().filter(|(name, _)| !begun.contains(*name));
        let strangers = strangers.skip(given_up);
        self.doubled.extend(strangers.map(|(_, session)| format!("nobody started {session}")));
    }

    /// Readings of 2.x are events, which stations keep until they are answered: as many on record as were. Those of
    /// 1.6 may be lost with the last half second.
    fn readings(&mut self, fleet: &Fleet, sessions: &[Value], log: &Log) {
        let mut answered = HashMap::<Name, usize>::new();
        for report in &fleet.heard {
            if let Event::Metered { transaction, .. } = &report.event {
                let name = (report.station.to_string(), transaction.clone());
                *answered.entry(name).or_default() += 1;
            }
        }
        let given_up = fleet.count(|event| matches!(event, Event::GaveUp { .. }));
        for session in sessions.iter().filter(|session| session["protocol"] != "ocpp1.6") {
            let Some(answered) = answered.get(&name_of(session)) else { continue };
            let id = session["id"].as_u64().unwrap();
            let recorded = log.updates.get(&id).copied().unwrap_or(0);
            self.readings += answered;
            let told = format!("session {id}: {answered} readings answered, {recorded} recorded");
            if recorded < *answered {
                self.lost.push(told);
            } else if recorded > answered + given_up {
                self.doubled.push(told);
            }
        }
    }

    /// As many recorded questions as answers that arrived, and no more than could have been asked: each lost
    /// connection and each lost patience may have swallowed one answer.
    fn authorisations(&mut self, fleet: &Fleet, log: &Log) {
        let mut answered = BTreeMap::<&str, usize>::new();
        let mut swallowed = BTreeMap::<&str, usize>::new();
        for report in &fleet.heard {
            let count = match report.event {
                Event::CardAccepted { .. } | Event::CardRefused { .. } => &mut answered,
                Event::Disconnected { .. } | Event::Unanswered { .. } => &mut swallowed,
                _ => continue,
            };
            *count.entry(report.station.as_str()).or_default() += 1;
        }
        for (station, answered) in answered {
            self.cards += answered;
            let recorded = log.authorisations.get(station).copied().unwrap_or(0);
            let most = answered + swallowed.get(station).copied().unwrap_or(0);
            let told = format!("{station}: {answered} answers arrived, {recorded} are recorded");
            if recorded < answered {
                self.lost.push(told);
            } else if recorded > most {
                self.doubled.push(told);
            }
        }
    }

    /// The log tells the same as the sessions: one start for each of them, and one end for each that has ended.
    fn log(&mut self, sessions: &[Value], log: &Log) {
        let id = |session: &Value| session["id"].as_u64().unwrap();
        let all = sessions.iter().map(id).collect::<BTreeSet<_>>();
        let ended = sessions.iter().filter(|it| it["active"] == false).map(id).collect();
        for (what, ids, told) in [("start", all, &log.starts), ("end", ended, &log.ends)] {
            for id in &ids {
                match told.get(id) {
                    None => self.lost.push(format!("session {id} has no {what} in the log")),
                    Some(1) => {}
                    Some(n) => self.doubled.push(format!("session {id} has {n} {what}s")),
                }
            }
            let alone = told.keys().filter(|id| !ids.contains(id));
            self.lost.extend(alone.map(|id| format!("session {id}, whose {what} is in the log")));
        }
    }

    /// A session on terms has its bill or is known to wait for it, and the log has the same bill, once.
    fn bills(&mut self, sessions: &[Value], log: &Log) {
        let is_due = |it: &&Value| {
            !it["terms"].is_null() && it["active"] == false && it["waits_for_bill"] == false
        };
        for session in sessions.iter().filter(is_due) {
            let id = session["id"].as_u64().unwrap();
            let price = &session["price"];
            let totals = log.bills.get(&id).map(Vec::as_slice).unwrap_or_default();
            let kept = price["closed"] == true && totals.last() == Some(&price["bill"]["total"]);
            self.lost_unless(kept, || format!("the log has the bills {totals:?} of {session}"));
            if totals.len() > 1 {
                self.doubled.push(format!("session {id} has the bills {totals:?}"));
            }
            self.bills += totals.len();
        }
    }

    /// A key for each session about whose start the plugin was heard, and for no other; written once; and the sums
    /// count them.
    fn ledger(&mut self, sessions: &[Value], ledger: &Ledger) {
        let heard = |session: &&Value| {
            let opinions = session["decision"]["opinions"].as_array().into_iter().flatten();
            opinions.into_iter().any(|it| it["plugin"] == "start-ledger" && it["failure"].is_null())
        };
        let decided = sessions.iter().filter(heard).map(|session| session["id"].as_u64().unwrap());
        let decided = decided.collect::<BTreeSet<_>>();
        self.effects += ledger.starts.len();
        for (id, times) in &ledger.starts {
            if !decided.contains(id) {
                self.effects_alone.push(format!("the ledger has session {id}"));
            }
            if *times != 1 {
                self.effects_alone.push(format!("the ledger has session {id} {times} times"));
            }
        }
        let unwritten = decided.iter().filter(|id| !ledger.starts.contains_key(id));
        self.facts_alone.extend(unwritten.map(|id| format!("the ledger lacks session {id}")));
        let (keys, sum) = (ledger.starts.len() as u64, ledger.sum);
        let told = || format!("the ledger has {keys} sessions and counts {sum}");
        if sum > keys {
            self.effects_alone.push(told());
        } else if sum < keys {
            self.facts_alone.push(told());
        }
    }

    /// The observer has counted what is in the log.
    fn tallies(&mut self, counted: &BTreeMap<String, Tally>, log: &Log) {
        self.effects += counted.len();
        let stations = counted.keys().chain(log.tallies.keys()).collect::<BTreeSet<_>>();
        for station in stations {
            let counted = counted.get(station).copied().unwrap_or_default();
            let logged = log.tallies.get(station).copied().unwrap_or_default();
            let told = || format!("{station}: counted {counted:?}, and in the log are {logged:?}");
            if counted.0 > logged.0 || counted.1 > logged.1 {
                self.effects_alone.push(told());
            }
            if counted.0 < logged.0 || counted.1 < logged.1 {
                self.facts_alone.push(told());
            }
        }
    }

    fn lost_unless(&mut self, kept: bool, told: impl FnOnce() -> String) {
        if !kept {
            self.lost.push(told());
        }
    }
}

impl fmt::Display for Reckoning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { starts, stops, readings, cards, bills, sessions, facts, effects, .. } = self;
        write!(
            f,
            "acknowledged: {starts} starts, {stops} stops, {readings} readings, {cards} cards; \
             on record: {sessions} sessions, {bills} bills, {facts} facts, {effects} keys of plugins; \
             lost {}, doubled {}, effects without their fact {}, facts without their effects {}",
            self.lost.len(),
            self.doubled.len(),
            self.effects_alone.len(),
            self.facts_alone.len(),
        )
    }
}

/// Sessions and milliwatt-hours.
type Tally = (u64, i64);

/// As much of the log as is compared.
#[derive(Debug, Default)]
struct Log {
    facts: usize,
    out_of_order: Vec<String>,
    /// How many there are, by session.
    starts: BTreeMap<u64, usize>,
    ends: BTreeMap<u64, usize>,
    /// Events between start and end.
    updates: HashMap<u64, usize>,
    /// Totals, by session.
    bills: BTreeMap<u64, Vec<Value>>,
    /// By station.
    authorisations: HashMap<String, usize>,
    tallies: BTreeMap<String, Tally>,
}

impl Log {
    async fn read(api: &Api) -> Self {
        let mut log = Self::default();
        let mut last = 0;
        api.each_fact(|fact| {
            let seq = fact["seq"].as_u64().unwrap();
            if seq <= last {
                log.out_of_order.push(format!("fact {seq} comes after {last}"));
            }
            last = seq;
            log.facts += 1;
            log.note(&fact);
        })
        .await;
        log
    }

    fn note(&mut self, fact: &Value) {
        let Some(station) = fact["station"].as_str() else { return };
        let data = &fact["data"];
        let session = data["session"].as_u64();
        match (fact["kind"].as_str().unwrap(), session) {
            ("transaction-started", Some(session)) => {
                *self.starts.entry(session).or_default() += 1;
                self.tallies.entry(station.to_owned()).or_default().0 += 1;
            }
            ("transaction-updated", Some(session)) => {
                *self.updates.entry(session).or_default() += 1;
            }
            ("transaction-ended", Some(session)) => {
                *self.ends.entry(session).or_default() += 1;
                let mwh = (data["energy_wh"].as_f64().unwrap() * 1000.0).round() as i64;
                self.tallies.entry(station.to_owned()).or_default().1 += mwh;
            }
            ("session-priced", Some(session)) => {
                self.bills.entry(session).or_default().push(data["bill"]["total"].clone());
            }
            ("authorize-asked", _) if data["purpose"] == "authorize" => {
                *self.authorisations.entry(station.to_owned()).or_default() += 1;
            }
            _ => {}
        }
    }
}

/// What `start-ledger` has kept.
#[derive(Debug)]
struct Ledger {
    /// How often each session was written, which should be once.
    starts: BTreeMap<u64, u64>,
    sum: u64,
}

impl Ledger {
    fn of(state: BTreeMap<String, String>) -> Self {
        let mut ledger = Self { starts: BTreeMap::new(), sum: 0 };
        for (key, value) in state {
            let count: u64 = value.parse().unwrap();
            match key.strip_prefix("start/") {
                Some(session) => {
                    ledger.starts.insert(session.parse().unwrap(), count);
                }
                None => ledger.sum += count,
            }
        }
        ledger
    }
}

/// What `event-counter` has kept, by station.
fn tallies(state: &BTreeMap<String, String>) -> BTreeMap<String, Tally> {
    let tally = |(station, value): (&String, &String)| {
        let tally: Value = serde_json::from_str(value).unwrap();
        let counts = (tally["sessions"].as_u64().unwrap(), tally["energy_mwh"].as_i64().unwrap());
        (station.clone(), counts)
    };
    state.iter().map(tally).collect()
}

fn name_of(session: &Value) -> Name {
    let word = |part: &str| session[part].as_str().unwrap().to_owned();
    (word("station"), word("transaction"))
}

fn time(value: &Value) -> Option<Millis> {
    let time = chrono::DateTime::parse_from_rfc3339(value.as_str()?).unwrap();
    Millis::from_utc(time.to_utc())
}

fn wh(value: &Value) -> Option<u64> {
    let wh = value.as_f64()?;
    (wh >= 0.0 && wh.fract() == 0.0).then_some(wh as u64)
}
