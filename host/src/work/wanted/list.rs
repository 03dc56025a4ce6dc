//! What a station is told next of its local authorisation list, and how the list stands. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::value::to_raw_value;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::decide::Situation;
use super::tongue::{Say, Tongue};
use crate::domain::{
    IdToken, KeptList, ListEntry, MAX_LISTED, MAX_LISTED_TOKEN, Meaning, Millis, TokenRecord,
    WishState, hex,
};

/// The station is asked for its version again when its word is so old.
const ASK_AGAIN: Duration = Duration::from_secs(86_400);

/// Longest card, and longest group, of OCPP 1.6 (`CiString20`).
const MAX_TAG: usize = 20;

/// Changes that go without the rest of the list, however short it is.
const FEW: usize = 10;

/// Bytes of the name by which a whole list is known again.
const NAME: usize = 12;

/// One station's list, wanted and there.
pub(super) struct Picture {
    pub(super) list: KeptList,
    pub(super) entries: Vec<ListEntry>,
    /// Cards that the list has no room for.
    pub(super) left_out: usize,
    /// When the first of them is over.
    next_end: Option<Millis>,
    /// The version that the station has, as far as is known.
    pub(super) there: Option<i64>,
    /// When the station itself last said so.
    told: Option<Millis>,
    /// Entries in one message.
    at_once: usize,
}

/// How many cards fit into a list, and into a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    pub(super) list: usize,
    pub(super) message: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    AskVersion,
    Send(Update),
    Rest,
}

/// One message to the station.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Update {
    pub(super) version: u32,
    pub(super) is_full: bool,
    /// Of a list that does not fit into one message.
    pub(super) is_rest: bool,
    put: Vec<ListEntry>,
    drop: Vec<String>,
    /// What the station has when it has taken it.
    pub(super) leads_to: BTreeMap<String, String>,
}

impl Picture {
    pub(super) fn new<'t>(
        list: KeptList,
        tokens: impl Iterator<Item = (&'t IdToken, &'t TokenRecord)>,
        (there, told): (Option<i64>, Option<Millis>),
        (tongue, room): (Option<Tongue>, Room),
        now: Millis,
    ) -> Self {
        let longest = if tongue == Some(Tongue::First) { MAX_TAG } else { MAX_LISTED_TOKEN };
        let good = tokens.filter_map(|(token, record)| list.entry(token, record, now));
        let (mut entries, mut left_out) = (Vec::new(), 0);
        for entry in good {
            if entries.len() < room.list.min(MAX_LISTED) && entry.token.reveal().len() <= longest {
                entries.push(entry);
            } else {
                left_out += 1;
            }
        }
        let next_end = entries.iter().filter_map(|entry| entry.expires).min();
        Self { list, entries, left_out, next_end, there, told, at_once: room.message.max(1) }
    }

    /// By which the list is known again.
    pub(super) fn name(&self) -> String {
        let mut all = Sha256::new();
        for entry in &self.entries {
            all.update(entry.key());
            all.update(entry.digest());
        }
        hex(&all.finalize()[..NAME])
    }

    /// How the list stands, what is to be done, and from when on.
    pub(super) fn stand(&self, situation: &Situation, now: Millis) -> (WishState, Step, Millis) {
        let list = &self.list;
        let word = list.word.as_ref();
        let word = word.filter(|word| word.still_counts(situation.firmware.as_ref()));
        match word.map(|word| word.meaning) {
            Some(Meaning::Absent) => return (WishState::Absent, Step::Rest, now + ASK_AGAIN),
            Some(Meaning::Refused) if list.refused == Some(self.name()) => {
                return (WishState::Refused, Step::Rest, self.next_end(now + ASK_AGAIN));
            }
            _ => {}
        }
        let ask = match self.told.max(list.asked) {
            // A boot that is yet to come was noted before our clock was set back.
            Some(told)
                if !list.is_doubtful
                    && situation.booted.is_none_or(|it| it <= told || it > now) =>
            {
                told + ASK_AGAIN
            }
            _ => Millis(0),
        };
        let update = self.update();
        let (state, step) = match update {
            _ if ask <= now => (WishState::Unknown, Step::AskVersion),
            Some(update) => (WishState::Differs, Step::Send(update)),
            None => return (WishState::Met, Step::Rest, self.next_end(ask)),
        };
        let rested = list.tries.rests_until(situation.connected);
        if rested > now { (WishState::Unanswered, step, rested) } else { (state, step, now) }
    }

    fn next_end(&self, other: Millis) -> Millis {
        self.next_end.map_or(other, |end| end.min(other))
    }

    /// `None` when the station has what it is to have.
    fn update(&self) -> Option<Update> {
        let taken = self.list.taken.as_ref();
        let base = taken.filter(|taken| self.there == Some(i64::from(taken.version)));
        let there = self.there.and_then(|there| u32::try_from(there).ok()).unwrap_or_default();
        let version = self.list.version.max(there).saturating_add(1);
        let Some(base) = base else {
            let is_none_and_none_wanted = self.entries.is_empty() && self.there == Some(0);
            return (!is_none_and_none_wanted).then(|| self.full(version));
        };
        let changed = self
            .entries
            .iter()
            .filter(|entry| base.entries.get(&entry.key()) != Some(&entry.digest()));
        let put: Vec<_> = changed.cloned().collect();
        let wanted: BTreeMap<_, _> = self.entries.iter().map(|entry| (entry.key(), ())).collect();
        let gone = base.entries.keys().filter(|key| !wanted.contains_key(*key));
        let mut drop: Vec<_> = gone.cloned().collect();
        let changes = put.len() + drop.len();
        if changes == 0 {
            return None;
        }
        let is_small = changes <= FEW.max(self.entries.len() / 2);
        if !is_small && self.entries.len() <= self.at_once {
            return Some(self.full(version));
        }
        // Whoever may not charge any more goes first, and alone where there may be no room for more.
        let is_rest = self.entries.len() > self.at_once;
        drop.truncate(self.at_once);
        let room = if is_rest && !drop.is_empty() { 0 } else { self.at_once - drop.len() };
        let put: Vec<_> = put.into_iter().take(room).collect();
        let mut leads_to = base.entries.clone();
        leads_to.retain(|key, _| !drop.contains(key));
        leads_to.extend(put.iter().map(|entry| (entry.key(), entry.digest())));
        Some(Update { version, is_full: false, is_rest, put, drop, leads_to })
    }

    /// As many as go into one message; the others follow as changes.
    fn full(&self, version: u32) -> Update {
        let put: Vec<_> = self.entries.iter().take(self.at_once).cloned().collect();
        let leads_to = put.iter().map(|entry| (entry.key(), entry.digest())).collect();
        Update { version, is_full: true, is_rest: false, put, drop: Vec::new(), leads_to }
    }
}

