//! The store as a file: nothing is lost on the way, and nothing else is taken for one.

use std::fs;
use std::path::{Path, PathBuf};

use crate::domain::{
    ChangedFrame, CommandEnd, Content, Effects, Holding, HoldingKind, IdToken, Message, NewCommand,
    NewMessage, PolicyRecords as _, QueuedCommand, Report, Reported, Seq, Shelf, ShelfMoves, Way,
};
use crate::store::{ArchiveError, Kept, OpenError, Summary, TokenName, import};

use super::*;

async fn export(data: &Path, file: &Path) -> Summary {
    let store = Store::open_existing(data).unwrap();
    let written = store.export(&mut fs::File::create(file).unwrap(), &mut |_, _| {}).unwrap();
    store.close().await;
    written
}

fn refusal(file: &Path, data: &Path) -> ArchiveError {
    import(file, data, &mut |_, _| {}).expect_err("it was imported")
}

/// Stores and files of one story.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

/// A store with a past: something of every kind that this room knows by itself, and a gap where facts were too old.
async fn fill(store: &Store) {
    for n in 0..5 {
        let mut commit = put(&format!("CS-{n}:é"), n, Expect::Any);
        commit.fact(soft("old"), Some(format!("[2,\"{n}\",\"Heartbeat\",{{}}]")));
        commit.synced();
        store.commit(commit).await.unwrap();
    }
    store.trim(Kept::Log, Millis(u64::MAX), Seq(3)).await.unwrap();
    let card = IdToken::new("Card-1").unwrap();
    let mut commit = Commit::new();
    commit.fact(synced(&"long".repeat(30_000)), Some("ü\u{0}\"\\\n".repeat(20_000)));
    commit.fact(soft("without a text"), None);
    commit.fact(soft("with an empty one"), Some(String::new()));
    commit.put(&store.pseudonym(&card), &TokenName { token: card }, Expect::Any);
    let bytes = [0, 255, 10, 34];
    let writes = ["", "a/b", "ключ"].map(|key| state_write(key, Some(&bytes)));
    let (commands, messages) = (vec![command()], vec![message()]);
    commit.effects(Effects { writes: writes.into(), commands, messages, ..Effects::default() });
    commit.holdings(&station("CS-1:é"), &[shelf()]);
    commit.changed_frame(&station("CS-1:é"), 1, &changed_frame(), None);
    store.commit(commit).await.unwrap();
}

fn shelf() -> ShelfMoves {
    let text = r#"{"limit":16.10}"#.to_owned();
    let content = Content { text, withheld: None };
    let reported = Some(Reported { content, at: Millis(5), is_mention: false });
    let holding = Holding { reported, ..Holding::default() };
    let mut report = Report::new(7);
    report.parts.insert(3, Millis(5));
    ShelfMoves {
        kind: HoldingKind::Variable,
        shelf: Shelf { kept: 1, held: 1, reports: vec![report], ..Shelf::default() },
        revision: 0,
        holdings: vec![("[1.2] C.V Target".to_owned(), Some(holding))],
    }
}

fn changed_frame() -> ChangedFrame {
    ChangedFrame {
        at: Millis(5),
        way: Way::Inbound,
        by: vec![("mender".parse().unwrap(), "1".to_owned())],
        original: ",[\"ü\"]".repeat(2_000),
        changed: "[]".to_owned(),
    }
}

fn command() -> NewCommand {
    NewCommand {
        plugin: "caller".parse().unwrap(),
        station: "CS-1:é".parse().unwrap(),
        id: "1".to_owned(),
        command: QueuedCommand {
            action: "DataTransfer".to_owned(),
            payload: r#"{"data":1.50}"#.to_owned(),
            queued: Millis(5),
            expires: Millis(6),
            sent: None,
        },
    }
}

