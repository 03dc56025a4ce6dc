//! Clients that are not ours charge: the PyPI package `ocpp` and the npm package `ocpp-rpc` each read the specification
//! on their own account. What they were told and what is on record is checked to the cent.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::support::{Api, PASSWORD, Server, guest, target_dir};

const GOOD: &str = "04E1D2C3B4A5";
const BLOCKED: &str = "04FFFFFFFF01";

/// When the clients' evening begins: a Monday in Berlin, twenty to seven. At seven energy gets cheaper.
const EVENING: &str = "2024-06-03T16:40:00Z";
const ZONE: &str = "Europe/Berlin";

/// One step of the script: an answer, or an operator who acts.
const STEP_WITHIN: Duration = Duration::from_secs(60);

/// Which version of OCPP the evening is played in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    V16,
    V201,
    V21,
}

impl Version {
    /// The scripts' word for it.
    fn word(self) -> &'static str {
        match self {
            Self::V16 => "v16",
            Self::V201 => "v201",
            Self::V21 => "v21",
        }
    }

    /// What the scripts of its family are called.
    fn family(self) -> &'static str {
        match self {
            Self::V16 => "v16",
            Self::V201 | Self::V21 => "v2",
        }
    }

    fn subprotocol(self) -> &'static str {
        match self {
            Self::V16 => "ocpp1.6",
            Self::V201 => "ocpp2.0.1",
            Self::V21 => "ocpp2.1",
        }
    }
}

/// Somebody else's station.
#[derive(Debug, Clone, Copy)]
enum Client {
    Pypi,
    Npm,
}

impl Client {
    fn station(self) -> &'static str {
        match self {
            Self::Pypi => "PY-1",
            Self::Npm => "NPM-1",
        }
    }

    /// What it says of itself at boot.
    fn vendor(self) -> &'static str {
        match self {
            Self::Pypi => "PyPI",
            Self::Npm => "npm",
        }
    }

    fn command(self, version: Version) -> Command {
        let family = version.family();
        match self {
            Self::Pypi => {
                let mut command = Command::new(made("python", "py/bin/python"));
                command.arg(script(&format!("pypi_{family}.py")));
                command
            }
            Self::Npm => {
                let mut command = Command::new("node");
                command.env("NODE_PATH", made("node", "node/node_modules"));
                command.arg(script(&format!("npm_{family}.js")));
                command
            }
        }
    }
}

/// Something that `.ci/setup` makes.
pub(crate) fn made(step: &str, path: &str) -> PathBuf {
    let path = target_dir().join(path);
    assert!(path.exists(), "{} is missing: run `make target/stamps/{step}`", path.display());
    path
}

pub(crate) fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/e2e/clients").join(name)
}

/// The script's transcript, step by step.
pub(crate) struct Transcript(Lines<BufReader<ChildStdout>>);

impl Transcript {
    pub(crate) fn of(process: &mut Child) -> Self {
        Self(BufReader::new(process.stdout.take().unwrap()).lines())
    }

    pub(crate) async fn step(&mut self, wanted: &str) -> Value {
        let line = tokio::time::timeout(STEP_WITHIN, self.0.next_line()).await.unwrap().unwrap();
        let line = line.unwrap_or_else(|| panic!("the client ended before the step '{wanted}'"));
        println!("client: {line}");
        let step: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(step["step"], wanted, "{line}");
        step
    }
}

/// A house with a client's station at its door.
struct House {
    _dir: tempfile::TempDir,
    server: Server,
    api: Api,
    client: Client,
    process: Child,
    transcript: Transcript,
}

impl House {
    /// Knows both cards and the station, and has a price.
    async fn invite(client: Client, version: Version) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let server = Server::open_house(&dir.path().join("data")).await;
        let api = server.api();
        api.load("evening-rates", &guest("tariff-time-of-use"), &rates()).await;
        api.register(client.station()).await;
        let set_up = json!({ "zone": ZONE, "shows_cost": true });
        api.put(&format!("/v1/stations/{}", client.station()), set_up).await;
        api.allow(GOOD).await;
        api.block(BLOCKED).await;
        let url = format!("ws://{}/ocpp", server.stations);
        let mut process = client
            .command(version)
            .args([&url, client.station(), PASSWORD, GOOD, BLOCKED, EVENING, version.word()])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{client:?}: {error}; run `make test`"));
        let transcript = Transcript::of(&mut process);
        Self { _dir: dir, server, api, client, process, transcript }
    }

    /// A command that the station accepts.
    async fn order(&self, action: &str, payload: Value) {
        let (status, answer) = self.api.command(self.client.station(), action, payload).await;
        let said = (status.as_u16(), &answer["response"]["status"]);
        assert_eq!(said, (200, &json!("Accepted")), "{action}: {answer}");
    }

    /// The two sessions of the evening, as they are on record, and the end of the house.
    async fn close(mut self) -> [Value; 2] {
        self.transcript.step("done").await;
        assert!(self.process.wait().await.unwrap().success());
        let id = self.client.station();
        let station = self.api.get(&format!("/v1/stations/{id}")).await;
        assert_eq!(station["vendor"], self.client.vendor());
        assert_eq!(station["model"], "Second Opinion");
        assert_eq!(station["connectors"][0]["status"], "Available");
        let all = self.api.all("sessions", &format!("&station={id}")).await;
        let [second, first] = all.as_slice() else { panic!("{all:#?}") };
        for session in [first, second] {
            println!("session: {session}");
            assert_eq!((&session["station"], &session["token"]), (&json!(id), &json!(GOOD)));
        }
        let sessions = [first.clone(), second.clone()];
        assert!(self.server.stop().await.success());
        sessions
    }
}

