//! An operator sees what a station holds: what was sent and taken, what the station says of it, and where the two differ.
//! All of it survives a SIGKILL.

use std::process::Stdio;
use std::time::Duration;

use plugpoint::sim::{Event, Profile, Protocol, Report};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use crate::independent_client::{Transcript, made, script};
use crate::support::{
    Api, Fleet, PASSWORD, Reply, Server, Socket, Start, handshake, profile as simulated,
};

const STATION: &str = "HOLDER";

/// Longer than any report takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Messages of the long report.
const PARTS: u32 = 50;

/// A server with one station at its door, which a story speaks for.
struct House {
    dir: tempfile::TempDir,
    server: Server,
    socket: Socket,
    said: u32,
}

impl House {
    async fn with(subprotocol: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let server = Server::start(Start::new(&dir.path().join("data"))).await;
        server.api().register(STATION).await;
        let login = Some((STATION, PASSWORD));
        let path = format!("/ocpp/{STATION}");
        let socket = handshake(server.stations, &path, Some(subprotocol), login).await.unwrap();
        let mut house = Self { dir, server, socket, said: 0 };
        // Whoever is answered can be called.
        house.says("Heartbeat", json!({})).await;
        house
    }

    /// An operator's call, and what the station answers.
    async fn call(&mut self, action: &str, payload: Value, answer: Value) {
        let api = self.server.api();
        let called = api.command(STATION, action, payload);
        let (called, _) = tokio::join!(called, self.socket.is_called(action, answer));
        assert!(called.0.is_success(), "{action}: {called:?}");
    }

    /// The station's message, answered.
    async fn says(&mut self, action: &str, payload: Value) {
        self.said += 1;
        let reply = self.socket.call(&format!("s{}", self.said), action, payload).await;
        assert!(matches!(reply, Reply::Result { .. }), "{action}: {reply:?}");
    }

    async fn holdings(&self, kind: &str) -> Vec<Value> {
        holdings(&self.server.api(), kind).await
    }

    async fn one(&self, kind: &str, key: &str) -> Value {
        one(self.holdings(kind).await, key)
    }

    async fn states(&self, kind: &str) -> Vec<(String, String)> {
        let word = |value: &Value| value.as_str().unwrap().to_owned();
        let all = self.holdings(kind).await;
        all.iter().map(|one| (word(&one["key"]), word(&one["state"]))).collect()
    }

    /// SIGKILL and a new server; gives back what each kind was before and is after.
    async fn killed(self, kinds: &[&str]) -> (Server, tempfile::TempDir) {
        let mut before = Vec::new();
        for kind in kinds {
            before.push(self.holdings(kind).await);
        }
        let Self { dir, server, .. } = self;
        server.kill().await;
        let server = Server::start(Start::new(&dir.path().join("data"))).await;
        for (kind, before) in kinds.iter().zip(before) {
            assert!(!before.is_empty(), "{kind}");
            assert_eq!(holdings(&server.api(), kind).await, before, "{kind}");
        }
        (server, dir)
    }
}

async fn holdings(api: &Api, kind: &str) -> Vec<Value> {
    let path = format!("/v1/stations/{STATION}/holdings/{kind}?limit=1000");
    let mut page = api.get(&path).await;
    let Value::Array(found) = page["holdings"].take() else { panic!("{page}") };
    found
}

fn one(all: Vec<Value>, key: &str) -> Value {
    let found = all.iter().find(|one| one["key"] == key);
    found.unwrap_or_else(|| panic!("no {key} in {all:#?}")).clone()
}

fn yes() -> Value {
    json!({ "status": "Accepted" })
}

