//! A fleet that is cut off all at once and comes back all at once, as when the network of a whole town fails.
//!
//! `PLUGPOINT_STORM_STATIONS=10000 cargo test -p plugpoint --test e2e storm -- --nocapture` makes it a storm. Every
//! station is two open files, one in each process, so that the limit has to be above their number (`ulimit -n`).

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use futures_util::{SinkExt as _, StreamExt as _};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::support::{Api, PASSWORD, Server, Start, guest, number_from};

/// Stations that have just shown a card when the cut comes.
const ASKERS: usize = 40;

/// Addresses that stations come from: one has 28,000 ports, and a cut leaves them occupied for a while.
const ADDRESSES: usize = 50;

/// Stations that knock at the same time at first, when every password has to be checked the slow way.
const AT_FIRST: usize = 64;

/// Requests of the operator at the same time.
const OPERATORS: usize = 8;

/// Until all are back.
const PATIENCE: Duration = Duration::from_secs(300);

/// Between two knocks of a station that was not let in.
const BACKOFF: Duration = Duration::from_millis(500);

/// Of the kernel's clock, per second: the unit of `/proc/PID/stat`.
const TICKS: f64 = 100.0;

const CARD: &str = "STORM-CARD";

type Socket = WebSocketStream<TcpStream>;

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_that_is_cut_off_at_once_comes_back_at_once_and_no_plugin_call_is_lost() {
    let stations = usize::try_from(number_from("PLUGPOINT_STORM_STATIONS", 200)).unwrap();
    let files = raise_file_limit();
    println!("{stations} stations; {files:?} open files allowed to this process");
    let dir = tempfile::tempdir().unwrap();
    let server = house(dir.path()).await;
    let api = server.api();
    register(&api, stations).await;

    let (mut first, took, _) = connect(&server, stations, AT_FIRST).await;
    println!("first connection of all, each password computed: {:.1} s", took.as_secs_f64());
    for socket in &mut first[..ASKERS.min(stations)] {
        let ask = json!([2, "ask", "Authorize", { "idTag": CARD }]).to_string();
        socket.send(Message::text(ask)).await.unwrap();
    }
    let asked = ASKERS.min(stations);
    let under_way = until_asked(&api, asked as u64).await;
    let before = cpu_seconds(server.pid());
    let cut = Instant::now();
    for socket in first {
        // A reset, not a farewell: the other side learns that it is over and nothing else.
        let _ = socket.get_ref().set_zero_linger();
    }
    println!("cut off with {under_way} of {asked} cards undecided");

    let (back, took, knocks) = connect(&server, stations, stations).await;
    let cpu = cpu_seconds(server.pid()) - before;
    println!(
        "{stations} stations back and answered after {:.2} s ({knocks} knocks); CPU of the server {cpu:.2} s, \
         {:.0} µs a station",
        took.as_secs_f64(),
        cpu * 1e6 / stations as f64
    );
    assert!(cut.elapsed() < PATIENCE);
    let online = api.all("stations", "").await.iter().filter(|it| it["online"] == true).count();
    assert_eq!((back.len(), online), (stations, stations));

    until_decided(&api, asked).await;
    let running = api.get("/v1/plugins/hostile").await["running"].take();
    let failures = running["failures"].as_object().unwrap();
    println!("calls of the slow policy: {}, failures: {failures:?}", running["calls"]);
    assert_eq!(running["calls"], asked);
    assert!(failures.values().all(|count| *count == 0), "{failures:?}");
    drop(back);
    assert!(server.stop().await.success());
}

