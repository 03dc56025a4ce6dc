//! `plugpoint station upgrade`: a station moved to a stronger security profile by the means of its protocol. Knows no
//! password and no key: those have to be in place before, because a station that cannot come back is lost.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::tongue::Tongue;
use super::{Answer, Patience, details, send};
use crate::admin::views::{CertificatesPage, Change, StationChange, StationView};
use crate::cli::client::Client;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::table::visible;
use crate::domain::{SecurityProfile, StationId};

/// Between two looks whether the station is back.
const LOOK: Duration = Duration::from_millis(500);

/// How long a station may take to connect to another address, in seconds, as it is told (OCPP 2.0.1: messageTimeout).
const MESSAGE_TIMEOUT: u32 = 30;

#[derive(Debug, clap::Args)]
pub(super) struct UpgradeArgs {
    /// The station's id
    id: StationId,
    /// The profile: 1 (password), 2 (password over TLS) or 3 (certificate)
    #[arg(long, value_name = "PROFILE", value_parser = clap::value_parser!(u8).range(1..=3))]
    to: u8,
    /// Where it is to connect, for OCPP 2.x; without it, the first address of the server that fits
    #[arg(long, value_name = "URL")]
    address: Option<String>,
    /// The place of the new connection's settings in the station, for OCPP 2.x [default: the first that is not in use]
    #[arg(long, value_name = "N")]
    slot: Option<u32>,
    /// The station's network interface, for OCPP 2.x
    #[arg(long, value_name = "NAME", default_value = "Wired0")]
    interface: String,
    /// Restart the station at once where it has to restart, and not when it has no car
    #[arg(long)]
    now: bool,
    /// How long the station may take to come back, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    wait: u64,
    #[command(flatten)]
    patience: Patience,
}

pub(super) async fn run(client: &Client, args: UpgradeArgs, output: Output) -> anyhow::Result<()> {
    let wanted = SecurityProfile::try_from(args.to)?;
    let tongue = Tongue::of(client, &args.id).await?;
    let station = look(client, &args.id).await?;
    if station.security_profile < Some(wanted) {
        let url = address(&station, &args, wanted)?;
        can_prove_itself(client, &station, wanted).await?;
        // Only a station that came in with the stronger profile loses the weaker way.
        output.progress("from the moment it has come in with the new profile, less is refused");
        raise(client, &args.id).await?;
        let needs_restart = match tongue {
            Tongue::V1 => tell_key(client, &args, output).await?,
            Tongue::V2 => {
                let version = version(station.protocol.as_deref());
                tell_network(client, &args, &url, version, output).await?
            }
        };
        if needs_restart {
            restart(client, &args, tongue, output).await?;
        }
        is_back(client, &args, wanted, output).await?;
    } else {
        output.progress("it is in with that profile or a stronger one already");
        raise(client, &args.id).await?;
    }
    output.show(&look(client, &args.id).await?, details)
}

async fn look(client: &Client, id: &StationId) -> anyhow::Result<StationView> {
    client.get(&["stations", id.as_str()], &[]).await
}

async fn raise(client: &Client, id: &StationId) -> anyhow::Result<()> {
    let change = StationChange { raises_security: Change::Set(true), ..StationChange::default() };
    let _: StationView = client.put(&["stations", id.as_str()], &change).await?;
    Ok(())
}

/// Where the station is to go. 2.x stations add their id by themselves.
fn address(
    station: &StationView,
    args: &UpgradeArgs,
    wanted: SecurityProfile,
) -> Result<String, Failure> {
    let scheme = if wanted >= SecurityProfile::TlsWithPassword { "wss://" } else { "ws://" };
    if let Some(url) = &args.address {
        let next = format!("profile {wanted} needs an address that begins with {scheme}");
        let is_fit = url.starts_with(scheme);
        return if is_fit {
            Ok(url.clone())
        } else {
            Err(Failure::usage("another --address", next))
        };
    }
    let fits = |url: &&String| url.starts_with(scheme);
    station.urls_without_id.iter().find(fits).cloned().ok_or_else(|| {
        let message = format!("the server has no address for profile {wanted}");
        Failure::usage(message, "start it with --listen-tls, or say where with --address")
    })
}

async fn can_prove_itself(
    client: &Client,
    station: &StationView,
    wanted: SecurityProfile,
) -> anyhow::Result<()> {
    let id = &station.id;
    let (is_ready, lacks, next) = if wanted == SecurityProfile::TlsWithCertificate {
        let path = ["stations", id.as_str(), "certificates"];
        let page: CertificatesPage = client.get(&path, &[]).await?;
        let has_one = page.certificates.iter().any(|certificate| certificate.installed.is_some());
        (has_one, "certificate", format!("plugpoint station certificates {id} --renew"))
    } else {
        (station.has_password, "password", format!("plugpoint station password {id} --rotate"))
    };
    if is_ready {
        return Ok(());
    }
    let message = format!("{id} has no {lacks} to come back with");
    Err(Failure::new("not-ready", message, format!("`{next}` gives it one")).into())
}

/// OCPP 1.6 security whitepaper, §4.1 and use case A05: the station connects anew by itself. Where it is to go is in
/// settings of its maker. Says whether it has to restart for it.
async fn tell_key(client: &Client, args: &UpgradeArgs, output: Output) -> anyhow::Result<bool> {
    output.progress("telling it its profile (ChangeConfiguration)");
    let payload = json!({ "key": "SecurityProfile", "value": args.to.to_string() });
    let answer = send(client, &args.id, "ChangeConfiguration", payload, args.patience).await?;
    took(&answer, answer.value()["status"].as_str())
}