/// Energy, minutes of charging and the session cost something; until seven more than later.
fn rates() -> String {
    let rates = json!({
        "currency": "EUR",
        "vat": "19",
        "session": "0.50",
        "base": { "energy": "0.40", "time": "0.02" },
        "bands": [{
            "days": ["mon"], "from": "17:00", "to": "19:00",
            "prices": { "energy": "0.60", "time": "0.05" },
        }],
    });
    json!({ "id": "evening", "rates": rates }).to_string()
}

/// What a stored session must say.
struct Expected<'a> {
    times: (&'a Value, &'a Value),
    /// The register in watt-hours.
    meter: (i64, i64),
    reason: &'static str,
    total: &'static str,
}

fn check(session: &Value, expected: &Expected<'_>) {
    let Expected { times, meter, reason, total } = *expected;
    assert_eq!(session["connector"], 1);
    assert_eq!(moment(&session["started"]), moment(times.0));
    assert_eq!(moment(&session["ended"]), moment(times.1));
    assert_eq!((wh(&session["meter_start_wh"]), wh(&session["meter_stop_wh"])), meter);
    assert_eq!(wh(&session["energy_wh"]), meter.1 - meter.0);
    assert_eq!((&session["reason"], &session["active"]), (&json!(reason), &json!(false)));
    // Who allowed it.
    let decision = &session["decision"];
    assert_eq!(
        (&decision["verdict"], &decision["decided_by"]),
        (&json!("permit"), &json!("rfid-list"))
    );
    assert_eq!(decision["version"], decision["opinions"][0]["version"]);
    assert!(decision["version"].is_string(), "{decision}");
    // On which terms, whose, and what it came to.
    let terms = &session["terms"];
    assert_eq!((&terms["plugin"], &terms["id"]), (&json!("evening-rates"), &json!("evening")));
    assert_eq!((&terms["zone"], &terms["currency"]), (&json!(ZONE), &json!("EUR")));
    let price = &session["price"];
    assert_eq!((&price["closed"], &price["version"]), (&json!(true), &terms["version"]));
    assert_eq!(price["bill"]["total"], total, "{price}");
    assert_eq!(session["unpriced"], Value::Null);
}

fn wh(value: &Value) -> i64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no energy")) as i64
}

fn moment(value: &Value) -> chrono::DateTime<chrono::FixedOffset> {
    chrono::DateTime::parse_from_rfc3339(value.as_str().unwrap()).unwrap()
}

/// What a station of OCPP 1.6 was told to show.
fn check_shown(step: &Value, message: &str, transaction: &Value, cost: f64) {
    let shown = &step["shown"];
    let named = (&shown["vendor"], &shown["message"]);
    assert_eq!(named, (&json!("org.openchargealliance.costmsg"), &json!(message)));
    assert_eq!(
        (&shown["data"]["transactionId"], &shown["data"]["cost"]),
        (transaction, &json!(cost))
    );
}

