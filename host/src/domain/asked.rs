//! Whom a question to plugins is about, and what plugins say to a call that the core leaves open. Knows no plugin's
//! inside and no protocol's spelling.

use super::{PluginName, Stamp, StationId, StationRecord};

/// The station at which something happens, as plugins are told of it and as their filters see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedStation {
    pub id: StationId,
    /// The subprotocol spoken, for example `ocpp1.6`.
    pub protocol: &'static str,
    /// Those of its newest boot that is on record; `None` until it has booted.
    pub vendor: Option<String>,
    pub model: Option<String>,
    pub serial: Option<String>,
    pub firmware: Option<String>,
    /// IANA zone name of the station's place.
    pub zone: String,
    pub tags: Vec<String>,
}

impl AskedStation {
    pub fn of(id: StationId, protocol: &'static str, record: StationRecord) -> Self {
        let mut station = Self {
            id,
            protocol,
            vendor: None,
            model: None,
            serial: None,
            firmware: None,
            zone: record.zone.unwrap_or_else(|| "UTC".to_owned()),
            tags: record.tags,
        };
        if let Some(boot) = record.boot {
            station.vendor = Some(boot.vendor);
            station.model = Some(boot.model);
            station.serial = boot.serial;
            station.firmware = boot.firmware;
        }
        station
    }
}

/// A call of a station whose answer the core leaves to whoever knows it.
#[derive(Debug, Clone)]
pub struct OpenAsk {
    pub station: AskedStation,
    pub stamp: Stamp,
    pub action: &'static str,
    /// A JSON object.
    pub payload: String,
}

/// What a plugin wants a station to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// The payload of the answer, JSON.
    Answer(String),
    Refuse {
        code: String,
        description: String,
    },
}

/// What became of the question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Responded<R> {
    /// The first reply that can be used, with the plugin and its version.
    pub reply: Option<(PluginName, String, R)>,
    /// What went wrong in the plugins that were asked before, in words.
    pub failures: Vec<String>,
    /// Somebody was asked.
    pub is_asked: bool,
}

impl<R> Default for Responded<R> {
    fn default() -> Self {
        Self { reply: None, failures: Vec::new(), is_asked: false }
    }
}
