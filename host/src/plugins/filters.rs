//! Which stations a plugin wants to be asked about: `[filters]` of `plugin.toml`. Knows no wasm and asks nobody.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::manifest::ManifestError;
use crate::domain::AskedStation;

/// Words in one list.
const MAX_WORDS: usize = 64;

/// Longest word, in bytes: as long as a station's tags may be.
const MAX_WORD: usize = 64;

/// A station matches when it matches every list that has a word in it; one word of a list is enough. Without any word
/// every station matches.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Filters {
    /// As the station spells it at boot, whole; upper and lower case of ASCII letters are the same. A station that has
    /// not said it does not match.
    pub vendors: BTreeSet<String>,
    /// Likewise.
    pub models: BTreeSet<String>,
    /// How the station's firmware version begins, exactly; the whole of it matches, too.
    pub firmware: BTreeSet<String>,
    /// The operator's words for the station, exactly.
    pub tags: BTreeSet<String>,
    /// The subprotocol spoken, exactly, for example `ocpp1.6`.
    pub protocols: BTreeSet<String>,
}

impl Filters {
    /// Is it about a station that this plugin wants to be asked about?
    pub fn admit(&self, station: &AskedStation) -> bool {
        let tagged = || station.tags.iter().any(|tag| self.tags.contains(tag));
        (self.tags.is_empty() || tagged())
            && (self.protocols.is_empty() || self.protocols.contains(station.protocol))
            && said(&self.vendors, station.vendor.as_deref())
            && said(&self.models, station.model.as_deref())
            && begun(&self.firmware, station.firmware.as_deref())
    }

    pub(super) fn check(&self) -> Result<(), ManifestError> {
        let fits = |word: &String| (1..=MAX_WORD).contains(&word.len());
        for (list, words) in self.lists() {
            if words.len() > MAX_WORDS || !words.iter().all(fits) {
                return Err(ManifestError::Filter { list, words: MAX_WORDS, bytes: MAX_WORD });
            }
        }
        Ok(())
    }

    fn lists(&self) -> [(&'static str, &BTreeSet<String>); 5] {
        [
            ("vendors", &self.vendors),
            ("models", &self.models),
            ("firmware", &self.firmware),
            ("tags", &self.tags),
            ("protocols", &self.protocols),
        ]
    }
}

/// What the station says of itself is on the list, or the list says nothing.
fn said(list: &BTreeSet<String>, word: Option<&str>) -> bool {
    list.is_empty()
        || word.is_some_and(|word| list.iter().any(|listed| listed.eq_ignore_ascii_case(word)))
}

/// One word of the list is what the station says of itself, or how that begins; or the list says nothing.
fn begun(list: &BTreeSet<String>, word: Option<&str>) -> bool {
    list.is_empty() || word.is_some_and(|word| list.iter().any(|listed| word.starts_with(listed)))
}

/// For people: `all`, or `vendors Acme, Best; tags depot`.
impl fmt::Display for Filters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut between = "";
        for (list, words) in self.lists() {
            let mut before = list;
            for word in words {
                write!(f, "{between}{before} {word}")?;
                (between, before) = ("", ",");
            }
            if !words.is_empty() {
                between = "; ";
            }
        }
        if between.is_empty() { f.write_str("all") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::guests::ask;

    fn filters(toml: &str) -> Filters {
        toml::from_str(toml).unwrap()
    }

    /// A station of `Vendor` and no known model, tagged `depot` and `night`, that speaks OCPP 1.6.
    fn station() -> AskedStation {
        AskedStation { tags: vec!["depot".into(), "night".into()], ..ask("CARD").station }
    }

    #[test]
    fn every_list_with_a_word_must_match_and_one_word_of_a_list_is_enough() {
        for (toml, expected) in [
            ("", true),
            ("vendors = [\"VENDOR\", \"Other\"]", true),
            ("vendors = [\"Vend\"]", false),
            ("models = [\"Vendor\"]", false),
            ("firmware = [\"1.2\"]", true),
            ("firmware = [\"2\", \"1.2.3\"]", true),
            ("firmware = [\"1.2.3.\"]", false),
            ("firmware = [\".2\"]", false),
            ("tags = [\"street\", \"night\"]", true),
            ("tags = [\"Night\"]", false),
            ("protocols = [\"ocpp2.0.1\", \"ocpp1.6\"]", true),
            ("protocols = [\"OCPP1.6\"]", false),
            ("tags = [\"depot\"]\nvendors = [\"vendor\"]", true),
            ("tags = [\"depot\"]\nvendors = [\"other\"]", false),
        ] {
            assert_eq!(filters(toml).admit(&station()), expected, "{toml}");
        }
    }

    #[test]
    fn people_read_which_stations_these_are() {
        assert_eq!(filters("").to_string(), "all");
        let some = filters("tags = [\"b\", \"a\"]\nvendors = [\"Acme\"]\nprotocols = [\"x\"]");
        assert_eq!(some.to_string(), "vendors Acme; tags a, b; protocols x");
    }

    #[test]
    fn lists_have_bounds_and_words_are_not_empty() {
        let many: Vec<_> = (0..=MAX_WORDS).map(|n| format!("\"{n}\"")).collect();
        let long = "x".repeat(MAX_WORD + 1);
        for bad in [
            format!("tags = [{}]", many.join(",")),
            format!("models = [\"{long}\"]"),
            "vendors = [\"\"]".into(),
        ] {
            assert!(filters(&bad).check().is_err(), "{bad}");
        }
        assert_eq!(filters("tags = [\"a\"]").check(), Ok(()));
    }
}
