//! What an operator wants a station to be configured with, and what the station made of it so far. Knows no protocol and
//! no message.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::command::names_a_secret;
use super::{Content, InvalidName, Millis};

/// Settings that may be wanted of one station.
pub const MAX_WISHES: usize = 256;

/// Longest name of a setting, in bytes.
pub const MAX_WISH_NAME: usize = 256;

/// Longest value, in bytes: OCPP 2.1 allows 2,500 characters, the versions before it less.
pub const MAX_WISH_VALUE: usize = 2500;

/// Longest word of a station that is kept, in characters. What is longer is cut.
const MAX_WORD: usize = 120;

/// From a call that was not answered to the next one. Doubles with each, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_secs(6 * 3600);

/// How often one setting is set within [`A_DAY`]. A station that has something else all the same has its reasons, and
/// from then on it is only shown.
pub const MAX_SETS_A_DAY: usize = 3;
pub const A_DAY: Duration = Duration::from_secs(86_400);

/// The name of a setting, as it is typed and as it is a holding's key: a configuration key of OCPP 1.6, or
/// `[EVSE.CONNECTOR] Component/instance.Variable/instance Attribute` of 2.x, mostly short as in
/// `OCPPCommCtrlr.HeartbeatInterval`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WishName(Arc<str>);

impl WishName {
    pub fn new(name: &str) -> Result<Self, InvalidName> {
        let is_bounded = !name.is_empty() && name.len() <= MAX_WISH_NAME;
        if is_bounded && !name.chars().any(|c| c.is_control() || c == '=') {
            Ok(Self(name.into()))
        } else {
            let rule = "1 to 256 bytes without control characters and '='";
            Err(InvalidName { kind: "the name of a setting", rule })
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its value is a password, or something like it.
    pub fn is_secret(&self) -> bool {
        names_a_secret(&self.0)
    }
}

impl fmt::Display for WishName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for WishName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        Self::new(text)
    }
}

impl TryFrom<String> for WishName {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        Self::new(&text)
    }
}

impl From<WishName> for String {
    fn from(name: WishName) -> Self {
        name.0.as_ref().to_owned()
    }
}

/// What one setting is to be. What became of it stands here too, so that a restart repeats nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    pub value: String,
    /// When the operator said so.
    pub since: Millis,
    #[serde(default)]
    pub tries: Tries,
    /// When the station was last asked for it and answered.
    #[serde(default)]
    pub read: Option<Millis>,
    /// When it was set, within the last day.
    #[serde(default)]
    pub sets: Vec<Millis>,
    /// What the station said last of the setting or of the value, as opposed to what it has.
    #[serde(default)]
    pub word: Option<StationWord>,
    /// The station has it and does not tell it.
    #[serde(default)]
    pub is_unreadable: bool,
    /// The station took offence at a message with several.
    #[serde(default)]
    pub goes_alone: bool,
}

/// Calls that led to nothing. On record before they are made: what cannot be noted is not tried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tries {
    #[serde(default)]
    pub last: Option<Millis>,
    /// In a row; the one under way counts until it is answered.
    #[serde(default)]
    pub unanswered: u32,
}

/// What a station said, in its own words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StationWord {
    pub at: Millis,
    pub meaning: Meaning,
    pub status: String,
    #[serde(default)]
    pub reason: Option<String>,
    /// With which it said so: another one may say something else.
    #[serde(default)]
    pub firmware: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Meaning {
    Taken,
    /// Taken, and in force from the next start on.
    AfterReboot,
    Refused,
    /// It has no such thing.
    Absent,
}

/// How far a wish is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WishState {
    /// The station has what is wanted.
    Met,
    /// Nobody knows what the station has; it will be asked.
    Unknown,
    /// The station has something else; it will be set.
    Differs,
    /// The station took it, and has to start again.
    RebootRequired,
    Refused,
    /// The station has no such setting.
    Absent,
    /// The station changes it back: it is left alone for a day.
    Drifts,
    /// The station did not answer; it is tried again later.
    Unanswered,
    /// The version that the station speaks has no setting of such a name.
    OtherVersion,
}

impl WishState {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Unknown => "unknown",
            Self::Differs => "differs",
            Self::RebootRequired => "reboot-required",
            Self::Refused => "refused",
            Self::Absent => "absent",
            Self::Drifts => "drifts",
            Self::Unanswered => "unanswered",
            Self::OtherVersion => "other-version",
        }
    }
}

/// Why something cannot be wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unwantable {
    #[error("a password would stand in the records for everybody to read")]
    Secret,
    #[error("the value has {0} bytes; at most {MAX_WISH_VALUE} fit")]
    TooLong(usize),
}

impl Wish {
    pub fn new(name: &WishName, value: String, since: Millis) -> Result<Self, Unwantable> {
        if name.is_secret() || names_a_secret(&value) {
            return Err(Unwantable::Secret);
        }
        if value.len() > MAX_WISH_VALUE {
            return Err(Unwantable::TooLong(value.len()));
        }
        Ok(Self {
            value,
            since,
            tries: Tries::default(),
            read: None,
            sets: Vec::new(),
            word: None,
            is_unreadable: false,
            goes_alone: false,
        })
    }

    /// Stations write `True` for `true`, `300.0` for `300`, and blanks behind commas.
    pub fn is_met_by(&self, seen: &Content) -> bool {
        let seen = match serde_json::from_str(&seen.text) {
            Ok(Value::String(text)) => text,
            Ok(Value::Null) | Err(_) => return false,
            Ok(other) => other.to_string(),
        };
        let items = |text: &str| text.split(',').map(|item| item.trim().to_owned()).collect();
        let (wanted, seen): (Vec<String>, Vec<String>) = (items(&self.value), items(&seen));
        wanted.len() == seen.len()
            && wanted.iter().zip(&seen).all(|(one, other)| is_same(one, other))
    }

