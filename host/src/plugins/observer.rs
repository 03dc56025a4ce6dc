//! The observer hook as a Rust function: tells a plugin what has happened. Knows no log, no cursor and no fact: whoever
//! reads the log makes [`Event`]s of it.

use tokio::time::{Instant, timeout_at};

use super::bindings::exports::plugpoint::plugin::observer as wit;
use super::context::{Call, begin};
use super::error::CallError;
use super::instance::Instance;
use super::limits::BACKGROUND_WALL;
use super::manifest::{Hook, ObserverSettings};
use super::plugin::Plugin;
use crate::domain::{Effects, Millis, Seq, StationId};

/// Something that has happened, in the form that the contract promises.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub seq: Seq,
    pub station: Option<StationId>,
    pub at: Millis,
    pub received: Millis,
    pub kind: String,
    /// A JSON object.
    pub data: String,
}

impl Plugin {
    /// How the plugin wants to be told; `None` when it does not observe.
    pub fn observes(&self) -> Option<&ObserverSettings> {
        self.answers(Hook::Observer).then_some(&self.manifest().hooks.observer)
    }

    /// Tells of these events. A call that fails has no effects.
    ///
    /// No breaker stands before it: whoever tells waits longer and longer after a failure, and an event that this
    /// plugin cannot bear must not keep its other hooks from being asked.
    pub async fn on_events(&self, batch: &[Event]) -> Result<Effects, CallError> {
        let began = Instant::now();
        let result = self.tell_observer(batch, began + BACKGROUND_WALL).await;
        self.book(began, result.as_ref().err());
        result
    }

    async fn tell_observer(
        &self,
        batch: &[Event],
        deadline: Instant,
    ) -> Result<Effects, CallError> {
        let mut lease = self.pool.lend(&self.blueprint, deadline).await?;
        let Instance { store, observer: Some(guest), .. } = &mut *lease.instance else {
            return Ok(Effects::default());
        };
        begin(store, Call::new(self.blueprint.limits.background_cpu, None));
        let batch: Vec<wit::Event<'_>> = batch.iter().map(lend).collect();
        let outcome = timeout_at(deadline, guest.call_on_events(&mut *store, &batch)).await;
        let ((), effects) = lease.settle(outcome)?;
        Ok(effects)
    }
}

fn lend(event: &Event) -> wit::Event<'_> {
    wit::Event {
        seq: event.seq.0,
        station: event.station.as_ref().map(StationId::as_str),
        at: event.at.0,
        received: event.received.0,
        kind: &event.kind,
        data: &event.data,
        more: &[],
    }
}
