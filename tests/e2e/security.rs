//! Who comes in by which security profile, and who does not: with the line in the log that says why.

mod python;
mod upgrade;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{
    Api, Following, Identity, PASSWORD, Reply, Server, Socket, Start, Trust, authority,
    foreign_authority, guest, handshake, handshake_over_tls, signing_request,
};

const ACCEPTED: fn() -> Value = || json!({ "status": "Accepted" });

/// Longer than a line takes to get into the log.
const PATIENCE: Duration = Duration::from_secs(10);

/// A server that stations reach in the clear and over TLS.
async fn guarded(data: &Path) -> Server {
    Server::start(Start::new(data).with(&["--listen-tls", "127.0.0.1:0"])).await
}

async fn over_tls(server: SocketAddr, id: &str, trust: Trust<'_>) -> Result<Socket, String> {
    let path = format!("/ocpp/{id}");
    handshake_over_tls(server, trust, &path, "ocpp1.6", Some((id, PASSWORD))).await
}

/// Waits until the last refusal in the log says all of `words`: the server may tell the station first.
async fn refusal_says(server: &Server, words: &[&str]) {
    let mut last = String::new();
    let said = async {
        loop {
            let log = server.log();
            let line = log.lines().rfind(|line| line.contains("refused at the door"));
            if let Some(line) = line.filter(|line| words.iter().all(|word| line.contains(word))) {
                return println!("{line}");
            }
            last = line.unwrap_or_default().to_owned();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let said = tokio::time::timeout(PATIENCE, said).await;
    assert!(said.is_ok(), "no refusal says {words:?}; the last one is: {last}");
}

async fn is_served(socket: &mut Socket) {
    let answer = socket.call("1", "Heartbeat", json!({})).await;
    assert!(matches!(answer, Reply::Result { .. }), "{answer:?}");
}

#[tokio::test]
async fn over_tls_the_right_password_comes_in_and_what_is_wrong_stays_out() {
    let dir = tempfile::tempdir().unwrap();
    let server = guarded(&dir.path().join("data")).await;
    let (api, cli) = (server.api(), server.cli());
    api.register("CS1").await;
    cli.done(&["station", "set", "CS1", "--least-profile", "2"]).await;
    let (pem, issuer) = authority(&server.data);
    let trust = Trust::in_server(&pem);

    let mut socket = over_tls(server.tls(), "CS1", trust).await.unwrap();
    is_served(&mut socket).await;
    let station = api.get("/v1/stations/CS1").await;
    assert_eq!(station["security_profile"], 2, "{station}");

    let wrong = Some(("CS1", "not-its-password"));
    let refused = handshake_over_tls(server.tls(), trust, "/ocpp/CS1", "ocpp1.6", wrong).await;
    assert_eq!(refused.err().as_deref(), Some("401"));
    refusal_says(&server, &["CS1", "the password is wrong"]).await;

    let refused = handshake(server.stations, "/ocpp/CS1", Some("ocpp1.6"), Some(("CS1", PASSWORD)));
    assert_eq!(refused.await.err(), Some(403));
    refusal_says(&server, &["CS1", "profile 1 (password), and 2 (password over TLS) is the least"])
        .await;

    // A certificate that is shown must be good, whatever the password.
    let (other_pem, other_issuer) = foreign_authority();
    let foreign = Identity::signed_by(&other_issuer, "CS1", 30);
    assert!(over_tls(server.tls(), "CS1", trust.showing(&foreign)).await.is_err());
    refusal_says(&server, &["CS1", "the station showed was not signed by this house's authority"])
        .await;
    let expired = Identity::signed_by(&issuer, "CS1", -1);
    assert!(over_tls(server.tls(), "CS1", trust.showing(&expired)).await.is_err());
    refusal_says(&server, &["CS1", "not good", "expired"]).await;
    let unrecorded = Identity::signed_by(&issuer, "CS1", 30);
    let refused = over_tls(server.tls(), "CS1", trust.showing(&unrecorded)).await;
    assert_eq!(refused.err().as_deref(), Some("403"));
    refusal_says(&server, &["CS1", "is not on record as this station's"]).await;

    // And the other way round: a station that does not believe the server.
    assert!(over_tls(server.tls(), "CS1", Trust::in_server(&other_pem)).await.is_err());
    refusal_says(
        &server,
        &["peer=127.0.0.1", "does not trust this server's certificate", "UnknownCA"],
    )
    .await;

    is_served(&mut socket).await;
    assert!(server.stop().await.success());
}

/// How a version of OCPP says what these stories are about.
struct Tongue {
    subprotocol: &'static str,
    boot: Value,
    /// The call that has a station renew.
    trigger: (&'static str, &'static str),
}

fn tongues() -> [Tongue; 2] {
    [
        Tongue {
            subprotocol: "ocpp1.6",
            boot: json!({ "chargePointVendor": "V", "chargePointModel": "M" }),
            trigger: ("ExtendedTriggerMessage", "SignChargePointCertificate"),
        },
        Tongue {
            subprotocol: "ocpp2.0.1",
            boot: json!({
                "reason": "PowerUp",
                "chargingStation": { "vendorName": "V", "model": "M" },
            }),
            trigger: ("TriggerMessage", "SignChargingStationCertificate"),
        },
    ]
}

impl Tongue {
    async fn arrive(
        &self,
        server: &Server,
        id: &str,
        trust: Trust<'_>,
        login: Option<(&str, &str)>,
    ) -> Result<Socket, String> {
        let path = format!("/ocpp/{id}");
        let subprotocol = self.subprotocol;
        let mut socket = handshake_over_tls(server.tls(), trust, &path, subprotocol, login).await?;
        let booted = socket.call("boot", "BootNotification", self.boot.clone()).await;
        assert!(matches!(booted, Reply::Result { .. }), "{booted:?}");
        Ok(socket)
    }
}

/// Waits until the log of events tells this of the station's certificate.
async fn certificate_is(events: &mut Following, station: &str, change: &str) -> Value {
    let wanted = |event: &Value| {
        event["station"] == station
            && event["kind"] == "certificate-changed"
            && event["data"]["change"] == change
    };
    events.until(wanted).await
}

#[tokio::test]
async fn a_station_obtains_its_certificate_and_comes_back_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let server = guarded(&dir.path().join("data")).await;
    let (api, cli) = (server.api(), server.cli());
    let authority = cli.done(&["ca", "export"]).await.0;
    let mut events = cli.follow(&["events", "tail", "--after", "0", "--json"]);
    for (n, tongue) in tongues().iter().enumerate() {
        let (id, other) = (&*format!("CS{n}"), &*format!("OTHER{n}"));
        for station in [id, other] {
            api.register(station).await;
            cli.done(&["station", "set", station, "--least-profile", "2"]).await;
        }
        cli.done(&["station", "set", id, "--raise-profile"]).await;
        let (trust, login) = (Trust::in_server(&authority), Some((id, PASSWORD)));
        let mut socket = tongue.arrive(&server, id, trust, login).await.unwrap();

        // For another name it gets none.
        let (_, request) = signing_request("somebody-else");
        let answer = socket.call("1", "SignCertificate", json!({ "csr": request })).await;
        assert_eq!(answer, result("1", json!({ "status": "Rejected" })));
        certificate_is(&mut events, id, "refused").await;

        let (key, request) = signing_request(id);
        let answer = socket.call("2", "SignCertificate", json!({ "csr": request })).await;
        assert_eq!(answer, result("2", ACCEPTED()));
        let told = socket.is_called("CertificateSigned", ACCEPTED()).await;
        let certificate = told["certificateChain"].as_str().unwrap().to_owned();
        let event = certificate_is(&mut events, id, "installed").await;
        println!("{event}");

        let identity = Identity { certificate, key: key.serialize_pem() };
        let mut back = tongue.arrive(&server, id, trust.showing(&identity), None).await.unwrap();
        assert_eq!(socket.hear().await, Reply::Closed(Some(1000)), "the newer one counts");
        is_served(&mut back).await;
        let station = api.get(&format!("/v1/stations/{id}")).await;
        assert_eq!(station["security_profile"], 3, "{station}");
        assert_eq!(station["least_security_profile"], 3, "it showed how well it can do");

        // What it reports of its security is kept under a name of its own.
        let event = json!({ "type": "SettingSystemTime", "timestamp": "2026-01-01T10:00:00Z" });
        let answer = back.call("3", "SecurityEventNotification", event).await;
        assert_eq!(answer, result("3", json!({})));
        let wanted = |event: &Value| event["kind"] == "security-event" && event["station"] == id;
        let event = events.until(wanted).await;
        assert_eq!(event["data"]["event"], "SettingSystemTime");

        // From now on the password is not enough, and nobody else may use the certificate.
        let refused = tongue.arrive(&server, id, trust, login).await;
        assert_eq!(refused.err().as_deref(), Some("403"));
        refusal_says(&server, &[id, "profile 2", "3 (certificate) is the least"]).await;
        let refused =
            tongue.arrive(&server, other, trust.showing(&identity), Some((other, PASSWORD)));
        assert_eq!(refused.await.err().as_deref(), Some("403"));
        refusal_says(&server, &[other, &format!("of {id} is not on record as this station's")])
            .await;

        // It is asked to renew.
        let (action, wanted) = tongue.trigger;
        let words = ["station", "certificates", id, "--renew"];
        let renewing = cli.done(&words);
        let (_, told) = tokio::join!(renewing, back.is_called(action, ACCEPTED()));
        assert_eq!(told["requestedMessage"], wanted);

        // What is removed lets nobody in.
        let list = cli.json(&["station", "certificates", id]).await;
        let serial = list["certificates"][0]["serial"].as_str().unwrap();
        cli.done(&["station", "certificates", id, "--remove", serial]).await;
        assert_eq!(back.hear().await, Reply::Closed(Some(1008)));
        let refused = tongue.arrive(&server, id, trust.showing(&identity), None).await;
        assert_eq!(refused.err().as_deref(), Some("403"));
        refusal_says(&server, &[id, serial, "is not on record"]).await;
    }
    assert!(server.stop().await.success());
}

fn result(id: &str, payload: Value) -> Reply {
    Reply::Result { id: id.to_owned(), payload }
}

#[tokio::test]
async fn a_certificate_that_was_promised_comes_after_a_crash() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let server = guarded(&data).await;
    server.api().register("CS1").await;
    let (pem, _) = authority(&data);
    let [tongue, _] = tongues();
    let login = Some(("CS1", PASSWORD));
    let trust = Trust::in_server(&pem);
    let mut socket = tongue.arrive(&server, "CS1", trust, login).await.unwrap();
    let (_, request) = signing_request("CS1");
    let answer = socket.call("1", "SignCertificate", json!({ "csr": request })).await;
    assert_eq!(answer, result("1", ACCEPTED()));
    server.kill().await;

    let server = guarded(&data).await;
    let mut socket = tongue.arrive(&server, "CS1", trust, login).await.unwrap();
    let told = socket.is_called("CertificateSigned", ACCEPTED()).await;
    assert!(told["certificateChain"].as_str().unwrap().contains("BEGIN CERTIFICATE"));
    assert!(server.stop().await.success());
}

