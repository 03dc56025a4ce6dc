//! Which facts of the log make up the next call. Pure: reads no store.

use super::Tell;
use crate::domain::{LoggedFact, Seq};
use crate::plugins::{Event, ObserverSettings};

/// Bytes of `data` in one batch at most, unless a single event has more. The contract promises it.
const MAX_DATA: usize = 256 << 10;

/// What is told in one call.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Batch {
    pub(super) events: Vec<Event>,
    /// The cursor after it: the last fact that is in the batch or passed over behind it.
    pub(super) through: Seq,
}

/// Takes facts, in order, as long as they fit; those of other kinds are passed over.
pub(super) fn gather(
    facts: Vec<LoggedFact>,
    wants: &ObserverSettings,
    limit: usize,
    tell: Tell,
) -> Result<Batch, serde_json::Error> {
    let mut batch = Batch::default();
    let mut bytes = 0;
    for fact in facts {
        let seq = fact.seq;
        if wants.wants(fact.fact.body.kind()) {
            if batch.events.len() == limit {
                break;
            }
            let event = tell(fact)?;
            bytes += event.data.len();
            if bytes > MAX_DATA && !batch.events.is_empty() {
                break;
            }
            batch.events.push(event);
        }
        batch.through = seq;
    }
    Ok(batch)
}

/// How many facts right behind the cursor are no longer in the log. Its numbers have no gaps, so they were removed,
/// because they were old. A plugin that begins with the whole log misses nothing.
pub(super) fn removed(after: Seq, facts: &[LoggedFact]) -> u64 {
    match facts.first() {
        Some(first) if after > Seq(0) => first.seq.0.saturating_sub(after.0 + 1),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Fact, FactBody, FactKind, Millis, Stamp};
    use crate::plugins::MAX_BATCH;

    /// Facts 1, 2, …: an action for each text, `None` for a fact of another kind.
    fn facts(actions: &[Option<&str>]) -> Vec<LoggedFact> {
        let body = |action: &Option<&str>| match action {
            Some(action) => FactBody::Other { action: (*action).to_owned() },
            None => FactBody::Disconnected { why: "closed".to_owned() },
        };
        let stamp = Stamp::here(Millis(5));
        let fact = |(n, action)| LoggedFact {
            seq: Seq(n),
            fact: Fact { station: None, stamp, body: body(action) },
        };
        (1..).zip(actions).map(fact).collect()
    }

    /// Told by nothing but its action.
    fn tell(logged: LoggedFact) -> Result<Event, serde_json::Error> {
        let data = match logged.fact.body {
            FactBody::Other { action } => action,
            other => serde_json::to_string(&other)?,
        };
        let (at, kind) = (Millis(5), "other".to_owned());
        Ok(Event { seq: logged.seq, station: None, at, received: at, kind, data })
    }

    fn actions_only() -> ObserverSettings {
        ObserverSettings { kinds: [FactKind::Other].into(), ..ObserverSettings::default() }
    }

    fn numbers(batch: &Batch) -> Vec<u64> {
        batch.events.iter().map(|event| event.seq.0).collect()
    }

    #[test]
    fn other_kinds_are_passed_over_but_none_that_is_wanted() {
        let log = facts(&[None, Some("a"), None, Some("b"), None, Some("c"), None]);
        let batch = gather(log.clone(), &actions_only(), 2, tell).unwrap();
        assert_eq!((numbers(&batch), batch.through), (vec![2, 4], Seq(5)));
        let all = gather(log, &ObserverSettings::default(), MAX_BATCH, tell).unwrap();
        assert_eq!((all.events.len(), all.through), (7, Seq(7)));
    }

    #[test]
    fn facts_that_were_removed_before_they_were_told_are_noticed() {
        let log = facts(&[Some("a"), Some("b"), Some("c")]);
        assert_eq!(removed(Seq(1), &log[1..]), 0);
        assert_eq!(removed(Seq(1), &log[2..]), 1);
        assert_eq!(removed(Seq(0), &log[2..]), 0, "the log began before anybody observed");
        assert_eq!(removed(Seq(3), &[]), 0);
    }

    #[test]
    fn a_batch_ends_before_the_event_that_makes_it_too_long() {
        let half = "x".repeat(MAX_DATA / 2);
        let log = facts(&[Some(&half), Some(&half), Some("one more")]);
        let batch = gather(log, &actions_only(), MAX_BATCH, tell).unwrap();
        assert_eq!((numbers(&batch), batch.through), (vec![1, 2], Seq(2)));
    }

    #[test]
    fn an_event_that_is_too_long_by_itself_is_told_alone() {
        let long = "x".repeat(2 * MAX_DATA);
        let log = facts(&[Some(&long), Some("next")]);
        let batch = gather(log, &actions_only(), MAX_BATCH, tell).unwrap();
        assert_eq!((numbers(&batch), batch.through), (vec![1], Seq(1)));
    }
}
