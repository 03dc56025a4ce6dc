//! The disk fills up under a running server: free reports are refused first, then everything, and nothing that was
//! acknowledged is lost. Takes root, for a small disk of its own.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Reply, Server, Socket, Start, connect};

/// The disk, and what is left free of it for each act, in MiB.
const DISK_MIB: u64 = 160;
const LEFT_FOR_LOW_MIB: u64 = 50;
const LEFT_FOR_NOTHING_MIB: u64 = 20;

/// With 10 MiB of ballast given up, 30 MiB are still too little.
const SETTINGS: &str = "\
when-nobody-decides = \"permit\"
free-space-low-mib = 60
free-space-least-mib = 40
ballast-mib = 10
";

/// From a change of the disk to the server's knowledge of it.
const PATIENCE: Duration = Duration::from_secs(15);

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_up_costs_reports_first_and_no_acknowledged_record_ever() {
    let dir = tempfile::tempdir().unwrap();
    let disk = match SmallDisk::new(&dir.path().join("disk")) {
        Ok(disk) => disk,
        Err(why) => {
            let what = "SKIPPED, NOTHING WAS SHOWN: no disk can be mounted on this machine";
            // Not `println!`, which is heard of failures only.
            let _ = writeln!(std::io::stderr(), "{what}: {why}");
            return;
        }
    };
    let data = disk.0.join("data");
    let settings = dir.path().join("plugpoint.toml");
    fs::write(&settings, SETTINGS).unwrap();
    let arguments = ["--accept-unknown-stations", "--config", settings.to_str().unwrap()];
    let start = Start::new(&data).with(&arguments);
    let server = Server::start(start.clone()).await;
    until_readiness_is(&server, 200, "ready").await;
    assert!(data.join("ballast").exists());
    let mut station = connect(server.stations, "FULL-1").await;
    let mut sessions = vec![charge(&mut station, 1).await.unwrap()];
    report(&mut station).await.unwrap();

    disk.leave_free(LEFT_FOR_LOW_MIB);
    until_readiness_is(&server, 200, "ready-but-disk-almost-full").await;
    let refused = report(&mut station).await.unwrap_err();
    assert!(refused.contains("disk is full"), "{refused}");
    sessions.push(charge(&mut station, 2).await.unwrap());

    disk.leave_free(LEFT_FOR_NOTHING_MIB);
    until_readiness_is(&server, 503, "unavailable").await;
    assert!(!data.join("ballast").exists(), "the ballast is still there");
    let refused = charge(&mut station, 3).await.unwrap_err();
    assert!(refused.contains("disk is full"), "{refused}");

    disk.make_room();
    until_readiness_is(&server, 200, "ready").await;
    assert!(data.join("ballast").exists());
    report(&mut station).await.unwrap();
    sessions.push(charge(&mut station, 4).await.unwrap());
    assert!(server.stop().await.success());

    let server = Server::start(start).await;
    let kept = server.api().all("sessions", "").await;
    let mut kept = kept.iter().map(|session| session["id"].as_i64().unwrap()).collect::<Vec<_>>();
    kept.sort_unstable();
    assert_eq!(kept, sessions);
    assert!(server.stop().await.success());
}

/// One start; its transaction id, or the error that the station is told.
async fn charge(station: &mut Socket, n: u64) -> Result<i64, String> {
    let at = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    let start = json!({ "connectorId": 1, "idTag": "CARD", "meterStart": n, "timestamp": at });
    let payload = answer(station.call(&format!("s{n}"), "StartTransaction", start).await)?;
    Ok(payload["transactionId"].as_i64().unwrap())
}

async fn report(station: &mut Socket) -> Result<Value, String> {
    let status = json!({ "connectorId": 1, "errorCode": "NoError", "status": "Available" });
    answer(station.call("r", "StatusNotification", status).await)
}

fn answer(reply: Reply) -> Result<Value, String> {
    match reply {
        Reply::Result { payload, .. } => Ok(payload),
        Reply::Error { description, .. } => Err(description),
        other => panic!("{other:?} is no answer"),
    }
}

async fn until_readiness_is(server: &Server, status: u16, word: &str) {
    let end = Instant::now() + PATIENCE;
    loop {
        let (got, body) = server.api().try_send(Method::GET, "/readyz", None).await;
        let said = body["status"].as_str().or(body["error"]["code"].as_str());
        if got.as_u16() == status && said == Some(word) {
            return;
        }
        assert!(Instant::now() < end, "waited for {status} {word}, and have {got} {body}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A file system in memory. Dropping it takes it away.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn new(path: &Path) -> Result<Self, String> {
        fs::create_dir(path).unwrap();
        let size = format!("size={DISK_MIB}m");
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(path)
            .output()
            .map_err(|error| error.to_string())?;
        if mount.status.success() {
            Ok(Self(path.to_owned()))
        } else {
            Err(String::from_utf8_lossy(&mount.stderr).trim().to_owned())
        }
    }

    fn filler(&self) -> PathBuf {
        self.0.join("somebody-elses-file")
    }

    /// Somebody else takes all but this much.
    fn leave_free(&self, mib: u64) {
        self.make_room();
        let disk = rustix::fs::statvfs(&self.0).unwrap();
        let bytes = disk.f_bavail * disk.f_frsize - (mib << 20);
        let file = fs::File::create(self.filler()).unwrap();
        rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, bytes).unwrap();
    }

    fn make_room(&self) {
        // There is nothing to remove before the first time.
        let _ = fs::remove_file(self.filler());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).output();
    }
}