    /// How often it was set in the day before `now`, and when the first of those is a day ago.
    pub fn sets_of_a_day(&self, now: Millis) -> (usize, Option<Millis>) {
        let mut recent = self.sets.iter().filter(|at| **at + A_DAY > now);
        let first = recent.next();
        (first.map_or(0, |_| recent.count() + 1), first.map(|at| *at + A_DAY))
    }

    pub fn note_set(&mut self, now: Millis) {
        self.sets.retain(|at| *at + A_DAY > now);
        self.sets.push(now);
    }
}

fn is_same(one: &str, other: &str) -> bool {
    let truth = |text: &str| text.to_ascii_lowercase().parse::<bool>().ok();
    let number = |text: &str| text.parse::<Decimal>().ok();
    one == other
        || truth(one).is_some_and(|one| truth(other) == Some(one))
        || number(one).is_some_and(|one| number(other) == Some(one))
}

impl Tries {
    /// Before this nothing is tried again. A station that has come back since the first failure need not wait.
    pub fn rests_until(&self, connected: Option<Millis>) -> Millis {
        let (Some(last), Some(doublings)) = (self.last, self.unanswered.checked_sub(1)) else {
            return Millis(0);
        };
        if doublings == 0 && connected.is_some_and(|connected| connected > last) {
            return Millis(0);
        }
        let pause = FIRST_PAUSE.saturating_mul(1 << doublings.min(16));
        last + pause.min(LONGEST_PAUSE)
    }

    #[must_use]
    pub fn begun(self, now: Millis) -> Self {
        Self { last: Some(now), unanswered: self.unanswered.saturating_add(1) }
    }

    #[must_use]
    pub fn answered(self) -> Self {
        Self { unanswered: 0, ..self }
    }
}

impl StationWord {
    pub fn new(
        at: Millis,
        meaning: Meaning,
        status: &str,
        reason: Option<&str>,
        firmware: Option<&String>,
    ) -> Self {
        let cut = |text: &str| text.chars().take(MAX_WORD).collect::<String>();
        let (status, reason) = (cut(status), reason.map(cut));
        Self { at, meaning, status, reason, firmware: firmware.cloned() }
    }

    /// A station with other firmware may think otherwise.
    pub fn still_counts(&self, firmware: Option<&String>) -> bool {
        self.firmware.as_ref() == firmware
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(value: &str) -> Wish {
        Wish::new(&WishName::new("A").unwrap(), value.to_owned(), Millis(0)).unwrap()
    }

    #[test]
    fn a_value_is_compared_as_what_it_means() {
        let met = |wanted: &str, seen: &str| {
            wish(wanted).is_met_by(&Content::new("", Value::from(seen).to_string()))
        };
        assert!(met("300", "300") && met("300", "300.0") && met("true", "True"));
        assert!(met("Energy.Active.Import.Register,SoC", "Energy.Active.Import.Register, SoC"));
        assert!(!met("300", "301") && !met("a", "A") && !met("a,b", "a") && !met("true", "1"));
        assert!(wish("300").is_met_by(&Content::new("", "300".to_owned())), "a number as such");
        assert!(!wish("").is_met_by(&Content::new("", "null".to_owned())));
    }

    #[test]
    fn no_password_is_wanted() {
        let name = |text: &str| WishName::new(text).unwrap();
        let new = |text: &str, value: &str| Wish::new(&name(text), value.to_owned(), Millis(0));
        assert_eq!(new("AuthorizationKey", "x"), Err(Unwantable::Secret));
        assert_eq!(new("SecurityCtrlr.BasicAuthPassword", "x"), Err(Unwantable::Secret));
        assert_eq!(new("Url", "ftp://me:word@logs.example"), Err(Unwantable::Secret));
        assert_eq!(new("A", &"x".repeat(2501)), Err(Unwantable::TooLong(2501)));
        assert!(WishName::new("A=1").is_err() && WishName::new("").is_err());
    }

    #[test]
    fn what_is_not_answered_is_tried_more_and_more_seldom() {
        let mut tries = Tries::default();
        let pause = |tries: Tries| tries.rests_until(None).since(tries.last.unwrap()).as_secs();
        let mut pauses = Vec::new();
        for _ in 0..12 {
            tries = tries.begun(Millis(1000));
            pauses.push(pause(tries));
        }
        assert_eq!((pauses[0], pauses[1], pauses[2], pauses[11]), (30, 60, 120, 21_600));
        assert_eq!(tries.answered().rests_until(None), Millis(0));
        let once = Tries::default().begun(Millis(1000));
        assert_eq!(once.rests_until(Some(Millis(1001))), Millis(0), "it has come back");
        assert!(once.begun(Millis(1000)).rests_until(Some(Millis(1001))) > Millis(1000));
    }

    #[test]
    fn what_was_set_counts_for_a_day() {
        let mut wish = wish("1");
        let hour = |n: u64| Millis(n * 3_600_000);
        for n in [0, 10, 20] {
            wish.note_set(hour(n));
        }
        assert_eq!(wish.sets_of_a_day(hour(21)), (3, Some(hour(24))));
        assert_eq!(wish.sets_of_a_day(hour(25)), (2, Some(hour(34))));
        wish.note_set(hour(40));
        assert_eq!(wish.sets.len(), 2, "no more is kept than counts");
    }
}
