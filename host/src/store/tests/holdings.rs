//! What stations hold, on every engine: one change at a time, as large as it gets, a page at a time.

use crate::domain::{
    Accepted, Content, Holding, HoldingKind, MAX_CONTENT, MAX_HOLDING_KEY, MAX_MARK,
    MAX_REPORT_PARTS, MAX_REPORTS, Report, Reported, Sent, SentVerdict, Shelf, ShelfMoves,
    Withheld,
};
use crate::store::{CommitError, Conflict};

use super::*;

const KIND: HoldingKind = HoldingKind::ChargingProfile;

fn moves(revision: u64, holdings: Vec<(String, Option<Holding>)>) -> Vec<ShelfMoves> {
    vec![ShelfMoves { kind: KIND, shelf: Shelf::default(), revision, holdings }]
}

async fn keep(store: &Store, moves: &[ShelfMoves]) -> Result<(), CommitError> {
    let mut commit = Commit::new();
    commit.holdings(&station("CS1"), moves);
    store.commit(commit).await.map(drop)
}

fn revision(store: &Store) -> u64 {
    store.read::<Shelf>(&(station("CS1"), KIND)).unwrap().map_or(0, |shelf| shelf.revision)
}

#[tokio::test]
async fn a_change_that_has_not_seen_the_last_one_changes_nothing() {
    for ground in [Ground::memory(), Ground::sled()] {
        let store = ground.open();
        let one = |key: &str| vec![(key.to_owned(), Some(Holding::default()))];
        keep(&store, &moves(0, one("1"))).await.unwrap();
        let stale = keep(&store, &moves(0, one("2"))).await;
        assert_eq!(stale, Err(CommitError::Conflict(Conflict::Record)));
        assert_eq!(store.holding(&station("CS1"), KIND, "2").unwrap(), None);
        let taken_away = vec![("1".to_owned(), None)];
        keep(&store, &moves(revision(&store), taken_away)).await.unwrap();
        assert_eq!(store.holdings(&station("CS1"), KIND, None, 10).unwrap(), []);
        assert_eq!(store.shelves(&station("CS1")).unwrap().len(), 1);
        store.close().await;
    }
}

#[tokio::test]
async fn things_are_read_a_page_at_a_time_and_keep_to_their_station_and_kind() {
    let store = Ground::memory().open();
    let many = (10..35).map(|n| (format!("{n} ü/["), Some(Holding::default())));
    keep(&store, &moves(0, many.collect())).await.unwrap();
    let page = |after: Option<&str>| {
        let found = store.holdings(&station("CS1"), KIND, after, 10).unwrap();
        found.into_iter().map(|(key, _)| key).collect::<Vec<_>>()
    };
    let mut seen = page(None);
    while let next = page(seen.last().map(String::as_str))
        && !next.is_empty()
    {
        seen.extend(next);
    }
    assert!(seen.len() == 25 && seen.is_sorted(), "{seen:?}");
    assert_eq!(store.holdings(&station("CS"), KIND, None, 10).unwrap(), []);
    assert_eq!(store.holdings(&station("CS1"), HoldingKind::Variable, None, 10).unwrap(), []);
}

#[tokio::test]
async fn the_largest_there_can_be_is_kept() {
    let store = Ground::sled().open();
    let text = format!("\"{}\"", "x".repeat(MAX_CONTENT - 2));
    let content = || Content::new("", text.clone());
    assert_eq!(content().withheld, None);
    let at = Millis(u64::MAX);
    let word = || "ü".repeat(MAX_MARK);
    let sent = Sent {
        content: content(),
        at,
        plugin: Some(plugin("p")),
        command: Some(word()),
        verdict: SentVerdict::Refused,
        status: Some(word()),
        reason: Some(word()),
    };
    let holding = Holding {
        marks: (0..8).map(|n| (format!("mark {n}"), word())).collect(),
        sent: Some(sent),
        accepted: Some(Accepted { content: content(), at }),
        reported: Some(Reported { content: content(), at, is_mention: false }),
        gone: None,
        expires: Some(at),
    };
    let mut report = Report::new(i64::MIN);
    report.parts = (0..).take(MAX_REPORT_PARTS).map(|n| (n, at)).collect();
    let shelf = Shelf { reports: vec![report; MAX_REPORTS], ..Shelf::default() };
    let key = "k".repeat(MAX_HOLDING_KEY);
    let holdings = vec![(key.clone(), Some(holding.clone()))];
    let moves = [ShelfMoves { kind: KIND, shelf, revision: 0, holdings }];
    keep(&store, &moves).await.unwrap();
    assert_eq!(store.holding(&station("CS1"), KIND, &key).unwrap(), Some(holding));
    let longer = Content::new("", format!("\"{}\"", "x".repeat(MAX_CONTENT)));
    assert!(matches!(longer.withheld, Some(Withheld::TooLong(_))));
    store.close().await;
}
