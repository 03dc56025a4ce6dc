//! Commands over a real store, real guests and a real socket: sent once, answered once, whatever happens on the way.
//!
//! The guest asks for a `Reset` of `CS-1` at each event, and counts how its commands ended.

mod operators;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message as Wire;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{WebSocketStream, client_async};
use tokio_util::sync::CancellationToken;

use super::Outbox;
use super::queue::Queue;
use crate::admin::tell;
use crate::domain::{
    CommandOutcome, Fact, FactBody, Millis, PluginName, PolicyRecords, QueuedCommand, Seq, Stamp,
    StationId, StationPath, Validation,
};
use crate::plugins::callers::{CALLS, TALLY, Tally, caller};
use crate::plugins::{Compiler, Host, HostConfig};
use crate::policy::{Defaults, Policies};
use crate::station::admission::Admission;
use crate::station::credentials::Credentials;
use crate::station::door::Door;
use crate::station::machine::Manners;
use crate::station::{Registry, Rim};
use crate::store::{All, Commit, MemoryEngine, Store};
use crate::work::{Inboxes, Observers, Rollout};

/// Longer than any of these stories takes on a busy machine.
const AMPLE: Duration = Duration::from_secs(60);

pub(in crate::work) fn name() -> PluginName {
    "caller".parse().unwrap()
}

fn clock() -> Millis {
    Millis::of(std::time::SystemTime::now())
}

/// A server as far as plugins and their post go.
pub(in crate::work) struct World {
    pub(in crate::work) store: Store,
    pub(in crate::work) host: Arc<Host>,
    pub(in crate::work) rollout: Arc<Rollout>,
    pub(in crate::work) inboxes: Inboxes,
    registry: Registry,
    stations: std::net::SocketAddr,
    stop: CancellationToken,
}

impl World {
    /// As it is after a start, with every plugin on record running.
    pub(in crate::work) async fn start(dir: &Path, engine: Arc<MemoryEngine>) -> Self {
        let store = Store::on_engine(engine).unwrap();
        let records: Arc<dyn PolicyRecords> = Arc::new(store.clone());
        let config = HostConfig::in_directory(dir);
        let config = HostConfig { compiler: Compiler::Here, instances: 8, ..config };
        let host = Host::start(config, records).unwrap();
        let rollout = Rollout::new(host.clone(), store.clone(), clock);
        assert!(rollout.restore().await.unwrap().is_empty());
        let registry = Registry::new(Rim {
            store: store.clone(),
            policies: Arc::new(Policies::new(host.clone(), Defaults::default())),
            manners: Manners {
                heartbeat: Duration::from_secs(300),
                policy_deadline: Duration::from_secs(3),
            },
        });
        let admission = Admission {
            store: store.clone(),
            credentials: Credentials::new([0; 32], 1),
            accept_unknown: true,
            path: StationPath::default(),
            validation: Validation::Strict,
        };
        let door = Door { registry: registry.clone(), admission };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stations = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        tokio::spawn(Arc::new(door).serve(listener, None, stop.clone()));
        let observers = Observers::new(host.clone(), store.clone(), tell);
        let inboxes = Inboxes::new(host.clone(), store.clone());
        let mut outbox = Outbox::new(host.clone(), store.clone(), registry.clone(), clock);
        outbox.queue = Queue::without_settling();
        tokio::spawn(observers.keep(stop.clone()));
        tokio::spawn(inboxes.clone().keep(stop.clone()));
        tokio::spawn(outbox.keep(stop.clone()));
        Self { store, host, rollout, inboxes, registry, stations, stop }
    }

    pub(in crate::work) async fn load(&self, plugin: PluginName, component: Vec<u8>) {
        self.rollout.load(plugin, Some(component), None).await.unwrap();
    }

    /// Something that observers are told of, on the disk.
    pub(in crate::work) async fn happens(&self) {
        let station = StationId::new("CS-9").ok();
        let body = FactBody::Other { action: "Something".to_owned() };
        let mut commit = Commit::new();
        commit.fact(Fact { station, stamp: Stamp::here(Millis(5)), body }, None).synced();
        self.store.commit(commit).await.unwrap();
    }

    pub(in crate::work) fn tally(&self, plugin: &PluginName) -> Tally {
        // A store that has failed tells nothing.
        let found = PolicyRecords::state(&self.store, plugin, TALLY).ok();
        found.and_then(|found| found.value).map_or(Tally::default(), |value| Tally::read(&value))
    }

