//! The task of one station: carries out what its machine asks for. Decides nothing; knows no message.
//!
//! One loop, one source of inputs each for letters, the socket, what is under way and the deadline. Policies and
//! commits are polled beside the socket, never awaited in line: frames are read while a plugin thinks.

mod passage;
mod quirks;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use serde_json::value::RawValue;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Sleep, sleep_until};
use tracing::{debug, info, warn};

use self::quirks::Quirks;
use super::commands::CommandId;
use super::handling::Handling;
use super::lookup::look;
use super::machine::{Input, Link, Machine, Manners, Now, Output};
use super::registry::{Changed, Command, CommandFailure, LiveCell, Registry};
use super::socket::{Parting, Socket, SocketEvent};
use crate::domain::{Millis, SecurityProfile, StationId, Way};
use crate::ocpp::Dialect;
use crate::policy::{Passed, Policies};
use crate::store::Store;

/// How long an actor stays after its station went away: most come back at once, and their calls go on meanwhile.
const LINGER: Duration = Duration::from_secs(60);

/// What all actors work with.
#[derive(Clone)]
pub struct Rim {
    pub store: Store,
    pub policies: Arc<Policies>,
    pub manners: Manners,
}

/// What reaches an actor from outside its socket.
pub(super) enum Letter {
    Link {
        socket: Box<Socket>,
        dialect: &'static Dialect,
        peer: SocketAddr,
        profile: SecurityProfile,
        handling: Handling,
    },
    Command(Command, Answer),
    /// The station has to connect again.
    HangUp(Changed),
}

type Answer = oneshot::Sender<Result<Box<RawValue>, CommandFailure>>;

/// What can end a wait.
#[expect(
    clippy::large_enum_variant,
    reason = "one at a time, on its way from a wait to the machine: a box would cost an allocation a message"
)]
enum Event {
    Letter(Option<Box<Letter>>),
    Socket(SocketEvent),
    Work(Done),
    Deadline,
    Lingered,
}

/// What has come of something that was under way.
#[expect(clippy::large_enum_variant, reason = "as an event: most of them are for the machine")]
enum Done {
    /// `None` from a note that nobody waits for.
    Machine(Option<Input>),
    Passed(Way, Passed),
    /// What waits behind a frame that has passed may take its turn.
    Turn(Way),
}

/// The time of this process: the one place where stations' actors read a clock.
pub(super) fn now() -> Now {
    Now { wall: Millis::of(SystemTime::now()), steady: Instant::now() }
}

/// See the module.
pub(super) struct Actor {
    station: StationId,
    registry: Registry,
    machine: Machine,
    socket: Option<Socket>,
    inbox: mpsc::Receiver<Box<Letter>>,
    /// Goes off at the next deadline or before it. Every message moves that one away: setting the alarm anew each time
    /// would cost more than to look again when it goes off.
    alarm: Pin<Box<Sleep>>,
    /// Since when nobody is connected and nothing is under way.
    idle_since: Option<Instant>,
    work: FuturesUnordered<BoxFuture<'static, Done>>,
    answers: BTreeMap<CommandId, Answer>,
    commands_seen: u64,
    live: Arc<LiveCell>,
    quirks: Quirks,
    store: Store,
    policies: Arc<Policies>,
}

impl Actor {
    pub(super) fn new(
        station: StationId,
        registry: Registry,
        inbox: mpsc::Receiver<Box<Letter>>,
        live: Arc<LiveCell>,
        rim: &Rim,
    ) -> Self {
        // Low bits of the clock tell this actor's message ids from those of the one before it.
        #[expect(clippy::cast_possible_truncation, reason = "only the low bits are wanted")]
        let salt = now().wall.0 as u32;
        Self {
            machine: Machine::new(station.clone(), rim.manners, salt),
            station,
            registry,
            socket: None,
            inbox,
            alarm: Box::pin(sleep_until((Instant::now() + LINGER).into())),
            idle_since: None,
            work: FuturesUnordered::new(),
            answers: BTreeMap::new(),
            commands_seen: 0,
            live,
            quirks: Quirks::default(),
            store: rim.store.clone(),
            policies: rim.policies.clone(),
        }
    }