impl Update {
    pub(super) fn say(&self, tongue: Tongue) -> Result<Say, serde_json::Error> {
        let put = self.put.iter().map(|entry| said(tongue, entry));
        let drop = self.drop.iter().map(|key| card(tongue, key));
        let entries: Vec<_> = drop.chain(put).collect();
        let version = match tongue {
            Tongue::First => "listVersion",
            Tongue::Second => "versionNumber",
        };
        let kind = if self.is_full { "Full" } else { "Differential" };
        let mut payload = json!({ "updateType": kind });
        payload[version] = self.version.into();
        if !entries.is_empty() {
            payload["localAuthorizationList"] = entries.into();
        }
        Ok(Say { action: "SendLocalList", payload: to_raw_value(&payload)? })
    }
}

/// A card alone takes it off the list.
fn card(tongue: Tongue, card: &str) -> Value {
    match tongue {
        Tongue::First => json!({ "idTag": card }),
        Tongue::Second => json!({ "idToken": { "idToken": card, "type": kind(card) } }),
    }
}

fn said(tongue: Tongue, entry: &ListEntry) -> Value {
    let mut said = card(tongue, entry.token.reveal());
    let (info, until) = match tongue {
        Tongue::First => ("idTagInfo", "expiryDate"),
        Tongue::Second => ("idTokenInfo", "cacheExpiryDateTime"),
    };
    said[info] = json!({ "status": "Accepted" });
    if let Some(expires) = entry.expires {
        said[info][until] = expires.rfc3339().into();
    }
    match (tongue, &entry.group) {
        (Tongue::First, Some(group)) if group.len() <= MAX_TAG => {
            said[info]["parentIdTag"] = group.as_str().into();
        }
        (Tongue::Second, Some(group)) if group.len() <= MAX_LISTED_TOKEN => {
            said[info]["groupIdToken"] = json!({ "idToken": group, "type": "Central" });
        }
        _ => {}
    }
    said
}

