//! Keeps one station's local list in step with the operator's tokens: one look, at most one call. Knows no other station.
//! What is sent is `list`'s to say.

use std::sync::{Arc, PoisonError};

use serde_json::Value;
use serde_json::value::RawValue;
use tracing::{info, warn};

use super::list::{Picture, Room, Step, Update};
use super::round::{ANSWER_WITHIN, Again, Stuck, UNTIL_IT_COMES_AGAIN, number, situation};
use super::tongue::{Say, Tongue};
use super::{AGAIN, Bell, NotWanted, PAGE, Wishes, aside};
use crate::domain::{
    Holding, HoldingKind, IdToken, KeptList, MAX_LISTED, Meaning, Millis, StationId, StationRecord,
    StationWord, TakenList, TokenRecord, Versioned, WishState,
};
use crate::station::registry::{Command, CommandFailure, Live};
use crate::store::{All, Commit, Expect, Order, Store, StoreError, Unwritten};

/// Entries in one message to a station of which nobody knows how many it takes.
const AT_ONCE: usize = 100;

/// Tokens of an operator that are looked at for lists. More are far beyond what any station keeps.
const MAX_TOKENS: usize = 50_000;

/// All tokens of the operator, as of one change of them.
#[derive(Default)]
pub(super) struct Roll {
    generation: u64,
    tokens: Arc<Vec<(IdToken, TokenRecord)>>,
    is_read: bool,
}

/// A station's list as operators see it.
#[derive(Debug, Clone)]
pub struct SeenList {
    pub list: KeptList,
    pub state: WishState,
    /// The version that the station has, as far as is known.
    pub there: Option<i64>,
    /// Cards that are to be on it.
    pub entries: usize,
    /// Cards for which there is no room, or whose number is too long.
    pub left_out: usize,
}

impl Wishes {
    /// From now on the station's list is to be that of the tokens, or of those of some groups.
    pub async fn keep_list(
        &self,
        station: &StationId,
        groups: Vec<String>,
    ) -> Result<(), NotWanted> {
        let is_known = self.store.read::<StationRecord>(station)?.is_some();
        if !is_known && self.registry.live(station).is_none() {
            return Err(NotWanted::UnknownStation(station.clone()));
        }
        let before = self.store.read::<KeptList>(station)?;
        let (kept, revision) =
            before.map_or_else(Default::default, |found| (found.value, found.revision));
        let KeptList { version, taken, is_doubtful, .. } = kept;
        let since = (self.now)();
        let list = KeptList { groups, since, version, taken, is_doubtful, ..KeptList::default() };
        let mut commit = Commit::new();
        commit.put(station, &list, Expect::Revision(revision)).synced();
        self.store.commit(commit).await?;
        self.bell.ring(station);
        Ok(())
    }

    /// The station keeps the list that it has. `false` when nobody kept it in step.
    pub async fn leave_list(&self, station: &StationId) -> Result<bool, Unwritten> {
        let Some(Versioned { revision, .. }) = self.store.read::<KeptList>(station)? else {
            return Ok(false);
        };
        let mut commit = Commit::new();
        commit.delete::<KeptList>(station, Expect::Revision(revision)).synced();
        self.store.commit(commit).await?;
        Ok(true)
    }

    /// `None` when nobody keeps it in step.
    pub fn list_of(&self, station: &StationId) -> Result<Option<SeenList>, StoreError> {
        let live = self.registry.live(station);
        let now = (self.now)();
        let found = read(&self.store, &self.bell, station, live.as_ref(), now)?;
        Ok(found.map(|Found { picture, situation, .. }| {
            let (state, ..) = picture.stand(&situation, now);
            let Picture { list, entries, left_out, there, .. } = picture;
            SeenList { list, state, there, entries: entries.len(), left_out }
        }))
    }

    /// The operator said something else of a card.
    pub fn tokens_changed(&self) {
        self.bell.tokens_changed();
    }