    /// Runs until the station has been away for a while, or the server stops. Boxed: an idle station's task holds
    /// little more than what it waits for.
    pub(super) async fn run(mut self: Box<Self>) {
        loop {
            match self.next_event().await {
                Event::Letter(Some(letter)) => self.letter(*letter),
                Event::Letter(None) => return Box::pin(self.drain()).await,
                Event::Socket(event) => self.socket_event(event),
                Event::Work(done) => self.done(done),
                Event::Deadline => self.machine.handle(now(), Input::Timer),
                Event::Lingered => {
                    if self.registry.retire(&self.station, &self.inbox) {
                        return;
                    }
                    self.idle_since = None;
                }
            }
            self.carry_out();
        }
    }

    async fn next_event(&mut self) -> Event {
        let due = self.due();
        if let Some(due) = due
            && due < self.alarm.deadline().into_std()
        {
            self.alarm.as_mut().reset(due.into());
        }
        loop {
            let socket = async {
                match &mut self.socket {
                    Some(socket) => socket.next().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                letter = self.inbox.recv() => return Event::Letter(letter),
                Some(done) = self.work.next() => return Event::Work(done),
                event = socket => return Event::Socket(event),
                () = self.alarm.as_mut(), if due.is_some() => {}
            }
            match due {
                Some(due) if due > Instant::now() => self.alarm.as_mut().reset(due.into()),
                _ if self.idle_since.is_some() => return Event::Lingered,
                _ => return Event::Deadline,
            }
        }
    }

    /// When something is due although nothing happens: the machine's deadline, or the end of lingering.
    fn due(&mut self) -> Option<Instant> {
        let is_idle = self.machine.is_idle() && self.work.is_empty();
        if !is_idle || self.machine.deadline().is_some() {
            self.idle_since = None;
            return self.machine.deadline();
        }
        Some(*self.idle_since.get_or_insert_with(Instant::now) + LINGER)
    }

    fn letter(&mut self, letter: Letter) {
        match letter {
            link @ Letter::Link { .. } if !self.quirks.is_clear(Way::Inbound) => {
                self.hold_link(link)
            }
            Letter::Link { socket, dialect, peer, profile, handling } => {
                if let Some(old) = self.socket.replace(*socket) {
                    old.part(Parting::Replaced);
                }
                let (station, protocol) = (&self.station, dialect.subprotocol);
                info!(%station, %peer, protocol, profile = u8::from(profile), "connected");
                let link = Link { dialect, peer: peer.to_string(), handling };
                let now = now();
                self.live.linked(peer, dialect, profile, now.wall);
                self.quirks.look_again();
                self.quirks.drop_outbound();
                self.machine.handle(now, Input::Linked(link));
            }
            // The machine may not have heard yet that the connection is over: it never left.
            Letter::Command(_, answer) if self.socket.is_none() => {
                let _ = answer.send(Err(CommandFailure::Offline));
            }
            Letter::Command(command, answer) => {
                self.commands_seen += 1;
                let id = CommandId(self.commands_seen);
                self.answers.insert(id, answer);
                self.machine.handle(now(), Input::Command(id, command));
            }
            Letter::HangUp(Changed::Credentials) => {
                self.hang_up(Parting::Credentials, "its credentials have changed".to_owned());
            }
            Letter::HangUp(Changed::Handling) => {
                self.hang_up(
                    Parting::Handling,
                    "it is dealt with otherwise from now on".to_owned(),
                );
            }
            Letter::HangUp(Changed::Protocol) => {
                self.hang_up(Parting::Protocol, "another protocol is wanted of it".to_owned());
            }
        }
    }

    fn socket_event(&mut self, event: SocketEvent) {
        let now = now();
        self.live.heard(now.wall);
        match event {
            SocketEvent::Text(text) => self.receive(now, text),
            SocketEvent::Heard => self.machine.handle(now, Input::Heard),
            SocketEvent::Closed(why) => {
                self.socket = None;
                self.lost(why);
            }
            SocketEvent::Misused(parting, why) => {
                warn!(station = %self.station, why, "hung up");
                self.hang_up(parting, why.to_owned());
            }
        }
    }

    fn hang_up(&mut self, parting: Parting, why: String) {
        let socket = self.quirks.take_waiting_socket().or_else(|| self.socket.take());
        if let Some(socket) = socket {
            socket.part(parting);
            self.lost(why);
        }
    }

    fn lost(&mut self, why: String) {
        let now = now();
        info!(station = %self.station, why, "disconnected");
        self.live.gone(now.wall);
        self.unlink(now, why);
    }

    fn carry_out(&mut self) {
        while let Some(output) = self.machine.poll() {
            match output {
                Output::Send(text, answers) => self.send(text, answers),
                Output::Look(what) => {
                    let (store, station) = (self.store.clone(), self.station.clone());
                    self.begin(
                        async move { Some(Input::Found(look(&store, &station, what).await)) },
                    );
                }
                Output::Ask(ask, deadline) => {
                    let policies = self.policies.clone();
                    self.begin(async move {
                        let (decision, effects) = policies.authorize(&ask, deadline.into()).await;
                        Some(Input::Decided(decision, effects))
                    });
                }
                Output::Respond(open, deadline) => {
                    let policies = self.policies.clone();
                    self.begin(async move {
                        let fit = |reply| open.fit(reply);
                        let said = policies.respond(&open.ask, &fit, deadline.into());
                        let (said, effects) = said.await;
                        Some(Input::Responded(Box::new(said), effects))
                    });
                }
                Output::Price(ask, deadline) => {
                    let policies = self.policies.clone();
                    self.begin(async move {
                        let (said, effects) = policies.tariff(&ask, deadline.into()).await;
                        Some(Input::Priced(said, effects))
                    });
                }
                Output::Commit(commit) => {
                    let committed = self.store.commit(commit);
                    self.wait_for(async move { Some(Input::Committed(committed.await)) });
                }
                Output::Keep(commit) => {
                    let committed = self.store.commit(commit);
                    self.wait_for(async move { Some(Input::Kept(committed.await)) });
                }
                Output::Note(commit) => self.note(commit),
                Output::Settle(id, result) => {
                    if let Some(answer) = self.answers.remove(&id) {
                        // Whoever asked may have given up.
                        let _ = answer.send(result);
                    }
                }
                Output::Booted => {
                    self.live.booted(now().wall);
                    self.quirks.look_again();
                }
                Output::Ping => {
                    if let Some(socket) = &mut self.socket {
                        socket.ping();
                    }
                }
                Output::HangUp(why) => self.hang_up(Parting::Silent, why.to_owned()),
                Output::Warn(what) => warn!(station = %self.station, "{what}"),
            }
        }
    }

    fn note(&mut self, commit: crate::store::Commit) {
        let committed = self.store.commit(commit);
        let station = self.station.clone();
        self.wait_for(async move {
            if let Err(error) = committed.await {
                warn!(%station, %error, "a note is not on record");
            }
            None
        });
    }

    /// Most looks and questions have their answer without waiting: those go on at once. Whatever waits is polled
    /// beside the socket.
    fn begin(&mut self, work: impl Future<Output = Option<Input>> + Send + 'static) {
        let mut work = Box::pin(work.map(Done::Machine));
        match (&mut work).now_or_never() {
            Some(done) => self.done(done),
            None => self.work.push(work),
        }
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::Machine(Some(input)) => self.machine.handle(now(), input),
            Done::Machine(None) => {}
            Done::Passed(way, passed) => self.passed(way, passed),
            Done::Turn(way) => self.turn(way),
        }
    }

