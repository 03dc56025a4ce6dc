//! Who plays in the demo: stations, cards, a policy and a tariff. Sets them up over the admin API, as an operator would.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::value::to_raw_value;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::prices::{PriceList, TARIFF};
use crate::admin::views::{PluginLoad, PluginsPage};
use crate::cli::client::Client;
use crate::cli::output::Output;
use crate::domain::{IdToken, StationId, hex};
use crate::sim::{Faults, Pace, Profile, Protocol};

/// The name under which the demo's policy is loaded.
const POLICY: &str = "rfid-list";

/// Compiling a component in a debug build takes a while.
const LOAD_TIMEOUT: Duration = Duration::from_secs(300);

const TIMEOUT: Duration = Duration::from_secs(30);

/// The card that the operator has blocked. Its driver tries again and again, at the second station.
const BLOCKED: &str = "04D3B10C0BAD";

/// What the operator needs to know to start a charge from afar.
#[derive(Debug, Clone)]
pub(super) struct Remote {
    pub(super) station: StationId,
    pub(super) card: IdToken,
    pub(super) protocol: Protocol,
}

pub(super) struct Cast {
    stations: Vec<StationId>,
}

impl Cast {
    pub(super) fn new(stations: u32) -> anyhow::Result<Self> {
        let stations = (1..=stations).map(|n| StationId::new(&format!("DEMO-{n}")));
        Ok(Self { stations: stations.collect::<Result<_, _>>()? })
    }

    /// The station that nobody walks up to: it charges when the operator says so.
    pub(super) fn remote(&self) -> Option<Remote> {
        let last = self.stations.len();
        let (station, card) = (self.stations.last()?.clone(), good_card(last)?);
        Some(Remote { station, card, protocol: self.protocol(last) })
    }

    /// Of five stations, the last speaks the newest version and the one before it the second.
    fn protocol(&self, n: usize) -> Protocol {
        let newer = (self.stations.len() * 2 / 5).max(1);
        match n + newer {
            _ if n == self.stations.len() => Protocol::Ocpp21,
            rank if rank > self.stations.len() => Protocol::Ocpp201,
            _ => Protocol::Ocpp16,
        }
    }

    /// Stations, passwords, cards, the policy and the tariff. May be said twice.
    pub(super) async fn set_up(
        &self,
        client: &Client,
        policy: Option<&Path>,
        tariff: Option<&Path>,
        output: Output,
    ) -> anyhow::Result<()> {
        output.progress("loading the policy and the tariff; compiling them may take a moment");
        load(client, POLICY, policy, json!({})).await?;
        load(client, TARIFF, tariff, PriceList::Standard.settings()).await?;
        for (n, station) in self.stations.iter().enumerate() {
            let about = json!({ "zone": "Europe/Berlin", "currency": "EUR", "tags": ["demo"] });
            let _: Value = client.put(&["stations", station.as_str()], &about).await?;
            let password = json!({ "password": password(station) }).to_string();
            let path = ["stations", station.as_str(), "password"];
            client.send(Method::PUT, &path, password.into(), TIMEOUT).await?;
            if let Some(card) = good_card(n + 1) {
                let allowed = json!({ "blocked": false, "note": format!("driver at {station}") });
                let _: Value = client.put(&["tokens", card.reveal()], &allowed).await?;
            }
        }
        let blocked = json!({ "blocked": true, "note": "reported stolen" });
        let _: Value = client.put(&["tokens", BLOCKED], &blocked).await?;
        Ok(())
    }

    /// What an earlier run left behind, if there was one.
    pub(super) async fn newest_session(&self, client: &Client) -> anyhow::Result<Option<u64>> {
        let newest: Value = client.get(&["sessions"], &[("limit", "1".to_owned())]).await?;
        Ok(newest.pointer("/sessions/0/id").and_then(Value::as_u64))
    }

    /// Every station as it was left: its register goes on where its last session ended.
    pub(super) async fn profiles(&self, client: &Client) -> anyhow::Result<Vec<Profile>> {
        let mut profiles = Vec::new();
        for (n, station) in (1..).zip(&self.stations) {
            let query = [("station", station.to_string()), ("limit", "1".to_owned())];
            let newest: Value = client.get(&["sessions"], &query).await?;
            let stop = newest.pointer("/sessions/0/meter_stop_wh").and_then(Value::as_f64);
            // Registers count whole watt-hours; a missing one begins anew.
            let register_wh = stop.map_or(0, |wh| wh.max(0.0) as u64);
            profiles.push(self.profile(n, station, register_wh));
        }
        Ok(profiles)
    }

    fn profile(&self, n: usize, station: &StationId, register_wh: u64) -> Profile {
        let is_remote = n == self.stations.len();
        let mut cards = Vec::new();
        if !is_remote {
            cards.extend(good_card(n));
        }
        if n == 2 || self.stations.len() == 2 && n == 1 {
            cards.extend(IdToken::new(BLOCKED));
        }
        let (model, power_w) =
            if n.is_multiple_of(2) { ("Simulated 22", 22_000) } else { ("Simulated 11", 11_000) };
        Profile {
            id: station.clone(),
            protocol: self.protocol(n),
            password: Some(password(station)),
            vendor: "Plugpoint".to_owned(),
            model: model.to_owned(),
            connectors: 1,
            register_wh,
            power_w,
            cards,
            pace: Pace::default(),
            faults: Faults::default(),
            seed: n as u64,
        }
    }
}

fn good_card(n: usize) -> Option<IdToken> {
    IdToken::new(&format!("04D3A5E1F{n:03}")).ok()
}

fn password(station: &StationId) -> String {
    format!("password of {station}")
}

/// Loads the component with these settings, unless both are at work already; without the file, only the settings.
async fn load(
    client: &Client,
    name: &str,
    file: Option<&Path>,
    settings: Value,
) -> anyhow::Result<()> {
    let loaded: PluginsPage = client.get(&["plugins"], &[]).await?;
    let loaded = loaded.plugins.into_iter().find(|plugin| plugin.name.as_str() == name);
    let component = match file {
        Some(file) => {
            let read = std::fs::read(file);
            Some(read.with_context(|| format!("cannot read {}", file.display()))?)
        }
        None if loaded.is_some() => None,
        None => bail!(
            "{name} is not loaded: build it with `plugpoint plugin build plugins/{name} -o {name}.wasm` and pass the \
             file, as `make demo` does"
        ),
    };
    // This very file, at work already, need not be compiled again.
    let is_new = |bytes: &Vec<u8>| {
        let digest = hex(&Sha256::digest(bytes));
        loaded.as_ref().is_none_or(|plugin| plugin.digest.to_string() != digest)
    };
    let component = component.filter(is_new);
    let has_settings = loaded.as_ref().is_some_and(|plugin| {
        serde_json::from_str::<Value>(plugin.settings.get()).is_ok_and(|now| now == settings)
    });
    if component.is_none() && has_settings {
        return Ok(());
    }
    let load = PluginLoad {
        component_base64: component.map(|bytes| STANDARD.encode(bytes)),
        settings: Some(to_raw_value(&settings)?),
    };
    let body = serde_json::to_string(&load)?;
    client.send(Method::PUT, &["plugins", name], body.into(), LOAD_TIMEOUT).await?;
    Ok(())
}
