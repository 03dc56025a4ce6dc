//! Facts of the log as the live stream shows them. The log's own form may change; this one may only grow.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{BillView, ConnectorView, DecisionView, TermsView, Timestamp, WattHours};
use crate::domain::{
    CertificateChange, CommandOutcome, Digest, Fact, FactBody, LoggedFact, MeterReading,
    OrderedHook, Place, PluginChange, PluginName, Pseudonym, Purpose, Sample, Seq, SessionId,
    StationId, TransferNo, TransferStep, TransferTopic,
};

/// The `data:` of one event. `kind` and `data` belong together, see [`EventBody`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventView {
    pub seq: Seq,
    /// `null` for what concerns the server itself.
    pub station: Option<StationId>,
    /// When it happened: by the station's clock if it can be believed.
    pub at: Timestamp,
    pub received: Timestamp,
    /// The last characters of the card that the event names by its pseudonym, for people who watch.
    pub token_hint: Option<String>,
    pub kind: String,
    pub data: Value,
}

/// `GET /v1/events/{seq}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventDetails {
    pub event: EventView,
    /// The message that it was read from, as the station sent it; `null` for what came from no message, and once texts of
    /// that age were deleted.
    pub text: Option<String>,
}

/// The event is of a kind, or of a shape, that this version of the program does not know.
#[derive(Debug, thiserror::Error)]
#[error("an event of the kind '{kind}' that this version cannot read")]
pub struct UnreadableEvent {
    kind: String,
    #[source]
    source: serde_json::Error,
}

impl EventView {
    pub fn of(logged: LoggedFact, token_hint: Option<String>) -> Result<Self, serde_json::Error> {
        let LoggedFact { seq, fact: Fact { station, stamp, body } } = logged;
        let tagged: Tagged = serde_json::from_value(serde_json::to_value(EventBody::from(body))?)?;
        Ok(Self {
            seq,
            station,
            at: Timestamp(stamp.best()),
            received: Timestamp(stamp.received),
            token_hint,
            kind: tagged.kind,
            data: tagged.data,
        })
    }

    /// What happened, typed.
    pub fn body(&self) -> Result<EventBody, UnreadableEvent> {
        let read = || {
            // Through text with the tag first: numbers do not survive being buffered before their kind is known.
            let kind = serde_json::to_string(&self.kind)?;
            serde_json::from_str(&format!(r#"{{"kind":{kind},"data":{}}}"#, self.data))
        };
        read().map_err(|source| UnreadableEvent { kind: self.kind.clone(), source })
    }
}

#[derive(Deserialize)]
struct Tagged {
    kind: String,
    data: Value,
}

/// Every kind of event with its data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", rename_all = "kebab-case")]
pub enum EventBody {
    Connected {
        protocol: String,
        peer: String,
    },
    Disconnected {
        why: String,
    },
    Booted {
        vendor: String,
        model: String,
        serial: Option<String>,
        firmware: Option<String>,
    },
    ConnectorStatus(ConnectorView),
    AuthorizeAsked {
        token: Pseudonym,
        purpose: Purpose,
        decision: DecisionView,
    },
    TransactionStarted {
        session: SessionId,
        evse: Option<u32>,
        connector: Option<u32>,
        token: Option<Pseudonym>,
        meter_wh: Option<WattHours>,
        decision: Option<DecisionView>,
    },
    TransactionUpdated {
        session: SessionId,
        /// The station's word for why it says so.
        trigger: String,
        /// The station's word for what the connector does, for example `Charging`.
        state: Option<String>,
    },
    TransactionEnded {
        session: SessionId,
        meter_wh: Option<WattHours>,
        energy_wh: WattHours,
        reason: Option<String>,
    },
    TermsPinned {
        session: SessionId,
        /// `null` when no tariff offered any.
        terms: Option<TermsView>,
        /// What went wrong in the tariffs that were asked first.
        failure: Option<String>,
    },
    SessionPriced {
        session: SessionId,
        plugin: PluginName,
        version: String,
        bill: BillView,
    },
    SessionUnpriced {
        session: SessionId,
        why: String,
    },
    OrphanStop {
        transaction: String,
        meter_wh: WattHours,
        reason: Option<String>,
    },
    MeterValues {
        evse: Option<u32>,
        connector: Option<u32>,
        session: Option<SessionId>,
        readings: Vec<ReadingView>,
    },
    CertificateChanged {
        change: CertificateChange,
        /// `null` while there is no certificate.
        serial: Option<String>,
        until: Option<Timestamp>,
        /// Why there is none, or none any more.
        why: Option<String>,
    },
    SecurityEvent {
        /// The station's word for it.
        event: String,
        info: Option<String>,
    },
    TransferMoved {
        /// `null` when nobody here asked for what it tells of.
        transfer: Option<TransferNo>,
        topic: TransferTopic,
        step: TransferStep,
        /// The station's word, or why it ended.
        status: Option<String>,
    },
    Other {
        action: String,
    },
    ActionAnswered {
        action: String,
        /// Whose answer it is; `null` when it is the server's own, because no plugin had one.
        plugin: Option<PluginName>,
        version: Option<String>,
        /// Of the error, where the answer was one.
        code: Option<String>,
        /// What went wrong in the plugins that were asked before.
        failures: Vec<String>,
    },
    AnswerRefused {
        /// What the answer was to; `null` when that is not known any more.
        action: Option<String>,
        code: String,
        description: String,
    },
    MessageRefused {
        /// `null` when not even that could be read.
        action: Option<String>,
        why: String,
    },
    CommandAnswered {
        action: String,
        outcome: CommandOutcome,
        /// The station's word for what it made of it; `null` where its answer has none.
        #[serde(default)]
        status: Option<String>,
        /// The plugin that asked for it; `null` when an operator did.
        #[serde(default)]
        plugin: Option<PluginName>,
        /// By which name the plugin knows it, or the number of an operator's.
        #[serde(default)]
        command: Option<String>,
    },
    PluginChanged {
        plugin: PluginName,
        change: PluginChange,
        version: String,
        digest: Digest,
    },
    PluginsOrdered {
        hook: OrderedHook,
        /// Who comes first; empty when the manifests decide again.
        order: Vec<PluginName>,
    },
}

/// Samples that share one time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadingView {
    pub at: Option<Timestamp>,
    pub samples: Vec<SampleView>,
}

/// One sampled value in the words of the station.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SampleView {
    pub value: String,
    pub measurand: Option<String>,
    pub unit: Option<String>,
    pub phase: Option<String>,
    pub context: Option<String>,
    pub location: Option<String>,
    /// The value is to be multiplied by ten to the power of this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multiplier: Option<i32>,
}

