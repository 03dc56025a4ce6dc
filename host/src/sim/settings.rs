//! A simulated station's settings, under the names that its version of OCPP gives them. Knows no message.

use std::time::Duration;

/// What a station lets a server know and change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Topic {
    /// Ask the server before a remote start, too.
    AskFirst,
    /// Seconds.
    Heartbeat,
    /// Seconds between meter values: kept, but a simulated station's pace is in its profile.
    Sampling,
    StopRefused,
    Profiles,
    Connectors,
}

#[derive(Debug, Clone)]
pub(super) struct Setting {
    topic: Topic,
    pub(super) key: &'static str,
    pub(super) value: String,
    pub(super) readonly: bool,
}

/// Why a setting was not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unchanged {
    Unknown,
    Refused,
}

#[derive(Debug)]
pub(super) struct Settings(Vec<Setting>);

impl Settings {
    pub(super) fn new(
        keys: &[(Topic, &'static str)],
        connectors: u32,
        heartbeat: Duration,
    ) -> Self {
        let settings = keys.iter().map(|&(topic, key)| {
            let (value, readonly) = match topic {
                Topic::AskFirst => ("false".to_owned(), false),
                Topic::Heartbeat => (heartbeat.as_secs().to_string(), false),
                Topic::Sampling => ("60".to_owned(), false),
                Topic::StopRefused => ("true".to_owned(), true),
                Topic::Profiles => ("Core,RemoteTrigger".to_owned(), true),
                Topic::Connectors => (connectors.to_string(), true),
            };
            Setting { topic, key, value, readonly }
        });
        Self(settings.collect())
    }

    pub(super) fn heartbeat(&self) -> Duration {
        let seconds = self.of(Topic::Heartbeat).and_then(|value| value.parse().ok());
        Duration::from_secs(seconds.unwrap_or(300).max(1))
    }

    pub(super) fn set_heartbeat(&mut self, interval: Duration) {
        if let Some(setting) = self.0.iter_mut().find(|setting| setting.topic == Topic::Heartbeat) {
            setting.value = interval.as_secs().to_string();
        }
    }

    pub(super) fn asks_first(&self) -> bool {
        self.of(Topic::AskFirst) == Some("true")
    }

    /// Tells which topic was changed.
    pub(super) fn change(&mut self, key: &str, value: &str) -> Result<Topic, Unchanged> {
        let setting = self.0.iter_mut().find(|setting| setting.key == key);
        let setting = setting.ok_or(Unchanged::Unknown)?;
        let is_senseless = setting.topic == Topic::Heartbeat && value.parse::<u32>().is_err();
        if setting.readonly || is_senseless {
            return Err(Unchanged::Refused);
        }
        value.clone_into(&mut setting.value);
        Ok(setting.topic)
    }

    pub(super) fn all(&self) -> Vec<Setting> {
        self.0.clone()
    }

    /// Those of the keys that are known, and the rest.
    pub(super) fn find(&self, keys: Vec<String>) -> (Vec<Setting>, Vec<String>) {
        let mut found = Vec::new();
        let unknown = keys.into_iter().filter(|key| {
            let setting = self.0.iter().find(|setting| setting.key == key);
            found.extend(setting.cloned());
            setting.is_none()
        });
        let unknown = unknown.collect();
        (found, unknown)
    }

    fn of(&self, topic: Topic) -> Option<&str> {
        self.0.iter().find(|setting| setting.topic == topic).map(|setting| setting.value.as_str())
    }
}
