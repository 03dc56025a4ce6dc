//! One observer's way through the log: read, tell, commit, and again. Knows no other observer.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;
use tracing::{error, warn};

use super::super::patience::{FIRST_PAUSE, LONGEST_PAUSE, Next, Patience};
use super::batch::{Batch, gather, removed};
use super::{Place, Tell};
use crate::domain::{Effects, LineLevel, Seq, Versioned};
use crate::plugins::{CallError, Event, MAX_BATCH, ObserverSettings, Plugin};
use crate::store::{
    Commit, CommitError, Conflict, Expect, Health, ObserverCursor, Store, StoreError, Unstorable,
};

/// Time for facts to come together before they are told. Under load they reach the disk a few at a time, and a call
/// and a commit for each would cost as much as recording them.
const GATHER: Duration = Duration::from_millis(20);

/// Facts that may be passed over before the cursor is saved although nothing was told. They are read again after a
/// restart, which costs nothing but that.
const SAVE_EVERY: u64 = 1000;

pub(super) struct Follower {
    plugin: Arc<Plugin>,
    store: Store,
    tell: Tell,
    told: watch::Sender<Place>,
    wants: ObserverSettings,
    patience: Patience,
    /// It has read from where it stood when it began.
    begun: bool,
}

/// The cursor as it is on record, and how far it has really come.
struct Stand {
    cursor: ObserverCursor,
    revision: u64,
    seen: Seq,
}

/// What one round has come to.
enum Round {
    /// There may be more to tell.
    GoOn,
    /// Everything up to the watermark was told or passed over.
    CaughtUp,
}

