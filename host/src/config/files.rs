//! What an operator may set of files: where stations fetch and send them, and how much of it. Knows no listener.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::{ConfigError, within};
use crate::files::Bounds;

/// The largest file of any kind that can be allowed, in MiB. Firmware of charging stations has a few hundred.
const MOST_MIB: u32 = 16 << 10;

/// The most that stations' files may take altogether, in MiB: a terabyte.
const MOST_KEPT_MIB: u32 = 1 << 20;

/// Longest address that stations are told, in bytes. A link has to fit into the 512 characters of OCPP 2.0.1.
const MAX_URL: usize = 150;

/// The directory within the data directory where nobody names another.
const DIRECTORY: &str = "files";

/// Checked settings of the files listener and of what lies behind it.
#[derive(Debug, Clone)]
pub struct FilesConfig {
    /// Where stations fetch and send; `None`: nowhere.
    pub listen: Option<SocketAddr>,
    /// What stations are told of that; `None`: where it listens.
    pub url: Option<String>,
    pub directory: PathBuf,
    /// It speaks TLS, with the certificate of the station listener.
    pub tls: bool,
    pub bounds: Bounds,
}

/// The table `[files]` as written.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Table {
    listen: Option<SocketAddr>,
    url: Option<String>,
    directory: Option<PathBuf>,
    tls: Option<bool>,
    upload_mib: Option<u32>,
    firmware_mib: Option<u32>,
    keep_mib: Option<u32>,
    keep_days: Option<u32>,
    at_once: Option<u32>,
    link_seconds: Option<u32>,
}

impl Table {
    pub(super) fn check(
        self,
        data: &Path,
        listen: Option<SocketAddr>,
        stations_use_tls: bool,
        floor: u64,
    ) -> Result<FilesConfig, ConfigError> {
        let mib = |name, value: Option<u32>, default, least, most| {
            within(name, value.unwrap_or(default), least, most).map(|mib| u64::from(mib) << 20)
        };
        let upload = mib("files.upload-mib", self.upload_mib, 256, 1, MOST_MIB)?;
        // The newest file of a station must not push itself out.
        let least_kept = u32::try_from(upload >> 20).unwrap_or(MOST_KEPT_MIB);
        let default_kept = least_kept.max(4096);
        let days = within("files.keep-days", self.keep_days.unwrap_or(30), 1, 36_500)?;
        let seconds = self.link_seconds.unwrap_or(86_400);
        let seconds = within("files.link-seconds", seconds, 1, 31 * 86_400)?;
        let at_once = within("files.at-once", self.at_once.unwrap_or(2), 1, 16)?;
        Ok(FilesConfig {
            listen: listen.or(self.listen),
            url: self.url.map(url).transpose()?,
            directory: self.directory.unwrap_or_else(|| data.join(DIRECTORY)),
            tls: self.tls.unwrap_or(stations_use_tls),
            bounds: Bounds {
                upload,
                firmware: mib("files.firmware-mib", self.firmware_mib, 1024, 1, MOST_MIB)?,
                keep_bytes: mib(
                    "files.keep-mib",
                    self.keep_mib,
                    default_kept,
                    least_kept,
                    MOST_KEPT_MIB,
                )?,
                floor,
                keep: Duration::from_secs(u64::from(days) * 86_400),
                at_once: usize::try_from(at_once).unwrap_or(1),
                link: Duration::from_secs(seconds.into()),
            },
        })
    }
}

/// A path in it is a proxy's affair; it must not hold what a link cannot.
fn url(text: String) -> Result<String, ConfigError> {
    let base = text.trim_end_matches('/');
    let host = base.strip_prefix("http://").or_else(|| base.strip_prefix("https://"));
    let is_plain = !base.contains(['?', '#', '@', ' ']) && base.len() <= MAX_URL;
    match host {
        Some(host) if !host.is_empty() && is_plain => Ok(base.to_owned()),
        _ => Err(ConfigError::FilesUrl(text)),
    }
}
