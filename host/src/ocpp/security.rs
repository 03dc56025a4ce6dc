//! What stations say of their security, which all versions say alike: certificates wanted, and events. Knows no
//! certificate.

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::meter::time_if_any;
use super::reading::read;
use super::{Fault, Request, SecurityEvent, SignCertificate, StationTime};

/// What 2.x calls a certificate for the station itself; the only kind that 1.6 knows.
const FOR_STATION: &str = "ChargingStationCertificate";

pub(super) fn sign(payload: &RawValue, version: &str) -> Result<Request, Fault> {
    let wire: Sign = read(payload, version)?;
    let is_for_station = wire.certificate_type.is_none_or(|kind| kind == FOR_STATION);
    let (request, number) = (wire.csr, wire.request_id);
    Ok(Request::Sign(SignCertificate { request, number, is_for_station }))
}

pub(super) fn event(payload: &RawValue, version: &str) -> Result<Request, Fault> {
    let wire: Event = read(payload, version)?;
    let Event { kind, timestamp, tech_info } = wire;
    Ok(Request::Security(SecurityEvent { kind, info: tech_info, at: timestamp }))
}

/// The answer to a station that wants a certificate.
pub(super) fn status(accepted: bool) -> Result<Box<RawValue>, serde_json::Error> {
    to_raw_value(&Answered { status: if accepted { "Accepted" } else { "Rejected" } })
}

#[derive(Serialize)]
struct Answered {
    status: &'static str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sign {
    csr: String,
    certificate_type: Option<String>,
    /// Only of 2.1.
    request_id: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default, deserialize_with = "time_if_any")]
    timestamp: Option<StationTime>,
    tech_info: Option<String>,
}
