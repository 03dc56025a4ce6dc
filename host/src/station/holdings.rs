//! What one call says of the things that its station holds, on its way into the call's commit. Knows no kind of thing.

use std::sync::Arc;

use super::looks::Look;
use crate::domain::{ShelfMoves, StationId};
use crate::holdings::Heard;
use crate::store::Commit;

pub(super) struct Holdings {
    heard: Arc<Heard>,
    /// What changes, as of the last look.
    pub(super) moves: Vec<ShelfMoves>,
}

impl Holdings {
    /// Boxed: few calls say anything of the kind.
    pub(super) fn of(heard: Heard) -> Box<Self> {
        Box::new(Self { heard: Arc::new(heard), moves: Vec::new() })
    }

    pub(super) fn look(&self) -> Look {
        Look::Holdings(Arc::clone(&self.heard))
    }

    pub(super) fn join(&self, commit: &mut Commit, station: &StationId) {
        commit.holdings(station, &self.moves);
    }
}
