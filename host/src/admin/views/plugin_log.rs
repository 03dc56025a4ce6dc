//! A line of a plugin's journal as the API shows it.

use serde::{Deserialize, Serialize};

use super::Timestamp;
use crate::domain::{JournalLine, LineLevel, Speaker};

/// The `data:` of one event of `GET /v1/plugins/{name}/logs`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLineView {
    /// Its place: later lines have greater numbers, also after a restart of the server.
    pub number: u64,
    pub at: Timestamp,
    pub level: LineLevel,
    /// Whose words they are: the plugin's, or the host's about it.
    pub by: Speaker,
    /// The version of the plugin that wrote it, or that it is about.
    pub version: String,
    pub text: String,
}

impl From<JournalLine> for LogLineView {
    fn from(line: JournalLine) -> Self {
        let at = Timestamp(line.at());
        let JournalLine { number, level, by, version, text } = line;
        Self { number, at, level, by, version, text }
    }
}
