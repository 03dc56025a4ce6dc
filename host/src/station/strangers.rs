//! Stations that knocked and that nobody registered, for an operator to adopt. Knows no socket and no record.

use std::collections::HashMap;
use std::net::SocketAddr;

use crate::domain::{Millis, StationId};

/// Strangers that are remembered. Whoever has knocked longest ago makes room.
const MAX_STRANGERS: usize = 256;

/// Knocks of one unknown id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stranger {
    pub id: StationId,
    pub first: Millis,
    pub last: Millis,
    pub knocks: u32,
    /// Where the newest knock came from.
    pub peer: SocketAddr,
    /// The subprotocols that it named.
    pub offered: Vec<String>,
    /// It came with a password.
    pub has_password: bool,
}

/// See the module. In memory only: who is still there after a restart knocks again.
#[derive(Debug, Default)]
pub(super) struct Strangers(HashMap<StationId, Stranger>);

impl Strangers {
    /// One knock: a [`Stranger`] seen once.
    pub(super) fn note(&mut self, knock: Stranger) {
        if let Some(known) = self.0.get_mut(&knock.id) {
            *known = Stranger {
                first: known.first,
                knocks: known.knocks.saturating_add(knock.knocks),
                ..knock
            };
            return;
        }
        if self.0.len() >= MAX_STRANGERS {
            let oldest = self.0.values().min_by_key(|stranger| stranger.last);
            let oldest = oldest.map(|stranger| stranger.id.clone());
            oldest.map(|id| self.0.remove(&id));
        }
        self.0.insert(knock.id.clone(), knock);
    }

    /// It is a stranger no longer.
    pub(super) fn forget(&mut self, id: &StationId) -> Option<Stranger> {
        self.0.remove(id)
    }

    /// Who knocked last comes first.
    pub(super) fn list(&self) -> Vec<Stranger> {
        let mut all: Vec<_> = self.0.values().cloned().collect();
        all.sort_by(|one, other| other.last.cmp(&one.last).then_with(|| one.id.cmp(&other.id)));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn knock(id: &str, at: u64) -> Stranger {
        Stranger {
            id: StationId::new(id).unwrap(),
            first: Millis(at),
            last: Millis(at),
            knocks: 1,
            peer: ([127, 0, 0, 1], 5000).into(),
            offered: vec!["ocpp1.6".to_owned()],
            has_password: false,
        }
    }

    #[test]
    fn who_knocks_again_is_one_stranger_and_the_newest_comes_first() {
        let mut strangers = Strangers::default();
        for (id, at) in [("A", 1), ("B", 2), ("A", 3)] {
            strangers.note(knock(id, at));
        }
        let seen = strangers.list();
        let seen: Vec<_> = seen.iter().map(|s| (s.id.as_str(), s.first.0, s.knocks)).collect();
        assert_eq!(seen, [("A", 1, 2), ("B", 2, 1)]);
        assert!(strangers.forget(&StationId::new("A").unwrap()).is_some());
        assert_eq!(strangers.list().len(), 1);
    }

    #[test]
    fn a_flood_of_names_fills_no_memory_and_spares_who_still_knocks() {
        let mut strangers = Strangers::default();
        for at in 0..10_000 {
            strangers.note(knock("REAL", at));
            strangers.note(knock(&format!("FLOOD-{at}"), at));
        }
        assert_eq!(strangers.list().len(), MAX_STRANGERS);
        assert!(strangers.list().iter().any(|stranger| stranger.id.as_str() == "REAL"));
    }
}
