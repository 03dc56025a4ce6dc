//! Timers of plugins in service: when one is due, a message for its plugin. Knows nothing of how messages are handed over.
//!
//! When a timer is next due is on record, and moves in one commit with the message. So a restart neither forgets a time
//! nor makes one up: what was missed comes once, and the timer goes on in its old rhythm.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::domain::{MAX_POST, Message, Millis, PluginName, Versioned};
use crate::plugins::{Host, InboxSettings, TimerSettings};
use crate::store::{Commit, CommitError, Conflict, Expect, Order, Store, StoreError, Timer};

/// The longest wait without a look at the clock, which somebody may set.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Until a round that came to nothing is tried again.
const AGAIN: Duration = Duration::from_secs(5);

/// Timers on record of one plugin that are looked at. More than a manifest may name, since those of an earlier version
/// are still there.
const PAGE: usize = 64;

/// See the module.
pub struct Timers {
    host: Arc<Host>,
    store: Store,
    now: fn() -> Millis,
}

/// What is to be done with one timer.
#[derive(Debug, PartialEq, Eq)]
enum Plan {
    Wait(Millis),
    /// It has no time yet, or none that makes sense.
    Begin(Millis),
    Fire {
        due: Millis,
        next: Millis,
    },
}

#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Read(#[from] StoreError),
    #[error(transparent)]
    Commit(#[from] CommitError),
}

impl Timers {
    pub fn new(host: Arc<Host>, store: Store, now: fn() -> Millis) -> Self {
        Self { host, store, now }
    }

