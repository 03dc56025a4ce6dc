//! A charging session as the API shows it: energy, times, card, and who decided.

use serde::{Deserialize, Serialize};

use super::{PricedView, TermsView, Timestamp, WattHours};
use crate::domain::{
    Decision, IdToken, Limits, MilliwattHours, Opinion, Permit, Place, PluginName, Pseudonym,
    Session, SessionId, StationId, Verdict,
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionsPage {
    /// Newest first; with `active=true`, by station and connector.
    pub sessions: Vec<SessionView>,
    /// Pass it as `after` to go on; `null` at the end.
    pub next: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionView {
    pub id: SessionId,
    pub station: StationId,
    /// `null` where the protocol counts connectors only.
    pub evse: Option<u32>,
    pub connector: Option<u32>,
    pub protocol: String,
    /// The transaction's name on the wire.
    pub transaction: String,
    /// The card in full; `null` once its holder was forgotten.
    pub token: Option<IdToken>,
    /// The name of the card in facts and events.
    pub pseudonym: Option<Pseudonym>,
    /// By the station's clock if it can be believed, else the time of receipt.
    pub started: Timestamp,
    pub ended: Option<Timestamp>,
    /// Why it ended, in the station's words.
    pub reason: Option<String>,
    pub meter_start_wh: Option<WattHours>,
    pub meter_stop_wh: Option<WattHours>,
    /// So far, while it is active.
    pub energy_wh: WattHours,
    pub active: bool,
    /// What the connector does, in the station's words (2.x).
    pub state: Option<String>,
    /// Numbers of events that have not come, as ranges with both ends (2.x).
    pub missing_events: Vec<(u32, u32)>,
    /// `null` until a card was shown.
    pub decision: Option<DecisionView>,
    /// On which terms it charges; `null` without a tariff.
    pub terms: Option<TermsView>,
    /// What it costs: so far while it is active, in the end when `closed`.
    pub price: Option<PricedView>,
    /// Why there are no terms or no final bill, when something went wrong.
    pub unpriced: Option<String>,
    /// It has ended on terms and has no final bill: the tariff is asked again now and then.
    pub waits_for_bill: bool,
}

impl SessionView {
    /// `token` is what the session's pseudonym stands for, if that is still known.
    pub fn of(session: Session, token: Option<IdToken>) -> Self {
        let (energy, active) = (session.energy(), session.is_active());
        let waits_for_bill = session.is_unpriced();
        let (ended, meter_stop, reason) = match session.ended {
            Some(ending) => {
                (Some(Timestamp(ending.stamp.best())), ending.meter_stop, ending.reason)
            }
            None => (None, None, None),
        };
        let currency = session.terms.as_ref().map(|pinned| pinned.terms.currency.clone());
        let price = session.bill.zip(currency);
        Self {
            id: session.id,
            station: session.station,
            evse: session.place.evse,
            connector: session.place.connector,
            protocol: session.protocol,
            transaction: session.transaction,
            token,
            pseudonym: session.token,
            started: Timestamp(session.started.best()),
            ended,
            reason,
            meter_start_wh: session.meter_start.map(WattHours),
            meter_stop_wh: meter_stop.map(WattHours),
            energy_wh: WattHours(energy),
            active,
            state: session.state,
            missing_events: session.sequence.map(|events| events.missing()).unwrap_or_default(),
            decision: session.decision.map(DecisionView::from),
            terms: session.terms.map(TermsView::from),
            price: price.map(|(priced, currency)| PricedView::of(priced, currency)),
            unpriced: session.unpriced,
            waits_for_bill,
        }
    }
}

impl SessionView {
    pub fn place(&self) -> Place {
        Place { evse: self.evse, connector: self.connector }
    }
}

/// What the policies said, combined, and who said what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionView {
    pub verdict: VerdictView,
    /// Of a refusal: `blocked`, `expired`, `unknown`, `concurrent`, or a plugin's own words.
    pub reason: Option<String>,
    /// `null` when no plugin decided and the configured default counted.
    pub decided_by: Option<PluginName>,
    /// Version of the plugin that decided.
    pub version: Option<String>,
    pub why: String,
    /// Of a permit: who pays, in the plugin's terms.
    pub account: Option<String>,
    /// Of a permit: cards of one group may stop each other's sessions.
    pub group: Option<String>,
    /// Of a permit: how far it reaches; `null` without limits.
    #[serde(default)]
    pub limits: Option<LimitsView>,
    pub opinions: Vec<OpinionView>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VerdictView {
    Pass,
    Permit,
    Refuse,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpinionView {
    pub plugin: PluginName,
    pub version: String,
    pub verdict: VerdictView,
    /// Of a refusal, as in the decision.
    #[serde(default)]
    pub reason: Option<String>,
    /// What went wrong in the plugin; the verdict is then that of the failure policy.
    pub failure: Option<String>,
    pub took_micros: u64,
}

/// The tightest limits of all that permitted it. `null` and the empty list say "no limit".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitsView {
    pub max_wh: Option<WattHours>,
    pub max_seconds: Option<u64>,
    /// Millionths of the session's currency.
    pub max_cost_micros: Option<i64>,
    /// EVSEs on which the card may charge.
    pub evses: Vec<u32>,
}

impl LimitsView {
    fn of(limits: Limits) -> Option<Self> {
        if limits == Limits::default() {
            return None;
        }
        let Limits { max_mwh, max_seconds, max_cost_micros, evses } = limits;
        let mwh = |mwh| MilliwattHours(i64::try_from(mwh).unwrap_or(i64::MAX));
        let max_wh = max_mwh.map(mwh).map(WattHours);
        Some(Self { max_wh, max_seconds, max_cost_micros, evses })
    }
}

impl From<&Verdict> for VerdictView {
    fn from(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Pass => Self::Pass,
            Verdict::Permit(_) => Self::Permit,
            Verdict::Refuse(_) => Self::Refuse,
        }
    }
}

impl From<Opinion> for OpinionView {
    fn from(opinion: Opinion) -> Self {
        let reason = match &opinion.verdict {
            Verdict::Refuse(refusal) => Some(refusal.as_str().to_owned()),
            Verdict::Pass | Verdict::Permit(_) => None,
        };
        Self {
            verdict: VerdictView::from(&opinion.verdict),
            reason,
            plugin: opinion.plugin,
            version: opinion.version,
            failure: opinion.failure,
            took_micros: opinion.took_micros,
        }
    }
}

impl From<Decision> for DecisionView {
    fn from(decision: Decision) -> Self {
        let decider = decision.decided_by.as_ref();
        let version = decision
            .opinions
            .iter()
            .find(|opinion| Some(&opinion.plugin) == decider)
            .map(|opinion| opinion.version.clone());
        let verdict = VerdictView::from(&decision.verdict);
        let (reason, permit) = match decision.verdict {
            Verdict::Refuse(refusal) => (Some(refusal.as_str().to_owned()), Permit::default()),
            Verdict::Permit(permit) => (None, permit),
            Verdict::Pass => (None, Permit::default()),
        };
        let Permit { account, group, limits, .. } = permit;
        Self {
            verdict,
            reason,
            decided_by: decision.decided_by,
            version,
            why: decision.why,
            account,
            group,
            limits: LimitsView::of(limits),
            opinions: decision.opinions.into_iter().map(OpinionView::from).collect(),
        }
    }
}
