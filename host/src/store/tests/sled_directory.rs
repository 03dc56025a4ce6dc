//! A real directory: whose it is, who may open it, and what sled leaves in it.

use std::fs;
use std::path::Path;

use crate::domain::{Effects, PolicyRecords as _, Seq};
use crate::store::OpenError;

use super::*;

fn refusal(dir: &Path) -> OpenError {
    match Store::open(dir) {
        Ok(_) => panic!("{} was opened", dir.display()),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_directory_serves_one_server_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let refused = refusal(dir.path());
    assert!(matches!(refused, OpenError::InUse { .. }), "{refused}");
    assert!(refused.to_string().contains("another server is using"), "{refused}");
    store.close().await;
    Store::open(dir.path()).unwrap();
}

#[test]
fn a_foreign_directory_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let ours = dir.path().join("store");
    fs::create_dir(&ours).unwrap();
    fs::write(ours.join("db"), "somebody's data").unwrap();
    let refused = refusal(dir.path());
    assert!(matches!(refused, OpenError::Foreign { .. }), "{refused}");
    let files: Vec<_> =
        fs::read_dir(&ours).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(files, ["db"]);
}

#[test]
fn a_format_of_another_version_is_refused_before_sled_sees_it() {
    for found in ["plugpoint-store engine=sled-0.34 layout=2", "plugpoint-store engine=sled-1", ""]
    {
        let dir = tempfile::tempdir().unwrap();
        let ours = dir.path().join("store");
        fs::create_dir(&ours).unwrap();
        fs::write(ours.join("FORMAT"), found).unwrap();
        let refused = refusal(dir.path());
        assert!(matches!(refused, OpenError::UnknownFormat { .. }), "{found}: {refused}");
        assert!(!ours.join("conf").exists(), "sled made files");
    }
}

#[test]
fn a_crash_while_the_format_was_written_is_no_obstacle() {
    let dir = tempfile::tempdir().unwrap();
    let ours = dir.path().join("store");
    fs::create_dir(&ours).unwrap();
    fs::write(ours.join("FORMAT.new"), "plugpo").unwrap();
    Store::open(dir.path()).unwrap();
    let marker = fs::read_to_string(ours.join("FORMAT")).unwrap();
    assert_eq!(marker, "plugpoint-store engine=sled-0.34 layout=1\n");
}

/// sled never syncs what it puts into `blobs/`, so nothing may ever get there.
#[tokio::test]
async fn large_payloads_stay_in_the_log_that_is_synced() {
    const LARGE: usize = 500;
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let text = |n: usize| format!("{n:06}").repeat(10_000);
    let state = |n: usize| vec![u8::try_from(n % 251).unwrap(); 60_000];
    let mut answers = Vec::new();
    for n in 0..5000 {
        answers.push(store.commit(put(&format!("CS{:04}", n % 700), 1, Expect::Any)));
        if n % 10 == 0 {
            let n = n / 10;
            let mut large = Commit::new();
            // Of the two ways in, one is cut into pieces and one stays in one piece.
            let write = state_write(&format!("{:03}", n * 7 % LARGE), Some(&state(n * 7 % LARGE)));
            large.effects(Effects { writes: vec![write], ..Effects::default() });
            large.fact(synced("large"), Some(text(n)));
            answers.push(store.commit(large));
        }
        if answers.len() >= 500 {
            for answer in answers.drain(..) {
                answer.await.unwrap();
            }
        }
    }
    futures_util::future::try_join_all(answers).await.unwrap();
    store.close().await;

    let store = Store::open(dir.path()).unwrap();
    assert_eq!(fs::read_dir(dir.path().join("store/blobs")).unwrap().count(), 0);
    for n in 0..LARGE {
        assert_eq!(store.raw(Seq(n as u64 + 1)).unwrap(), Some(text(n)));
        let kept = store.state(&plugin("wallet"), &format!("{n:03}")).unwrap();
        assert_eq!(kept.value, Some(state(n)));
    }
    assert_eq!(fs::read_dir(dir.path().join("store/blobs")).unwrap().count(), 0);
}

/// sled opens all of these without a word.
#[tokio::test]
async fn a_store_that_lost_acknowledged_facts_is_refused() {
    type Damage = fn(&mut Vec<u8>);
    let damages: [Damage; 3] = [
        |log| log.clear(),
        |log| log.truncate(log.len() / 2),
        |log| log.iter_mut().skip(100_000).take(1000).for_each(|byte| *byte = !*byte),
    ];
    for damage in damages {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let commits = (0..2000).map(|n| {
            let mut commit = put("A", n, Expect::Any);
            commit.fact(synced("stop"), Some("x".repeat(100)));
            store.commit(commit)
        });
        futures_util::future::try_join_all(commits).await.unwrap();
        store.close().await;

        let log = dir.path().join("store/db");
        let mut bytes = fs::read(&log).unwrap();
        damage(&mut bytes);
        fs::write(&log, bytes).unwrap();
        let refused = refusal(dir.path());
        assert!(matches!(refused, OpenError::Lost { noted: Seq(2000), .. }), "{refused}");
        fs::remove_file(dir.path().join("store/LAST")).unwrap();
        Store::open(dir.path()).unwrap();
    }
}
