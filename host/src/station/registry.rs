//! Which actor a station has. Knows no message: it hands connections and commands over.
//!
//! The newest connection wins, provided that it proved itself at least as well as the one it replaces: that is
//! checked here, under the lock, so that two connections cannot both win.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::value::RawValue;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::task::TaskTracker;

use super::actor::{self, Actor, Letter, Rim};
use super::credentials::Proof;
use super::handling::Handling;
use super::socket::Socket;
pub use super::strangers::Stranger;
use super::strangers::Strangers;
use crate::domain::{Millis, SecurityProfile, StationId};
use crate::ocpp::{DIALECTS, Dialect, ErrorCode, Fault};

/// Letters that may wait for one actor. More are refused, which the sender is told.
const MAX_LETTERS: usize = 8;

/// How long actors may take to finish what is under way when the server stops.
const DRAIN_LIMIT: Duration = Duration::from_secs(10);

/// A CALL that somebody wants a station to answer. What came of it is the sender's to write down.
#[derive(Debug)]
pub struct Command {
    pub action: String,
    /// A JSON object, checked against the catalogue before it is sent.
    pub payload: Box<RawValue>,
    /// From now to the station's answer, waiting for its turn included.
    pub timeout: Duration,
}

/// What an operator changed of a station that has to connect again for it.
#[derive(Debug, Clone, Copy)]
pub enum Changed {
    Credentials,
    Protocol,
    Handling,
}

/// Why a command has no answer.
#[derive(Debug, thiserror::Error)]
pub enum CommandFailure {
    #[error("the station is not connected")]
    Offline,
    #[error("too many commands wait for this station")]
    Busy,
    #[error("the station did not answer in time; it may have acted all the same")]
    TimedOut,
    #[error("the station disconnected before it answered; it may have acted all the same")]
    Disconnected,
    #[error("the station refused: {code}")]
    Refused { code: String, description: String, details: Box<RawValue> },
    #[error("the station's answer is not what its protocol allows: {}", .fault.description)]
    Unfit { fault: Fault, answer: Box<RawValue> },
    /// It was not sent: the protocol has no such call.
    #[error("{}", .0.description)]
    Invalid(Fault),
    #[error("the server is stopping")]
    ShuttingDown,
}

impl CommandFailure {
    /// The protocol has no such call to stations, as opposed to one whose payload does not fit.
    pub fn is_unknown_action(&self) -> bool {
        let Self::Invalid(fault) = self else { return false };
        matches!(fault.code, ErrorCode::NotImplemented | ErrorCode::NotSupported)
    }
}

/// A station as of now.
#[derive(Debug, Clone)]
pub struct Live {
    pub online: bool,
    pub protocol: Option<&'static str>,
    pub peer: Option<SocketAddr>,
    pub profile: Option<SecurityProfile>,
    /// Since when it has been connected, or disconnected.
    pub since: Millis,
    /// When it booted over this connection and was told so.
    pub booted: Option<Millis>,
    pub last_seen: Millis,
}

/// What actor and registry share of one station.
#[derive(Debug)]
pub(super) struct LiveCell {
    last_seen: AtomicU64,
    now: Mutex<Presence>,
    /// What is said of the station has changed, and its actor has not noticed yet.
    is_changed: AtomicBool,
}

#[derive(Debug, Clone, Copy)]
struct Presence {
    link: Option<(SocketAddr, &'static Dialect, SecurityProfile)>,
    since: Millis,
    booted: Option<Millis>,
}

impl LiveCell {
    fn new(now: Millis) -> Self {
        let presence = Presence { link: None, since: now, booted: None };
        let last_seen = AtomicU64::new(now.0);
        Self { last_seen, now: Mutex::new(presence), is_changed: AtomicBool::new(false) }
    }

    pub(super) fn heard(&self, at: Millis) {
        self.last_seen.store(at.0, Ordering::Relaxed);
    }

    /// Said again when the actor takes the connection over: the end of the one before may have come between.
    pub(super) fn linked(
        &self,
        peer: SocketAddr,
        dialect: &'static Dialect,
        profile: SecurityProfile,
        at: Millis,
    ) {
        let link = Some((peer, dialect, profile));
        *lock(&self.now) = Presence { link, since: at, booted: None };
        self.heard(at);
    }

    pub(super) fn gone(&self, at: Millis) {
        *lock(&self.now) = Presence { link: None, since: at, booted: None };
    }

    pub(super) fn dialect(&self) -> Option<&'static Dialect> {
        lock(&self.now).link.map(|(_, dialect, _)| dialect)
    }

