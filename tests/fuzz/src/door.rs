//! What is read before a station may speak, and beside its messages: paths, logins, times, certificates, plugins. Knows
//! no message.

use plugpoint::domain::{Addresses, Millis};
use plugpoint::files;
use plugpoint::ocpp::StationTime;
use plugpoint::plugins;
use plugpoint::station::credentials::read_basic;
use plugpoint::tls::{Certificate, SigningRequest};

/// 2026-01-01T10:00:00Z
const NOW: Millis = Millis(1_767_261_600_000);

/// The path of a WebSocket's request: whoever it names is found again under the path that we would print for him.
pub(crate) fn path(path: &str) -> bool {
    let addresses = Addresses { bases: vec![String::new()], ..Addresses::default() };
    let Some(station) = addresses.path.station(path) else { return false };
    for address in addresses.of(&station) {
        assert_eq!(addresses.path.station(&address).as_ref(), Some(&station), "{address}");
    }
    true
}

/// An `Authorization` header.
pub(crate) fn login(header: &[u8]) -> bool {
    let Some((user, _)) = read_basic(header) else { return false };
    assert!(!user.contains(&b':'), "the name ends at the first colon");
    true
}

/// A time is read, and reckoned with, whatever year it names.
pub(crate) fn time(text: &str) -> bool {
    let Some(time) = StationTime::parse(text) else { return false };
    let stamp = time.stamp(NOW);
    assert!(!stamp.clock_ok || (time.has_offset && stamp.station == time.millis));
    assert!(stamp.clock_ok || stamp.best() == NOW);
    true
}

/// The path by which a station fetches firmware or sends a log.
pub(crate) fn link(path: &str) -> bool {
    files::read_link(path).is_some()
}

pub(crate) fn signing_request(pem: &str) -> bool {
    let Ok(request) = SigningRequest::read(pem) else { return false };
    assert!(!request.common_name.is_empty());
    true
}

pub(crate) fn certificate(der: &[u8]) -> bool {
    Certificate::read(der).is_some()
}

/// A file that somebody calls a plugin, before any of its code runs.
pub(crate) fn plugin(bytes: &[u8]) -> bool {
    let Ok(inspection) = plugins::inspect(bytes) else { return false };
    assert!(inspection.manifest.to_toml().is_ok(), "what was read can be written");
    true
}
