//! Every action of every version that goes to stations: sent from the command line, answered by a simulated station and by
//! PyPI's `ocpp`, and its outcome read back from the records by the API.
//!
//! What is sent was made from the published schemas and judged by PyPI's `jsonschema`.

use std::collections::BTreeMap;
use std::process::Stdio;

use plugpoint::ocpp::{DIALECTS, Dialect};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::OnceCell;

use crate::catalogue::{Instance, python};
use crate::support::{PASSWORD, Server, target_dir};

/// Actions of each version that PyPI's package has to answer.
const LEAST_ANSWERED: usize = 25;

/// Ends the connection of a simulated station, so it comes last.
const LAST: &str = "Reset";

/// The smallest payload of every request, by version and action.
async fn payloads() -> &'static BTreeMap<(String, String), String> {
    static PAYLOADS: OnceCell<BTreeMap<(String, String), String>> = OnceCell::const_new();
    let read = || async {
        let lines = python("instances.py", &[]).await;
        let instances = lines.lines().map(|line| serde_json::from_str::<Instance>(line).unwrap());
        let smallest = instances.filter(|it| it.message == "request" && it.kind == "minimal");
        smallest.map(|it| ((it.version, it.action), it.payload)).collect()
    };
    PAYLOADS.get_or_init(read).await
}

/// Every action to stations of a version.
fn actions(dialect: &Dialect) -> Vec<&'static str> {
    let to_station = dialect.catalogue.actions().iter().filter(|it| it.direction.is_to_station());
    let (last, mut names): (Vec<_>, Vec<_>) =
        to_station.map(|action| action.name).partition(|name| *name == LAST);
    names.extend(last);
    names
}

/// Sends all of these from the command line, one after the other, and reads what came of each by the API.
async fn send_all(server: &Server, station: &str, version: &str, actions: &[&str]) {
    let (cli, api) = (server.cli(), server.api());
    let payloads = payloads().await;
    let mut table = Vec::new();
    for (action, number) in actions.iter().zip(1..) {
        let payload = &payloads[&(version.to_owned(), (*action).to_owned())];
        let output = cli.run(&["station", "call", station, action, payload, "--json"]).await;
        let said = String::from_utf8(output.stdout).unwrap();
        let aside = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{version} {action} {payload}: {aside}");
        let answered: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(answered["id"], number.to_string(), "{said}");

        let kept = api.get(&format!("/v1/stations/{station}/commands/{number}")).await;
        assert_eq!((&kept["action"], &kept["outcome"]), (&(*action).into(), &"answered".into()));
        assert_eq!(kept["response"], answered["response"], "{action}: {kept}");
        let status = kept["status"].as_str().unwrap_or("no status").to_owned();
        table.push(format!("{version:>5}  {action:<34} {status}"));
    }
    println!("{}\nOCPP {version}: {} actions answered by {station}", table.join("\n"), table.len());
}

async fn until_booted(server: &Server, station: &str) -> Value {
    let wait = async {
        loop {
            let seen = server.api().get(&format!("/v1/stations/{station}")).await;
            if seen["online"] == true && seen["vendor"].is_string() {
                return seen;
            }
        }
    };
    let booted = tokio::time::timeout(std::time::Duration::from_secs(60), wait).await;
    booted.unwrap_or_else(|_| panic!("{station} did not boot"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_simulated_station_answers_every_action_of_its_version() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::open_house(&dir.path().join("data")).await;
    let endpoint = format!("ws://{}/ocpp", server.stations);
    let stations = ["ALL-1", "ALL-2", "ALL-3"];
    for station in stations {
        server.api().register(station).await;
    }
    let _sim = Command::new(env!("CARGO_BIN_EXE_plugpoint"))
        .args(["sim", "--endpoint", &endpoint, "--prefix", "ALL-", "--quiet"])
        .args(["--stations", "3", "--ocpp201", "1", "--ocpp21", "1"])
        .env("PLUGPOINT_STATION_PASSWORD", PASSWORD)
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut protocols = Vec::new();
    for station in stations {
        let protocol = until_booted(&server, station).await["protocol"].clone();
        let dialect = DIALECTS.iter().find(|it| protocol == it.subprotocol).unwrap();
        let actions = actions(dialect);
        send_all(&server, station, dialect.catalogue.version, &actions).await;
        protocols.push((dialect.catalogue.version, actions.len()));
    }
    protocols.sort_unstable();
    assert_eq!(protocols, [("1.6", 26), ("2.0.1", 40), ("2.1", 55)]);
    let log = server.log();
    let odd: Vec<_> = log.lines().filter(|line| line.contains("refused")).collect();
    assert!(odd.is_empty(), "what the stations say of themselves is in order: {odd:#?}");
    assert!(server.stop().await.success());
}

/// PyPI's station of one version, and what it answers.
async fn pypi(server: &Server, station: &str, version: &str) -> (Child, Vec<String>) {
    let scripts = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/e2e/clients/pypi_answers.py");
    let mut child = Command::new(target_dir().join("py/bin/python"))
        .args([scripts, &format!("ws://{}/ocpp", server.stations), station, PASSWORD, version])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = lines.next_line().await.unwrap().expect("the client says what it answers");
    let said: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (&said["subprotocol"], &said["boot"]),
        (&format!("ocpp{version}").into(), &"Accepted".into())
    );
    (child, serde_json::from_value(said["answers"].clone()).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_elses_station_answers_most_actions_of_each_version() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::open_house(&dir.path().join("data")).await;
    for dialect in DIALECTS {
        let version = dialect.catalogue.version;
        let station = format!("PYPI-{version}");
        server.api().register(&station).await;
        let (_client, answers) = pypi(&server, &station, version).await;
        let actions: Vec<_> =
            actions(dialect).into_iter().filter(|it| answers.iter().any(|one| one == it)).collect();
        assert!(actions.len() >= LEAST_ANSWERED, "OCPP {version}: {} actions", actions.len());
        send_all(&server, &station, version, &actions).await;
    }
    assert!(server.stop().await.success());
}
