//! One look at one station: what is wanted and what is there, at most one call, and what the station made of it. Knows no
//! other station.
//!
//! A call is noted with its wishes before it is made. What cannot be noted is not done, so that a full disk or a crash does
//! not make a station hear the same thing over and over.

use std::time::Duration;

use serde_json::Value;
use tracing::{error, info, warn};

use super::decide::{Fits, Next, Setting, Situation, next};
use super::tongue::{Heard, Say, Tongue};
use super::{AGAIN, Wishes, aside};
use crate::domain::{
    Acceptance, Holding, HoldingKind, MAX_WISHES, Meaning, Millis, StationId, StationRecord,
    StationWord, Wish, WishName,
};
use crate::station::registry::{Command, CommandFailure, Live};
use crate::store::{Commit, CommitError, Expect, Order, Store, StoreError, Unwritten};

/// How long a station may take to answer.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Settings in one message to a station that does not say how many it takes.
const AT_ONCE: usize = 10;

/// The most settings in one message, whatever a station says of itself.
const MOST_AT_ONCE: usize = 100;

/// For a station that is not let in. Once it is, it has to connect again.
pub(super) const UNTIL_IT_COMES_AGAIN: Duration = Duration::from_secs(86_400);

/// When a station is to be looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    At(Millis),
    /// It has no wishes any more.
    Never,
}

impl Again {
    fn sooner(self, other: Self) -> Self {
        match (self, other) {
            (Self::At(one), Self::At(other)) => Self::At(one.min(other)),
            (Self::Never, again) | (again, Self::Never) => again,
        }
    }
}

