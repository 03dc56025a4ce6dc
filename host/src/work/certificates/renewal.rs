//! Stations whose certificate ends soon are asked to have the next one signed. Knows no certificate's inside.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::value::RawValue;
use tracing::{info, warn};

use super::delivery::{Rim, is_accepted, is_first_family};
use crate::domain::{Millis, StationCertificate, StationId, Versioned};
use crate::station::registry::{Command, CommandFailure, Registry};
use crate::store::{All, Commit, Expect, Order, StoreError};

/// How long before its end a certificate is renewed. OCPP asks for a month (2.0.1 part 2, A00 and A02).
const BEFORE_THE_END: Duration = Duration::from_secs(86_400 * 30);

/// Until a station is asked again that was asked before.
const ASK_AGAIN: Duration = Duration::from_secs(86_400);

/// How long a station may take to say that it will.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Certificates read at a time.
const PAGE: usize = 256;

type Key = (StationId, String);

/// Why a station does not renew.
#[derive(Debug, thiserror::Error)]
pub enum NotRenewed {
    #[error(transparent)]
    Failed(#[from] CommandFailure),
    #[error("the station answered that it will not ask for a certificate")]
    Declined(Box<RawValue>),
}

/// Asks a station that is connected to have a new certificate signed.
pub async fn ask_to_renew(registry: &Registry, station: &StationId) -> Result<(), NotRenewed> {
    let live = registry.live(station).filter(|live| live.online);
    let protocol = live.and_then(|live| live.protocol).ok_or(CommandFailure::Offline)?;
    let (action, payload) = if is_first_family(protocol) {
        ("ExtendedTriggerMessage", r#"{"requestedMessage":"SignChargePointCertificate"}"#)
    } else {
        ("TriggerMessage", r#"{"requestedMessage":"SignChargingStationCertificate"}"#)
    };
    let payload = RawValue::from_string(payload.to_owned());
    let payload = payload.unwrap_or_else(|_| unreachable!("the text above is JSON"));
    let (action, timeout) = (action.to_owned(), ANSWER_WITHIN);
    let command = Command { action, payload, timeout };
    let answer = registry.command(station, command).await?;
    if is_accepted(&answer) { Ok(()) } else { Err(NotRenewed::Declined(answer)) }
}

/// Asks every station that is there and whose newest certificate ends soon.
pub(super) async fn round(rim: Rim) {
    let due = match newest(&rim) {
        Ok(newest) => newest,
        Err(error) => return warn!(%error, "which certificates end soon cannot be read"),
    };
    let now = (rim.now)();
    for ((station, serial), found) in due {
        let is_here = rim.registry.live(&station).is_some_and(|live| live.online);
        if !is_here || !is_due(&found.value, now) {
            continue;
        }
        let until = found.value.not_after.rfc3339();
        match ask_to_renew(&rim.registry, &station).await {
            Ok(()) => info!(%station, serial, until, "was asked to renew its certificate"),
            Err(why) => warn!(%station, serial, until, %why, "does not renew its certificate"),
        }
        let asked = StationCertificate { renewal_asked: Some(now), ..found.value };
        let mut commit = Commit::new();
        commit.put(&(station, serial), &asked, Expect::Revision(found.revision));
        // If this is lost the station is asked again in an hour.
        let _ = rim.store.commit(commit).await;
    }
}

/// Of each station the certificate that is good for longest, among those that it has.
fn newest(rim: &Rim) -> Result<BTreeMap<Key, Versioned<StationCertificate>>, StoreError> {
    let mut newest: BTreeMap<StationId, (String, Versioned<StationCertificate>)> = BTreeMap::new();
    let mut after: Option<Key> = None;
    loop {
        let page =
            rim.store.page::<StationCertificate>(All, after.as_ref(), Order::Ascending, PAGE)?;
        let is_last = page.len() < PAGE;
        after = page.last().map(|(key, _)| key.clone());
        for ((station, serial), found) in page {
            let until = found.value.not_after;
            let is_newer = newest.get(&station).is_none_or(|(_, it)| it.value.not_after < until);
            if found.value.installed.is_some() && is_newer {
                newest.insert(station, (serial, found));
            }
        }
        if is_last {
            let keyed = |(station, (serial, found))| ((station, serial), found);
            return Ok(newest.into_iter().map(keyed).collect());
        }
    }
}

/// A certificate that has ended cannot be renewed over the connection for which it was needed; one without that need can.
fn is_due(certificate: &StationCertificate, now: Millis) -> bool {
    let is_rested = certificate.renewal_asked.is_none_or(|asked| asked + ASK_AGAIN <= now);
    is_rested && certificate.not_after <= now + BEFORE_THE_END
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_772_000_000_000);
    const DAY: Duration = Duration::from_secs(86_400);

    fn ending(not_after: Millis, renewal_asked: Option<Millis>) -> StationCertificate {
        StationCertificate {
            fingerprint: "00".into(),
            common_name: "CS1".into(),
            not_before: Millis(0),
            not_after,
            installed: Some(Millis(1)),
            renewal_asked,
            pem: String::new(),
        }
    }

    #[test]
    fn a_station_is_asked_a_month_before_the_end_and_once_a_day() {
        assert!(!is_due(&ending(NOW + DAY * 31, None), NOW));
        assert!(is_due(&ending(NOW + DAY * 30, None), NOW));
        assert!(!is_due(&ending(NOW + DAY * 29, Some(NOW)), NOW + DAY / 2));
        assert!(is_due(&ending(NOW + DAY * 29, Some(NOW)), NOW + DAY));
    }
}
