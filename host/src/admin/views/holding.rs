//! What a station holds, as the API shows it. Knows no protocol.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Timestamp;
use crate::domain::{
    Content, Difference, GoneWhy, Holding, HoldingKind, HoldingState, Millis, PluginName, Report,
    SentVerdict, Shelf, Withheld,
};

/// `GET /v1/stations/{id}/holdings`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShelvesView {
    /// Of every kind of which anything is known.
    pub kinds: Vec<ShelfView>,
}

/// All that a station holds of one kind, in numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShelfView {
    pub kind: HoldingKind,
    /// What it holds now, as far as is known.
    pub held: u32,
    /// Where it has something else than it accepted, or lost it.
    pub differing: u32,
    /// With what was refused, and what has gone.
    pub kept: u32,
    /// How many are kept at most.
    pub most: u32,
    /// What there was no room for, ever.
    pub left_out: u64,
    /// The newest report; `null` where the station never sent one of the kind.
    pub report: Option<ReportView>,
    pub changed: Timestamp,
}

/// A report that a station sends in parts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReportView {
    pub request: i64,
    /// `null` when nobody here has asked for it.
    pub asked: Option<Timestamp>,
    /// The station's word for whether it will send one.
    pub status: Option<String>,
    /// Parts that are there.
    pub parts: usize,
    /// How many there are; `null` until the last one has come.
    pub of: Option<u32>,
    /// Parts that came again.
    pub repeated: u32,
    pub bytes: u64,
    /// Whether it is known what it tells all of, so that what it does not tell is missing.
    pub is_inventory: bool,
    /// `null` while parts are missing.
    pub whole: Option<Timestamp>,
}

/// `GET /v1/stations/{id}/holdings/{kind}`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HoldingsPage {
    /// `null` while nothing of the kind is known.
    pub shelf: Option<ShelfView>,
    pub holdings: Vec<HoldingView>,
    /// Pass it as `after` to go on; `null` at the end.
    pub next: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HoldingView {
    pub key: String,
    pub state: HoldingState,
    /// By what people know it, for example its EVSE and its purpose.
    pub marks: BTreeMap<String, String>,
    /// In what the station's newest word differs from what it accepted before.
    pub differences: Vec<Difference>,
    pub sent: Option<SentView>,
    /// What the station accepted last; `null` where that is `sent`, or nothing.
    pub accepted: Option<ContentView>,
    pub reported: Option<ContentView>,
    pub gone: Option<GoneView>,
    pub expires: Option<Timestamp>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SentView {
    pub content: ContentView,
    pub verdict: SentVerdict,
    /// The station's word, as it is.
    pub status: Option<String>,
    pub reason: Option<String>,
    /// `null` for an operator.
    pub plugin: Option<PluginName>,
    pub command: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ContentView {
    /// `null` where it is withheld.
    pub value: Option<Box<RawValue>>,
    pub withheld: Option<Withheld>,
    pub at: Timestamp,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GoneView {
    pub why: GoneWhy,
    pub at: Timestamp,
}

impl ShelfView {
    pub fn of(kind: HoldingKind, shelf: Shelf) -> Self {
        let Shelf { kept, held, differing, left_out, reports, changed } = shelf;
        let (most, changed) = (kind.most(), Timestamp(changed));
        let report = reports.into_iter().next().map(ReportView::of);
        Self { kind, held, differing, kept, most, left_out, report, changed }
    }
}

impl ReportView {
    fn of(report: Report) -> Self {
        Self {
            request: report.request,
            asked: report.asked.map(Timestamp),
            status: report.status,
            parts: report.parts.len(),
            of: report.last.map(|last| last.saturating_add(1)),
            repeated: report.repeated,
            bytes: report.bytes,
            is_inventory: report.covers.is_some(),
            whole: report.whole.map(Timestamp),
        }
    }
}

impl HoldingView {
    pub fn of(key: String, holding: Holding, now: Millis) -> Self {
        let (state, differences) = (holding.state(now), holding.differences());
        let Holding { marks, sent, accepted, reported, gone, expires } = holding;
        let sent = sent.map(|sent| SentView {
            content: ContentView::of(sent.content, sent.at),
            verdict: sent.verdict,
            status: sent.status,
            reason: sent.reason,
            plugin: sent.plugin,
            command: sent.command,
        });
        Self {
            key,
            state,
            marks,
            differences,
            sent,
            accepted: accepted.map(|it| ContentView::of(it.content, it.at)),
            reported: reported.map(|it| ContentView::of(it.content, it.at)),
            gone: gone.map(|gone| GoneView { why: gone.why, at: Timestamp(gone.at) }),
            expires: expires.map(Timestamp),
        }
    }
}

impl ContentView {
    fn of(content: Content, at: Millis) -> Self {
        let Content { text, withheld } = content;
        let value = RawValue::from_string(text).ok().filter(|_| withheld.is_none());
        Self { value, withheld, at: Timestamp(at) }
    }
}
