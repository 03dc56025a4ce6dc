//! Tells a policy under test of events.

use super::{Loaded, NEW_YEAR};
use crate::{Event, Observer};

impl<P: Observer> Loaded<P> {
    /// Tells of these events in one batch. A call that fails leaves no state behind.
    pub fn on_events(&mut self, batch: &[Event]) -> Result<(), String> {
        let policy = &self.policy;
        self.stage.keeping(|| policy.on_events(batch))
    }
}

/// An event at station `CS-1` at [`NEW_YEAR`], first in the log. `data` is JSON. Change what your test is about.
pub fn event(kind: &str, data: &str) -> Event {
    Event {
        seq: 1,
        station: Some("CS-1".to_owned()),
        at: NEW_YEAR,
        received: NEW_YEAR,
        kind: kind.to_owned(),
        data: data.to_owned(),
        more: Vec::new(),
    }
}