    /// Lets timers fire until told to stop.
    pub async fn keep(self, stop: CancellationToken) {
        let mut changes = self.host.changes();
        loop {
            changes.mark_unchanged();
            let pause = match self.round().await {
                Ok(Some(next)) => {
                    Duration::from_millis(next.0.saturating_sub((self.now)().0)).min(LONGEST_WAIT)
                }
                Ok(None) => LONGEST_WAIT,
                Err(error) => {
                    warn!(%error, "timers of plugins are late");
                    AGAIN
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                changed = changes.changed() => if changed.is_err() { return },
                () = sleep(pause) => {}
            }
        }
    }

    /// Looks at every timer. Returns when the next one is due.
    async fn round(&self) -> Result<Option<Millis>, Trouble> {
        let mut soonest: Option<Millis> = None;
        for plugin in self.host.inboxes().iter() {
            let Some(InboxSettings { timers, .. }) = plugin.inbox() else { continue };
            self.forget_all_but(timers, plugin.name()).await?;
            for timer in timers {
                let next = self.look_at(plugin.name(), timer).await?;
                soonest = soonest.into_iter().chain([next]).min();
            }
        }
        Ok(soonest)
    }

    /// Returns when the timer is next due.
    async fn look_at(&self, plugin: &PluginName, timer: &TimerSettings) -> Result<Millis, Trouble> {
        let key = (plugin.clone(), timer.name.clone());
        let found = self.store.read::<Timer>(&key)?;
        let every_ms = timer.every_seconds * 1000;
        let now = (self.now)();
        let mut commit = Commit::new();
        let next = match plan(found.as_ref().map(|found| &found.value), every_ms, now) {
            Plan::Wait(next) => return Ok(next),
            Plan::Begin(next) => next,
            Plan::Fire { due, next } => {
                let name = timer.name.clone();
                if !self.waits(plugin, &name)? {
                    let id = format!("timer-{name}");
                    commit.message(plugin, now, id, &Message::TimerDue { name, due });
                }
                next
            }
        };
        let expect = Expect::Revision(found.map_or(0, |found| found.revision));
        commit.put(&key, &Timer { every_ms, next }, expect);
        match self.store.commit(commit).await {
            Ok(_) => Ok(next),
            // Somebody else has moved it: look again at once.
            Err(CommitError::Conflict(Conflict::Record)) => Ok(now),
            Err(error) => Err(error.into()),
        }
    }

    /// The plugin has not yet taken the message of the time before: another would tell it nothing.
    fn waits(&self, plugin: &PluginName, timer: &str) -> Result<bool, StoreError> {
        let waiting = self.store.page::<Message>(plugin, None, Order::Ascending, MAX_POST)?;
        let is_it =
            |message: &Message| matches!(message, Message::TimerDue { name, .. } if name == timer);
        Ok(waiting.iter().any(|(_, Versioned { value, .. })| is_it(value)))
    }

    async fn forget_all_but(
        &self,
        timers: &[TimerSettings],
        plugin: &PluginName,
    ) -> Result<(), Trouble> {
        let kept = self.store.page::<Timer>(plugin, None, Order::Ascending, PAGE)?;
        let mut commit = Commit::new();
        let mut any = false;
        for (key, _) in kept {
            if !timers.iter().any(|timer| timer.name == key.1) {
                commit.delete::<Timer>(&key, Expect::Any);
                any = true;
            }
        }
        if any {
            self.store.commit(commit).await?;
        }
        Ok(())
    }
}

fn plan(on_record: Option<&Timer>, every_ms: u64, now: Millis) -> Plan {
    let first = Millis(now.0.saturating_add(every_ms));
    match on_record {
        // A time further away than one round means that the clock was set back.
        Some(timer) if timer.every_ms == every_ms && timer.next <= first => {
            if timer.next > now {
                return Plan::Wait(timer.next);
            }
            let missed = (now.0 - timer.next.0) / every_ms;
            let next = Millis(timer.next.0 + (missed + 1) * every_ms);
            Plan::Fire { due: timer.next, next }
        }
        Some(_) | None => Plan::Begin(first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::callers::{Tally, caller};
    use crate::work::outbox::tests::{World, name, world};

    fn timer(next: u64) -> Timer {
        Timer { every_ms: 100, next: Millis(next) }
    }

    #[test]
    fn a_timer_keeps_its_rhythm_and_what_it_missed_comes_once() {
        assert_eq!(plan(None, 100, Millis(7)), Plan::Begin(Millis(107)));
        assert_eq!(plan(Some(&timer(107)), 100, Millis(106)), Plan::Wait(Millis(107)));
        let on_time = Plan::Fire { due: Millis(107), next: Millis(207) };
        assert_eq!(plan(Some(&timer(107)), 100, Millis(107)), on_time);
        let late = Plan::Fire { due: Millis(107), next: Millis(1007) };
        assert_eq!(plan(Some(&timer(107)), 100, Millis(950)), late);
    }

    #[test]
    fn another_interval_and_a_clock_that_was_set_back_begin_anew() {
        assert_eq!(plan(Some(&timer(500)), 300, Millis(600)), Plan::Begin(Millis(900)));
        assert_eq!(plan(Some(&timer(900)), 100, Millis(5)), Plan::Begin(Millis(105)));
    }

    /// The time of these stories: long after the first time of a timer of ten seconds.
    fn much_later() -> Millis {
        Millis(1_000_000)
    }

    fn early() -> Millis {
        Millis(5)
    }

    fn timers(world: &World, now: fn() -> Millis) -> Timers {
        Timers::new(world.host.clone(), world.store.clone(), now)
    }

    #[tokio::test]
    async fn downtime_brings_one_message_and_a_timer_that_is_gone_none() {
        let (world, _dir, _) = world().await;
        let often = "[[hooks.inbox.timers]]\nname = \"often\"\nevery-seconds = 10";
        world.load(name(), caller("1", "", "", often)).await;
        assert_eq!(timers(&world, early).round().await.unwrap(), Some(Millis(10_005)));
        assert_eq!(timers(&world, much_later).round().await.unwrap(), Some(Millis(1_000_005)));
        world.until("it fires", |world| world.tally(&name()).timers == 1).await;
        timers(&world, much_later).round().await.unwrap();
        assert_eq!(world.store.count::<Message>(&name(), 9).unwrap(), 0, "once");

        world.load(name(), caller("2", "", "", "")).await;
        assert_eq!(timers(&world, much_later).round().await.unwrap(), None);
        assert_eq!(world.store.count::<Timer>(&name(), 9).unwrap(), 0);
    }

    #[tokio::test]
    async fn a_plugin_that_does_not_come_round_to_it_is_told_once() {
        let (world, _dir, _) = world().await;
        let often = "[[hooks.inbox.timers]]\nname = \"often\"\nevery-seconds = 10";
        world.load(name(), caller("1", "", "unreachable", often)).await;
        timers(&world, early).round().await.unwrap();
        let now: [fn() -> Millis; 2] = [|| Millis(20_000), || Millis(40_000)];
        for now in now {
            timers(&world, now).round().await.unwrap();
        }
        assert!(world.store.count::<Message>(&name(), 9).unwrap() <= 1);
        assert_eq!(world.tally(&name()), Tally::default());
    }
}
