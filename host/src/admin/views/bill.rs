//! Terms and bills as the API shows them. Amounts are integers; the texts beside them are for people.

use serde::{Deserialize, Serialize};

use super::Timestamp;
use crate::domain::{Bill, Currency, Line, Pinned, PluginName, Priced};

/// On which terms a session charges.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TermsView {
    /// The tariff's name for them.
    pub id: String,
    /// The price as the driver may read it.
    pub text: String,
    pub currency: Currency,
    /// IANA zone in which hours and weekdays of the tariff are meant.
    pub zone: String,
    pub plugin: PluginName,
    /// The version that offered them.
    pub version: String,
}

impl From<Pinned> for TermsView {
    fn from(pinned: Pinned) -> Self {
        let Pinned { plugin, version, zone, terms } = pinned;
        let (id, text, currency) = (terms.id, terms.driver_text, terms.currency);
        Self { id, text, currency, zone, plugin, version }
    }
}

/// What a session costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BillView {
    pub currency: Currency,
    /// In the currency's minor unit, tax included.
    pub total_minor: i64,
    /// The same for people, for example `12.30`.
    pub total: String,
    pub lines: Vec<LineView>,
    /// When the price next changes by time alone.
    pub next_change: Option<Timestamp>,
}

impl BillView {
    pub(super) fn of(bill: Bill, currency: Currency) -> Self {
        Self {
            total: currency.amount(bill.total_minor),
            total_minor: bill.total_minor,
            lines: bill.lines.into_iter().map(LineView::from).collect(),
            next_change: bill.next_change.map(Timestamp),
            currency,
        }
    }
}

/// One line of a bill, in millionths of the currency and unrounded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineView {
    pub kind: String,
    pub net_micros: i64,
    pub tax_micros: i64,
    /// What was counted, and at which rate.
    pub text: Option<String>,
    /// The tariff's other remarks.
    pub more: Vec<(String, String)>,
}

impl From<Line> for LineView {
    fn from(line: Line) -> Self {
        let (texts, more): (Vec<_>, Vec<_>) =
            line.more.into_iter().partition(|(name, _)| name == "text");
        Self {
            kind: line.kind,
            net_micros: line.net.0,
            tax_micros: line.tax.0,
            text: texts.into_iter().next().map(|(_, text)| text),
            more,
        }
    }
}

/// A session's bill with what it rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PricedView {
    /// The session had ended: nothing will be added.
    pub closed: bool,
    /// When it was computed.
    pub at: Timestamp,
    /// The version of the plugin that computed it.
    pub version: String,
    pub bill: BillView,
}

impl PricedView {
    pub(super) fn of(priced: Priced, currency: Currency) -> Self {
        Self {
            closed: priced.closed,
            at: Timestamp(priced.at),
            version: priced.version,
            bill: BillView::of(priced.bill, currency),
        }
    }
}
