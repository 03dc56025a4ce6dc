//! What a station holds on our word or by its own report: settings, profiles, reservations, lists. Knows no protocol and
//! no message: `holdings` reads those.

mod difference;
mod kind;
mod shelf;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::command::names_a_secret;
use super::plugin::json_text;
use super::{Millis, PluginName};

pub use difference::Difference;
pub use kind::HoldingKind;
pub use shelf::{Covered, MAX_REPORT_PARTS, MAX_REPORTS, Report, Shelf, ShelfMoves};

/// Longest content that is kept, in bytes of JSON. A record holds three at most, and has to fit into one value.
pub const MAX_CONTENT: usize = 16 << 10;

/// Longest key of a holding, in bytes. The longest of OCPP are variables and hashes of certificates.
pub const MAX_HOLDING_KEY: usize = 512;

/// Longest mark that is kept, in characters. What is longer is cut.
pub const MAX_MARK: usize = 64;

/// One thing at one station.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    /// By what people know it, for example its EVSE and its purpose. The newest word counts, whoever said it.
    #[serde(default)]
    pub marks: BTreeMap<String, String>,
    /// What was sent last, whatever came of it.
    #[serde(default)]
    pub sent: Option<Sent>,
    /// What the station accepted last, while `sent` is something newer.
    #[serde(default)]
    pub accepted: Option<Accepted>,
    /// What the station itself said last.
    #[serde(default)]
    pub reported: Option<Reported>,
    /// It is not there any more.
    #[serde(default)]
    pub gone: Option<Gone>,
    /// From then on it is not there any more, without a word of anybody.
    #[serde(default)]
    pub expires: Option<Millis>,
}

/// What one command wanted of a holding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    pub content: Content,
    /// When it went on its way.
    pub at: Millis,
    /// The plugin that wanted it; `None` for an operator.
    #[serde(default)]
    pub plugin: Option<PluginName>,
    /// As the plugin knows the command, or the operator's number.
    #[serde(default)]
    pub command: Option<String>,
    pub verdict: Verdict,
    /// The station's word, as it is.
    #[serde(default)]
    pub status: Option<String>,
    /// Why, in the station's words.
    #[serde(default)]
    pub reason: Option<String>,
}

/// What came of something that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    Accepted,
    Refused,
    /// Nobody knows: no answer came.
    Unknown,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    pub content: Content,
    pub at: Millis,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reported {
    pub content: Content,
    pub at: Millis,
    /// The report tells that it is there, and not what is in it.
    #[serde(default)]
    pub is_mention: bool,
}

/// Since when and why something is not there any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gone {
    pub at: Millis,
    pub why: Why,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// A command took it away.
    Cleared,
    /// Something else took its place.
    Replaced,
    /// The station said so, in this word.
    Ended(String),
    /// The station told all that it has, and this was not in it.
    Missing,
}

/// A value as it may be kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// JSON text; `null` where it is withheld.
    #[serde(with = "json_text")]
    pub text: String,
    #[serde(default)]
    pub withheld: Option<Withheld>,
}

/// Why a value is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Withheld {
    Secret,
    /// Longer than [`MAX_CONTENT`]; its bytes.
    TooLong(u64),
}

/// Where things stand, by the newest word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HoldingState {
    /// Sent, and nobody knows what came of it.
    Asked,
    Accepted,
    Refused,
    /// The station says that it has it.
    Reported,
    /// Taken away, replaced, or ended by the station.
    Removed,
    /// The station does not have it, and nobody took it away.
    Missing,
    Expired,
}

impl HoldingState {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Reported => "reported",
            Self::Removed => "removed",
            Self::Missing => "missing",
            Self::Expired => "expired",
        }
    }
}

impl Content {
    /// `about` is what it is the value of: a password's name gives its value away.
    pub fn new(about: &str, text: String) -> Self {
        let withheld = if names_a_secret(about) || names_a_secret(&text) {
            Some(Withheld::Secret)
        } else if text.len() > MAX_CONTENT {
            Some(Withheld::TooLong(text.len() as u64))
        } else {
            None
        };
        let text = if withheld.is_some() { "null".to_owned() } else { text };
        Self { text, withheld }
    }
}

impl Holding {
    /// Where things stand at `now`.
    pub fn state(&self, now: Millis) -> HoldingState {
        match &self.gone {
            Some(Gone { why: Why::Missing, .. }) => return HoldingState::Missing,
            Some(_) => return HoldingState::Removed,
            None => {}
        }
        if self.expires.is_some_and(|end| end <= now) && self.is_held() {
            return HoldingState::Expired;
        }
        let reported = self.reported.as_ref().map(|reported| reported.at);
        match &self.sent {
            Some(sent) if reported.is_none_or(|at| at < sent.at) => match sent.verdict {
                Verdict::Accepted => HoldingState::Accepted,
                Verdict::Refused => HoldingState::Refused,
                Verdict::Unknown => HoldingState::Asked,
            },
            _ => HoldingState::Reported,
        }
    }

