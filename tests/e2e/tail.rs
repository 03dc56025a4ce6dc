//! Somebody follows the log while the server is killed and comes back.

use serde_json::{Value, json};

use crate::support::{Api, Cli, Following, Server, Start};

#[tokio::test(flavor = "multi_thread")]
async fn whoever_follows_the_log_misses_nothing_and_sees_nothing_twice_across_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut server = Server::start(Start::new(&data)).await;
    let admin = server.admin;
    something_happens(&server.api(), 1).await;
    let mut tail = server.cli().follow(&["events", "tail", "--after", "0", "--json"]);
    let mut seen: Vec<Value> = Vec::new();
    for round in 2..5 {
        read_to_the_end(&mut tail, &server.api(), &mut seen).await;
        server.kill().await;
        server = Server::start(Start::new(&data).administered_on(admin)).await;
        something_happens(&server.api(), round).await;
    }
    read_to_the_end(&mut tail, &server.api(), &mut seen).await;
    assert_eq!(seen, server.api().facts().await);

    // From any place, also by somebody who was never there before.
    let middle = seen[2]["seq"].to_string();
    let again = Cli::new(admin, &data);
    let (rest, _) =
        again.done(&["events", "tail", "--after", &middle, "--no-follow", "--json"]).await;
    let rest: Vec<Value> = rest.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rest, seen[3..]);
    assert!(server.stop().await.success());
}

/// Two facts of the operator's own.
async fn something_happens(api: &Api, round: usize) {
    let path = "/v1/hooks/authorizer/order";
    for _ in 0..2 {
        api.put(path, json!({ "order": [] })).await;
    }
    println!("round {round}: {} facts", api.facts().await.len());
}

async fn read_to_the_end(tail: &mut Following, api: &Api, seen: &mut Vec<Value>) {
    let end = api.facts().await.last().unwrap()["seq"].as_u64();
    while seen.last().and_then(|fact| fact["seq"].as_u64()) != end {
        seen.push(serde_json::from_str(&tail.line().await).unwrap());
    }
}