    /// Whether what is said of the station has changed since this was asked last.
    pub(super) fn take_change(&self) -> bool {
        self.is_changed.load(Ordering::Relaxed) && self.is_changed.swap(false, Ordering::Relaxed)
    }

    pub(super) fn booted(&self, at: Millis) {
        lock(&self.now).booted = Some(at);
    }

    fn view(&self) -> Live {
        let Presence { link, since, booted } = *lock(&self.now);
        Live {
            online: link.is_some(),
            protocol: link.map(|(_, dialect, _)| dialect.subprotocol),
            peer: link.map(|(peer, _, _)| peer),
            profile: link.map(|(_, _, profile)| profile),
            since,
            booted,
            last_seen: Millis(self.last_seen.load(Ordering::Relaxed)),
        }
    }
}

struct Entry {
    /// Boxed: a channel keeps room for many letters, and most stations get none.
    letters: mpsc::Sender<Box<Letter>>,
    live: Arc<LiveCell>,
}

/// A connection that wants its actor.
pub(super) struct Arrival {
    pub(super) station: StationId,
    pub(super) socket: Box<Socket>,
    pub(super) dialect: &'static Dialect,
    pub(super) peer: SocketAddr,
    pub(super) profile: SecurityProfile,
    pub(super) handling: Handling,
}

/// Why an arrival was turned away.
#[derive(Debug, Clone, Copy, thiserror::Error)]
pub(super) enum TurnedAway {
    #[error("the connection in place proved itself better")]
    WeakerProof,
    #[error("too many connections of this station at once")]
    Crowded,
    #[error("the server is stopping")]
    ShuttingDown,
}

/// See the module. Cheap to clone.
#[derive(Clone)]
pub struct Registry {
    inner: Arc<Inner>,
}

pub(super) struct Inner {
    rim: Rim,
    stations: Mutex<Stations>,
    /// Told after every connection that found its actor.
    arrivals: watch::Sender<()>,
    tasks: TaskTracker,
    strangers: Mutex<Strangers>,
}

#[derive(Default)]
struct Stations {
    actors: HashMap<StationId, Entry>,
    is_closing: bool,
}

