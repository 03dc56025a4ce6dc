//! An operator has stations called: looks up what an action takes, queues what a station is to do when it is back, takes
//! some of it back, and reads what became of the rest.

use serde_json::json;

use crate::support::{Reply, Server, Start, connect};

const STATION: &str = "CALLED";

#[tokio::test(flavor = "multi_thread")]
async fn what_a_station_is_to_do_waits_for_it_and_what_became_of_it_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let server = Server::start(Start::new(&data)).await;
    let address = server.stations;
    let cli = server.cli();
    assert!(cli.refused(&["station", "call", STATION, "ClearCache"]).await.contains("--queue"));
    let queue = ["station", "call", STATION, "ClearCache", "--queue", "1h"];
    assert!(cli.refused(&queue).await.contains("no station"));
    server.api().register(STATION).await;
    cli.done(&["station", "set", STATION, "--protocol", "ocpp1.6"]).await;

    let help = cli.done(&["station", "call", STATION, "SetChargingProfile", "--help"]).await.0;
    assert!(help.contains("OCPP 1.6") && help.contains("csChargingProfiles!"), "{help}");
    let newest = ["station", "call", STATION, "SetChargingProfile", "--help", "--ocpp", "2.1"];
    assert!(cli.done(&newest).await.0.contains("chargingProfile!"));

    assert!(cli.done(&queue).await.0.contains("queued as command 1"));
    let told = ["station", "call", STATION, "ChangeConfiguration"];
    let secret = r#"{"key":"AuthorizationKey","value":"0123456789abcdef"}"#;
    cli.done(&[&told[..], &[secret, "--queue", "2d"]].concat()).await;
    let senseless = [&told[..], &["{}", "--queue", "2d"]].concat();
    assert!(cli.refused(&senseless).await.contains("`key` is missing"));
    cli.done(&["station", "cancel", STATION, "1"]).await;
    assert!(cli.refused(&["station", "cancel", STATION, "1"]).await.contains("has ended"));
    server.kill().await;

    // The station hears of it after a restart, and of nothing that was taken back.
    let server = Server::start(Start::new(&data).on(address)).await;
    let cli = server.cli();
    let mut socket = connect(address, STATION).await;
    let Reply::Call { id, action, payload } = socket.hear().await else { panic!("no call") };
    assert_eq!(
        (action.as_str(), &payload["value"]),
        ("ChangeConfiguration", &json!("0123456789abcdef"))
    );
    socket.say(json!([3, id, { "status": "RebootRequired" }]).to_string()).await;
    let ended = async {
        loop {
            let kept = server.api().get(&format!("/v1/stations/{STATION}/commands/2")).await;
            if kept["ended"].is_string() {
                return kept;
            }
        }
    };
    let kept = tokio::time::timeout(std::time::Duration::from_secs(60), ended).await.unwrap();
    assert_eq!((&kept["outcome"], &kept["status"]), (&json!("answered"), &json!("RebootRequired")));
    assert_eq!(kept["payload"], json!(null), "no record keeps a password");
    let list = cli.done(&["station", "commands", STATION, "--all"]).await.0;
    assert!(list.contains("cancelled") && list.contains("answered: RebootRequired"), "{list}");
    let one = cli.done(&["station", "commands", STATION, "2"]).await.0;
    assert!(one.contains("RebootRequired") && !one.contains("0123456789abcdef"), "{one}");
    assert!(cli.done(&["station", "commands", STATION]).await.0.contains("nothing waits"));
    let said: Vec<_> =
        server.api().facts().await.into_iter().map(|fact| fact["data"].clone()).collect();
    let told = json!({
        "action": "ChangeConfiguration", "outcome": "answered", "status": "RebootRequired", "plugin": null, "command": "2"
    });
    assert!(said.contains(&told), "{said:#?}");
    assert!(server.stop().await.success());
}
