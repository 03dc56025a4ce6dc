//! What may be typed, and what is told when it does not work.

use axum::Json;
use axum::Router;
use axum::http::StatusCode;
use clap::{CommandFactory, Parser};
use serde_json::json;

use super::client::Client;
use super::failure::{Failure, report};
use super::{Cli, sentence};
use crate::admin::AdminKey;
use crate::admin::views::{EventView, StationsPage};

/// Everything that others rely on by name.
const COMMAND_LINES: &[&str] = &[
    "serve --data d --listen 0.0.0.0:8080 --admin 127.0.0.1:8081 --config c.toml --accept-unknown-stations",
    "station list --json --limit 5 --after CS1",
    "station show CS1 --url http://localhost:8081/",
    "station set CS1 --zone Europe/Berlin --currency EUR --tag a --tag b --settings {\"a\":1.5}",
    "station set CS1 --protocol ocpp1.6 --shows-cost",
    "station set CS1 --protocol= --shows-cost=false",
    "serve --data d --listen-tls 0.0.0.0:8443 --tls-certificate c.pem --tls-key k.pem",
    "serve --data d --listen-tls 0.0.0.0:8443 --tls-name csms.example.com --tls-name 192.0.2.1",
    "station set CS1 --least-profile 2 --raise-profile",
    "station set CS1 --least-profile= --raise-profile=false",
    "station set CS1 --validation lenient --accept pending --pings never --silence 3600",
    "station set CS1 --validation server --accept accepted --pings 40 --silence server",
    "station unknown",
    "station adopt CS1",
    "station password CS1 --generate",
    "station password CS1 --rotate --timeout 10",
    "station certificates CS1",
    "station certificates CS1 --renew",
    "station certificates CS1 --sign request.pem --json",
    "station certificates CS1 --remove 4f3da3728ec0e41c",
    "ca show --json",
    "ca export",
    "tls show",
    "tls reload --json",
    "station call CS1 Reset {\"type\":\"Soft\"} --timeout 60",
    "station call CS1 ClearCache",
    "station start CS1 --card 04A2B3 --connector 1 --kind Central --timeout 10",
    "station stop CS1 --session 7",
    "station config get CS1",
    "station config get CS1 C.V/i C.W --evse 1 --connector 2 --attribute Target",
    "station config set CS1 HeartbeatInterval=300 Colour=",
    "station config report CS1 --base summary --within 120",
    "session list --station CS1 --active",
    "session list --active=false",
    "session show 7",
    "token list",
    "token show 04A2B3",
    "token set 04A2B3 --blocked --expires 2026-12-31T23:59:59Z --group fleet",
    "token set 04A2B3 --blocked=false --group= --account ACME --note ours",
    "token delete 04A2B3",
    "events show 42",
    "events tail --after 0 --no-follow --limit 10 --json",
    "plugin new night-only --lang rust --hook authorizer",
    "plugin new mine --hook tariff --dir plugins/mine --sdk plugin-sdk",
    "plugin build dir -o file.wasm",
    "plugin inspect file.wasm",
    "plugin pack guest.wasm --manifest plugin.toml -o file.wasm",
    "plugin load file.wasm --name cards --settings settings.json --data d",
    "plugin list",
    "plugin settings cards",
    "plugin settings cards --set -",
    "plugin settings cards --merge limit=5 --merge name=ACME",
    "plugin disable cards",
    "plugin enable cards",
    "plugin logs cards",
    "plugin logs cards -f --level warn --json",
    "plugin order authorizer",
    "station commands CS-1",
    "plugin order tariff night day",
    "plugin order tariff --clear",
    "plugin rollback cards",
    "plugin unload cards",
    "compile-component in out",
];

#[test]
fn the_command_line_keeps_its_names() {
    Cli::command().debug_assert();
    for line in COMMAND_LINES {
        let words = std::iter::once("plugpoint").chain(line.split(' '));
        if let Err(error) = Cli::try_parse_from(words) {
            panic!("{line}: {error}");
        }
    }
}

#[test]
fn what_cannot_be_meant_is_refused_with_exit_code_2() {
    for line in [
        "",
        "station",
        "station show a/b",
        "station call CS1",
        "station set CS1 --pings sometimes",
        "station set CS1 --accept maybe",
        "station call CS1 Reset --timeout 0",
        "station set CS1 --settings [1]",
        "station start CS1",
        "station start CS1 --card A --connector 0",
        "station config set CS1",
        "station config set CS1 HeartbeatInterval",
        "session show 0",
        "plugin rollback Upper",
        "plugin settings cards --merge limit",
        "plugin settings cards --set f --merge a=1",
        "plugin logs cards --level loud",
        "plugin order observer",
        "plugin order tariff night --clear",
        "plugin new Upper",
        "plugin new mine --lang cobol",
        "plugin build dir",
        "station list --limit 0",
        "serve --listen somewhere",
    ] {
        let words = std::iter::once("plugpoint").chain(line.split_whitespace());
        let error = Cli::try_parse_from(words).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{line}");
    }
}

