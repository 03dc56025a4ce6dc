//! Who comes in by which security profile, and who does not: with the line in the log that says why.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::support::{
    Identity, PASSWORD, Reply, Server, Socket, Start, Trust, authority, foreign_authority,
    handshake, handshake_over_tls,
};

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