    /// `None` when nobody keeps the station's list in step.
    pub(super) async fn look_at_list(
        &self,
        station: &StationId,
        live: &Live,
    ) -> Result<Option<Again>, Stuck> {
        let (store, bell, now) = (self.store.clone(), Arc::clone(&self.bell), (self.now)());
        let (id, of) = (station.clone(), live.clone());
        let found = aside(move || read(&store, &bell, &id, Some(&of), now)).await?;
        let Some(Found { picture, revision, situation }) = found else { return Ok(None) };
        let Some(tongue) = situation.tongue else { return Ok(None) };
        if situation.is_rejected {
            return Ok(Some(Again::At(now + UNTIL_IT_COMES_AGAIN)));
        }
        let (state, step, due) = picture.stand(&situation, now);
        if due > now || step == Step::Rest {
            return Ok(Some(Again::At(due)));
        }
        let (name, firmware) = (picture.name(), situation.firmware.clone());
        let talk = Talk { wishes: self, station, tongue, name, firmware };
        info!(%station, state = state.as_str(), cards = picture.entries.len(), "its local list");
        talk.carry_out(Versioned { value: picture.list, revision }, step).await.map(Some)
    }
}

struct Found {
    picture: Picture,
    revision: u64,
    situation: super::decide::Situation,
}

fn read(
    store: &Store,
    bell: &Bell,
    station: &StationId,
    live: Option<&Live>,
    now: Millis,
) -> Result<Option<Found>, StoreError> {
    let Some(Versioned { value: list, revision }) = store.read::<KeptList>(station)? else {
        return Ok(None);
    };
    let situation = situation(store, station, live)?;
    let bound = |key: &str| number(store, station, key);
    let room = match situation.tongue {
        Some(Tongue::First) => Room {
            list: bound("LocalAuthListMaxLength")?.unwrap_or(MAX_LISTED),
            message: bound("SendLocalListMaxLength")?.unwrap_or(AT_ONCE),
        },
        _ => Room {
            list: MAX_LISTED,
            message: bound("LocalAuthListCtrlr.ItemsPerMessage")?.unwrap_or(AT_ONCE),
        },
    };
    let holding = store.holding(station, HoldingKind::LocalList, "list")?;
    let seen = holding.as_ref().and_then(Holding::seen);
    let there = seen.and_then(|seen| seen.text.parse().ok());
    let told = holding.as_ref().and_then(|it| it.reported.as_ref()).map(|it| it.at);
    let tokens = bell.roll(store)?;
    let each = tokens.iter().map(|(token, record)| (token, record));
    let picture = Picture::new(list, each, (there, told), (situation.tongue, room), now);
    Ok(Some(Found { picture, revision, situation }))
}

impl Bell {
    /// All tokens, read anew when one has changed.
    fn roll(&self, store: &Store) -> Result<Arc<Vec<(IdToken, TokenRecord)>>, StoreError> {
        let mut roll = self.roll.lock().unwrap_or_else(PoisonError::into_inner);
        let generation = self.tokens();
        if !roll.is_read || roll.generation != generation {
            let mut tokens: Vec<(IdToken, TokenRecord)> = Vec::new();
            while tokens.len() < MAX_TOKENS {
                let after = tokens.last().map(|(token, _)| token);
                let page = store.page::<TokenRecord>(All, after, Order::Ascending, PAGE)?;
                let is_last = page.len() < PAGE;
                tokens.extend(page.into_iter().map(|(token, found)| (token, found.value)));
                if is_last {
                    break;
                }
            }
            *roll = Roll { generation, tokens: Arc::new(tokens), is_read: true };
        }
        Ok(Arc::clone(&roll.tokens))
    }
}

/// One call and the list that it is about.
struct Talk<'a> {
    wishes: &'a Wishes,
    station: &'a StationId,
    tongue: Tongue,
    /// By which the wanted list is known again.
    name: String,
    firmware: Option<String>,
}