impl From<MeterReading> for ReadingView {
    fn from(reading: MeterReading) -> Self {
        Self {
            at: reading.at.map(Timestamp),
            samples: reading.samples.into_iter().map(SampleView::from).collect(),
        }
    }
}

impl From<Sample> for SampleView {
    fn from(sample: Sample) -> Self {
        let Sample { value, measurand, unit, phase, context, location, multiplier } = sample;
        Self { value, measurand, unit, phase, context, location, multiplier }
    }
}

impl From<FactBody> for EventBody {
    fn from(body: FactBody) -> Self {
        match body {
            FactBody::Connected { protocol, peer } => Self::Connected { protocol, peer },
            FactBody::Disconnected { why } => Self::Disconnected { why },
            FactBody::Booted(boot) => Self::Booted {
                vendor: boot.vendor,
                model: boot.model,
                serial: boot.serial,
                firmware: boot.firmware,
            },
            FactBody::ConnectorStatus { place, state } => {
                Self::ConnectorStatus(ConnectorView::of(place, state))
            }
            FactBody::AuthorizeAsked { token, purpose, decision } => {
                Self::AuthorizeAsked { token, purpose, decision: decision.into() }
            }
            FactBody::TransactionStarted { session, place, token, meter, decision } => {
                let (meter_wh, decision) = (meter.map(WattHours), decision.map(Into::into));
                let Place { evse, connector } = place;
                Self::TransactionStarted { session, evse, connector, token, meter_wh, decision }
            }
            FactBody::TransactionUpdated { session, trigger, state } => {
                Self::TransactionUpdated { session, trigger, state }
            }
            FactBody::TransactionEnded { session, meter, energy, reason } => {
                let (meter_wh, energy_wh) = (meter.map(WattHours), WattHours(energy));
                Self::TransactionEnded { session, meter_wh, energy_wh, reason }
            }
            FactBody::TermsPinned { session, pinned, failure } => {
                Self::TermsPinned { session, terms: pinned.map(TermsView::from), failure }
            }
            FactBody::SessionPriced { session, plugin, version, currency, bill } => {
                let bill = BillView::of(bill, currency);
                Self::SessionPriced { session, plugin, version, bill }
            }
            FactBody::SessionUnpriced { session, why } => Self::SessionUnpriced { session, why },
            FactBody::OrphanStop { transaction, meter, reason } => {
                Self::OrphanStop { transaction, meter_wh: WattHours(meter), reason }
            }
            FactBody::MeterValues { place, session, readings } => {
                let readings = readings.into_iter().map(ReadingView::from).collect();
                let Place { evse, connector } = place;
                Self::MeterValues { evse, connector, session, readings }
            }
            FactBody::CertificateChanged { change, serial, until, why } => {
                Self::CertificateChanged { change, serial, until: until.map(Timestamp), why }
            }
            FactBody::SecurityEvent { event, info } => Self::SecurityEvent { event, info },
            FactBody::TransferMoved { transfer, topic, step, status } => {
                Self::TransferMoved { transfer, topic, step, status }
            }
            FactBody::Other { action } => Self::Other { action },
            FactBody::ActionAnswered { action, plugin, version, code, failures } => {
                Self::ActionAnswered { action, plugin, version, code, failures }
            }
            FactBody::AnswerRefused { action, code, description } => {
                Self::AnswerRefused { action, code, description }
            }
            FactBody::MessageRefused { action, why } => Self::MessageRefused { action, why },
            FactBody::CommandAnswered { action, outcome, status, plugin, command } => {
                Self::CommandAnswered { action, outcome, status, plugin, command }
            }
            FactBody::PluginChanged { plugin, change, version, digest } => {
                Self::PluginChanged { plugin, change, version, digest }
            }
            FactBody::PluginsOrdered { hook, order } => Self::PluginsOrdered { hook, order },
        }
    }
}