/// Rotates the station's password; gives back what the station was told and what the command line said.
async fn rotate(
    server: &Server,
    socket: &mut Socket,
    tongue: &Tongue,
    id: &str,
    status: &str,
) -> (String, std::process::Output) {
    let cli = server.cli();
    let words = ["station", "password", id, "--rotate"];
    let told = async {
        if tongue.subprotocol == "ocpp1.6" {
            let told = socket.is_called("ChangeConfiguration", json!({ "status": status })).await;
            assert_eq!(told["key"], "AuthorizationKey");
            bytes_of(told["value"].as_str().unwrap())
        } else {
            let answer = json!({ "setVariableResult": [{
                "attributeStatus": status,
                "component": { "name": "SecurityCtrlr" },
                "variable": { "name": "BasicAuthPassword" },
            }] });
            let told = socket.is_called("SetVariables", answer).await;
            let told = &told["setVariableData"][0];
            assert_eq!(told["component"]["name"], "SecurityCtrlr");
            assert_eq!(told["variable"]["name"], "BasicAuthPassword");
            told["attributeValue"].as_str().unwrap().to_owned()
        }
    };
    let (output, password) = tokio::join!(cli.run(&words), told);
    println!("{}", String::from_utf8_lossy(&output.stdout));
    (password, output)
}

