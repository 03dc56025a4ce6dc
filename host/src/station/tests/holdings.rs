//! What a station says of the things that it holds, and what goes into the commit of its message.

use super::*;
use crate::domain::{HoldingKind, HoldingState, Shelf, ShelfMoves};
use crate::store::{Commit, CommitError};

const KIND: HoldingKind = HoldingKind::Variable;

const PART: &str = r#"[2,"1","NotifyReport",{"requestId":1,"seqNo":0,"generatedAt":"2026-01-01T10:00:00Z","reportData":[{"component":{"name":"C"},"variable":{"name":"V"},"variableAttribute":[{"value":"7"}]}]}]"#;

fn shelf(bench: &Bench) -> Shelf {
    bench.store.read::<Shelf>(&(station(), KIND)).unwrap().unwrap().value
}

#[test]
fn a_report_is_kept_in_the_commit_of_its_message() {
    let mut bench = Bench::of_2_0_1();
    assert_eq!(bench.says(PART), r#"[3,"1",{}]"#);
    let kept = bench.store.holding(&station(), KIND, "C.V").unwrap().unwrap();
    assert_eq!(kept.state(Millis(EPOCH)), HoldingState::Reported);
    assert_eq!(kept.seen().unwrap().text, "\"7\"");
    assert!(shelf(&bench).reports[0].whole.is_some());
    assert!(matches!(bench.facts().last(), Some(FactBody::Other { .. })));
}

#[test]
fn what_changes_between_look_and_commit_is_looked_at_again() {
    let mut bench = Bench::of_2_0_1();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut inputs = VecDeque::from([Input::Text(PART.to_owned())]);
    let (mut looks, mut refused) = (0, 0);
    while let Some(input) = inputs.pop_front() {
        let now = bench.now();
        bench.machine.handle(now, input);
        while let Some(output) = bench.machine.poll() {
            looks += usize::from(matches!(output, Output::Look(_)));
            if matches!(output, Output::Commit(_)) && looks == 1 {
                // Somebody else is quicker, once.
                let other = Shelf { left_out: 41, ..Shelf::default() };
                let moves =
                    [ShelfMoves { kind: KIND, shelf: other, revision: 0, holdings: vec![] }];
                let mut commit = Commit::new();
                commit.holdings(&station(), &moves);
                runtime.block_on(bench.store.commit(commit)).unwrap();
            }
            let input = bench.carry_out(output);
            refused +=
                usize::from(matches!(input, Some(Input::Committed(Err(CommitError::Conflict(_))))));
            inputs.extend(input);
        }
    }
    assert_eq!((looks, refused), (2, 1));
    assert_eq!(bench.sent.pop_back().as_deref(), Some(r#"[3,"1",{}]"#));
    let shelf = shelf(&bench);
    assert_eq!((shelf.held, shelf.left_out), (1, 41), "both changes count");
}

#[test]
fn a_start_uses_up_its_reservation_and_any_other_looks_at_none() {
    let mut bench = Bench::new();
    let start = |id: &str, more: &str| {
        format!(
            r#"[2,"{id}","StartTransaction",{{"connectorId":1,"idTag":"CARD1","meterStart":{id},"timestamp":"2026-01-01T10:00:00Z"{more}}}]"#
        )
    };
    bench.says(&start("1", ""));
    bench.says(&start("2", r#","reservationId":5"#));
    assert_eq!(bench.sessions(), 2);
    let none = bench.store.shelves(&station()).unwrap();
    assert_eq!(none, [], "nobody here knows the reservation");
}