fn message() -> NewMessage {
    let payload = Some(r#"{"status":"Accepted"}"#.to_owned());
    let message = Message::CommandEnded {
        id: "0".to_owned(),
        station: "CS-1:é".parse().unwrap(),
        action: "Reset".to_owned(),
        end: CommandEnd::Answered(payload),
    };
    let to = "caller".parse().unwrap();
    NewMessage { to, id: "0".to_owned(), at: Millis(5), message }
}

#[tokio::test]
async fn an_imported_store_exports_the_same_lines() {
    let folder = Folder::new();
    let store = Store::open(&folder.at("old")).unwrap();
    fill(&store).await;
    let card = IdToken::new("card-1").unwrap();
    let (used, name) = (store.allocate_session().await.unwrap(), store.pseudonym(&card));
    let facts = store.facts(Seq(0), 100).unwrap();
    store.close().await;

    let exported = export(&folder.at("old"), &folder.at("first")).await;
    let imported = import(&folder.at("first"), &folder.at("new"), &mut |_, _| {}).unwrap();
    export(&folder.at("new"), &folder.at("second")).await;
    assert_eq!(imported, exported);
    assert_eq!(exported.facts, 5);
    let lines = |name: &str| fs::read_to_string(folder.at(name)).unwrap();
    assert!(lines("first") == lines("second"), "the lines differ");

    let store = Store::open(&folder.at("new")).unwrap();
    assert_eq!(store.facts(Seq(0), 100).unwrap(), facts);
    assert_eq!(store.raw(Seq(6)).unwrap(), Some("ü\u{0}\"\\\n".repeat(20_000)));
    assert_eq!(store.raw(Seq(7)).unwrap(), None);
    assert_eq!(store.raw(Seq(8)).unwrap(), Some(String::new()));
    assert_eq!(store.pseudonym(&card), name, "facts know cards by this name");
    let state = store.state(&plugin("wallet"), "ключ").unwrap().value;
    assert_eq!(state.as_deref(), Some(&[0, 255, 10, 34][..]));
    assert!(store.allocate_session().await.unwrap() > used, "a session number came back");
    let mut next = Commit::new();
    next.fact(synced("next"), None);
    assert_eq!(store.commit(next).await.unwrap().seqs, [Seq(9)]);
}

#[tokio::test]
async fn an_export_that_is_not_whole_or_not_ours_makes_no_store() {
    let folder = Folder::new();
    let store = Store::open(&folder.at("old")).unwrap();
    fill(&store).await;
    store.close().await;
    export(&folder.at("old"), &folder.at("good")).await;
    let good = fs::read_to_string(folder.at("good")).unwrap();
    let last = good.trim_end().rfind('\n').unwrap() + 1;
    let refused = |text: &str| {
        fs::write(folder.at("bad"), text).unwrap();
        let error = refusal(&folder.at("bad"), &folder.at("new"));
        assert!(!folder.at("new").exists(), "{error}: and made a directory");
        error
    };

    assert!(matches!(refused(&good[..last]), ArchiveError::CutOff));
    assert!(matches!(refused(&good[..last - 10]), ArchiveError::CutOff));
    let changed = good.replace("without a text", "with another text");
    assert!(matches!(refused(&changed), ArchiveError::Damaged));
    let newer = good.replacen("\"version\":1", "\"version\":2", 1);
    assert!(matches!(refused(&newer), ArchiveError::NewerExport(2)));
    for foreign in ["", "\n", "{}\n", "{\"format\":\"other\",\"version\":1}\n", "PK\u{3}\u{4}"] {
        assert!(matches!(refused(foreign), ArchiveError::NotAnExport), "{foreign}");
    }
}

#[tokio::test]
async fn a_line_that_cannot_be_understood_is_named_and_no_store_comes_of_it() {
    let folder = Folder::new();
    Store::open(&folder.at("old")).unwrap().close().await;
    export(&folder.at("old"), &folder.at("good")).await;
    let head = "{\"format\":\"plugpoint-export\",\"version\":1}\n";
    for (line, cause) in [
        ("{\"table\":\"last-seen\",\"key\":\"A\",\"version\":2,\"value\":{\"at\":5}}", "newer"),
        ("{\"table\":\"last-seen\",\"key\":\"A\",\"version\":1,\"value\":{}}", "missing field"),
        ("{\"table\":\"moods\",\"key\":\"A\",\"version\":1,\"value\":{}}", "moods"),
        ("{\"table\":\"raw\",\"key\":1,\"version\":1,\"value\":\"\"}", "its fact"),
    ] {
        let text = format!("{head}{line}\n");
        let sha256 = {
            use sha2::Digest as _;
            let digest = sha2::Sha256::digest(&text);
            digest.iter().map(|byte| format!("{byte:02x}")).collect()
        };
        let summary = Summary { records: 1, facts: 0, sha256 };
        let text = format!("{text}{}\n", serde_json::to_string(&summary).unwrap());
        fs::write(folder.at("bad"), text).unwrap();
        let data = folder.at(cause);
        let refused = refusal(&folder.at("bad"), &data).to_string();
        assert!(refused.contains("line 2") && refused.contains(cause), "{refused}");
        assert!(!data.join("store").exists());
    }
}

#[tokio::test]
async fn a_running_server_a_missing_store_and_a_used_directory_are_refused() {
    let folder = Folder::new();
    let missing = Store::open_existing(&folder.at("nowhere")).err().unwrap();
    assert!(matches!(missing, ArchiveError::NoStore { .. }));
    assert!(!folder.at("nowhere").exists());

    let running = Store::open(&folder.at("old")).unwrap();
    let refused = Store::open_existing(&folder.at("old")).err().unwrap();
    assert!(matches!(refused, ArchiveError::Open(OpenError::InUse { .. })), "{refused}");
    running.close().await;

    export(&folder.at("old"), &folder.at("file")).await;
    let refused = refusal(&folder.at("file"), &folder.at("old"));
    assert!(matches!(refused, ArchiveError::NotEmpty { .. }), "{refused}");
}
