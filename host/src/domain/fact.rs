//! What happened, in words that no protocol version owns. Knows no policy: a fact is recorded whatever anybody thinks of it.

use serde::{Deserialize, Serialize};

use super::{
    Bill, BootInfo, ConnectorState, Currency, Decision, Digest, Millis, MilliwattHours,
    OrderedHook, Pinned, Place, PluginName, Pseudonym, Purpose, Seq, SessionId, StationId,
    TransferNo, TransferStep, TransferTopic,
};

/// When something happened: by the station's clock, and when it reached us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// The station's own time, when it gave one.
    pub station: Option<Millis>,
    pub received: Millis,
    /// The station's clock is close enough to ours, or the message may well be old and its time plausible.
    pub clock_ok: bool,
}

impl Stamp {
    /// For things that happen here.
    pub const fn here(now: Millis) -> Self {
        Self { station: None, received: now, clock_ok: true }
    }

    /// The time to show and to reckon with: the station's if it can be believed.
    pub fn best(self) -> Millis {
        match self.station {
            Some(time) if self.clock_ok => time,
            _ => self.received,
        }
    }
}

/// How sure a fact must be before anything that follows from it may leave the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Durability {
    /// Ordered and visible now, on the disk within half a second.
    Soft,
    /// On the disk before the answer leaves.
    Synced,
}

/// One thing that happened, ready to be logged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// `None` for what concerns the server itself, such as a plugin's swap.
    pub station: Option<StationId>,
    pub stamp: Stamp,
    pub body: FactBody,
}

/// A fact with its place in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedFact {
    pub seq: Seq,
    pub fact: Fact,
}

/// The kinds of fact. Written as `{"kind": …, "data": …}`: the tag first, so that no number has to be buffered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", rename_all = "kebab-case")]
pub enum FactBody {
    Connected {
        protocol: String,
        peer: String,
    },
    Disconnected {
        why: String,
    },
    Booted(BootInfo),
    ConnectorStatus {
        place: Place,
        state: ConnectorState,
    },
    AuthorizeAsked {
        token: Pseudonym,
        purpose: Purpose,
        decision: Decision,
    },
    TransactionStarted {
        session: SessionId,
        place: Place,
        token: Option<Pseudonym>,
        meter: Option<MilliwattHours>,
        decision: Option<Decision>,
    },
    /// Something changed in a running transaction; the station's words for what and why.
    TransactionUpdated {
        session: SessionId,
        trigger: String,
        state: Option<String>,
    },
    TransactionEnded {
        session: SessionId,
        meter: Option<MilliwattHours>,
        energy: MilliwattHours,
        reason: Option<String>,
    },
    /// A session has its terms, or a tariff that was asked failed.
    TermsPinned {
        session: SessionId,
        pinned: Option<Pinned>,
        failure: Option<String>,
    },
    /// A session that has ended has its bill.
    SessionPriced {
        session: SessionId,
        plugin: PluginName,
        /// The version that computed the bill.
        version: String,
        currency: Currency,
        bill: Bill,
    },
    /// A session that has ended on terms has no bill: to be priced later.
    SessionUnpriced {
        session: SessionId,
        why: String,
    },
    /// A stop whose transaction nobody knows: kept and acknowledged, never guessed.
    OrphanStop {
        transaction: String,
        meter: MilliwattHours,
        reason: Option<String>,
    },
    MeterValues {
        place: Place,
        session: Option<SessionId>,
        readings: Vec<MeterReading>,
    },
    /// What became of a certificate of the station, or of its wish for one.
    CertificateChanged {
        change: CertificateChange,
        /// Of the certificate, in hexadecimal; `None` while there is none.
        serial: Option<String>,
        /// How long it is good.
        until: Option<Millis>,
        /// Why there is none, or none any more.
        why: Option<String>,
    },
    /// Something that touches the station's security, in its own words.
    SecurityEvent {
        event: String,
        info: Option<String>,
    },
    /// A file on its way to or from the station came a step further.
    TransferMoved {
        /// Of the station; `None` when nobody here asked for what it tells of.
        transfer: Option<TransferNo>,
        topic: TransferTopic,
        step: TransferStep,
        /// The station's word, or why it ended.
        status: Option<String>,
    },
    /// An action that the core keeps without a view of its own.
    Other {
        action: String,
    },
    /// Plugins were asked for the answer to an action that the core leaves open.
    ActionAnswered {
        action: String,
        /// Whose answer it is; `None`: the core's own, because nobody else had one.
        plugin: Option<PluginName>,
        version: Option<String>,
        /// Of the error, where the answer was one, as the station's version spells it.
        code: Option<String>,
        /// What went wrong in the plugins that were asked before.
        failures: Vec<String>,
    },
    /// The station says that it cannot take an answer of ours.
    AnswerRefused {
        /// What the answer was to, if that is still known.
        action: Option<String>,
        code: String,
        description: String,
    },
    /// A message that was answered with an error, or not at all; its text is kept.
    MessageRefused {
        /// `None` when not even that could be read.
        action: Option<String>,
        why: String,
    },
    CommandAnswered {
        action: String,
        outcome: CommandOutcome,
        /// The station's word for what it made of it, where its answer has one.
        #[serde(default)]
        status: Option<String>,
        /// The plugin that asked for it; `None` for an operator's.
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
    /// The operator said in which order the plugins of a hook are asked.
    PluginsOrdered {
        hook: OrderedHook,
        /// Who comes first. Empty: the manifests' priorities decide again.
        order: Vec<PluginName>,
    },
}

/// The kinds alone, under the same names: what a reader of the log can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FactKind {
    Connected,
    Disconnected,
    Booted,
    ConnectorStatus,
    AuthorizeAsked,
    TransactionStarted,
    TransactionUpdated,
    TransactionEnded,
    TermsPinned,
    SessionPriced,
    SessionUnpriced,
    OrphanStop,
    MeterValues,
    CertificateChanged,
    SecurityEvent,
    TransferMoved,
    Other,
    ActionAnswered,
    AnswerRefused,
    MessageRefused,
    CommandAnswered,
    PluginChanged,
    PluginsOrdered,
}

