//! One plugin's inbox: take the oldest message, hand it over, commit what came of it, and again. Knows no other plugin.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;
use tracing::{error, warn};

use super::super::patience::{FIRST_PAUSE, LONGEST_PAUSE, Next, Patience};
use super::Place;
use crate::domain::{LineLevel, Message, Millis, PluginName, Versioned};
use crate::plugins::{CallError, Plugin};
use crate::store::{
    Commit, CommitError, Conflict, Expect, Health, Order, Store, StoreError, Unread, Unstorable,
};

pub(super) struct Postman {
    plugin: Arc<Plugin>,
    store: Store,
    told: watch::Sender<Place>,
    patience: Patience,
}

/// A message with its key and revision.
type Letter = ((PluginName, Millis, String), Versioned<Message>);

/// What one round has come to.
enum Round {
    GoOn,
    Empty,
}

/// Why a round has come to nothing.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    /// The plugin's doing.
    #[error("the plugin {why}")]
    Plugin { why: Failed, letter: Box<Letter> },
    #[error("the plugin's instances are all busy")]
    Saturated,
    #[error(transparent)]
    Read(#[from] StoreError),
    #[error(transparent)]
    Commit(#[from] CommitError),
}

#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Call(CallError),
    #[error("wrote what cannot be kept: {0}")]
    Unstorable(Unstorable),
}

impl Postman {
    pub(super) fn new(plugin: Arc<Plugin>, store: Store, told: watch::Sender<Place>) -> Self {
        Self { plugin, store, told, patience: Patience::of(1) }
    }

    /// Ends when the store does; else whoever started it ends it.
    pub(super) async fn run(mut self) {
        let mut post = self.store.post();
        if let Ok(Some(unread)) = self.store.read::<Unread>(self.plugin.name()) {
            self.told.send_modify(|place| place.skipped = unread.value.skipped);
        }
        loop {
            post.mark_unchanged();
            match self.round().await {
                Ok(Round::GoOn) => {}
                Ok(Round::Empty) => {
                    if post.changed().await.is_err() {
                        return;
                    }
                }
                Err(trouble) => {
                    self.told.send_modify(|place| place.trouble = Some(trouble.to_string()));
                    if matches!(self.store.health(), Health::Failed(_)) {
                        return;
                    }
                    let pause = self.settle(trouble).await;
                    sleep(pause).await;
                }
            }
        }
    }

    async fn round(&mut self) -> Result<Round, Trouble> {
        let mut page = self.store.page(self.plugin.name(), None, Order::Ascending, 1)?;
        let Some(letter) = page.pop() else { return Ok(Round::Empty) };
        let ((_, at, _), Versioned { value: message, .. }) = &letter;
        let effects = match self.plugin.handle(*at, message).await {
            Ok(effects) => effects,
            Err(CallError::Saturated) => return Err(Trouble::Saturated),
            Err(error) => return Err(failed(Failed::Call(error), letter)),
        };
        let mut commit = Commit::new();
        commit.effects(effects);
        match self.take(&letter, commit).await {
            Err(CommitError::Unstorable(why)) => {
                return Err(failed(Failed::Unstorable(why), letter));
            }
            other => other?,
        }
        self.patience.succeeded();
        self.told.send_if_modified(|place| place.trouble.take().is_some());
        Ok(Round::GoOn)
    }

    /// The one commit that removes a message. Where somebody else was quicker, nothing has happened, and the next round
    /// looks again.
    async fn take(&self, letter: &Letter, mut commit: Commit) -> Result<(), CommitError> {
        let (key, Versioned { revision, .. }) = letter;
        commit.delete::<Message>(key, Expect::Revision(*revision));
        match self.store.commit(commit).await {
            Ok(_) | Err(CommitError::Conflict(Conflict::Record | Conflict::Effects)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Decides how to go on after a round that came to nothing, and how long to wait before.
    async fn settle(&mut self, trouble: Trouble) -> Duration {
        let plugin = self.plugin.name();
        let (why, letter) = match trouble {
            Trouble::Plugin { why, letter } => (why, letter),
            Trouble::Saturated => return FIRST_PAUSE,
            Trouble::Commit(error) => {
                warn!(%plugin, %error, "what an inbox has taken is not saved");
                return FIRST_PAUSE;
            }
            Trouble::Read(error) => {
                error!(%plugin, %error, "an inbox cannot be read and waits");
                return LONGEST_PAUSE;
            }
        };
        match self.patience.failed(1) {
            Next::RetryAfter(pause) => pause,
            Next::Skip => {
                error!(%plugin, message = name(&letter.1.value), error = %why, "the plugin cannot bear a message, which is SKIPPED");
                let told = format!("a message ({}) is skipped: it {why}", name(&letter.1.value));
                self.plugin.keep(LineLevel::Error, told);
                if let Err(error) = self.skip(&letter).await {
                    warn!(%plugin, %error, "that a message was skipped is not saved");
                }
                Duration::ZERO
            }
        }
    }

    async fn skip(&self, letter: &Letter) -> Result<(), Trouble> {
        let before = self.store.read::<Unread>(self.plugin.name())?;
        let skipped = before.map_or(0, |unread| unread.value.skipped) + 1;
        let mut commit = Commit::new();
        commit.put(self.plugin.name(), &Unread { skipped }, Expect::Any);
        self.take(letter, commit).await?;
        self.told.send_modify(|place| place.skipped = skipped);
        Ok(())
    }
}

fn failed(why: Failed, letter: Letter) -> Trouble {
    Trouble::Plugin { why, letter: Box::new(letter) }
}

/// What a message is about, for the log.
fn name(message: &Message) -> String {
    match message {
        Message::CommandEnded { id, action, .. } => format!("the end of {action} {id}"),
        Message::TimerDue { name, .. } => format!("timer {name}"),
        Message::Event { sender, topic, .. } => format!("event {topic} of {sender}"),
    }
}