    /// Waits until something is true of the records.
    pub(in crate::work) async fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let wait = async {
            while !is_so(self) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        timeout(AMPLE, wait).await.unwrap_or_else(|_| panic!("waited in vain until {what}"));
    }

    async fn until_ended(&self, ends: [u8; 5]) {
        let what = format!("commands ended as {ends:?}");
        self.until(&what, |world| world.tally(&name()).ends == ends).await;
        assert_eq!(self.waiting(), 0);
    }

    fn waiting(&self) -> usize {
        self.store.count::<QueuedCommand>(All, 100).unwrap()
    }

    /// What the log says of commands.
    fn outcomes(&self) -> Vec<CommandOutcome> {
        let facts = self.store.facts(Seq(0), 1000).unwrap().into_iter();
        let outcome = |fact: crate::domain::LoggedFact| match fact.fact.body {
            FactBody::CommandAnswered { outcome, plugin, command, .. } => {
                assert_eq!((plugin, command.is_some()), (Some(name()), true));
                Some(outcome)
            }
            _ => None,
        };
        facts.filter_map(outcome).collect()
    }

    async fn connect(&self) -> Station {
        self.try_connect().await.unwrap()
    }

    async fn try_connect(&self) -> Option<Station> {
        let mut request =
            format!("ws://{}/ocpp/CS-1", self.stations).into_client_request().unwrap();
        let protocol = "ocpp1.6".parse().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", protocol);
        let stream = TcpStream::connect(self.stations).await.unwrap();
        Some(Station(client_async(request, stream).await.ok()?.0))
    }

    pub(in crate::work) async fn stop(self) {
        self.stop.cancel();
        self.registry.shut_down().await;
        self.store.close().await;
    }
}

/// `CS-1`, by hand.
struct Station(WebSocketStream<TcpStream>);

impl Station {
    /// The next call to it: message id and action.
    async fn called(&mut self) -> (Value, Value) {
        let next = timeout(AMPLE, self.0.next()).await.expect("a call in time");
        let text = next.unwrap().unwrap().into_text().unwrap();
        let frame: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(frame[0], 2, "{frame}");
        (frame[1].clone(), frame[2].clone())
    }

    async fn say(&mut self, frame: Value) {
        self.0.send(Wire::text(frame.to_string())).await.unwrap();
    }

    async fn obey(&mut self) {
        let (id, action) = self.called().await;
        assert_eq!(action, "Reset");
        self.say(json!([3, id, { "status": "Accepted" }])).await;
    }
}

pub(in crate::work) async fn world() -> (World, tempfile::TempDir, Arc<MemoryEngine>) {
    let dir = tempfile::tempdir().unwrap();
    let engine = Arc::new(MemoryEngine::new());
    (World::start(dir.path(), engine.clone()).await, dir, engine)
}

async fn calling() -> (World, tempfile::TempDir, Arc<MemoryEngine>) {
    let (world, dir, engine) = world().await;
    world.load(name(), caller("1", CALLS, "", "")).await;
    (world, dir, engine)
}

#[tokio::test]
async fn a_command_waits_for_its_station_and_its_answer_comes_back_once() {
    let (world, _dir, _) = calling().await;
    world.happens().await;
    world.happens().await;
    world.until("both commands wait", |world| world.waiting() == 2).await;
    let mut station = world.connect().await;
    station.obey().await;
    let (id, _) = station.called().await;
    station.say(json!([4, id, "NotSupported", "not today", {}])).await;
    world.until_ended([1, 1, 0, 0, 0]).await;
    let refused = CommandOutcome::Refused("NotSupported".to_owned());
    assert_eq!(world.outcomes(), [CommandOutcome::Answered, refused]);
}

#[tokio::test]
async fn a_station_that_goes_away_before_it_answers_leaves_a_doubt_and_no_second_call() {
    let (world, _dir, _) = calling().await;
    world.happens().await;
    let mut station = world.connect().await;
    station.called().await;
    drop(station);
    world.until_ended([0, 0, 0, 0, 1]).await;
    world.happens().await;
    world.connect().await.obey().await;
    world.until_ended([1, 0, 0, 0, 1]).await;
    assert_eq!(world.outcomes(), [CommandOutcome::Disconnected, CommandOutcome::Answered]);
}

