//! What stations should not send: each gets a clear answer or a clean end, the log names the station, and nobody else
//! notices.

use std::collections::HashMap;
use std::time::Duration;

use plugpoint::sim::Event;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::support::{Fleet, Reply, Server, Socket, connect, handshake, insist, profile};

const PATIENCE: Duration = Duration::from_secs(30);

/// Calls that a hasty station sends without waiting for one answer.
const HASTY_CALLS: usize = 100;

const HUGE: usize = 10 << 20;

/// What a station gets for what it sent.
enum Due {
    /// A CALLERROR with this id and code; the connection stays.
    Error(&'static str, &'static str),
    /// A close frame with this code.
    Close(u16),
    /// An answer like any other: the input is odd, and no harm.
    Result,
}

/// Name of the case, what is sent, what is due.
fn cases() -> Vec<(&'static str, Message, Due)> {
    let text = |text: &str| Message::text(text.to_owned());
    let huge =
        format!(r#"[2,"huge","DataTransfer",{{"vendorId":"x","data":"{}"}}]"#, "x".repeat(HUGE));
    vec![
        ("broken-json", text(r#"[2,"a","Heartbeat",{"#), Due::Error("-1", "FormationViolation")),
        ("no-json", text("hello"), Due::Error("-1", "FormationViolation")),
        ("no-array", text(r#"{"action":"Heartbeat"}"#), Due::Error("-1", "FormationViolation")),
        ("empty", text("[]"), Due::Error("-1", "FormationViolation")),
        ("wrong-type", text(r#"[1,"a","Heartbeat",{}]"#), Due::Error("a", "FormationViolation")),
        ("too-short", text(r#"[2,"a","Heartbeat"]"#), Due::Error("a", "FormationViolation")),
        ("number-as-id", text(r#"[2,7,"Heartbeat",{}]"#), Due::Error("-1", "FormationViolation")),
        ("unknown-action", text(r#"[2,"a","FlyToTheMoon",{}]"#), Due::Error("a", "NotImplemented")),
        (
            "wrong-direction",
            text(r#"[2,"a","RemoteStopTransaction",{"transactionId":1}]"#),
            Due::Error("a", "NotSupported"),
        ),
        (
            "missing-field",
            text(r#"[2,"a","Authorize",{}]"#),
            Due::Error("a", "OccurenceConstraintViolation"),
        ),
        (
            "wrong-field-type",
            text(
                r#"[2,"a","StartTransaction",{"connectorId":"one","idTag":"X","meterStart":0,"timestamp":"2026-01-01T00:00:00Z"}]"#,
            ),
            Due::Error("a", "TypeConstraintViolation"),
        ),
        (
            "payload-as-text",
            text(r#"[2,"a","Heartbeat","{}"]"#),
            Due::Error("a", "FormationViolation"),
        ),
        (
            "extra-field",
            text(r#"[2,"a","Heartbeat",{"mood":"fine"}]"#),
            Due::Error("a", "FormationViolation"),
        ),
        ("of-a-lenient-station", text(r#"[2,"a","Heartbeat",{"mood":"fine"}]"#), Due::Result),
        ("huge", text(&huge), Due::Close(1009)),
        ("compressed", compressed(), Due::Close(1002)),
        ("binary", Message::binary(&b"[2,\"a\",\"Heartbeat\",{}]"[..]), Due::Close(1003)),
    ]
}

/// A frame with the mark of a compressed one; what is in it does not matter.
fn compressed() -> Message {
    let mut frame = Frame::message(vec![0xaa, 0x56, 0x4a], OpCode::Data(Data::Text), true);
    frame.header_mut().rsv1 = true;
    Message::Frame(frame)
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_gets_a_clear_answer_and_disturbs_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::open_house(&dir.path().join("data")).await;
    let api = server.api();
    api.register("BYSTANDER").await;
    api.allow("GOOD").await;
    let bystander = vec![profile("BYSTANDER", 1, &["GOOD"])];
    let mut bystanders = Fleet::start(bystander, &server.endpoint());
    let one_charge = |heard: &[plugpoint::sim::Report]| {
        heard.iter().any(|report| matches!(report.event, Event::Stopped { .. }))
    };
    bystanders.listen_until("the bystander charges", PATIENCE, one_charge).await;

    let lenient = json!({ "validation": "lenient" });
    api.put("/v1/stations/BAD-of-a-lenient-station", lenient).await;
    for (name, message, due) in cases() {
        send_and_check(&server, name, message, due).await;
    }
    wrong_handshakes(&server).await;
    hasty_station(&server).await;

    bystanders.listen(Duration::from_millis(500)).await;
    bystanders.wind_down(PATIENCE).await;
    println!("the bystander {}", bystanders.summary());
    let disturbed = bystanders.count(|event| {
        matches!(
            event,
            Event::CallError { .. }
                | Event::Disconnected { .. }
                | Event::Unanswered { .. }
                | Event::CardRefused { .. }
        )
    });
    assert_eq!(disturbed, 0, "{:#?}", bystanders.heard);
    let sessions = api.all("sessions", "&station=BYSTANDER").await;
    let stops = bystanders.count(|event| matches!(event, Event::Stopped { .. }));
    assert_eq!(sessions.len(), stops, "nothing is lost");
    assert!(server.stop().await.success());
}

async fn send_and_check(server: &Server, name: &str, message: Message, due: Due) {
    let station = format!("BAD-{name}");
    let mut socket = connect(server.stations, &station).await;
    socket.say(message).await;
    let reply = socket.hear().await;
    println!("{name}: {}", short(&reply));
    match due {
        Due::Error(id, code) => {
            let Reply::Error { id: got_id, code: got, description } = reply else {
                panic!("{name}: {reply:?}, not the error {code}")
            };
            assert_eq!((got_id.as_str(), got.as_str()), (id, code), "{name}: {description}");
            assert!(!description.is_empty(), "{name}: the error does not say what is wrong");
            still_served(&mut socket, name).await;
        }
        Due::Result => {
            assert!(matches!(reply, Reply::Result { .. }), "{name}: {reply:?}");
            still_served(&mut socket, name).await;
        }
        Due::Close(code) => {
            assert_eq!(reply, Reply::Closed(Some(code)), "{name}");
            let mut again = connect(server.stations, &station).await;
            still_served(&mut again, name).await;
        }
    }
    assert_logged(server, &station).await;
}

async fn still_served(socket: &mut Socket, name: &str) {
    let reply = socket.call("after", "Heartbeat", json!({})).await;
    assert!(matches!(&reply, Reply::Result { id, .. } if id == "after"), "{name}: {reply:?}");
}

/// A warning in the server's log names the station. The log is written beside the answer: look for a moment.
async fn assert_logged(server: &Server, station: &str) {
    let named = |line: &str| line.contains("WARN") && line.contains(station);
    for _ in 0..50 {
        if server.log().lines().any(named) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("no warning in the log names {station}");
}

async fn wrong_handshakes(server: &Server) {
    let api = server.api();
    for station in ["BAD-password", "BAD-no-password", "BAD-other-name"] {
        api.register(station).await;
    }
    let ocpp = Some("ocpp1.6");
    let logins = [
        ("BAD-password", Some(("BAD-password", "not the password"))),
        ("BAD-no-password", None),
        ("BAD-other-name", Some(("BYSTANDER", crate::support::PASSWORD))),
    ];
    for (station, login) in logins {
        let path = format!("/ocpp/{station}");
        let status = handshake(server.stations, &path, ocpp, login).await.err();
        println!("{station}: HTTP {status:?}");
        assert_eq!(status, Some(401), "{station}");
        assert_logged(server, station).await;
    }

    for offered in [None, Some("ocpp9.9")] {
        let path = "/ocpp/BAD-subprotocol";
        let (head, mut socket) = insist(server.stations, path, offered).await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        assert!(!head.to_ascii_lowercase().contains("sec-websocket-protocol"), "{head}");
        let reply = socket.hear().await;
        println!("subprotocol {offered:?}: {}", short(&reply));
        assert_eq!(reply, Reply::Closed(Some(1002)), "{offered:?}");
    }
    assert_logged(server, "BAD-subprotocol").await;

    let elsewhere = handshake(server.stations, "/elsewhere", ocpp, None).await.err();
    assert_eq!(elsewhere, Some(404));
}

/// Every call gets its answer: some are worked on, the rest is refused, and the connection lives.
async fn hasty_station(server: &Server) {
    let station = "BAD-hasty";
    let mut socket = connect(server.stations, station).await;
    for n in 0..HASTY_CALLS {
        let call = json!([2, format!("h{n}"), "Authorize", { "idTag": "GOOD" }]);
        socket.say(call.to_string()).await;
    }
    let mut answers = HashMap::new();
    while answers.len() < HASTY_CALLS {
        let (id, refused) = match socket.hear().await {
            Reply::Result { id, .. } => (id, None),
            Reply::Error { id, code, .. } => (id, Some(code)),
            other => panic!("after {} answers: {other:?}", answers.len()),
        };
        assert!(answers.insert(id, refused).is_none(), "answered twice");
    }
    let refused = answers.values().flatten().collect::<Vec<_>>();
    println!(
        "{HASTY_CALLS} calls at once: {} answered, {} refused",
        HASTY_CALLS - refused.len(),
        refused.len()
    );
    assert!(refused.iter().all(|code| *code == "GenericError"), "{refused:?}");
    assert!(HASTY_CALLS - refused.len() >= 10, "a short queue is served");
    still_served(&mut socket, station).await;
    if !refused.is_empty() {
        assert_logged(server, station).await;
    }
}

fn short(reply: &Reply) -> String {
    format!("{reply:?}").chars().take(160).collect()
}