/// OCPP 2.0.1 part 2, use cases A05, B09 and B10: another connection's settings, the order in which connections are
/// tried, a restart.
async fn tell_network(
    client: &Client,
    args: &UpgradeArgs,
    url: &str,
    version: &str,
    output: Output,
) -> anyhow::Result<bool> {
    let place = json!({
        "component": { "name": "OCPPCommCtrlr" },
        "variable": { "name": "NetworkConfigurationPriority" },
    });
    let asked = json!({ "getVariableData": [place] });
    let answer = send(client, &args.id, "GetVariables", asked, args.patience).await?;
    let before = in_use(&answer)?;
    let slot = free_slot(args.slot, &before)?;
    output.progress(&format!("telling it connection {slot}, to {url} (SetNetworkProfile)"));
    let payload = json!({ "configurationSlot": slot, "connectionData": {
        "ocppVersion": version,
        "ocppTransport": "JSON",
        "ocppCsmsUrl": url,
        "messageTimeout": MESSAGE_TIMEOUT,
        "securityProfile": args.to,
        "ocppInterface": args.interface,
    } });
    let answer = send(client, &args.id, "SetNetworkProfile", payload, args.patience).await?;
    answer.must_be_accepted("another --slot may do; `station config report` lists the slots")?;
    output.progress("telling it to try that one first (SetVariables)");
    let mut wanted = place;
    // The old connections stay behind the new one: a station that cannot come by it comes as before.
    let order: Vec<_> = std::iter::once(slot).chain(before).map(|slot| slot.to_string()).collect();
    wanted["attributeValue"] = order.join(",").into();
    let payload = json!({ "setVariableData": [wanted] });
    let answer = send(client, &args.id, "SetVariables", payload, args.patience).await?;
    took(&answer, answer.value()["setVariableResult"][0]["attributeStatus"].as_str())?;
    Ok(true)
}

/// The slots of the connections that the station tries, in its order.
fn in_use(answer: &Answer) -> Result<Vec<u32>, Failure> {
    let value = answer.value();
    let result = &value["getVariableResult"][0];
    let said =
        result["attributeValue"].as_str().filter(|_| result["attributeStatus"] == "Accepted");
    let slots = said.map(|said| said.split(',').map(|slot| slot.trim().parse().ok()).collect());
    slots.flatten().ok_or_else(|| {
        let message = "the station does not say which connections it has";
        let next = "it is let in as before; without a way back it is not told another";
        let failure = Failure::new("rejected-by-station", message, next);
        failure.with_details(answer.response.response.clone())
    })
}

/// Never one in use: that is the way back.
fn free_slot(wanted: Option<u32>, before: &[u32]) -> Result<u32, Failure> {
    match wanted {
        Some(slot) if before.contains(&slot) => {
            let message = format!("connection {slot} is in use, and is the way back");
            Err(Failure::usage(message, "leave --slot out, or name another"))
        }
        Some(slot) => Ok(slot),
        None => Ok((1..).find(|slot| !before.contains(slot)).unwrap_or_default()),
    }
}

/// The protocol in the words of SetNetworkProfile: 2.0.1 calls itself OCPP20.
fn version(subprotocol: Option<&str>) -> &'static str {
    if subprotocol == Some("ocpp2.1") { "OCPP21" } else { "OCPP20" }
}

/// Whether it counts after a restart only.
fn took(answer: &Answer, status: Option<&str>) -> anyhow::Result<bool> {
    match status {
        Some("Accepted") => Ok(false),
        Some("RebootRequired") => Ok(true),
        other => {
            let message = format!("the station answered {}", visible(other.unwrap_or("nothing")));
            let next = "it is let in as before; not every station can change its profile from afar";
            let failure = Failure::new("rejected-by-station", message, next);
            Err(failure.with_details(answer.response.response.clone()).into())
        }
    }
}

async fn restart(
    client: &Client,
    args: &UpgradeArgs,
    tongue: Tongue,
    output: Output,
) -> anyhow::Result<()> {
    output.progress("restarting it (Reset)");
    let kind = match (tongue, args.now) {
        (Tongue::V1, false) => "Soft",
        (Tongue::V1, true) => "Hard",
        (Tongue::V2, false) => "OnIdle",
        (Tongue::V2, true) => "Immediate",
    };
    let payload: Value = json!({ "type": kind });
    let answer = send(client, &args.id, "Reset", payload, args.patience).await?;
    if answer.status().as_deref() == Some("Scheduled") {
        output.progress("it restarts when its charge has ended");
        return Ok(());
    }
    Ok(answer.must_be_accepted("it takes the new profile with its next restart; --now insists")?)
}

async fn is_back(
    client: &Client,
    args: &UpgradeArgs,
    wanted: SecurityProfile,
    output: Output,
) -> anyhow::Result<()> {
    output.progress(&format!("waiting up to {} s for it to come back", args.wait));
    let until = Instant::now() + Duration::from_secs(args.wait);
    loop {
        let station = look(client, &args.id).await?;
        if station.online && station.security_profile >= Some(wanted) {
            return Ok(());
        }
        if Instant::now() > until {
            let message = format!("{} has not come back with profile {wanted}", args.id);
            let next =
                "it is let in as before; the server's log says who was refused at the door and why";
            return Err(Failure::new("not-back", message, next).into());
        }
        tokio::time::sleep(LOOK).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_in_use_is_never_written_over() {
        assert_eq!(free_slot(None, &[1]).unwrap(), 2);
        assert_eq!(free_slot(None, &[2, 1]).unwrap(), 3);
        assert_eq!(free_slot(None, &[2]).unwrap(), 1);
        assert_eq!(free_slot(Some(7), &[2]).unwrap(), 7);
        assert!(free_slot(Some(2), &[2, 1]).is_err());
    }
}
