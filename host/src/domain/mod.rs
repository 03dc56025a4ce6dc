//! The nouns. Knows no tokio, no clock, no random source, no engine, no protocol version.
//!
//! Everything here can be built in a test from literals. Time, ids and randomness arrive as arguments.

mod address;
mod asked;
mod certificate;
mod command;
mod count;
mod decision;
mod fact;
mod firmware;
mod frame;
mod hex;
mod holding;
mod ids;
mod journal;
mod local_list;
mod plugin;
mod ports;
mod post;
mod session;
mod station;
mod tariff;
mod token;
mod transfer;
mod units;
mod wish;

pub use address::{Addresses, BadPath, StationPath, segment, segments};
pub use asked::{AskedStation, OpenAsk, Reply, Responded};
pub use certificate::{CertificateRequest, StationCertificate};
pub use command::{CommandNo, Ended, MAX_KEPT_COMMANDS, MAX_QUEUED, OperatorCommand};
pub use decision::{AuthorizeAsk, Decision, Limits, Opinion, Permit, Purpose, Refusal, Verdict};
pub use fact::{
    CertificateChange, CommandOutcome, Durability, Fact, FactBody, FactKind, LoggedFact,
    MeterReading, PluginChange, Sample, Stamp,
};
pub use firmware::{Firmware, FirmwareName, FirmwareSignature};
pub use frame::{ChangedFrame, MAX_KEPT_FRAMES, Way};
pub use hex::hex;
pub use holding::{
    Accepted, Content, Covered, Difference, Gone, Holding, HoldingKind, HoldingState, MAX_CONTENT,
    MAX_HOLDING_KEY, MAX_MARK, MAX_REPORT_PARTS, MAX_REPORTS, Report, Reported, Sent, Shelf,
    ShelfMoves, Verdict as SentVerdict, Why as GoneWhy, Withheld,
};
pub use ids::{
    InvalidName, MAX_PLUGIN_NAME, MAX_STATION_ID, Place, PluginName, Seq, SessionId, StationId,
};
pub use journal::{JournalLine, LineLevel, Speaker};
pub use local_list::{KeptList, ListEntry, MAX_LISTED, MAX_LISTED_TOKEN, TakenList};
pub use plugin::{Digest, MAX_PLUGINS, OrderedHook, PluginVersion};
pub use ports::{
    Effects, HoldingRecords, MAX_PLUGIN_SETTINGS, MAX_STATE_VALUE, PolicyRecords, ReadFailed,
    StateRead, StateWrite, Versioned,
};
pub use post::{
    CommandEnd, Doubt, MAX_COMMAND_ANSWER, MAX_COMMAND_PAYLOAD, MAX_POST, Message, NewCommand,
    NewMessage, QueuedCommand,
};
pub use session::{Ending, Mark, Phase, Sequence, Session};
pub use station::{
    Acceptance, BootInfo, ConnectorState, NoSuchProfile, Pings, SecurityProfile, StationRecord,
    Validation,
};
pub use tariff::{
    Activity, Bill, Currency, Interval, InvalidCurrency, Line, Micros, Offer, OfferAsk, Pinned,
    PriceAsk, Priced, TariffAsk, TariffSaid, Terms,
};
pub use token::{IdToken, InvalidToken, MAX_TOKEN, Pseudonym, TokenRecord};
pub use transfer::{
    Closed, LINK_PATH, MAX_KEPT_TRANSFERS, MAX_TOLD, Outgoing, Received, Told, Transfer,
    TransferEnd, TransferEnded, TransferKind, TransferNo, TransferStep, TransferTopic,
};
pub use units::{Millis, MilliwattHours};
pub use wish::{
    A_DAY, MAX_SETS_A_DAY, MAX_WISH_NAME, MAX_WISH_VALUE, MAX_WISHES, Meaning, StationWord, Tries,
    Unwantable, Wish, WishName, WishState,
};