#[tokio::test]
async fn what_no_station_of_that_protocol_understands_is_not_sent() {
    let (world, _dir, _) = world().await;
    let odd = CALLS.replacen("(i32.const 5)", "(i32.const 3)", 1);
    world.load(name(), caller("1", &odd, "", "")).await;
    world.happens().await;
    let _station = world.connect().await;
    world.until_ended([0, 0, 1, 0, 0]).await;
    assert_eq!(world.outcomes(), [CommandOutcome::Invalid]);
}

#[tokio::test]
async fn a_command_that_nobody_could_be_sent_expires() {
    let (world, _dir, _) = world().await;
    let brief = CALLS.replacen("60000", "1000", 1);
    world.load(name(), caller("1", &brief, "", "")).await;
    world.happens().await;
    world.until_ended([0, 0, 0, 1, 0]).await;
    assert_eq!(world.outcomes(), [CommandOutcome::Expired]);
}

#[tokio::test]
async fn a_call_that_fails_sends_nothing() {
    let (world, _dir, _) = world().await;
    world.load(name(), caller("1", &format!("{CALLS} unreachable"), "", "")).await;
    world.happens().await;
    let failures = |world: &World| world.host.plugin(&name()).unwrap().status().failures;
    world.until("it has trapped", |world| failures(world).contains(&("trap", 1))).await;
    assert_eq!(world.waiting(), 0);
}

/// Stops a server at each of its steps between an event and the handled outcome, in every way in which the power can
/// go, and lets the next one go on.
#[tokio::test]
async fn whenever_the_power_goes_a_command_is_sent_once_at_most_and_ends_once() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Arc::new(MemoryEngine::new());
    let world = World::start(dir.path(), engine.clone()).await;
    world.load(name(), caller("1", CALLS, "", "")).await;
    world.until("it observes", |world| world.inboxes.standing(&name()).unwrap().is_some()).await;
    world.stop().await;
    let mut crashes = 0;
    for nth in (1..).step_by(3) {
        let disk = Arc::new(engine.crash());
        let world = World::start(dir.path(), disk.clone()).await;
        let mut calls = 0;
        disk.fail_on_call(nth);
        // The event itself may be what is lost.
        let mut commit = Commit::new();
        let body = FactBody::Other { action: "Something".to_owned() };
        commit.fact(Fact { station: None, stamp: Stamp::here(Millis(5)), body }, None).synced();
        let happened = world.store.commit(commit).await.is_ok();
        calls += serve(&world).await;
        let failed = disk.has_failed();
        world.stop().await;
        let after = World::start(dir.path(), Arc::new(disk.crash())).await;
        let event_kept = after.store.facts(Seq(0), 1000).unwrap().iter().any(
            |fact| matches!(&fact.fact.body, FactBody::Other { action } if action == "Something"),
        );
        assert!(event_kept || !happened, "step {nth}");
        if event_kept {
            calls += serve(&after).await;
            let ends = after.tally(&name()).ends;
            assert_eq!(ends.iter().sum::<u8>(), 1, "step {nth}: {ends:?}");
            assert!(calls <= 1, "step {nth}: {calls} calls");
            assert!(ends[0] == 0 || calls == 1, "step {nth}: an answer without a call");
            assert_eq!(after.waiting(), 0, "step {nth}");
        }
        after.stop().await;
        if !failed {
            break;
        }
        crashes += 1;
    }
    assert!(crashes >= 4, "reading, marking, ending and handling can fail: {crashes}");
}

/// Is `CS-1` until a command has ended or the store has failed. Returns how often it was called.
async fn serve(world: &World) -> usize {
    // A server whose store has failed lets nobody in.
    let Some(mut station) = world.try_connect().await else { return 0 };
    let mut calls = 0;
    let mut health = world.store.watch_health();
    let over = async {
        world.until("a command has ended", |world| world.tally(&name()) != Tally::default()).await;
    };
    tokio::pin!(over);
    loop {
        tokio::select! {
            () = &mut over => return calls,
            _ = health.wait_for(|health| *health != crate::store::Health::Serving) => return calls,
            Some(Ok(frame)) = station.0.next() => {
                let Ok(text) = frame.into_text() else { continue };
                let Ok(frame) = serde_json::from_str::<Value>(&text) else { continue };
                calls += 1;
                station.say(json!([3, frame[1], { "status": "Accepted" }])).await;
            }
        }
    }
}