/// A slow policy before the one that decides, and time enough for it.
async fn house(dir: &std::path::Path) -> Server {
    let config = dir.join("plugpoint.toml");
    std::fs::write(&config, "policy-deadline-ms = 20000\n").unwrap();
    let start = Start::new(&dir.join("data")).with(&["--config", config.to_str().unwrap()]);
    let server = Server::start(start).await;
    let api = server.api();
    api.load("rfid-list", &guest("rfid-list"), "{}").await;
    api.load("hostile", &guest("hostile"), r#"{"act":"ponder"}"#).await;
    api.allow(CARD).await;
    server
}

async fn register(api: &Api, stations: usize) {
    let began = Instant::now();
    let registered = futures_util::stream::iter(0..stations).for_each_concurrent(OPERATORS, |n| {
        let api = api.clone();
        async move {
            let id = name(n);
            api.register(&id).await;
            if n < ASKERS {
                api.put(&format!("/v1/stations/{id}"), json!({ "tags": ["marked"] })).await;
            }
        }
    });
    registered.await;
    println!("registered with passwords in {:.1} s", began.elapsed().as_secs_f64());
}

fn name(n: usize) -> String {
    format!("STORM-{n}")
}

/// Every station knocks until it is let in and has an answer; gives them back with the time and the knocks it took.
async fn connect(
    server: &Server,
    stations: usize,
    at_once: usize,
) -> (Vec<Socket>, Duration, usize) {
    let (began, door) = (Instant::now(), server.stations);
    let turns = Arc::new(Semaphore::new(at_once));
    let coming = (0..stations).map(|n| {
        let turns = turns.clone();
        tokio::spawn(async move {
            let _turn = turns.acquire_owned().await.unwrap();
            let mut knocks = 1;
            loop {
                match come_in(door, n).await {
                    Ok(socket) => return (socket, knocks),
                    Err(why) => {
                        assert!(began.elapsed() < PATIENCE, "{} is out for good: {why}", name(n));
                        tokio::time::sleep(BACKOFF).await;
                        knocks += 1;
                    }
                }
            }
        })
    });
    let mut sockets = Vec::with_capacity(stations);
    let mut all_knocks = 0;
    for came in futures_util::future::join_all(coming).await {
        let (socket, knocks) = came.unwrap();
        sockets.push(socket);
        all_knocks += knocks;
    }
    (sockets, began.elapsed(), all_knocks)
}

/// One handshake with a password, and one call that is answered.
async fn come_in(door: SocketAddr, n: usize) -> Result<Socket, Error> {
    let id = name(n);
    let mut request = format!("ws://{door}/ocpp/{id}").into_client_request()?;
    let login = base64::engine::general_purpose::STANDARD.encode(format!("{id}:{PASSWORD}"));
    request.headers_mut().insert("authorization", format!("Basic {login}").parse()?);
    request.headers_mut().insert("sec-websocket-protocol", "ocpp1.6".parse()?);
    let from = Ipv4Addr::new(127, 0, 0, u8::try_from(1 + n % ADDRESSES).unwrap());
    let socket = TcpSocket::new_v4()?;
    socket.bind((from, 0).into())?;
    let stream = socket.connect(door).await?;
    let config = WebSocketConfig::default().read_buffer_size(4 << 10);
    let (mut socket, _) =
        tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await?;
    socket.send(Message::text(r#"[2,"back","Heartbeat",{}]"#)).await?;
    match socket.next().await {
        Some(Ok(Message::Text(text))) if text.starts_with(r#"[3,"back""#) => Ok(socket),
        Some(Err(error)) => Err(error),
        _ => Err(Error::ConnectionClosed),
    }
}

/// Waits until the slow policy thinks about the first cards; how many are still to come.
async fn until_asked(api: &Api, asked: u64) -> u64 {
    loop {
        let calls = api.get("/v1/plugins/hostile").await["running"]["calls"].as_u64().unwrap();
        assert!(calls < asked, "nothing is under way when the cut comes");
        if calls > 0 {
            return asked - calls;
        }
    }
}

/// Waits until so many cards were decided on.
async fn until_decided(api: &Api, asked: usize) {
    let end = Instant::now() + PATIENCE;
    loop {
        let facts = api.facts().await;
        let decided = facts.iter().filter(|fact| fact["kind"] == "authorize-asked").count();
        if decided == asked {
            return;
        }
        assert!(Instant::now() < end, "{decided} of {asked} cards were decided on");
        tokio::time::sleep(BACKOFF).await;
    }
}

/// What the process has computed so far.
fn cpu_seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // Behind the name, which may hold anything: user and system time are the 12th and 13th.
    let fields: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks = [fields[11], fields[12]].map(|field| field.parse::<f64>().unwrap());
    ticks.iter().sum::<f64>() / TICKS
}

fn raise_file_limit() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    setrlimit(Resource::Nofile, raised).unwrap();
    limit.maximum
}