    /// For what always waits.
    fn wait_for(&mut self, work: impl Future<Output = Option<Input>> + Send + 'static) {
        self.work.push(Box::pin(work.map(Done::Machine)));
    }

    /// The server stops: no new frame is read; what was begun reaches the records and the station.
    async fn drain(mut self: Box<Self>) {
        let is_over = |this: &Self| {
            let ways = [Way::Inbound, Way::Outbound];
            this.machine.is_settled() && ways.iter().all(|way| this.quirks.is_clear(*way))
        };
        while !is_over(&self) {
            let Some(done) = self.work.next().await else { break };
            self.done(done);
            self.carry_out();
        }
        self.hang_up(Parting::ShuttingDown, "the server stops".to_owned());
        self.carry_out();
        while self.work.next().await.is_some() {}
        debug!(station = %self.station, "drained");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What one station's task holds while nothing happens, in bytes. Ten thousand of them wait at the same time.
    const IDLE: usize = 2 << 10;

    #[test]
    fn a_station_that_says_nothing_takes_little_room() {
        fn size_of<F>(_: impl Fn(Box<Actor>) -> F) -> usize {
            std::mem::size_of::<F>()
        }
        let task = size_of(Actor::run) + std::mem::size_of::<Actor>();
        assert!(task <= IDLE, "{task} bytes; box what only a busy station needs");
    }
}
