//! Which family of OCPP a station speaks at the moment, for verbs that mean the same in both. Knows no payload.

use crate::admin::views::{Code, StationView};
use crate::cli::client::Client;
use crate::cli::failure::Failure;
use crate::domain::StationId;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tongue {
    /// OCPP 1.6: connectors, configuration keys.
    V1,
    /// OCPP 2.x: EVSEs, components with variables.
    V2,
}

impl Tongue {
    pub(super) async fn of(client: &Client, id: &StationId) -> anyhow::Result<Self> {
        let station: StationView = client.get(&["stations", id.as_str()], &[]).await?;
        match station.protocol.as_deref() {
            Some(protocol) if protocol.starts_with("ocpp1.") => Ok(Self::V1),
            Some(_) => Ok(Self::V2),
            None => {
                let next = "wait until it is online; `plugpoint events tail` shows when";
                let message = format!("{id} has no connection");
                Err(Failure::new(Code::StationOffline.as_str(), message, next).into())
            }
        }
    }
}
