//! What policies may read, answered from the records. Knows no plugin's inside.

use crate::domain::{
    IdToken, Message, PluginName, PolicyRecords, QueuedCommand, ReadFailed, Session, SessionId,
    StationId, StationRecord, TokenRecord, Versioned,
};

use super::commit::BYTES_VERSION;
use super::engine::{KeyRange, Order};
use super::keys::{self, StateKey, Table};
use super::records;
use super::{Store, StoreError};

impl PolicyRecords for Store {
    fn state(
        &self,
        plugin: &PluginName,
        key: &str,
    ) -> Result<Versioned<Option<Vec<u8>>>, ReadFailed> {
        self.plugin_state(plugin, key).map_err(told)
    }

    fn state_keys(
        &self,
        plugin: &PluginName,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, ReadFailed> {
        self.plugin_state_keys(plugin, prefix, after, limit).map_err(told)
    }

    fn token(&self, token: &IdToken) -> Result<Option<TokenRecord>, ReadFailed> {
        Ok(self.read(token).map_err(told)?.map(|record| record.value))
    }

    fn station(&self, id: &StationId) -> Result<Option<StationRecord>, ReadFailed> {
        Ok(self.read(id).map_err(told)?.map(|record| record.value))
    }

    fn session(&self, id: SessionId) -> Result<Option<Session>, ReadFailed> {
        Ok(self.read(&id).map_err(told)?.map(|record| record.value))
    }

    fn post(&self, plugin: &PluginName, limit: usize) -> Result<usize, ReadFailed> {
        let commands = self.count::<QueuedCommand>(plugin, limit).map_err(told)?;
        let messages = self.count::<Message>(plugin, limit - commands).map_err(told)?;
        Ok(commands + messages)
    }

    fn commands(
        &self,
        plugin: &PluginName,
        station: &StationId,
        limit: usize,
    ) -> Result<usize, ReadFailed> {
        self.count::<QueuedCommand>((plugin, station), limit).map_err(told)
    }
}

pub(super) fn told(error: StoreError) -> ReadFailed {
    tracing::error!(%error, "somebody asked for a record that cannot be read");
    ReadFailed
}

fn state_key(plugin: &PluginName, key: &str) -> Vec<u8> {
    keys::key(Table::PluginState, &(plugin.clone(), StateKey(key.to_owned())))
}

impl Store {
    fn plugin_state(
        &self,
        plugin: &PluginName,
        key: &str,
    ) -> Result<Versioned<Option<Vec<u8>>>, StoreError> {
        let Some(bytes) = self.get(&state_key(plugin, key))? else {
            return Ok(Versioned { value: None, revision: 0 });
        };
        let view = records::checked(Table::PluginState, BYTES_VERSION, &bytes)?;
        Ok(Versioned { value: Some(view.payload.to_vec()), revision: view.revision })
    }

    /// What a plugin keeps under keys that start with `prefix` and come after `after`, in order, at most `limit`.
    pub fn plugin_state_page(
        &self,
        plugin: &PluginName,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let entry = |(key, bytes): (Vec<u8>, Vec<u8>)| {
            let view = records::checked(Table::PluginState, BYTES_VERSION, &bytes)?;
            Ok((parsed(&key)?, view.payload.to_vec()))
        };
        let range = state_range(plugin, prefix, after);
        self.scan(&range, Order::Ascending, limit)?.into_iter().map(entry).collect()
    }

    fn plugin_state_keys(
        &self,
        plugin: &PluginName,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, StoreError> {
        let range = state_range(plugin, prefix, after);
        let found = self.scan(&range, Order::Ascending, limit)?;
        found.iter().map(|(key, _)| parsed(key)).collect()
    }
}

fn state_range(plugin: &PluginName, prefix: &str, after: Option<&str>) -> KeyRange {
    let mut range = keys::under(state_key(plugin, prefix));
    if let Some(after) = after {
        range.start = range.start.max(keys::after(state_key(plugin, after)));
    }
    range
}

fn parsed(key: &[u8]) -> Result<String, StoreError> {
    keys::parse::<(PluginName, StateKey)>(Table::PluginState, key)
        .map(|(_, key)| key.0)
        .ok_or(StoreError::Damaged { table: Table::PluginState })
}