/// What became of a CALL that we sent to a station.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CommandOutcome {
    Answered,
    /// The station answered with a CALLERROR; its error code.
    Refused(String),
    /// The station answered what its protocol does not allow.
    Unfit,
    TimedOut,
    Disconnected,
    /// Not sent: the station's protocol has no such call, or the payload does not fit it.
    Invalid,
    /// Not sent: it waited too long.
    Expired,
    /// Not sent: an operator took it back.
    Cancelled,
    /// The server went away between the call and its answer.
    Restarted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CertificateChange {
    /// The station asked for one, and will get it.
    Asked,
    /// The station asked for one, and will not get it.
    Refused,
    /// It is signed, and on its way to the station or to whoever asked for it.
    Signed,
    /// The station took it.
    Installed,
    /// The station did not take it.
    Rejected,
    /// It does not let the station in any more.
    Removed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PluginChange {
    Loaded,
    Swapped,
    RolledBack,
    /// The same file with other settings.
    SettingsChanged,
    /// It stays on record and answers nothing.
    Disabled,
    Enabled,
    Unloaded,
}

/// Samples that share one time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeterReading {
    /// The station's time; `None` when it gave none that can be read.
    pub at: Option<Millis>,
    pub samples: Vec<Sample>,
}

/// One sampled value in the words of the protocol. Values stay text: what a station measured is not ours to round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
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

impl FactBody {
    pub const fn kind(&self) -> FactKind {
        match self {
            Self::Connected { .. } => FactKind::Connected,
            Self::Disconnected { .. } => FactKind::Disconnected,
            Self::Booted(_) => FactKind::Booted,
            Self::ConnectorStatus { .. } => FactKind::ConnectorStatus,
            Self::AuthorizeAsked { .. } => FactKind::AuthorizeAsked,
            Self::TransactionStarted { .. } => FactKind::TransactionStarted,
            Self::TransactionUpdated { .. } => FactKind::TransactionUpdated,
            Self::TransactionEnded { .. } => FactKind::TransactionEnded,
            Self::TermsPinned { .. } => FactKind::TermsPinned,
            Self::SessionPriced { .. } => FactKind::SessionPriced,
            Self::SessionUnpriced { .. } => FactKind::SessionUnpriced,
            Self::OrphanStop { .. } => FactKind::OrphanStop,
            Self::MeterValues { .. } => FactKind::MeterValues,
            Self::CertificateChanged { .. } => FactKind::CertificateChanged,
            Self::SecurityEvent { .. } => FactKind::SecurityEvent,
            Self::TransferMoved { .. } => FactKind::TransferMoved,
            Self::Other { .. } => FactKind::Other,
            Self::ActionAnswered { .. } => FactKind::ActionAnswered,
            Self::AnswerRefused { .. } => FactKind::AnswerRefused,
            Self::MessageRefused { .. } => FactKind::MessageRefused,
            Self::CommandAnswered { .. } => FactKind::CommandAnswered,
            Self::PluginChanged { .. } => FactKind::PluginChanged,
            Self::PluginsOrdered { .. } => FactKind::PluginsOrdered,
        }
    }

    /// The one table of durability (see docs/ARCHITECTURE.md): money, authorisation, transactions, boots, security
    /// and configuration are synced; what the next message repeats anyway is soft.
    pub const fn durability(&self) -> Durability {
        match self {
            Self::Booted(_)
            | Self::AuthorizeAsked { .. }
            | Self::TransactionStarted { .. }
            | Self::TransactionUpdated { .. }
            | Self::TransactionEnded { .. }
            | Self::TermsPinned { .. }
            | Self::SessionPriced { .. }
            | Self::SessionUnpriced { .. }
            | Self::OrphanStop { .. }
            | Self::CertificateChanged { .. }
            | Self::SecurityEvent { .. }
            | Self::ActionAnswered { .. }
            | Self::TransferMoved { .. }
            | Self::PluginChanged { .. }
            | Self::PluginsOrdered { .. } => Durability::Synced,
            Self::Connected { .. }
            | Self::Disconnected { .. }
            | Self::ConnectorStatus { .. }
            | Self::MeterValues { .. }
            | Self::Other { .. }
            | Self::AnswerRefused { .. }
            | Self::MessageRefused { .. }
            | Self::CommandAnswered { .. } => Durability::Soft,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_survive_the_tagged_form() {
        let fact = Fact {
            station: StationId::new("CS1").ok(),
            stamp: Stamp::here(Millis(1_700_000_000_123)),
            body: FactBody::OrphanStop {
                transaction: "-1".into(),
                meter: MilliwattHours(-9_007_199_254_740_993),
                reason: None,
            },
        };
        let text = serde_json::to_string(&fact).unwrap();
        assert_eq!(serde_json::from_str::<Fact>(&text).unwrap(), fact, "{text}");
    }
}