/// Operators do not say what kind of card theirs is. The number of a chip has 4, 7 or 10 bytes.
fn kind(card: &str) -> &'static str {
    let is_chip = matches!(card.len(), 8 | 14 | 20) && card.bytes().all(|b| b.is_ascii_hexdigit());
    if is_chip { "ISO14443" } else { "Central" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{StationWord, TakenList};

    const NOW: Millis = Millis(1_772_000_000_000);

    fn tokens(names: &[&str]) -> Vec<(IdToken, TokenRecord)> {
        names.iter().map(|it| (IdToken::new(it).unwrap(), TokenRecord::default())).collect()
    }

    fn picture(list: KeptList, names: &[&str], there: Option<i64>, message: usize) -> Picture {
        let tokens = tokens(names);
        let tokens = tokens.iter().map(|(token, record)| (token, record));
        let room = Room { list: 1000, message };
        let told = there.map(|_| Millis(NOW.0 - 1000));
        Picture::new(list, tokens, (there, told), (Some(Tongue::First), room), NOW)
    }

    fn stand(picture: &Picture) -> (WishState, Step) {
        let (state, step, _) = picture.stand(&Situation::default(), NOW);
        (state, step)
    }

    fn send(picture: &Picture) -> Update {
        match stand(picture) {
            (WishState::Differs, Step::Send(update)) => update,
            other => panic!("{other:?}"),
        }
    }

    fn taken(update: &Update, at: Millis) -> KeptList {
        let taken = TakenList { version: update.version, at, entries: update.leads_to.clone() };
        KeptList { version: update.version, taken: Some(taken), ..KeptList::default() }
    }

    #[test]
    fn an_unknown_version_is_asked_for_and_a_strange_one_gets_the_whole_list() {
        let unknown = picture(KeptList::default(), &["A", "B"], None, 10);
        assert_eq!(stand(&unknown), (WishState::Unknown, Step::AskVersion));
        let full = send(&picture(KeptList::default(), &["A", "B"], Some(7), 10));
        assert_eq!((full.is_full, full.version, full.put.len()), (true, 8, 2));
        let met = picture(taken(&full, NOW), &["A", "B"], Some(8), 10);
        assert_eq!(stand(&met).0, WishState::Met);
        let lost = send(&picture(taken(&full, NOW), &["A", "B"], Some(3), 10));
        assert_eq!((lost.is_full, lost.version), (true, 9));
        assert_eq!(stand(&picture(KeptList::default(), &[], Some(0), 10)).0, WishState::Met);
    }

    #[test]
    fn a_change_goes_alone() {
        let full = send(&picture(KeptList::default(), &["A", "B"], Some(0), 10));
        let change = send(&picture(taken(&full, NOW), &["B", "C"], Some(1), 10));
        assert!(!change.is_full);
        let said: Value =
            serde_json::from_str(change.say(Tongue::First).unwrap().payload.get()).unwrap();
        let list =
            json!([{ "idTag": "A" }, { "idTag": "C", "idTagInfo": { "status": "Accepted" } }]);
        assert_eq!(said["localAuthorizationList"], list);
        assert_eq!(
            (&said["listVersion"], &said["updateType"]),
            (&json!(2), &json!("Differential"))
        );
    }

    #[test]
    fn a_list_that_does_not_fit_into_one_message_comes_in_several() {
        let names = ["A", "B", "C", "D", "E"];
        let (mut list, mut there, mut sent) = (KeptList::default(), 0, Vec::new());
        while let (WishState::Differs, Step::Send(update)) =
            stand(&picture(list.clone(), &names, Some(there), 2))
        {
            sent.push((update.is_full, update.put.len()));
            (list, there) = (taken(&update, NOW), i64::from(update.version));
        }
        assert_eq!(sent, [(true, 2), (false, 2), (false, 1)]);
    }

    #[test]
    fn a_refusal_counts_until_the_list_changes() {
        let mut list = KeptList::default();
        list.word = Some(StationWord::new(NOW, Meaning::Refused, "Failed", None, None));
        list.refused = Some(picture(list.clone(), &["A"], Some(0), 10).name());
        assert_eq!(stand(&picture(list.clone(), &["A"], Some(0), 10)).0, WishState::Refused);
        assert!(send(&picture(list, &["A", "B"], Some(0), 10)).is_full);
    }

    #[test]
    fn cards_that_are_too_long_or_too_many_are_left_out() {
        let names = ["A", "B", "X2345678901234567890X"];
        assert_eq!(picture(KeptList::default(), &names, Some(0), 10).left_out, 1);
        let tokens = tokens(&names);
        let tokens = tokens.iter().map(|(token, record)| (token, record));
        let room = Room { list: 1, message: 10 };
        let second = (Some(Tongue::Second), room);
        let picture = Picture::new(KeptList::default(), tokens, (None, None), second, NOW);
        assert_eq!((picture.entries.len(), picture.left_out), (1, 2));
    }
}