fn profile(id: u32, limit: f64) -> Value {
    json!({ "id": id, "stackLevel": id, "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Relative", "chargingSchedule": [{ "id": 1, "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{ "startPeriod": 0, "limit": limit }] }] })
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(key, state)| ((*key).to_owned(), (*state).to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_station_has_its_profiles_settings_list_and_reservation_on_record() {
    let mut house = House::with("ocpp1.6").await;
    let profile = |id: u32, level: u32| {
        json!({ "connectorId": 1, "csChargingProfiles": {
            "chargingProfileId": id, "stackLevel": level, "chargingProfileKind": "Relative",
            "chargingProfilePurpose": "TxDefaultProfile", "chargingSchedule": {
            "chargingRateUnit": "A", "chargingSchedulePeriod": [{ "startPeriod": 0, "limit": 16.0 }] } } })
    };
    house.call("SetChargingProfile", profile(7, 0), yes()).await;
    house.call("SetChargingProfile", profile(8, 1), json!({ "status": "NotSupported" })).await;
    house.call("SetChargingProfile", profile(9, 2), yes()).await;
    house.call("ClearChargingProfile", json!({ "stackLevel": 2 }), yes()).await;
    let states = [("7", "accepted"), ("8", "refused"), ("9", "removed")];
    assert_eq!(house.states("charging-profile").await, pairs(&states));
    let composite = json!({ "status": "Accepted", "connectorId": 1, "chargingSchedule": {
        "chargingRateUnit": "A", "chargingSchedulePeriod": [{ "startPeriod": 0, "limit": 10.0 }] } });
    let ask = json!({ "connectorId": 1, "duration": 60 });
    house.call("GetCompositeSchedule", ask, composite).await;
    assert_eq!(house.states("composite-schedule").await, pairs(&[("connector 1", "reported")]));

    let change = json!({ "key": "MeterValueSampleInterval", "value": "30" });
    house.call("ChangeConfiguration", change, json!({ "status": "RebootRequired" })).await;
    let secret = json!({ "key": "AuthorizationKey", "value": "0123456789abcdef" });
    house.call("ChangeConfiguration", secret, yes()).await;
    let key = |key: &str, value: &str| json!({ "key": key, "readonly": false, "value": value });
    let keys = json!([key("MeterValueSampleInterval", "60"), key("ConnectionTimeOut", "45")]);
    house.call("GetConfiguration", json!({}), json!({ "configurationKey": keys })).await;
    let told = house.one("variable", "MeterValueSampleInterval").await;
    assert_eq!(told["differences"], json!([{ "at": "", "sent": "30", "reported": "60" }]));
    assert_eq!(told["sent"]["status"], "RebootRequired");
    let secret = house.one("variable", "AuthorizationKey").await;
    assert_eq!(secret["sent"]["content"]["withheld"], "secret");

    let entry = |card: &str| json!({ "idTag": card, "idTagInfo": { "status": "Accepted" } });
    let list = |version: u32, kind: &str, entries: Value| json!({ "listVersion": version, "updateType": kind, "localAuthorizationList": entries });
    let full = list(1, "Full", json!([entry("LIST-CARD-1"), entry("LIST-CARD-2")]));
    house.call("SendLocalList", full, yes()).await;
    let more = list(2, "Differential", json!([{ "idTag": "LIST-CARD-1" }, entry("LIST-CARD-3")]));
    house.call("SendLocalList", more, yes()).await;
    let refused = list(2, "Full", json!([entry("LIST-CARD-4")]));
    house.call("SendLocalList", refused, json!({ "status": "VersionMismatch" })).await;
    house.call("GetLocalListVersion", json!({}), json!({ "listVersion": 2 })).await;
    let version = house.one("local-list", "list").await;
    assert_eq!((&version["state"], &version["differences"]), (&json!("reported"), &json!([])));
    let entries = json!(house.holdings("local-list-entry").await).to_string();
    assert!(entries.contains("…RD-2") && entries.contains("…RD-3"), "{entries}");
    assert!(!entries.contains("…RD-1") && !entries.contains("LIST-CARD"), "{entries}");

    let reserve = |id: u32| json!({ "connectorId": 1, "expiryDate": "2099-01-01T00:00:00Z", "idTag": "RESERVED-1", "reservationId": id });
    for id in [1, 2, 3] {
        house.call("ReserveNow", reserve(id), yes()).await;
    }
    house.call("CancelReservation", json!({ "reservationId": 1 }), yes()).await;
    let start = json!({ "connectorId": 1, "idTag": "RESERVED-1", "meterStart": 0,
                        "timestamp": "2026-01-01T10:00:00Z", "reservationId": 2 });
    house.says("StartTransaction", start).await;
    let states = [("1", "removed"), ("2", "removed"), ("3", "accepted")];
    assert_eq!(house.states("reservation").await, pairs(&states));
    assert_eq!(house.one("reservation", "2").await["gone"]["why"], json!({ "ended": "used" }));

    let cli = house.server.cli();
    let counts = cli.done(&["station", "holdings", STATION]).await.0;
    assert!(counts.contains("charging-profile") && counts.contains("local-list-entry"), "{counts}");
    let differing = ["station", "holdings", STATION, "variable", "--differing"];
    let table = cli.done(&differing).await.0;
    assert!(table.contains("sent 30, has 60") && !table.contains("ConnectionTimeOut"), "{table}");
    let one = ["station", "holdings", STATION, "charging-profile", "--key", "8"];
    let one = cli.done(&one).await.0;
    assert!(one.contains("NotSupported") && one.contains("chargingSchedulePeriod"), "{one}");
    let none = ["station", "holdings", STATION, "charging-profile", "--key", "88"];
    assert!(cli.refused(&none).await.contains("nothing is known of a charging-profile 88"));
    let colours = format!("/v1/stations/{STATION}/holdings/colour");
    let (status, why) = house.server.api().try_send(Method::GET, &colours, None).await;
    assert!(status.as_u16() == 400 && why["error"]["message"].as_str().unwrap().contains("kind"));
    let kinds = [
        "charging-profile",
        "composite-schedule",
        "variable",
        "local-list",
        "local-list-entry",
        "reservation",
    ];
    let (server, _dir) = house.killed(&kinds).await;
    assert!(server.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn profiles_that_a_station_reports_are_held_against_those_that_it_took() {
    for subprotocol in ["ocpp2.0.1", "ocpp2.1"] {
        let mut house = House::with(subprotocol).await;
        for id in [1, 2, 3, 4] {
            let set = json!({ "evseId": 1, "chargingProfile": profile(id, 16.0) });
            house.call("SetChargingProfile", set, yes()).await;
        }
        house.call("ClearChargingProfile", json!({ "chargingProfileId": 4 }), yes()).await;
        let ask = json!({ "requestId": 12, "chargingProfile": {} });
        house.call("GetChargingProfiles", ask, yes()).await;
        for (id, limit, more) in [(1, 16.0, true), (2, 10.0, true), (77, 8.0, false)] {
            let told = json!({ "requestId": 12, "chargingLimitSource": "EMS", "evseId": 1, "tbc": more,
                               "chargingProfile": [profile(id, limit)] });
            house.says("ReportChargingProfiles", told).await;
        }
        let states = [
            ("1", "reported"),
            ("2", "reported"),
            ("3", "missing"),
            ("4", "removed"),
            ("77", "reported"),
        ];
        assert_eq!(house.states("charging-profile").await, pairs(&states));
        let cut = house.one("charging-profile", "2").await;
        let at = "chargingSchedule[0].chargingSchedulePeriod[0].limit";
        assert_eq!(cut["differences"], json!([{ "at": at, "sent": "16.0", "reported": "10.0" }]));
        let kept = house.server.api().get(&format!("/v1/stations/{STATION}/holdings")).await;
        let shelf = &kept["kinds"][0];
        assert_eq!(
            (&shelf["held"], &shelf["differing"], &shelf["kept"]),
            (&json!(3), &json!(2), &json!(5))
        );
        let (server, _dir) = house.killed(&["charging-profile"]).await;
        assert!(server.stop().await.success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_of_fifty_messages_out_of_order_is_whole_in_the_end() {
    let mut house = House::with("ocpp2.0.1").await;
    let named =
        |name: String| json!({ "component": { "name": "Part" }, "variable": { "name": name } });
    let part = |number: u32| {
        let mut variable = named(format!("V{number}"));
        variable["variableAttribute"] = json!([{ "value": "1", "mutability": "ReadOnly" }]);
        json!({ "requestId": 3, "seqNo": number, "tbc": number + 1 < PARTS,
                "generatedAt": "2026-01-01T10:00:00Z", "reportData": [variable] })
    };
    let mut lost = named("Lost".to_owned());
    lost["attributeStatus"] = json!("Accepted");
    lost["attributeValue"] = json!("1");
    let ask = json!({ "getVariableData": [named("Lost".to_owned())] });
    house.call("GetVariables", ask, json!({ "getVariableResult": [lost] })).await;
    let ask = json!({ "requestId": 3, "reportBase": "FullInventory" });
    house.call("GetBaseReport", ask, yes()).await;
    for number in (0..PARTS).rev().filter(|number| *number != 17) {
        house.says("NotifyReport", part(number)).await;
    }
    house.says("NotifyReport", part(20)).await;
    let (_, aside) = house.server.cli().done(&["station", "holdings", STATION, "variable"]).await;
    assert!(aside.contains("49 of 50 parts, 1 of them more than once"), "{aside}");
    assert_eq!(house.one("variable", "Part.Lost").await["state"], "reported", "it may still come");
    house.says("NotifyReport", part(17)).await;
    let (table, aside) =
        house.server.cli().done(&["station", "holdings", STATION, "variable"]).await;
    assert!(aside.contains("whole, 50 parts") && table.contains("Part.V49"), "{aside}{table}");
    assert_eq!(house.one("variable", "Part.Lost").await["state"], "missing");
    let (server, _dir) = house.killed(&["variable"]).await;
    let path = format!("/v1/stations/{STATION}/holdings/variable?limit=20");
    let page = server.api().get(&path).await;
    let next = page["next"].as_str().unwrap().replace(' ', "%20");
    assert_eq!(page["shelf"]["report"]["parts"], PARTS);
    let rest = server.api().get(&format!("{path}&after={next}")).await;
    assert_eq!(rest["holdings"].as_array().unwrap().len(), 20);
    assert_ne!(rest["holdings"][0], page["holdings"][19]);
    assert!(server.stop().await.success());
}

/// Somebody else's station, which keeps what it is sent.
async fn keeper(server: &Server, version: &str) -> (Child, Transcript) {
    let mut command = Command::new(made("python", "py/bin/python"));
    let url = format!("ws://{}/ocpp", server.stations);
    command.arg(script("pypi_holdings.py")).args([&url, STATION, PASSWORD, version]);
    let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut transcript = Transcript::of(&mut child);
    assert_eq!(transcript.step("booted").await["status"], "Accepted");
    (child, transcript)
}

/// Waits until the newest report of a kind is whole.
async fn whole(api: &Api, kind: &str) -> Value {
    let wait = async {
        loop {
            let page = api.get(&format!("/v1/stations/{STATION}/holdings/{kind}?limit=1")).await;
            if page["shelf"]["report"]["whole"].is_string() {
                return page["shelf"].clone();
            }
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("no whole {kind} report"))
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_elses_station_is_set_up_and_shows_what_it_made_of_it() {
    for version in ["2.0.1", "2.1"] {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        let server = Server::start(Start::new(&data)).await;
        let (api, cli) = (server.api(), server.cli());
        api.register(STATION).await;
        let _keeper = keeper(&server, version).await;
        let call = async |action: &str, payload: Value| {
            let words = ["station", "call", STATION, action, &payload.to_string()];
            let said = cli.json(&words).await;
            said["response"].clone()
        };

        for (id, limit) in [(1, 8.0), (2, 16.0), (3, 6.0)] {
            let set = json!({ "evseId": 1, "chargingProfile": profile(id, limit) });
            assert_eq!(call("SetChargingProfile", set).await["status"], "Accepted");
        }
        call("ClearChargingProfile", json!({ "chargingProfileId": 3 })).await;
        call("GetChargingProfiles", json!({ "requestId": 1, "chargingProfile": {} })).await;
        assert_eq!(whole(&api, "charging-profile").await["report"]["parts"], 2);
        let differing =
            cli.json(&["station", "holdings", STATION, "charging-profile", "--differing"]).await;
        let [cut] = differing["holdings"].as_array().unwrap().as_slice() else {
            panic!("{differing}")
        };
        assert_eq!(
            (&cut["key"], &cut["differences"][0]["reported"]),
            (&json!("2"), &json!("10.0"))
        );

        let named =
            |name: &str| json!({ "component": { "name": "Shop" }, "variable": { "name": name } });
        let mut change = named("V3");
        change["attributeValue"] = json!("ours");
        call("SetVariables", json!({ "setVariableData": [change] })).await;
        call("GetBaseReport", json!({ "requestId": 2, "reportBase": "FullInventory" })).await;
        let shelf = whole(&api, "variable").await;
        assert_eq!((&shelf["held"], &shelf["differing"]), (&json!(PARTS), &json!(1)));
        let table = cli.done(&["station", "holdings", STATION, "variable", "--differing"]).await.0;
        assert!(
            table.contains("RebootRequired") && table.contains("sent ours, has factory"),
            "{table}"
        );

        let token = json!({ "idToken": "RESERVED-1", "type": "ISO14443" });
        let reserve =
            json!({ "id": 4, "expiryDateTime": "2099-01-01T00:00:00Z", "idToken": token });
        call("ReserveNow", reserve).await;
        call("CancelReservation", json!({ "reservationId": 4 })).await;
        assert_eq!(one(holdings(&api, "reservation").await, "4")["state"], "removed");
        let entry = json!({ "idToken": token, "idTokenInfo": { "status": "Accepted" } });
        let list = |kind: &str| json!({ "versionNumber": 5, "updateType": kind, "localAuthorizationList": [entry] });
        call("SendLocalList", list("Full")).await;
        assert_eq!(call("SendLocalList", list("Differential")).await["status"], "VersionMismatch");
        call("GetLocalListVersion", json!({})).await;
        let version = one(holdings(&api, "local-list").await, "list");
        assert_eq!(
            (&version["reported"]["value"], &version["accepted"]["value"]),
            (&json!(5), &json!(5))
        );

        let counts = cli.json(&["station", "holdings", STATION]).await;
        server.kill().await;
        let server = Server::start(Start::new(&data)).await;
        let kept = server.cli().json(&["station", "holdings", STATION]).await;
        assert_eq!(kept, counts);
        assert!(server.stop().await.success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_simulated_station_has_what_it_was_sent() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(Start::new(&dir.path().join("data"))).await;
    let api = server.api();
    api.register(STATION).await;
    let second = Profile { protocol: Protocol::Ocpp201, ..simulated(STATION, 1, &[]) };
    let mut fleet = Fleet::start(vec![second], &server.endpoint());
    let is_up = |heard: &[Report]| heard.iter().any(|it| matches!(it.event, Event::Booted { .. }));
    fleet.listen_until("it has booted", PATIENCE, is_up).await;
    let call = async |action: &str, payload: Value| {
        let (status, said) = api.command(STATION, action, payload).await;
        assert!(status.is_success(), "{action}: {said}");
        said["response"]["status"].clone()
    };
    for id in [1, 2] {
        let set = json!({ "evseId": 1, "chargingProfile": profile(id, 16.0) });
        assert_eq!(call("SetChargingProfile", set).await, "Accepted");
    }
    let level = json!({ "chargingProfileCriteria": { "stackLevel": 2 } });
    assert_eq!(call("ClearChargingProfile", level).await, "Accepted");
    call("GetChargingProfiles", json!({ "requestId": 5, "chargingProfile": {} })).await;
    let shelf = whole(&api, "charging-profile").await;
    assert_eq!((&shelf["held"], &shelf["differing"]), (&json!(1), &json!(0)));
    assert_eq!(one(holdings(&api, "charging-profile").await, "1")["state"], "reported");
    call("GetBaseReport", json!({ "requestId": 6, "reportBase": "FullInventory" })).await;
    whole(&api, "variable").await;
    let interval = one(holdings(&api, "variable").await, "OCPPCommCtrlr.HeartbeatInterval");
    assert_eq!(interval["marks"]["mutability"], "ReadWrite");
    fleet.wind_down(PATIENCE).await;
    assert!(server.stop().await.success());
}
