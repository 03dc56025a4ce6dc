//! What a plugin wishes in its inbox: timers, and events of other plugins. Knows no message.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::domain::PluginName;

/// Timers of one plugin, and the kinds of event that it may ask for.
const MAX_TIMERS: usize = 16;
const MAX_SUBSCRIPTIONS: usize = 32;

/// Between two times of one timer: ten seconds to 31 days.
const TIMER_SECONDS: RangeInclusive<u64> = 10..=31 * 24 * 3600;

/// What a plugin wants in its inbox beside the ends of its own commands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct InboxSettings {
    /// Events of other plugins.
    pub events: BTreeSet<Subscription>,
    pub timers: Vec<TimerSettings>,
}

impl InboxSettings {
    pub(super) fn check(&self) -> Result<(), InboxError> {
        if self.events.len() > MAX_SUBSCRIPTIONS || self.timers.len() > MAX_TIMERS {
            return Err(InboxError::TooFull);
        }
        let mut names = BTreeSet::new();
        let sound = |timer: &TimerSettings| {
            is_topic(&timer.name) && TIMER_SECONDS.contains(&timer.every_seconds)
        };
        if self.timers.iter().all(|timer| sound(timer) && names.insert(&timer.name)) {
            Ok(())
        } else {
            Err(InboxError::Timer)
        }
    }
}

/// A message to itself, again and again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TimerSettings {
    pub name: String,
    pub every_seconds: u64,
}

/// Whose events, and which: `energy-limit:reached`, or `energy-limit:*` for all of that plugin.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Subscription {
    sender: PluginName,
    /// `None` for all.
    topic: Option<String>,
}

impl Subscription {
    pub(super) fn covers(&self, sender: &PluginName, topic: &str) -> bool {
        self.sender == *sender && self.topic.as_ref().is_none_or(|wanted| wanted == topic)
    }
}

impl TryFrom<String> for Subscription {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (sender, topic) = text.split_once(':').ok_or("write events as \"plugin:topic\"")?;
        let sender = PluginName::new(sender).map_err(|why| why.to_string())?;
        match topic {
            "*" => Ok(Self { sender, topic: None }),
            topic if is_topic(topic) => Ok(Self { sender, topic: Some(topic.to_owned()) }),
            _ => Err(format!("a topic must be {TOPIC_RULE}, or '*' for all")),
        }
    }
}

impl From<Subscription> for String {
    fn from(Subscription { sender, topic }: Subscription) -> Self {
        format!("{sender}:{}", topic.as_deref().unwrap_or("*"))
    }
}

/// What topics and the names of timers are made of.
pub(super) const TOPIC_RULE: &str = "1 to 64 of a-z, 0-9 and '-'";

pub(super) fn is_topic(text: &str) -> bool {
    let clean = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=64).contains(&text.len()) && text.bytes().all(clean)
}

/// What is wrong with these wishes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InboxError {
    #[error(
        "plugin.toml: a timer needs a name of its own of {TOPIC_RULE}, and every-seconds from {} to {}",
        TIMER_SECONDS.start(), TIMER_SECONDS.end()
    )]
    Timer,
    #[error(
        "plugin.toml: an inbox may have {MAX_TIMERS} timers and ask for {MAX_SUBSCRIPTIONS} kinds of event"
    )]
    TooFull,
}

#[cfg(test)]
mod tests {
    use crate::plugins::Manifest;

    fn manifest(inbox: &str) -> Result<Manifest, String> {
        let text = format!("name = \"x\"\nversion = \"1\"\n[hooks.inbox]\n{inbox}");
        text.parse().map_err(|error: crate::plugins::ManifestError| error.to_string())
    }

    #[test]
    fn events_are_asked_for_by_plugin_and_topic() {
        let wants = manifest("events = [\"a:done\", \"b:*\"]").unwrap().hooks.inbox;
        let covers = |sender: &str, topic| {
            let sender = sender.parse().unwrap();
            wants.events.iter().any(|wanted| wanted.covers(&sender, topic))
        };
        assert!(covers("a", "done") && covers("b", "done") && covers("b", "begun"));
        assert!(!covers("a", "begun") && !covers("c", "done"));
        let text = manifest("events = [\"a:done\", \"b:*\"]").unwrap().to_toml().unwrap();
        assert_eq!(text.parse::<Manifest>().unwrap().hooks.inbox, wants);
    }

    #[test]
    fn wishes_that_cannot_be_met_are_told() {
        let timer = |name: &str, seconds: u64| {
            format!("[[hooks.inbox.timers]]\nname = \"{name}\"\nevery-seconds = {seconds}\n")
        };
        assert!(manifest(&timer("sweep", 10)).is_ok());
        for (bad, told) in [
            (timer("sweep", 9), "every-seconds"),
            (timer("Sweep", 10), "name"),
            (timer("sweep", 10) + &timer("sweep", 20), "name of its own"),
            ("events = [\"done\"]".to_owned(), "plugin:topic"),
            ("events = [\"a:Done\"]".to_owned(), "topic"),
        ] {
            let error = manifest(&bad).unwrap_err();
            assert!(error.contains(told), "{error}");
        }
    }
}
