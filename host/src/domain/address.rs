//! Where a station connects: from a path to its id, and back to the address that it is to be given. Knows no socket.
//!
//! The id is the last segment of the path, below the path that the operator chose; whatever stands between them is the
//! station's affair. Slashes may be doubled, a last one may follow, and any segment may be percent-encoded.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::StationId;

/// What may stand in a segment of a path as it is (RFC 3986 §2.3).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Longest path that can be chosen, in bytes.
const MAX_PATH: usize = 200;

/// A text as it may stand between two slashes.
pub fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// The path below which stations connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StationPath(Vec<String>);

/// See [`StationPath`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a path begins with a slash and has at most {MAX_PATH} bytes, for example /ocpp")]
pub struct BadPath;

impl Default for StationPath {
    fn default() -> Self {
        Self(vec!["ocpp".to_owned()])
    }
}

impl FromStr for StationPath {
    type Err = BadPath;

    fn from_str(text: &str) -> Result<Self, BadPath> {
        if !text.starts_with('/') || text.len() > MAX_PATH || text.contains(['?', '#']) {
            return Err(BadPath);
        }
        let segments = segments(text).map(|segment| segment.map(Cow::into_owned));
        segments.collect::<Option<_>>().map(Self).ok_or(BadPath)
    }
}

impl fmt::Display for StationPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for segment in &self.0 {
            write!(f, "/{}", utf8_percent_encode(segment, SEGMENT))?;
        }
        f.write_str("/")
    }
}

impl StationPath {
    /// The station that connects there.
    pub fn station(&self, path: &str) -> Option<StationId> {
        let mut segments = segments(path);
        for own in &self.0 {
            if segments.next()?? != own.as_str() {
                return None;
            }
        }
        StationId::new(&segments.next_back()??).ok()
    }

    /// The path of one station.
    fn of(&self, id: &StationId) -> String {
        format!("{self}{}", utf8_percent_encode(id.as_str(), SEGMENT))
    }
}

/// What stands between the slashes, decoded; `None` for what decodes to no text. Doubled slashes count as one.
pub fn segments(path: &str) -> impl DoubleEndedIterator<Item = Option<Cow<'_, str>>> {
    let named = path.split('/').filter(|segment| !segment.is_empty());
    named.map(|segment| percent_decode_str(segment).decode_utf8().ok())
}

/// Under which addresses stations reach this server.
#[derive(Debug, Clone, Default)]
pub struct Addresses {
    /// `ws://HOST:PORT` each.
    pub bases: Vec<String>,
    pub path: StationPath,
}

impl Addresses {
    /// What one station is to be given, as it is: some add their id by themselves, and are to be given less.
    pub fn of(&self, id: &StationId) -> Vec<String> {
        self.bases.iter().map(|base| format!("{base}{}", self.path.of(id))).collect()
    }

    /// What a station is to be given that adds its id by itself.
    pub fn without_id(&self) -> Vec<String> {
        self.bases.iter().map(|base| format!("{base}{}", self.path)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn station(prefix: &str, path: &str) -> Option<String> {
        prefix.parse::<StationPath>().unwrap().station(path).map(|id| id.to_string())
    }

    #[test]
    fn paths_of_the_field_lead_to_the_station() {
        let id = |path| station("/ocpp", path);
        assert_eq!(id("/ocpp/CS1").as_deref(), Some("CS1"));
        assert_eq!(id("//ocpp///CS1/").as_deref(), Some("CS1"));
        assert_eq!(id("/ocpp/a%20b").as_deref(), Some("a b"));
        assert_eq!(id("/%6fcpp/CS%2D1").as_deref(), Some("CS-1"));
        assert_eq!(id("/ocpp/tenant/CS1").as_deref(), Some("CS1"));
        assert_eq!(id("/ocpp/CS1/CS1").as_deref(), Some("CS1"), "it added its id itself");
        for bad in ["/", "/ocpp", "/CS1", "/ocpp/a%2Fb", "/ocpp/%00", "/ocpp/%ff"] {
            assert_eq!(id(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_path_below_which_stations_connect_is_the_operators_to_choose() {
        assert_eq!(station("/csms/v1/", "/csms//v1/CS1").as_deref(), Some("CS1"));
        assert_eq!(station("/csms/v1", "/ocpp/CS1"), None);
        assert_eq!(station("/", "/charger/CS1").as_deref(), Some("CS1"));
        assert_eq!(station("/", "/"), None);
        for bad in ["", "ocpp", "/a?b", "/%ff"] {
            assert_eq!(bad.parse::<StationPath>(), Err(BadPath), "{bad}");
        }
    }

    #[test]
    fn the_address_of_a_station_leads_back_to_it() {
        let path: StationPath = "/my charging".parse().unwrap();
        let addresses = Addresses { bases: vec!["ws://csms:8080".to_owned()], path };
        let id = StationId::new("a b").unwrap();
        assert_eq!(addresses.of(&id), ["ws://csms:8080/my%20charging/a%20b"]);
        assert_eq!(addresses.without_id(), ["ws://csms:8080/my%20charging/"]);
        assert_eq!(addresses.path.station("/my%20charging/a%20b"), Some(id));
    }
}
