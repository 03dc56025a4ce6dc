//! What the admin API says, as types: the server renders them and the command line reads them.
//! Knows no store and no HTTP. These shapes are a contract with operators; records and facts are not.

mod action;
mod bill;
mod change;
mod command;
mod event;
mod frame;
mod holding;
mod local_list;
mod plugin;
mod plugin_log;
mod plugin_state;
mod problem;
mod scalar;
mod security;
mod session;
mod station;
mod stranger;
mod token;
mod transfer;
mod wish;

use serde::{Deserialize, Serialize};

pub use action::{ActionSummary, ActionView, ActionsPage, MemberView, Sent};
pub use bill::{BillView, LineView, PricedView, TermsView};
pub use change::Change;
pub use command::{Answered, CommandRequest, CommandResponse, CommandView, CommandsPage};
pub use event::{EventBody, EventDetails, EventView, ReadingView, SampleView, UnreadableEvent};
pub use frame::{FrameView, FramesPage, MenderView};
pub use holding::{
    ContentView, GoneView, HoldingView, HoldingsPage, ReportView, SentView, ShelfView, ShelvesView,
};
pub use local_list::{LocalListBody, LocalListView};
pub use plugin::{
    AskedView, InboxView, ObserverView, OrderChange, OrderView, PluginLoad, PluginView,
    PluginsPage, RunningView, VersionView,
};
pub use plugin_log::LogLineView;
pub use plugin_state::{PluginStatePage, StateEntryView};
pub use problem::{Code, ErrorBody, ErrorView};
pub use scalar::{Timestamp, WattHours};
pub use security::{
    AuthorityView, CertificateView, CertificatesPage, Rotated, RotatedView, Rotation,
    ServerCertificateView, SigningRequestBody,
};
pub use session::{DecisionView, LimitsView, OpinionView, SessionView, SessionsPage, VerdictView};
pub use station::{
    ChargingView, ConnectorView, PasswordChange, StationChange, StationView, StationsPage,
};
pub use stranger::{UnknownStationView, UnknownStationsPage};
pub use token::{TokenChange, TokenView, TokensPage};
pub use transfer::{
    FirmwarePage, FirmwareView, OutgoingView, ReceivedView, SignatureBody, ToldView,
    TransferEndedView, TransferRequest, TransferView, TransfersPage,
};
pub use wish::{SaidView, WishBody, WishView, WishesPage};

/// How many entries a list has when the caller does not say.
pub const DEFAULT_PAGE: usize = 100;

/// The most entries that one request for a list may ask for.
pub const MAX_PAGE: usize = 1000;

/// `GET /healthz` and `GET /readyz`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthView {
    pub status: String,
}