/// From boot to remote stop over OCPP 1.6.
async fn an_evening_over_1_6(client: Client) {
    let mut house = House::invite(client, Version::V16).await;
    assert_eq!(house.transcript.step("connected").await["subprotocol"], "ocpp1.6");
    assert_eq!(house.transcript.step("boot").await["status"], "Accepted");
    assert_eq!(house.transcript.step("blocked card").await["status"], "Blocked");
    let start = house.transcript.step("start").await;
    assert_eq!(start["status"], "Accepted");
    let metered = house.transcript.step("meter values").await;
    // 2.2 kWh at 0.60 and 9 minutes at 0.05, and 0.50: 2.27 plus 19 %.
    check_shown(&metered, "RunningCost", &start["transaction"], 2.70);
    assert_eq!(metered["shown"]["data"]["meterValue"], 3200);
    let stop = house.transcript.step("stop").await;
    // `idTagInfo` may be left out of the answer to a stop (OCPP 1.6 §6.52); it must not be a refusal.
    assert!(stop["status"].is_null() || stop["status"] == "Accepted", "{stop}");

    house.transcript.step("ready for remote start").await;
    house.order("RemoteStartTransaction", json!({ "idTag": GOOD, "connectorId": 1 })).await;
    let remote = house.transcript.step("remote start").await;
    assert_eq!(remote["status"], "Accepted");
    let transaction = json!({ "transactionId": remote["transaction"] });
    house.order("RemoteStopTransaction", transaction).await;
    let remote_stop = house.transcript.step("remote stop").await;
    assert_eq!(remote_stop["transaction"], remote["transaction"]);

    let [first, second] = house.close().await;
    for (session, told) in [(&first, &start), (&second, &remote)] {
        assert_eq!(
            (&session["id"], &session["protocol"]),
            (&told["transaction"], &json!("ocpp1.6"))
        );
    }
    check_shown(&stop, "FinalCost", &start["transaction"], 6.63);
    check_shown(&remote_stop, "FinalCost", &remote["transaction"], 1.12);
    // 4.7 kWh at 0.60 and 2.7 at 0.40, 19 minutes at 0.05 and 11 at 0.02, and 0.50: 5.57 plus 19 %.
    let times = (&start["at"], &stop["at"]);
    check(&first, &Expected { times, meter: (1000, 8400), reason: "Local", total: "6.63" });
    // 0.6 kWh at 0.40, 10 minutes at 0.02, and 0.50: 0.94 plus 19 %.
    let times = (&remote["at"], &remote_stop["at"]);
    check(&second, &Expected { times, meter: (8400, 9000), reason: "Remote", total: "1.12" });
}

/// The same over OCPP 2.x, with an event that comes twice and one that comes late.
async fn an_evening_over_2(client: Client, version: Version) {
    let mut house = House::invite(client, version).await;
    let connected = house.transcript.step("connected").await;
    assert_eq!(connected["subprotocol"], version.subprotocol(), "the newest that it offers");
    assert_eq!(house.transcript.step("boot").await["status"], "Accepted");
    assert_eq!(house.transcript.step("blocked card").await["status"], "Blocked");
    let start = house.transcript.step("start").await;
    assert_eq!(start["status"], "Accepted");
    let metered = house.transcript.step("meter values").await;
    // The reading of minute 20 came first. 4.7 kWh at 0.60, 18 minutes at 0.05, and 0.50: 4.22 plus 19 %.
    assert_eq!(metered["shown"], json!({ "transaction": "first", "cost": 5.02 }));
    let stop = house.transcript.step("stop").await;
    assert_eq!(stop["status"], "Accepted");

    house.transcript.step("ready for remote start").await;
    let card = json!({ "idToken": GOOD, "type": "ISO14443" });
    let payload = json!({ "remoteStartId": 7, "idToken": card, "evseId": 1 });
    house.order("RequestStartTransaction", payload).await;
    let remote = house.transcript.step("remote start").await;
    assert_eq!(remote["status"], "Accepted");
    house.order("RequestStopTransaction", json!({ "transactionId": "second" })).await;
    let remote_stop = house.transcript.step("remote stop").await;
    if version == Version::V21 {
        assert_eq!(house.transcript.step("newest").await["stream"], "Accepted");
        let facts = house.api.facts().await;
        for action in ["OpenPeriodicEventStream", "NotifySettlement", "BatterySwap"] {
            let is_kept = |fact: &&Value| fact["data"]["action"] == action;
            assert_eq!(facts.iter().filter(is_kept).count(), 1, "{action}");
        }
    }

    let [first, second] = house.close().await;
    for (session, transaction) in [(&first, "first"), (&second, "second")] {
        let spoken = json!(version.subprotocol());
        assert_eq!((&session["evse"], &session["protocol"]), (&json!(1), &spoken));
        assert_eq!(session["transaction"], transaction);
        assert_eq!(session["missing_events"], json!([]));
    }
    // As over 1.6, but for one minute: the station says that the car began to charge at 18:42. 5.52 plus 19 %.
    let times = (&start["at"], &stop["at"]);
    check(&first, &Expected { times, meter: (1000, 8400), reason: "Local", total: "6.57" });
    let times = (&remote["at"], &remote_stop["at"]);
    check(&second, &Expected { times, meter: (8400, 9000), reason: "Remote", total: "1.12" });
    // The driver reads the same at the station.
    assert_eq!((&stop["cost"], &remote_stop["cost"]), (&json!(6.57), &json!(1.12)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pypi_client_charges_over_1_6() {
    an_evening_over_1_6(Client::Pypi).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pypi_client_charges_over_2_0_1() {
    an_evening_over_2(Client::Pypi, Version::V201).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_npm_client_charges_over_1_6() {
    an_evening_over_1_6(Client::Npm).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_npm_client_charges_over_2_0_1() {
    an_evening_over_2(Client::Npm, Version::V201).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pypi_client_charges_over_2_1() {
    an_evening_over_2(Client::Pypi, Version::V21).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_npm_client_charges_over_2_1() {
    an_evening_over_2(Client::Npm, Version::V21).await;
}
