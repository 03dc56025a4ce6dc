//! Mends what some models send, and sends them what they can read. Which models those are stands in the settings.

mod profile;
mod syntax;

use plugpoint_sdk::{Lifecycle, Quirks, Station, clock};
use serde::Deserialize;

use profile::Profiles;
use syntax::Syntax;

pub struct FrameMender {
    rules: Vec<Rule>,
}

plugpoint_sdk::export!(FrameMender: Quirks);

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    rules: Vec<Rule>,
}

/// What to do for whom. A list that is empty matches every station.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Rule {
    vendors: Vec<String>,
    models: Vec<String>,
    firmware: Vec<String>,
    fill: serde_json::Map<String, serde_json::Value>,
    commas: bool,
    brackets: bool,
    backslashes: bool,
    profiles: Option<Profiles>,
}

impl Rule {
    fn is_for(&self, station: &Station) -> bool {
        let named = |list: &[String], said: Option<&str>| {
            list.is_empty()
                || said.is_some_and(|said| list.iter().any(|word| word.eq_ignore_ascii_case(said)))
        };
        let begun = |list: &[String], said: Option<&str>| {
            list.is_empty()
                || said.is_some_and(|said| list.iter().any(|word| said.starts_with(word)))
        };
        named(&self.vendors, station.vendor.as_deref())
            && named(&self.models, station.model.as_deref())
            && begun(&self.firmware, station.firmware())
    }
}

impl Lifecycle for FrameMender {
    type Settings = Settings;

    fn configure(settings: Settings) -> Result<Self, String> {
        for profiles in settings.rules.iter().filter_map(|rule| rule.profiles.as_ref()) {
            profiles.check()?;
        }
        Ok(Self { rules: settings.rules })
    }
}

impl FrameMender {
    fn rule(&self, station: &Station) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.is_for(station))
    }
}

impl Quirks for FrameMender {
    fn inbound(&self, sender: &Station, text: &str) -> Result<Option<String>, String> {
        let Some(rule) = self.rule(sender) else { return Ok(None) };
        let Rule { fill, commas, brackets, backslashes, .. } = rule;
        let syntax =
            Syntax { fill, commas: *commas, brackets: *brackets, backslashes: *backslashes };
        Ok(syntax.mend(text))
    }

    fn outbound(
        &self,
        receiver: &Station,
        text: &str,
        answers: Option<&str>,
    ) -> Result<Option<String>, String> {
        let profiles = self.rule(receiver).and_then(|rule| rule.profiles.as_ref());
        match profiles {
            Some(profiles) if answers.is_none() => Ok(profiles.rewrite(text, clock::now())),
            _ => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests;
