//! Which cards a station is to let charge by itself, and what it has of them. Knows no protocol and no message.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{IdToken, Millis, StationWord, TokenRecord, Tries, hex};

/// Cards on one station's list. What the station took is one record, and has to fit into one value.
pub const MAX_LISTED: usize = 1000;

/// Longest card on a list, in bytes (OCPP 2.0.1; 1.6 allows 20).
pub const MAX_LISTED_TOKEN: usize = 36;

/// Bytes of a digest that tell what is said of a card.
const SAID: usize = 6;

/// A station's list that is kept in step with the operator's tokens.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptList {
    /// Only cards of these groups; empty for all.
    #[serde(default)]
    pub groups: Vec<String>,
    /// When the operator said so.
    pub since: Millis,
    /// The newest version that was given out.
    #[serde(default)]
    pub version: u32,
    /// What the station took last.
    #[serde(default)]
    pub taken: Option<TakenList>,
    /// The station told that it has another version than it should: it is asked before the next update.
    #[serde(default)]
    pub is_doubtful: bool,
    /// When it last answered which version it has.
    #[serde(default)]
    pub asked: Option<Millis>,
    #[serde(default)]
    pub tries: Tries,
    /// Why the station does not take it.
    #[serde(default)]
    pub word: Option<StationWord>,
    /// Of the list that `word` is about.
    #[serde(default)]
    pub refused: Option<String>,
}

/// What a station took, and under which version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenList {
    pub version: u32,
    pub at: Millis,
    /// By card: a digest of what was said of it.
    pub entries: BTreeMap<String, String>,
}

/// One card that may charge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListEntry {
    pub token: IdToken,
    pub expires: Option<Millis>,
    pub group: Option<String>,
}

impl KeptList {
    /// What a list says of this card at `now`; `None` for cards that may not charge, or are of other groups.
    pub fn entry(&self, token: &IdToken, record: &TokenRecord, now: Millis) -> Option<ListEntry> {
        let is_of = |group: &String| record.group.as_ref() == Some(group);
        let is_wanted = self.groups.is_empty() || self.groups.iter().any(is_of);
        let is_good = !record.blocked && record.expires.is_none_or(|end| end > now);
        (is_wanted && is_good).then(|| ListEntry {
            token: token.clone(),
            expires: record.expires,
            group: record.group.clone(),
        })
    }
}

impl ListEntry {
    /// The same for cards that differ in case alone.
    pub fn key(&self) -> String {
        self.token.canonical()
    }

    /// Of what is said of the card.
    pub fn digest(&self) -> String {
        let said = format!("{:?} {:?}", self.expires, self.group);
        hex(&Sha256::digest(said)[..SAID])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_blocked_or_over_or_of_another_group_is_not_listed() {
        let token = IdToken::new("04A2B3C4").unwrap();
        let list = KeptList { groups: vec!["fleet".into()], ..KeptList::default() };
        let good = TokenRecord { group: Some("fleet".into()), ..TokenRecord::default() };
        let entry = |record: &TokenRecord| list.entry(&token, record, Millis(10)).is_some();
        assert!(entry(&good));
        assert!(entry(&TokenRecord { expires: Some(Millis(11)), ..good.clone() }));
        assert!(!entry(&TokenRecord { expires: Some(Millis(10)), ..good.clone() }));
        assert!(!entry(&TokenRecord { blocked: true, ..good }));
        assert!(!entry(&TokenRecord::default()));
        assert!(KeptList::default().entry(&token, &TokenRecord::default(), Millis(10)).is_some());
    }
}
