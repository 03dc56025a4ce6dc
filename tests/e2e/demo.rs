//! The demo, as a newcomer starts it, with its price lists swapped while cars charge.

use std::process::Stdio;

use serde_json::Value;
use tokio::process::Command;

use crate::support::guest;

/// Long enough for charges before and after the swap, which comes in the middle.
const SECONDS: &str = "14";

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_charges_on_three_versions_and_bills_each_session_by_its_own_terms() {
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_plugpoint"))
        .args([
            "--json",
            "demo",
            "--listen",
            "127.0.0.1:0",
            "--admin",
            "127.0.0.1:0",
            "--duration",
            SECONDS,
        ])
        .arg("--data")
        .arg(dir.path().join("data"))
        .arg("--plugin")
        .arg(guest("rfid-list"))
        .arg("--tariff")
        .arg(guest("tariff-time-of-use"))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let lines = lines.collect::<Vec<_>>();
    let totals = lines.last().unwrap();
    println!("{totals}");
    assert_eq!(
        totals["versions"],
        serde_json::json!({ "ocpp1.6": 3, "ocpp2.0.1": 1, "ocpp2.1": 1 })
    );
    assert_eq!(totals["all_acknowledged"], true);
    assert_eq!(totals["errors"], 0);

    let swapped = lines.iter().rposition(|line| line["kind"] == "plugin-changed").unwrap();
    let mut kept = 0;
    for (n, line) in lines.iter().enumerate().filter(|(_, line)| line["kind"] == "terms-pinned") {
        let (session, terms) = (&line["data"]["session"], &line["data"]["terms"]["id"]);
        // A start in the moment of the swap may still get the old list.
        assert!(n > swapped || terms == "standard", "{line}");
        let is_its_bill =
            |line: &&Value| line["kind"] == "session-priced" && line["data"]["session"] == *session;
        let bill = lines.iter().position(|line| is_its_bill(&line));
        let bill = bill.unwrap_or_else(|| panic!("session {session} has no bill"));
        let has_fee = has_fee(&lines[bill]);
        assert_eq!(has_fee, terms == "standard", "{}", lines[bill]);
        kept += usize::from(n < swapped && swapped < bill);
    }
    assert!(totals["bills"]["happy-hour"]["sessions"].as_u64() > Some(0), "{totals}");
    assert!(kept > 0, "nobody charged during the swap: the story tells nothing");
}

/// Only one of the two price lists takes a fee for a session.
fn has_fee(priced: &Value) -> bool {
    let lines = priced["data"]["bill"]["lines"].as_array().unwrap();
    lines.iter().any(|line| line["kind"] == "session")
}