/// What a person and a script are told of a failure.
fn told(error: &anyhow::Error) -> (String, serde_json::Value) {
    let (mut text, mut json) = (Vec::new(), Vec::new());
    report(error, false, &mut text);
    report(error, true, &mut json);
    (String::from_utf8(text).unwrap(), serde_json::from_slice(&json).unwrap())
}

/// Asks a server that answers everything with `status` and `body`.
async fn ask(status: u16, body: serde_json::Value) -> anyhow::Result<StationsPage> {
    let status = StatusCode::from_u16(status).unwrap();
    let server = Router::new().fallback(move || async move { (status, Json(body)) });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move { axum::serve(listener, server).await.unwrap() });
    client(url).get(&["stations"], &[]).await
}

fn client(url: reqwest::Url) -> Client {
    Client::new(url, &AdminKey::parse(&"k".repeat(43)).unwrap()).unwrap()
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_with_how_to_start_it() {
    // A port that was free a moment ago.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    drop(listener);
    let asked: anyhow::Result<StationsPage> = client(url).get(&["stations"], &[]).await;
    let (text, json) = told(&asked.unwrap_err());
    assert!(text.contains("no server answers") && text.contains("plugpoint serve"), "{text}");
    assert_eq!(json["error"]["code"], "unreachable");
}

#[tokio::test]
async fn a_wrong_key_is_told_with_where_the_right_one_is() {
    let error = json!({ "code": "unauthorized", "message": "not the key", "next": "send it" });
    let refused = ask(401, json!({ "error": error })).await.unwrap_err();
    let (text, _) = told(&refused);
    assert!(text.contains("admin.key") && text.contains("PLUGPOINT_KEY"), "{text}");
}

#[tokio::test]
async fn what_the_server_says_is_passed_on_with_the_stations_own_words() {
    let error = json!({
        "code": "refused-by-station", "message": "the station answered with an error",
        "next": "look at it", "ocpp_code": "NotSupported", "description": "no\u{1b}[2J cache",
        "details": { "n": 1.5 },
    });
    let (text, json) = told(&ask(502, json!({ "error": error })).await.unwrap_err());
    assert_eq!(
        text,
        "error: the station answered with an error\n       \
                NotSupported no\u{fffd}[2J cache\n       \
                {\"n\":1.5}\n \
          next: look at it\n"
    );
    assert_eq!(json["error"]["ocpp_code"], "NotSupported");
}

#[tokio::test]
async fn a_server_of_another_kind_is_recognised() {
    for (status, body) in [(200, json!([])), (404, json!("nothing here"))] {
        let (text, json) = told(&ask(status, body).await.unwrap_err());
        assert_eq!(json["error"]["code"], "unreadable-answer", "{text}");
        assert!(text.contains("PLUGPOINT_URL"), "{text}");
    }
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let gone = std::io::Error::from(std::io::ErrorKind::BrokenPipe);
    let mut text = Vec::new();
    report(&anyhow::Error::new(gone).context("printing"), false, &mut text);
    assert!(text.is_empty());
    let usage = anyhow::Error::new(Failure::usage("what?", "say it again"));
    assert_eq!(told(&usage).0, "error: what?\n next: say it again\n");
}

fn event(kind: &str, data: serde_json::Value) -> EventView {
    serde_json::from_value(json!({
        "seq": 42, "station": "CS1", "at": "2026-01-01T10:20:30.400Z",
        "received": "2026-01-01T10:20:31Z", "token_hint": "…C4D5", "kind": kind, "data": data,
    }))
    .unwrap()
}

#[test]
fn an_event_is_one_line_that_a_person_can_read() {
    let decision = json!({
        "verdict": "refuse", "reason": "blocked", "decided_by": "rfid-list", "version": "0.1.0",
        "why": "rfid-list 0.1.0 refused it: blocked", "account": null, "group": null, "opinions": [],
    });
    let asked = json!({ "token": "ab12", "purpose": "authorize", "decision": decision });
    assert_eq!(
        sentence::line(&event("authorize-asked", asked)),
        "10:20:30.400 #42     CS1          card …C4D5 for authorize: rfid-list 0.1.0 refused it: \
         blocked"
    );
    let ended = json!({ "session": 7, "meter_wh": 4200, "energy_wh": 3200.5, "reason": "Local" });
    assert_eq!(
        sentence::line(&event("transaction-ended", ended)),
        "10:20:30.400 #42     CS1          session 7 ended with 3.200 kWh (Local)"
    );
    let booted =
        json!({ "vendor": "Evil\u{1b}[2J\n", "model": "M", "serial": null, "firmware": null });
    let line = sentence::line(&event("booted", booted));
    assert!(line.ends_with("booted: Evil\u{fffd}[2J\u{fffd} M"), "{line}");
    let ordered = json!({ "hook": "tariff", "order": ["night", "day"] });
    let line = sentence::line(&event("plugins-ordered", ordered));
    assert!(line.ends_with("plugins of the hook tariff: asked first are night, day"), "{line}");
    let line = sentence::line(&event("beamed-up", json!({})));
    assert!(line.ends_with("CS1          beamed-up"), "of a newer server: {line}");
}