/// Why a look leads to nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum Stuck {
    #[error(transparent)]
    Store(#[from] Unwritten),
    #[error("the call cannot be written: {0}")]
    Call(#[from] serde_json::Error),
}

impl From<StoreError> for Stuck {
    fn from(error: StoreError) -> Self {
        Self::Store(error.into())
    }
}

impl From<CommitError> for Stuck {
    fn from(error: CommitError) -> Self {
        Self::Store(error.into())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    Reading,
    Setting,
}

/// A station with all that is wanted of it.
pub(super) struct Picture {
    pub(super) situation: Situation,
    pub(super) settings: Vec<Setting>,
    fits: Fits,
}

impl Picture {
    /// As of now: what is live of it, and its records.
    pub(super) fn read(
        store: &Store,
        station: &StationId,
        live: Option<&Live>,
    ) -> Result<Self, StoreError> {
        let wishes = store.page::<Wish>(station, None, Order::Ascending, MAX_WISHES)?;
        let situation = situation(store, station, live)?;
        let mut settings = Vec::with_capacity(wishes.len());
        for ((_, name), found) in wishes {
            let holding = store.holding(station, HoldingKind::Variable, name.as_str())?;
            settings.push(Setting::new(name, found.value, found.revision, holding.as_ref()));
        }
        let fits = fits(store, station, situation.tongue)?;
        Ok(Self { situation, settings, fits })
    }
}

/// What is live of a station, and what it said when it booted.
pub(super) fn situation(
    store: &Store,
    station: &StationId,
    live: Option<&Live>,
) -> Result<Situation, StoreError> {
    let record = store.read::<StationRecord>(station)?.map(|record| record.value);
    let spoken = live.and_then(|live| live.protocol).map(Tongue::of);
    let wanted = record.as_ref().and_then(|record| record.wanted_protocol.as_deref());
    let tongue = spoken.or(wanted.map(Tongue::of));
    let is_rejected = record.as_ref().is_some_and(|it| it.acceptance == Acceptance::Rejected);
    let boot = record.and_then(|record| record.boot);
    Ok(Situation {
        is_rejected,
        tongue,
        booted: boot.as_ref().map(|boot| boot.at),
        firmware: boot.and_then(|boot| boot.firmware),
        connected: live.filter(|live| live.online).map(|live| live.since),
    })
}

fn fits(store: &Store, station: &StationId, tongue: Option<Tongue>) -> Result<Fits, StoreError> {
    let at_once = |key: &str| -> Result<usize, StoreError> {
        let told = number(store, station, key)?.unwrap_or(AT_ONCE);
        Ok(told.clamp(1, MOST_AT_ONCE))
    };
    match tongue {
        Some(Tongue::First) => Ok(Fits { read: at_once("GetConfigurationMaxKeys")?, set: 1 }),
        _ => Ok(Fits {
            read: at_once("DeviceDataCtrlr.ItemsPerMessage/GetVariables")?,
            set: at_once("DeviceDataCtrlr.ItemsPerMessage/SetVariables")?,
        }),
    }
}

/// A bound that a station tells of itself, if it did.
pub(super) fn number(
    store: &Store,
    station: &StationId,
    key: &str,
) -> Result<Option<usize>, StoreError> {
    let holding = store.holding(station, HoldingKind::Variable, key)?;
    let text = holding.as_ref().and_then(Holding::seen).map(|seen| seen.text.trim_matches('"'));
    Ok(text.and_then(|text| text.parse().ok()))
}

impl Wishes {
    /// Settings first: they may say how long a list may be.
    pub(super) async fn round(&self, station: &StationId, live: &Live) -> Again {
        let looked = async {
            let settings = self.look(station, live).await?;
            match settings {
                Again::At(due) if due <= (self.now)() => Ok(settings),
                Again::At(_) | Again::Never => {
                    let list = self.look_at_list(station, live).await?;
                    Ok(list.map_or(settings, |list| settings.sooner(list)))
                }
            }
        };
        match looked.await {
            Ok(again) => again,
            Err(Stuck::Store(Unwritten::Commit(CommitError::Conflict(_)))) => {
                Again::At((self.now)())
            }
            Err(why) => {
                error!(%station, %why, "its settings wait");
                Again::At((self.now)() + AGAIN)
            }
        }
    }

    async fn look(&self, station: &StationId, live: &Live) -> Result<Again, Stuck> {
        let (store, id, of) = (self.store.clone(), station.clone(), live.clone());
        let picture = aside(move || Picture::read(&store, &id, Some(&of))).await?;
        let Picture { situation, settings, fits } = picture;
        let (Some(tongue), false) = (situation.tongue, settings.is_empty()) else {
            return Ok(Again::Never);
        };
        let now = (self.now)();
        if situation.is_rejected {
            return Ok(Again::At(now + UNTIL_IT_COMES_AGAIN));
        }
        let (doing, names) = match next(&settings, &situation, fits, now) {
            Next::Rest(until) => return Ok(Again::At(until)),
            Next::Read(names) => (Doing::Reading, names),
            Next::Set(names) => (Doing::Setting, names),
        };
        let chosen: Vec<_> = settings.into_iter().filter(|it| names.contains(&it.name)).collect();
        let say = match doing {
            Doing::Reading => tongue.read(&names)?,
            Doing::Setting => {
                let wanted = chosen.iter().map(|it| (&it.name, it.wish.value.as_str()));
                tongue.set(&wanted.collect::<Vec<_>>())?
            }
        };
        let talk = Talk { wishes: self, station, situation: &situation, tongue, doing };
        talk.carry_out(chosen, say).await
    }
}

/// One call and its wishes.
struct Talk<'a> {
    wishes: &'a Wishes,
    station: &'a StationId,
    situation: &'a Situation,
    tongue: Tongue,
    doing: Doing,
}

impl Talk<'_> {
    async fn carry_out(&self, chosen: Vec<Setting>, say: Say) -> Result<Again, Stuck> {
        let now = (self.wishes.now)();
        let mut noted = chosen.clone();
        for setting in &mut noted {
            setting.wish.tries = setting.wish.tries.begun(now);
            if self.doing == Doing::Setting {
                setting.wish.note_set(now);
            }
        }
        self.save(&mut noted).await?;
        let Say { action, payload } = say;
        let command = Command { action: action.to_owned(), payload, timeout: ANSWER_WITHIN };
        let called = self.wishes.calls.call(self.station.clone(), command).await;
        let now = (self.wishes.now)();
        match called.result {
            Ok(answer) => {
                let answer: Value = serde_json::from_str(answer.get()).unwrap_or_default();
                for setting in &mut noted {
                    setting.wish.tries = setting.wish.tries.answered();
                    self.heard(setting, &answer, now);
                }
            }
            Err(CommandFailure::Refused { code, description, .. }) => {
                self.refused(&mut noted, &code, Some(&description), now);
            }
            Err(CommandFailure::Invalid(fault)) => {
                self.refused(&mut noted, "not sent", Some(&fault.description), now);
            }
            Err(failure @ (CommandFailure::Offline | CommandFailure::Busy)) => {
                // It never left: nothing was tried.
                for (setting, before) in noted.iter_mut().zip(chosen) {
                    setting.wish = before.wish;
                }
                self.save(&mut noted).await?;
                info!(station = %self.station, action, %failure, "its settings wait");
                return Ok(Again::At(now + AGAIN));
            }
            Err(
                failure @ (CommandFailure::TimedOut
                | CommandFailure::Disconnected
                | CommandFailure::Unfit { .. }
                | CommandFailure::ShuttingDown),
            ) => {
                warn!(station = %self.station, action, %failure, "its settings wait");
                return Ok(Again::At(now));
            }
        }
        self.save(&mut noted).await?;
        Ok(Again::At(now))
    }

    fn heard(&self, setting: &mut Setting, answer: &Value, now: Millis) {
        let Setting { name, wish, .. } = setting;
        let heard = match self.doing {
            Doing::Reading => {
                wish.read = Some(now);
                Some(self.tongue.heard_of(name, answer))
            }
            Doing::Setting => self.tongue.verdict_on(name, answer),
        };
        match heard {
            Some(Heard::Value) => wish.is_unreadable = false,
            Some(Heard::Withheld) => wish.is_unreadable = true,
            Some(Heard::Word { meaning, status, reason }) => {
                let firmware = self.situation.firmware.as_ref();
                self.tell(name, meaning, &status);
                let reason = reason.as_deref();
                wish.word = Some(StationWord::new(now, meaning, &status, reason, firmware));
            }
            None => {}
        }
    }

    /// The station refused the message as a whole. Of several, one may be to blame.
    fn refused(&self, noted: &mut [Setting], code: &str, why: Option<&str>, now: Millis) {
        let are_several = noted.len() > 1;
        for Setting { name, wish, .. } in noted {
            wish.tries = wish.tries.answered();
            match self.doing {
                _ if are_several => wish.goes_alone = true,
                Doing::Reading => (wish.read, wish.is_unreadable) = (Some(now), true),
                Doing::Setting => {
                    let firmware = self.situation.firmware.as_ref();
                    self.tell(name, Meaning::Refused, code);
                    wish.word = Some(StationWord::new(now, Meaning::Refused, code, why, firmware));
                }
            }
        }
    }

    fn tell(&self, name: &WishName, meaning: Meaning, status: &str) {
        let station = self.station;
        match meaning {
            Meaning::Taken | Meaning::AfterReboot => {
                info!(%station, setting = %name, status, "took what is wanted of it");
            }
            Meaning::Refused | Meaning::Absent => {
                warn!(%station, setting = %name, status, "does not take what is wanted of it");
            }
        }
    }

    /// Holds only while nobody wants something else.
    async fn save(&self, settings: &mut [Setting]) -> Result<(), Stuck> {
        let mut commit = Commit::new();
        for Setting { name, wish, revision, .. } in &*settings {
            let key = (self.station.clone(), name.clone());
            commit.put(&key, wish, Expect::Revision(*revision));
        }
        let receipt = self.wishes.store.commit(commit).await?;
        for (setting, revision) in settings.iter_mut().zip(receipt.revisions) {
            setting.revision = revision;
        }
        Ok(())
    }
}