/// Why a round has come to nothing.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    /// The plugin's doing.
    #[error("the plugin {why}")]
    Plugin { why: Failed, tried: Tried },
    #[error("the plugin's instances are all busy")]
    Saturated,
    /// A load makes one. So another version, which does not observe, has just taken this one's place.
    #[error("it has no cursor on record; load it again")]
    NoCursor,
    #[error(transparent)]
    Read(#[from] StoreError),
    #[error(transparent)]
    Commit(#[from] CommitError),
    #[error("a fact cannot be told: {0}")]
    Tell(#[from] serde_json::Error),
    #[error("reading the log broke off: {0}")]
    BrokeOff(#[from] tokio::task::JoinError),
}

/// What the plugin has failed at.
#[derive(Debug, Clone, Copy)]
struct Tried {
    events: usize,
    first: Seq,
    /// Where the cursor would have gone.
    through: Seq,
}

#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Call(CallError),
    #[error("wrote what cannot be kept: {0}")]
    Unstorable(Unstorable),
}

impl Follower {
    pub(super) fn new(
        plugin: Arc<Plugin>,
        store: Store,
        tell: Tell,
        told: watch::Sender<Place>,
    ) -> Self {
        let wants = plugin.observes().cloned().unwrap_or_default();
        let patience = Patience::of(wants.batch.into());
        Self { plugin, store, tell, told, wants, patience, begun: false }
    }

    /// Ends when the store does, or when the cursor is gone; else whoever started it ends it.
    pub(super) async fn run(mut self) {
        let mut durable = self.store.durable();
        let mut stand = None;
        loop {
            let reached = *durable.borrow_and_update();
            match self.round(&mut stand, reached).await {
                Ok(Round::GoOn) => {}
                Ok(Round::CaughtUp) => {
                    if durable.changed().await.is_err() {
                        return;
                    }
                    sleep(GATHER).await;
                }
                Err(trouble) => {
                    self.told.send_modify(|place| place.trouble = Some(trouble.to_string()));
                    let is_over = matches!(trouble, Trouble::NoCursor);
                    if is_over || matches!(self.store.health(), Health::Failed(_)) {
                        return;
                    }
                    let pause = self.settle(&mut stand, trouble).await;
                    sleep(pause).await;
                }
            }
        }
    }

    async fn round(&mut self, stand: &mut Option<Stand>, reached: Seq) -> Result<Round, Trouble> {
        let now = match stand {
            Some(now) => now,
            None => stand.insert(self.recall()?),
        };
        if now.seen >= reached {
            self.show(now);
            return Ok(Round::CaughtUp);
        }
        let Batch { events, through } = self.read(now.seen).await?;
        // Without a fact up to the watermark, none that is kept is left.
        let through = if through > now.seen { through } else { reached };
        let cursor = ObserverCursor { seq: through, ..now.cursor.clone() };
        let Some(first) = events.first().map(|event| event.seq) else {
            now.seen = through;
            self.show(now);
            if through.0 - now.cursor.seq.0 >= SAVE_EVERY {
                let committed = self.commit(cursor, now.revision, Effects::default()).await;
                self.moved(stand, committed)?;
            }
            return Ok(Round::GoOn);
        };
        let tried = Tried { events: events.len(), first, through };
        let effects = self.ask(&events, tried).await?;
        let committed = self.commit(cursor, now.revision, effects).await;
        if let Err(CommitError::Unstorable(why)) = committed {
            return Err(Trouble::Plugin { why: Failed::Unstorable(why), tried });
        }
        self.moved(stand, committed)?;
        self.patience.succeeded();
        Ok(Round::GoOn)
    }

    /// Takes up the cursor where it is on record.
    fn recall(&self) -> Result<Stand, Trouble> {
        let found = self.store.read::<ObserverCursor>(self.plugin.name())?;
        let Versioned { value: cursor, revision } = found.ok_or(Trouble::NoCursor)?;
        Ok(Stand { seen: cursor.seq, cursor, revision })
    }

    /// Reads where waiting for the disk holds nobody up.
    async fn read(&mut self, after: Seq) -> Result<Batch, Trouble> {
        let (store, tell, limit) = (self.store.clone(), self.tell, self.patience.limit());
        let wants = self.wants.clone();
        let read = move || {
            let facts = store.facts(after, MAX_BATCH)?;
            let missing = removed(after, &facts);
            Ok::<_, Trouble>((missing, gather(facts, &wants, limit, tell)?))
        };
        let (missing, batch) = tokio::task::spawn_blocking(read).await??;
        // Later on, what is missing between two facts was removed before this plugin began.
        if !std::mem::replace(&mut self.begun, true) && missing > 0 {
            let plugin = self.plugin.name();
            error!(%plugin, %after, missing, "facts were removed from the log before the observer was told of them");
        }
        Ok(batch)
    }

    async fn ask(&self, events: &[Event], tried: Tried) -> Result<Effects, Trouble> {
        self.plugin.on_events(events).await.map_err(|error| match error {
            CallError::Saturated => Trouble::Saturated,
            why => Trouble::Plugin { why: Failed::Call(why), tried },
        })
    }

    /// The one commit: where the plugin stands, and what it wrote on the way there.
    async fn commit(
        &self,
        cursor: ObserverCursor,
        revision: u64,
        effects: Effects,
    ) -> Result<Stand, CommitError> {
        let mut commit = Commit::new();
        commit.put(self.plugin.name(), &cursor, Expect::Revision(revision)).effects(effects);
        let receipt = self.store.commit(commit).await?;
        let revision = receipt.revisions.first().copied().unwrap_or_default();
        Ok(Stand { seen: cursor.seq, cursor, revision })
    }

    /// Takes over where a commit has moved to. Where somebody else was quicker, nothing has happened, and the next
    /// round does it again with what is there now.
    fn moved(
        &self,
        stand: &mut Option<Stand>,
        committed: Result<Stand, CommitError>,
    ) -> Result<(), Trouble> {
        match committed {
            Ok(now) => {
                self.show(&now);
                *stand = Some(now);
                Ok(())
            }
            Err(CommitError::Conflict(Conflict::Record | Conflict::Effects)) => {
                *stand = None;
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Decides how to go on after a round that came to nothing, and how long to wait before.
    async fn settle(&mut self, stand: &mut Option<Stand>, trouble: Trouble) -> Duration {
        let plugin = self.plugin.name();
        let (why, tried) = match trouble {
            Trouble::Plugin { why, tried } => (why, tried),
            Trouble::Saturated => return FIRST_PAUSE,
            Trouble::Commit(error) => {
                warn!(%plugin, %error, "where the observer stands is not saved");
                return FIRST_PAUSE;
            }
            unreadable @ (Trouble::NoCursor
            | Trouble::Read(_)
            | Trouble::Tell(_)
            | Trouble::BrokeOff(_)) => {
                error!(%plugin, error = %unreadable, "an observer cannot read the log and waits");
                return LONGEST_PAUSE;
            }
        };
        match self.patience.failed(tried.events) {
            Next::RetryAfter(pause) => pause,
            Next::Skip => {
                let Some(now) = stand else { return FIRST_PAUSE };
                let seq = tried.first;
                error!(%plugin, %seq, error = %why, "the observer cannot bear an event, which is SKIPPED");
                let told = format!("event {seq} is skipped, because it cannot bear it: it {why}");
                self.plugin.keep(LineLevel::Error, told);
                let cursor = ObserverCursor {
                    seq: tried.through,
                    skipped: now.cursor.skipped + 1,
                    last_skipped: Some(seq),
                };
                let committed = self.commit(cursor, now.revision, Effects::default()).await;
                if let Err(error) = self.moved(stand, committed) {
                    warn!(%plugin, %error, "that an event was skipped is not saved");
                }
                Duration::ZERO
            }
        }
    }

    fn show(&self, now: &Stand) {
        self.told.send_modify(|place| {
            *place = Place {
                seen: now.seen,
                skipped: now.cursor.skipped,
                last_skipped: now.cursor.last_skipped,
                trouble: None,
            };
        });
    }
}