    /// The station has accepted it or reported it, and it has not gone.
    pub fn is_held(&self) -> bool {
        self.gone.is_none() && (self.reported.is_some() || self.in_force().is_some())
    }

    /// Stations take passwords and never show them: that they do not report one says nothing.
    pub fn can_be_told(&self) -> bool {
        let is_secret = |held: &Content| held.withheld == Some(Withheld::Secret);
        self.reported.is_some() || !self.in_force().is_some_and(is_secret)
    }

    /// What the station accepted last.
    pub fn in_force(&self) -> Option<&Content> {
        match &self.sent {
            Some(sent) if sent.verdict == Verdict::Accepted => Some(&sent.content),
            _ => self.accepted.as_ref().map(|accepted| &accepted.content),
        }
    }

    /// What the station has, as far as anybody knows: its own word, or what it accepted since.
    pub fn seen(&self) -> Option<&Content> {
        if self.gone.is_some() {
            return None;
        }
        let told = self.reported.as_ref().filter(|reported| !reported.is_mention);
        match (told, self.accepted_at()) {
            (Some(told), Some(since)) if told.at < since => self.in_force(),
            (Some(told), _) => Some(&told.content),
            (None, _) => self.in_force(),
        }
    }

    /// The station has something else than it accepted, or lost it.
    pub fn differs(&self) -> bool {
        !self.differences().is_empty()
    }

    fn accepted_at(&self) -> Option<Millis> {
        match &self.sent {
            Some(sent) if sent.verdict == Verdict::Accepted => Some(sent.at),
            _ => self.accepted.as_ref().map(|accepted| accepted.at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(text: &str) -> Content {
        Content::new("", text.to_owned())
    }

    fn sent(text: &str, at: u64, verdict: Verdict) -> Sent {
        Sent {
            content: content(text),
            at: Millis(at),
            plugin: None,
            command: None,
            verdict,
            status: None,
            reason: None,
        }
    }

    #[test]
    fn the_newest_word_says_where_things_stand() {
        let state = |holding: &Holding| holding.state(Millis(100));
        let mut holding =
            Holding { sent: Some(sent("1", 5, Verdict::Unknown)), ..Holding::default() };
        assert_eq!(state(&holding), HoldingState::Asked);
        assert!(!holding.is_held());
        holding.sent = Some(sent("1", 5, Verdict::Refused));
        assert_eq!(state(&holding), HoldingState::Refused);
        holding.sent = Some(sent("1", 5, Verdict::Accepted));
        assert_eq!(state(&holding), HoldingState::Accepted);
        let reported = Reported { content: content("1"), at: Millis(6), is_mention: false };
        holding.reported = Some(reported);
        assert_eq!(state(&holding), HoldingState::Reported);
        holding.expires = Some(Millis(100));
        assert_eq!(state(&holding), HoldingState::Expired);
        holding.gone = Some(Gone { at: Millis(7), why: Why::Missing });
        assert_eq!(state(&holding), HoldingState::Missing);
    }

    #[test]
    fn what_is_seen_is_the_stations_word_until_it_accepts_something_newer() {
        let reported = Reported { content: content("\"a\""), at: Millis(5), is_mention: false };
        let mut holding = Holding { reported: Some(reported), ..Holding::default() };
        let seen = |holding: &Holding| holding.seen().map(|content| content.text.clone());
        assert_eq!(seen(&holding).as_deref(), Some("\"a\""));
        holding.sent = Some(sent("\"b\"", 6, Verdict::Refused));
        assert_eq!(seen(&holding).as_deref(), Some("\"a\""));
        holding.sent = Some(sent("\"b\"", 6, Verdict::Accepted));
        assert_eq!(seen(&holding).as_deref(), Some("\"b\""));
        holding.gone = Some(Gone { at: Millis(7), why: Why::Cleared });
        assert_eq!(seen(&holding), None);
    }

    #[test]
    fn no_secret_and_nothing_endless_is_kept() {
        let secret = Content::new("SecurityCtrlr.BasicAuthPassword", "\"hunter22\"".into());
        assert_eq!((secret.text.as_str(), secret.withheld), ("null", Some(Withheld::Secret)));
        let long = Content::new("", format!("\"{}\"", "x".repeat(MAX_CONTENT)));
        assert_eq!(long.text, "null");
        assert!(matches!(long.withheld, Some(Withheld::TooLong(_))));
    }
}
