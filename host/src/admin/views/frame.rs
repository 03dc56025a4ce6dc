//! Frames that plugins have changed on their way, as the API shows them. Knows no plugin.

use serde::{Deserialize, Serialize};

use super::Timestamp;
use crate::domain::{ChangedFrame, PluginName, Way};

/// `GET /v1/stations/{id}/frames`: what plugins with the hook `quirks` have changed, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FramesPage {
    pub frames: Vec<FrameView>,
    /// Where to go on; `null` when there is nothing older.
    pub next: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrameView {
    /// Among those of its station, from 1.
    pub number: u32,
    /// When it was received, or made.
    pub at: Timestamp,
    pub way: Way,
    /// Who changed it, in order.
    pub by: Vec<MenderView>,
    /// As the station sent it, or as the server would have.
    pub original: String,
    /// What it became.
    pub changed: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MenderView {
    pub plugin: PluginName,
    pub version: String,
}

impl FrameView {
    pub fn of(number: u32, frame: ChangedFrame) -> Self {
        let ChangedFrame { at, way, by, original, changed } = frame;
        let by = by.into_iter().map(|(plugin, version)| MenderView { plugin, version }).collect();
        Self { number, at: Timestamp(at), way, by, original, changed }
    }
}
