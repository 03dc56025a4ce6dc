//! What rooms need of each other. Knows none of the rooms: who implements a port is decided in `server`.

use super::{
    Holding, HoldingKind, IdToken, NewCommand, NewMessage, PluginName, Pseudonym, Session,
    SessionId, Shelf, StationId, StationRecord, TokenRecord,
};

/// A value with the revision at which it was read. Revision 0 means that there was no record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned<T> {
    pub value: T,
    pub revision: u64,
}

/// The records could not be read. What exactly went wrong is in the server's log; the caller only has to give up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the records cannot be read")]
pub struct ReadFailed;

/// Longest value that a plugin may keep under one key of its state, in bytes. Less than the store takes in one value.
pub const MAX_STATE_VALUE: usize = 48 << 10;

/// Longest settings of a plugin, in bytes of JSON. One record holds those of two versions.
pub const MAX_PLUGIN_SETTINGS: usize = 24 << 10;

/// What a policy may read while it thinks. Quick, bounded, without side effects.
pub trait PolicyRecords: Send + Sync {
    /// A plugin's own value under `key`; revision 0 and `None` when there is none.
    fn state(
        &self,
        plugin: &PluginName,
        key: &str,
    ) -> Result<Versioned<Option<Vec<u8>>>, ReadFailed>;

    /// A plugin's own keys that start with `prefix` and come after `after`, in order, at most `limit`.
    fn state_keys(
        &self,
        plugin: &PluginName,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, ReadFailed>;

    /// What the operator says of a token.
    fn token(&self, token: &IdToken) -> Result<Option<TokenRecord>, ReadFailed>;

    fn station(&self, id: &StationId) -> Result<Option<StationRecord>, ReadFailed>;

    fn session(&self, id: SessionId) -> Result<Option<Session>, ReadFailed>;

    /// How many commands and messages of a plugin wait, counted up to `limit`.
    fn post(&self, plugin: &PluginName, limit: usize) -> Result<usize, ReadFailed>;

    /// How many commands of a plugin wait for a station, counted up to `limit`.
    fn commands(
        &self,
        plugin: &PluginName,
        station: &StationId,
        limit: usize,
    ) -> Result<usize, ReadFailed>;
}

/// What has to be known of a station's holdings to change them.
pub trait HoldingRecords {
    /// To be read before the holdings on it: a change of them since then shows in its revision.
    fn shelf(&self, station: &StationId, kind: HoldingKind)
    -> Result<Versioned<Shelf>, ReadFailed>;

    fn holding(
        &self,
        station: &StationId,
        kind: HoldingKind,
        key: &str,
    ) -> Result<Option<Holding>, ReadFailed>;

    /// All of one kind, as many as are kept.
    fn holdings(
        &self,
        station: &StationId,
        kind: HoldingKind,
    ) -> Result<Vec<(String, Holding)>, ReadFailed>;

    /// The name under which a token is on record.
    fn token_name(&self, token: &IdToken) -> Pseudonym;
}

/// What plugins' calls did and want done: held back until the fact that caused them is committed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Effects {
    /// What the calls relied on. The committer refuses the effects when one of them has changed since.
    pub reads: Vec<StateRead>,
    /// In the order in which they were made; the last one of a key wins.
    pub writes: Vec<StateWrite>,
    pub commands: Vec<NewCommand>,
    pub messages: Vec<NewMessage>,
}

impl Effects {
    pub fn is_empty(&self) -> bool {
        let Self { reads, writes, commands, messages } = self;
        reads.is_empty() && writes.is_empty() && commands.is_empty() && messages.is_empty()
    }

    /// Adds those of another call.
    pub fn extend(&mut self, more: Self) {
        self.reads.extend(more.reads);
        self.writes.extend(more.writes);
        self.commands.extend(more.commands);
        self.messages.extend(more.messages);
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateRead {
    pub plugin: PluginName,
    pub key: String,
    pub revision: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateWrite {
    pub plugin: PluginName,
    pub key: String,
    /// `None` deletes.
    pub value: Option<Vec<u8>>,
}