impl Registry {
    pub fn new(rim: Rim) -> Self {
        let inner = Inner {
            rim,
            stations: Mutex::default(),
            arrivals: watch::Sender::new(()),
            tasks: TaskTracker::new(),
            strangers: Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The subprotocols that stations may be spoken with, newest first.
    pub fn protocols() -> Vec<&'static str> {
        DIALECTS.iter().map(|dialect| dialect.subprotocol).collect()
    }

    /// The station as of now; `None` when it has not been connected for a while.
    pub fn live(&self, id: &StationId) -> Option<Live> {
        lock(&self.inner.stations).actors.get(id).map(|entry| entry.live.view())
    }

    /// All stations that are connected or were a short while ago.
    pub fn all_live(&self) -> Vec<(StationId, Live)> {
        let stations = lock(&self.inner.stations);
        stations.actors.iter().map(|(id, entry)| (id.clone(), entry.live.view())).collect()
    }

    /// Marked as changed whenever a station has connected.
    pub fn arrivals(&self) -> watch::Receiver<()> {
        self.inner.arrivals.subscribe()
    }

    /// Whether a call can be meant: as the station's protocol has it, or, while the station is away, as any does that
    /// it may come back with.
    pub fn check(
        &self,
        id: &StationId,
        wanted: Option<&str>,
        action: &str,
        payload: &RawValue,
    ) -> Result<(), CommandFailure> {
        let spoken = self.live(id).and_then(|live| live.protocol);
        let may_speak = |dialect: &&&Dialect| {
            spoken.or(wanted).is_none_or(|protocol| protocol == dialect.subprotocol)
        };
        let mut faults = Vec::new();
        for dialect in DIALECTS.iter().filter(may_speak) {
            match dialect.write_command(action, payload) {
                Ok(_) => return Ok(()),
                Err(fault) => faults.push((dialect.action(action).is_none(), fault)),
            }
        }
        // A version that knows the action says best what is wrong with its payload.
        let best = faults.into_iter().min_by_key(|(is_unknown, _)| *is_unknown);
        best.map_or(Ok(()), |(_, fault)| Err(CommandFailure::Invalid(fault)))
    }

    /// Stations that knocked and that nobody registered; who knocked last comes first.
    pub fn strangers(&self) -> Vec<Stranger> {
        lock(&self.inner.strangers).list()
    }

    pub(super) fn note_stranger(&self, knock: Stranger) {
        lock(&self.inner.strangers).note(knock);
    }

    /// It is a stranger no longer; `None` when it was none.
    pub fn adopt(&self, id: &StationId) -> Option<Stranger> {
        lock(&self.inner.strangers).forget(id)
    }

    /// Sends a CALL and waits for what becomes of it, as long as the command says at most.
    pub async fn command(
        &self,
        id: &StationId,
        command: Command,
    ) -> Result<Box<RawValue>, CommandFailure> {
        let letters = {
            let stations = lock(&self.inner.stations);
            if stations.is_closing {
                return Err(CommandFailure::ShuttingDown);
            }
            stations.actors.get(id).ok_or(CommandFailure::Offline)?.letters.clone()
        };
        let (answer, outcome) = oneshot::channel();
        let letter = Letter::Command(command, answer);
        letters.try_send(Box::new(letter)).map_err(|refused| match refused {
            TrySendError::Full(_) => CommandFailure::Busy,
            TrySendError::Closed(_) => CommandFailure::Offline,
        })?;
        // An actor ends when nobody can write to it any more: a command under way must not keep a server from stopping.
        drop(letters);
        outcome.await.unwrap_or(Err(CommandFailure::ShuttingDown))
    }

    /// Something else is said of a station from its next frame on, such as its tags.
    pub fn note_change(&self, id: &StationId) {
        if let Some(entry) = lock(&self.inner.stations).actors.get(id) {
            entry.live.is_changed.store(true, Ordering::Relaxed);
        }
    }

    /// Ends the connection of a station for which something else counts from now on; it may come back at once.
    pub fn hang_up(&self, id: &StationId, changed: Changed) {
        let stations = lock(&self.inner.stations);
        if let Some(entry) = stations.actors.get(id) {
            lock(&entry.live.now).link = None;
            if entry.letters.try_send(Box::new(Letter::HangUp(changed))).is_err() {
                tracing::warn!(station = %id, ?changed, "busy: still connected as before the change");
            }
        }
    }

    /// Gives a connection to the station's actor, which is started if there is none.
    pub(super) fn arrive(&self, arrival: Arrival) -> Result<(), (TurnedAway, Box<Socket>)> {
        let Arrival { station, socket, dialect, peer, profile, handling } = arrival;
        let now = actor::now().wall;
        let mut stations = lock(&self.inner.stations);
        if stations.is_closing {
            return Err((TurnedAway::ShuttingDown, socket));
        }
        if stations.actors.get(&station).is_some_and(|entry| entry.letters.is_closed()) {
            // Its actor panicked, which the log tells; the station must not pay for that.
            stations.actors.remove(&station);
        }
        let entry = stations.actors.entry(station.clone()).or_insert_with(|| {
            let (letters, inbox) = mpsc::channel(MAX_LETTERS);
            let live = Arc::new(LiveCell::new(now));
            let actor = Actor::new(station, self.clone(), inbox, live.clone(), &self.inner.rim);
            self.inner.tasks.spawn(Box::new(actor).run());
            Entry { letters, live }
        });
        let held = lock(&entry.live.now).link.map(|(_, _, held)| Proof::from(held));
        if held.is_some_and(|held| Proof::from(profile) < held) {
            return Err((TurnedAway::WeakerProof, socket));
        }
        let letter = Letter::Link { socket, dialect, peer, profile, handling };
        match entry.letters.try_send(Box::new(letter)) {
            Ok(()) => {
                entry.live.linked(peer, dialect, profile, now);
                self.inner.arrivals.send_replace(());
                Ok(())
            }
            Err(refused) => match *refused.into_inner() {
                Letter::Link { socket, .. } => Err((TurnedAway::Crowded, socket)),
                Letter::Command(..) | Letter::HangUp(_) => unreachable!("a link was sent"),
            },
        }
    }

    /// Lets an idle actor end, unless somebody has just written to it: letters are only sent under this lock, or by
    /// holders of a sender that was cloned under it.
    pub(super) fn retire(&self, id: &StationId, inbox: &mpsc::Receiver<Box<Letter>>) -> bool {
        let mut stations = lock(&self.inner.stations);
        let is_alone = inbox.is_empty() && inbox.sender_strong_count() <= 1;
        if is_alone {
            stations.actors.remove(id);
        }
        is_alone
    }

    /// Closes every connection, lets what is under way reach the records, and ends all actors.
    /// `false` when some did not finish in time.
    pub async fn shut_down(&self) -> bool {
        {
            let mut stations = lock(&self.inner.stations);
            stations.is_closing = true;
            // An actor whose letter box is closed finishes what it has and ends.
            stations.actors.clear();
        }
        self.inner.tasks.close();
        tokio::time::timeout(DRAIN_LIMIT, self.inner.tasks.wait()).await.is_ok()
    }
}

/// A lock whose holder panicked holds data that is still whole: every change here is one assignment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