/// OCPP 1.6 spells a key in hexadecimal.
fn bytes_of(hex: &str) -> String {
    let pairs = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    let bytes = pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect();
    String::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn a_password_is_rotated_and_the_old_one_counts_until_the_station_has_the_new_one() {
    let dir = tempfile::tempdir().unwrap();
    let server = guarded(&dir.path().join("data")).await;
    let (pem, _) = authority(&server.data);
    let trust = Trust::in_server(&pem);
    for (n, tongue) in tongues().iter().enumerate() {
        let id = &*format!("CS{n}");
        server.api().register(id).await;
        let arrive = |password| tongue.arrive(&server, id, trust, Some((id, password)));
        let mut socket = arrive(PASSWORD).await.unwrap();

        let (refused, output) = rotate(&server, &mut socket, tongue, id, "Rejected").await;
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(arrive(&refused).await.err().as_deref(), Some("401"));
        let mut socket = arrive(PASSWORD).await.unwrap();

        // A station that takes it with its next start may come back with either.
        let (later, output) = rotate(&server, &mut socket, tongue, id, "RebootRequired").await;
        assert!(output.status.success());
        arrive(PASSWORD).await.unwrap();
        let mut socket = arrive(&later).await.unwrap();
        assert_eq!(arrive(PASSWORD).await.err().as_deref(), Some("401"), "it showed the new one");

        let (new, output) = rotate(&server, &mut socket, tongue, id, "Accepted").await;
        assert!(output.status.success());
        is_served(&mut socket).await;
        arrive(&new).await.unwrap();
        assert_eq!(arrive(&later).await.err().as_deref(), Some("401"));
        refusal_says(&server, &[id, "the password is wrong"]).await;
        let log = server.log();
        for secret in [refused, later, new] {
            assert!(!log.contains(&secret), "a password is in the log");
        }
    }
    assert!(server.stop().await.success());
}

#[tokio::test]
async fn the_servers_certificate_is_replaced_under_a_hundred_stations_without_a_drop() {
    const STATIONS: usize = 100;
    let dir = tempfile::tempdir().unwrap();
    let (pem, issuer) = foreign_authority();
    let (chain, key) = (dir.path().join("server.pem"), dir.path().join("server.key"));
    let write = |identity: &Identity| {
        std::fs::write(&chain, &identity.certificate).unwrap();
        std::fs::write(&key, &identity.key).unwrap();
    };
    write(&Identity::of_server(&issuer));
    let files = ["--tls-certificate", chain.to_str().unwrap(), "--tls-key", key.to_str().unwrap()];
    let start = Start::new(&dir.path().join("data"))
        .with(&["--accept-unknown-stations", "--listen-tls", "127.0.0.1:0"])
        .with(&files);
    let server = Server::start(start).await;
    let (api, cli) = (server.api(), server.cli());
    let trust = Trust::in_server(&pem);
    let ids: Vec<_> = (0..STATIONS).map(|n| format!("CS{n}")).collect();
    let arrivals = ids.iter().map(|id| over_tls(server.tls(), id, trust));
    let mut sockets: Vec<_> = join_all(arrivals).await.into_iter().map(Result::unwrap).collect();
    let before = cli.json(&["tls", "show"]).await;

    // A key that does not belong to its certificate changes nothing.
    std::fs::write(&key, Identity::of_server(&issuer).key).unwrap();
    assert!(cli.refused(&["tls", "reload"]).await.contains("does not belong to the certificate"));
    assert_eq!(cli.json(&["tls", "show"]).await, before);

    let (other_pem, other_issuer) = foreign_authority();
    write(&Identity::of_server(&other_issuer));
    let after = cli.json(&["tls", "reload"]).await;
    assert_ne!(before["serial"], after["serial"]);

    // Who comes now sees the new one; who is in notices nothing.
    assert!(over_tls(server.tls(), "LATE", trust).await.is_err(), "the old one is gone");
    over_tls(server.tls(), "LATE", Trust::in_server(&other_pem)).await.unwrap();
    for socket in &mut sockets {
        is_served(socket).await;
    }
    assert_eq!(disconnects(&api).await, 0);
    println!("{STATIONS} stations answered before and after; none was cut off");
    assert!(server.stop().await.success());
}

/// How many connections of the hundred have ended.
async fn disconnects(api: &Api) -> usize {
    let facts = api.facts().await;
    facts.iter().filter(|fact| fact["kind"] == "disconnected" && fact["station"] != "LATE").count()
}

#[tokio::test]
async fn simulated_stations_charge_over_tls() {
    const CARD: &str = "04A1B2C3D4E5F6";
    let dir = tempfile::tempdir().unwrap();
    let start = Start::new(&dir.path().join("data")).with(&[
        "--accept-unknown-stations",
        "--listen-tls",
        "127.0.0.1:0",
    ]);
    let server = Server::start(start).await;
    let (api, cli) = (server.api(), server.cli());
    api.load("rfid-list", &guest("rfid-list"), "{}").await;
    api.allow(CARD).await;
    let trust = dir.path().join("ca.pem");
    std::fs::write(&trust, cli.done(&["ca", "export"]).await.0).unwrap();
    let url = format!("wss://localhost:{}/ocpp", server.tls().port());
    let fleet = ["sim", "--stations", "4", "--ocpp201", "2", "--brisk", "--cards", CARD];
    let where_to = ["--duration", "3", "--endpoint", &url];
    let words = [&fleet[..], &where_to, &["--tls-ca", trust.to_str().unwrap()]].concat();
    let totals = cli.json(&words).await;
    assert_eq!(totals["all_acknowledged"], true, "{totals}");
    assert_eq!(totals["charges_begun"], api.all("sessions", "").await.len());
    let output = cli.run(&[&fleet[..], &where_to].concat()).await;
    assert!(String::from_utf8_lossy(&output.stderr).contains("--tls-ca"), "it says what to do");
    assert!(server.stop().await.success());
}
