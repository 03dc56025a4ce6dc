//! Who plays in the demo: stations, cards, one policy. Sets them up over the admin API, as an operator would.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::cli::client::Client;
use crate::domain::{IdToken, StationId, hex};
use crate::sim::{Pace, Profile, Protocol};

/// The name under which the demo's policy is loaded.
const POLICY: &str = "rfid-list";

/// Compiling a component in a debug build takes a while.
const LOAD_TIMEOUT: Duration = Duration::from_secs(300);

const TIMEOUT: Duration = Duration::from_secs(30);

/// The card that the operator has blocked. Its driver tries again and again, at the second station.
const BLOCKED: &str = "04D3B10C0BAD";

pub(super) struct Cast {
    stations: Vec<StationId>,
}

impl Cast {
    pub(super) fn new(stations: u32) -> anyhow::Result<Self> {
        let stations = (1..=stations).map(|n| StationId::new(&format!("DEMO-{n}")));
        Ok(Self { stations: stations.collect::<Result<_, _>>()? })
    }

    pub(super) fn stations(&self) -> &[StationId] {
        &self.stations
    }

    /// The station that nobody walks up to: it charges when the operator says so.
    pub(super) fn remote(&self) -> Option<(StationId, IdToken)> {
        let card = good_card(self.stations.len())?;
        self.stations.last().cloned().map(|station| (station, card))
    }

    /// Stations, passwords, cards and the policy. May be said twice.
    pub(super) async fn set_up(
        &self,
        client: &Client,
        component: Option<&Path>,
    ) -> anyhow::Result<()> {
        load_policy(client, component).await?;
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
            protocol: Protocol::Ocpp16,
            password: Some(password(station)),
            vendor: "Plugpoint".to_owned(),
            model: model.to_owned(),
            connectors: 1,
            register_wh,
            power_w,
            cards,
            pace: Pace::default(),
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

/// Loads the component unless this very file is at work already.
async fn load_policy(client: &Client, component: Option<&Path>) -> anyhow::Result<()> {
    let loaded: Value = client.get(&["plugins"], &[]).await?;
    let loaded = loaded["plugins"].as_array().into_iter().flatten();
    let mut loaded = loaded.filter(|plugin| plugin["name"] == POLICY);
    let Some(file) = component else {
        return match loaded.next() {
            Some(_) => Ok(()),
            None => bail!(
                "no policy is loaded: build one with `plugpoint plugin build plugins/{POLICY} -o {POLICY}.wasm` \
                 and pass --plugin {POLICY}.wasm"
            ),
        };
    };
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let digest = hex(&Sha256::digest(&bytes));
    if loaded.any(|plugin| plugin["digest"] == digest.as_str()) {
        return Ok(());
    }
    client.send(Method::PUT, &["plugins", POLICY], bytes.into(), LOAD_TIMEOUT).await?;
    Ok(())
}
