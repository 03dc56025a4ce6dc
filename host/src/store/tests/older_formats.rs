//! What earlier versions wrote is still read: a directory and its export, as they were left behind by a server of
//! format 1 after a few sessions of both dialects.

use std::fs;
use std::path::{Path, PathBuf};

use crate::domain::{IdToken, Seq, Session, TokenRecord};
use crate::store::{Store, import};

use super::*;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures").join(name)
}

/// A copy of the directory, because opening changes it.
fn data_of_format_1(dir: &Path) {
    let store = dir.join("store");
    fs::create_dir_all(store.join("blobs")).unwrap();
    for file in fs::read_dir(fixture("store-1")).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), store.join(file.file_name())).unwrap();
    }
}

#[tokio::test]
async fn a_directory_of_format_1_opens_and_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    data_of_format_1(dir.path());
    let store = Store::open(dir.path()).unwrap();
    let facts = store.facts(Seq(0), 100).unwrap();
    assert_eq!(facts.len(), 42);
    let with_text = facts.iter().filter(|fact| store.raw(fact.seq).unwrap().is_some()).count();
    assert!(with_text > 30, "{with_text} texts");

    let first = store.read::<Session>(&session(1)).unwrap().unwrap().value;
    assert_eq!(first.station, station("SIM-1"));
    assert_eq!(first.energy(), MilliwattHours(2046000));
    let card = IdToken::new("card-1").unwrap();
    assert!(store.read::<TokenRecord>(&card).unwrap().is_some());
    assert_eq!(first.token, Some(store.pseudonym(&card)), "cards keep their pseudonyms");

    assert!(store.allocate_session().await.unwrap() > session(4));
    let mut next = Commit::new();
    next.fact(synced("next"), None);
    assert_eq!(store.commit(next).await.unwrap().seqs, [Seq(43)]);
}

/// The two fixtures tell the same story, and whatever this version adds to it, it adds to both.
#[tokio::test]
async fn a_directory_and_an_export_of_format_1_become_the_same_store() {
    let folder = tempfile::tempdir().unwrap();
    let (opened, imported) = (folder.path().join("opened"), folder.path().join("imported"));
    data_of_format_1(&opened);
    import(&fixture("store-1.jsonl"), &imported, &mut |_, _| {}).unwrap();
    let mut exports = Vec::new();
    for data in [opened, imported] {
        let store = Store::open(&data).unwrap();
        let mut lines = Vec::new();
        store.export(&mut lines, &mut |_, _| {}).unwrap();
        store.close().await;
        exports.push(String::from_utf8(lines).unwrap());
    }
    assert!(exports[0] == exports[1], "{}\n{}", exports[0], exports[1]);
}
