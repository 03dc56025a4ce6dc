//! What the writer writes and the story expects: lanes, in each of which commit follows commit. Every commit of a lane
//! says the same thing four times: in a fact, in the fact's original text, in a record and in a plugin's state.

use std::collections::HashMap;
use std::path::Path;

use plugpoint::domain::{
    Effects, Fact, FactBody, Millis, PluginName, PolicyRecords as _, Seq, Stamp, StateRead,
    StateWrite, StationId,
};
use plugpoint::store::{Commit, Expect, LastSeen, Store};

/// One commit in so many promises nothing; its half second starts whenever the power is cut.
const SOFT: u64 = 5;

/// Facts read at a time.
const PAGE: usize = 1000;

/// How much a story writes at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    pub(super) lanes: usize,
    /// Bytes of each text and of each value of a plugin.
    pub(super) payload: usize,
}

impl Load {
    /// The text of a commit: no two are the same, and a torn one is noticed.
    fn text(self, lane: usize, n: u64) -> String {
        let mark = format!("<{lane}.{n}>");
        mark.repeat(self.payload.div_ceil(mark.len()))
    }
}

fn station(lane: usize) -> StationId {
    StationId::new(&format!("LANE-{lane}")).unwrap()
}

fn wallet() -> PluginName {
    PluginName::new("wallet").unwrap()
}

/// Fills one lane for as long as the store answers, and says which commits the store promised to keep.
pub(super) async fn fill(store: Store, load: Load, lane: usize, promised: impl Fn(u64)) {
    let mut n = recorded(&store, lane);
    loop {
        n += 1;
        let key = lane.to_string();
        let text = load.text(lane, n);
        let before = store.state(&wallet(), &key).unwrap().revision;
        let mut commit = Commit::new();
        let body = FactBody::Other { action: n.to_string() };
        let fact = Fact { station: Some(station(lane)), stamp: Stamp::here(Millis(n)), body };
        commit.fact(fact, Some(text.clone()));
        commit.put(&station(lane), &LastSeen { at: Millis(n) }, Expect::Any);
        commit.effects(Effects {
            reads: vec![StateRead { plugin: wallet(), key: key.clone(), revision: before }],
            writes: vec![StateWrite { plugin: wallet(), key, value: Some(text.into_bytes()) }],
            ..Effects::default()
        });
        let is_soft = n.is_multiple_of(SOFT);
        if !is_soft {
            commit.synced();
        }
        match store.commit(commit).await {
            Ok(_) if is_soft => {}
            Ok(_) => promised(n),
            Err(_) => return,
        }
    }
}

fn recorded(store: &Store, lane: usize) -> u64 {
    store.read::<LastSeen>(&station(lane)).unwrap().map_or(0, |seen| seen.value.at.0)
}

/// Every promise is kept, nothing is there twice or in part, and the four places agree. Returns how many facts there
/// are.
pub(super) fn check(data: &Path, load: Load, promised: &HashMap<usize, u64>) -> usize {
    let blobs = std::fs::read_dir(data.join("store/blobs")).map_or(0, Iterator::count);
    assert_eq!(blobs, 0, "sled put values into files that it never syncs");
    let store = Store::open(data).unwrap_or_else(|error| panic!("it does not open: {error}"));
    let mut last = vec![0; load.lanes];
    let mut seq = Seq(0);
    loop {
        let page = store.facts(seq, PAGE).unwrap();
        for logged in &page {
            seq = Seq(seq.0 + 1);
            assert_eq!(logged.seq, seq, "the log has a gap");
            let FactBody::Other { action } = &logged.fact.body else { panic!("{logged:?}") };
            let lane = (0..load.lanes).find(|lane| logged.fact.station == Some(station(*lane)));
            let lane = lane.unwrap_or_else(|| panic!("{logged:?} has no lane"));
            last[lane] += 1;
            let n = last[lane];
            assert_eq!(*action, n.to_string(), "lane {lane}: a fact is missing or doubled");
            assert!(store.raw(seq).unwrap() == Some(load.text(lane, n)), "text of {lane}.{n}");
        }
        if page.is_empty() {
            break;
        }
    }
    for (lane, last) in last.into_iter().enumerate() {
        let least = promised.get(&lane).copied().unwrap_or(0);
        assert!(last >= least, "lane {lane} ends at {last}, and {least} was acknowledged");
        assert_eq!(recorded(&store, lane), last, "lane {lane}: the record and the log differ");
        let state = store.state(&wallet(), &lane.to_string()).unwrap().value;
        let expected = (last > 0).then(|| load.text(lane, last).into_bytes());
        assert!(state == expected, "lane {lane}: the plugin's state and the log differ");
    }
    // The next writer needs the directory for itself.
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(store.close());
    usize::try_from(seq.0).unwrap()
}