impl Talk<'_> {
    async fn carry_out(&self, before: Versioned<KeptList>, step: Step) -> Result<Again, Stuck> {
        let (say, update) = match step {
            Step::Rest => return Ok(Again::At((self.wishes.now)())),
            Step::AskVersion => {
                let payload = serde_json::value::to_raw_value(&serde_json::Map::new())?;
                (Say { action: "GetLocalListVersion", payload }, None)
            }
            Step::Send(update) => (update.say(self.tongue)?, Some(update)),
        };
        let mut noted = before.clone();
        noted.value.tries = noted.value.tries.begun((self.wishes.now)());
        if let Some(update) = &update {
            noted.value.version = update.version;
            // Until its answer is on record, nobody knows which list it has.
            noted.value.is_doubtful = true;
        }
        self.save(&mut noted).await?;
        let Say { action, payload } = say;
        let command = Command { action: action.to_owned(), payload, timeout: ANSWER_WITHIN };
        let called = self.wishes.calls.call(self.station.clone(), command).await;
        let now = (self.wishes.now)();
        let list = &mut noted.value;
        match called.result {
            Ok(answer) => self.answered(list, update, &answer, now),
            Err(CommandFailure::Refused { code, description, .. }) => {
                let meaning = match code.as_str() {
                    "NotImplemented" | "NotSupported" => Meaning::Absent,
                    _ => Meaning::Refused,
                };
                list.is_doubtful = before.value.is_doubtful;
                self.note(list, meaning, &code, Some(&description), now);
            }
            Err(CommandFailure::Invalid(fault)) => {
                list.is_doubtful = before.value.is_doubtful;
                self.note(list, Meaning::Refused, "not sent", Some(&fault.description), now);
            }
            Err(failure @ (CommandFailure::Offline | CommandFailure::Busy)) => {
                // It never left.
                noted.value = before.value;
                info!(station = %self.station, action, %failure, "its local list waits");
                self.save(&mut noted).await?;
                return Ok(Again::At(now + AGAIN));
            }
            Err(
                failure @ (CommandFailure::TimedOut
                | CommandFailure::Disconnected
                | CommandFailure::Unfit { .. }
                | CommandFailure::ShuttingDown),
            ) => {
                // The station may have taken it: its version will tell.
                list.is_doubtful = true;
                warn!(station = %self.station, action, %failure, "its local list waits");
            }
        }
        self.save(&mut noted).await?;
        Ok(Again::At(now))
    }

    fn answered(
        &self,
        list: &mut KeptList,
        update: Option<Update>,
        answer: &RawValue,
        now: Millis,
    ) {
        let answer: Value = serde_json::from_str(answer.get()).unwrap_or_default();
        let Some(update) = update else {
            (list.is_doubtful, list.asked) = (false, Some(now));
            // A version that was asked for in doubt says nothing of whether the next update will do.
            list.tries.unanswered = list.tries.unanswered.saturating_sub(1);
            if answer["listVersion"].as_i64().is_some_and(|version| version < 0) {
                self.note(list, Meaning::Absent, "version -1", None, now);
            }
            return;
        };
        list.is_doubtful = false;
        let status = answer["status"].as_str().unwrap_or_default();
        let info = &answer["statusInfo"];
        let reason = info["additionalInfo"].as_str().or(info["reasonCode"].as_str());
        match status {
            "Accepted" => {
                list.tries = list.tries.answered();
                let Update { version, leads_to: entries, .. } = update;
                list.taken = Some(TakenList { version, at: now, entries });
                (list.word, list.refused) = (None, None);
            }
            // It has another list than it said: asked again, and told the whole. When it does not take that either, the
            // waits grow.
            "VersionMismatch" => {
                if !update.is_full && !update.is_rest {
                    list.tries = list.tries.answered();
                }
                (list.is_doubtful, list.taken) = (true, None);
            }
            // Perhaps it only cannot do this change. What does not fit into one message comes as changes, too: whoever fails
            // at those has no room for it all.
            "Failed" if !update.is_full && !update.is_rest => {
                list.tries = list.tries.answered();
                list.taken = None;
            }
            "NotSupported" => self.note(list, Meaning::Absent, status, reason, now),
            _ => self.note(list, Meaning::Refused, status, reason, now),
        }
    }

    fn note(
        &self,
        list: &mut KeptList,
        meaning: Meaning,
        status: &str,
        reason: Option<&str>,
        now: Millis,
    ) {
        warn!(station = %self.station, status, "does not take its local list");
        list.tries = list.tries.answered();
        list.word = Some(StationWord::new(now, meaning, status, reason, self.firmware.as_ref()));
        list.refused = Some(self.name.clone());
    }

    /// Holds only while nobody wants something else.
    async fn save(&self, list: &mut Versioned<KeptList>) -> Result<(), Stuck> {
        let mut commit = Commit::new();
        commit.put(self.station, &list.value, Expect::Revision(list.revision));
        let receipt = self.wishes.store.commit(commit).await?;
        list.revision = receipt.revisions.first().copied().unwrap_or_default();
        Ok(())
    }
}
