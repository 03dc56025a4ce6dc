//! What an operator may set: command line over file over default, checked once. Knows no listener and no store.

mod files;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use crate::domain::{BadPath, StationPath, Validation};
use crate::tls::Source;

pub use files::FilesConfig;

/// Where stations connect unless told otherwise.
pub const DEFAULT_LISTEN: &str = "0.0.0.0:8080";

/// Where the admin API listens unless told otherwise: this machine only.
pub const DEFAULT_ADMIN: &str = "127.0.0.1:8081";

/// Longest name of an organisation in a certificate, in characters (X.520, `ub-organization-name`).
const MAX_ORGANISATION: usize = 64;

/// Most that can be kept free, in MiB: a terabyte.
const MOST_MIB: u32 = 1 << 20;

/// Longest time that anything can be kept, in days: a century.
const MOST_DAYS: u32 = 36_500;

/// Checked settings of one server.
#[derive(Debug, Clone)]
pub struct Config {
    /// Everything that must survive: records, plugins, keys.
    pub data: PathBuf,
    pub listen: SocketAddr,
    /// Where stations connect over TLS; `None`: nowhere.
    pub listen_tls: Option<SocketAddr>,
    /// What the server shows there.
    pub certificate: Source,
    /// Whose stations these are; told to the certificate authority when it is made.
    pub organisation: String,
    pub admin: SocketAddr,
    /// Below which stations connect.
    pub station_path: StationPath,
    /// Where stations reach this server, each as `ws://HOST:PORT`; empty: where it listens.
    pub station_urls: Vec<String>,
    /// Stations that nobody registered may come in, without a password.
    pub accept_unknown_stations: bool,
    /// What becomes of messages that are not what their version says, where a station's record does not say.
    pub validation: Validation,
    /// Told to stations in the answer to BootNotification.
    pub heartbeat: Duration,
    /// From the arrival of a message to the last word of the policies.
    pub policy_deadline: Duration,
    /// With less free space than this, in bytes, what the next message repeats anyway is refused.
    pub free_space_low: u64,
    /// With less free space than this, in bytes, everything is refused.
    pub free_space_least: u64,
    /// Space held back to be given up when it gets tight, in bytes.
    pub ballast: u64,
    /// How long the texts are kept that stations sent.
    pub keep_raw: Duration,
    /// How long facts are kept that hold nothing but readings.
    pub keep_meter_values: Duration,
    /// How long any fact is kept. Sessions and tokens are kept for good.
    pub keep_log: Duration,
    /// How long the records of operators' commands are kept.
    pub keep_commands: Duration,
    /// What a token gets about which no plugin has an opinion.
    pub when_nobody_decides: DefaultVerdict,
    /// Firmware and logs.
    pub files: FilesConfig,
}

/// See [`Config::when_nobody_decides`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DefaultVerdict {
    #[default]
    Refuse,
    Permit,
}

/// The file as written. Every member is optional; unknown ones are refused, because a misspelt limit is no limit.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    data: Option<PathBuf>,
    listen: Option<SocketAddr>,
    listen_tls: Option<SocketAddr>,
    tls_certificate: Option<PathBuf>,
    tls_key: Option<PathBuf>,
    tls_names: Option<Vec<String>>,
    organisation: Option<String>,
    admin: Option<SocketAddr>,
    station_path: Option<String>,
    station_urls: Vec<String>,
    accept_unknown_stations: Option<bool>,
    validation: Option<Validation>,
    heartbeat_seconds: Option<u32>,
    policy_deadline_ms: Option<u32>,
    when_nobody_decides: Option<DefaultVerdict>,
    free_space_low_mib: Option<u32>,
    free_space_least_mib: Option<u32>,
    ballast_mib: Option<u32>,
    keep_raw_days: Option<u32>,
    keep_meter_values_days: Option<u32>,
    keep_log_days: Option<u32>,
    keep_commands_days: Option<u32>,
    files: files::Table,
}

/// What the command line says.
#[derive(Debug, Default, Clone)]
pub struct Overrides {
    pub data: Option<PathBuf>,
    pub listen: Option<SocketAddr>,
    pub listen_tls: Option<SocketAddr>,
    pub tls_certificate: Option<PathBuf>,
    pub tls_key: Option<PathBuf>,
    pub tls_names: Vec<String>,
    pub admin: Option<SocketAddr>,
    pub accept_unknown_stations: bool,
    /// Where stations fetch firmware and send logs.
    pub files: Option<SocketAddr>,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read {path}: {source}")]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{path}: {source}")]
    Malformed { path: PathBuf, source: Box<toml::de::Error> },
    #[error("no data directory: give --data DIR, or `data = \"DIR\"` in the configuration file")]
    NoData,
    #[error("`station-path`: {0}")]
    StationPath(BadPath),
    #[error(
        "`station-urls`: '{0}' does not begin with ws:// or wss://, or has a path: write it as wss://csms.example.com"
    )]
    StationUrl(String),
    #[error(
        "`files.url`: '{0}' does not begin with http:// or https://, is too long or holds more than a host and a path: write it \
         as https://files.example.com"
    )]
    FilesUrl(String),
    #[error("`{name}` must be between {least} and {most}")]
    OutOfRange { name: &'static str, least: u32, most: u32 },
    #[error(
        "a certificate and its key belong together: give `tls-certificate` and `tls-key`, or neither of them"
    )]
    HalfACertificate,
    #[error("`organisation` must have 1 to {MAX_ORGANISATION} characters")]
    NoOrganisation,
}

impl Config {
    /// Reads the file, if one is named, and lets the command line have the last word.
    pub fn load(file: Option<&Path>, overrides: Overrides) -> Result<Self, ConfigError> {
        let text = match file {
            None => String::new(),
            Some(path) => std::fs::read_to_string(path)
                .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?,
        };
        let file: File = toml::from_str(&text).map_err(|source| ConfigError::Malformed {
            path: file.unwrap_or(Path::new("configuration")).to_owned(),
            source: Box::new(source),
        })?;
        let fallback = |text: &str, port| {
            text.parse().unwrap_or_else(|_| SocketAddr::from(([127, 0, 0, 1], port)))
        };
        let mib = |name, value: Option<u32>, default, least| {
            let mib = within(name, value.unwrap_or(default), least, MOST_MIB)?;
            Ok(u64::from(mib) << 20)
        };
        let days = |name, value: Option<u32>, default| {
            let days = within(name, value.unwrap_or(default), 1, MOST_DAYS)?;
            Ok(Duration::from_secs(u64::from(days) * 86_400))
        };
        let free_space_least = mib("free-space-least-mib", file.free_space_least_mib, 128, 0)?;
        let least_low = u32::try_from(free_space_least >> 20).unwrap_or(MOST_MIB);
        let data = overrides.data.or(file.data).ok_or(ConfigError::NoData)?;
        let listen_tls = overrides.listen_tls.or(file.listen_tls);
        // A store that grows by 1 GB a day still has hours between the two.
        let free_space_low =
            mib("free-space-low-mib", file.free_space_low_mib, 256.max(least_low), least_low)?;
        let uses_tls = listen_tls.is_some();
        Ok(Self {
            files: file.files.check(&data, overrides.files, uses_tls, free_space_low)?,
            data,
            listen_tls,
            certificate: certificate(
                overrides.tls_certificate.or(file.tls_certificate),
                overrides.tls_key.or(file.tls_key),
                if overrides.tls_names.is_empty() {
                    file.tls_names
                } else {
                    Some(overrides.tls_names)
                },
            )?,
            organisation: organisation(file.organisation)?,
            listen: overrides.listen.or(file.listen).unwrap_or(fallback(DEFAULT_LISTEN, 8080)),
            admin: overrides.admin.or(file.admin).unwrap_or(fallback(DEFAULT_ADMIN, 8081)),
            station_path: match file.station_path {
                Some(path) => path.parse().map_err(ConfigError::StationPath)?,
                None => StationPath::default(),
            },
            station_urls: file
                .station_urls
                .into_iter()
                .map(station_url)
                .collect::<Result<_, _>>()?,
            accept_unknown_stations: overrides.accept_unknown_stations
                || file.accept_unknown_stations.unwrap_or(false),
            validation: file.validation.unwrap_or_default(),
            heartbeat: Duration::from_secs(
                within("heartbeat-seconds", file.heartbeat_seconds.unwrap_or(300), 10, 86_400)?
                    .into(),
            ),
            // Stations give up on an answer after 30 s or so; an answer after 5 s is late for a driver.
            policy_deadline: Duration::from_millis(
                within("policy-deadline-ms", file.policy_deadline_ms.unwrap_or(3_000), 10, 20_000)?
                    .into(),
            ),
            free_space_low,
            free_space_least,
            ballast: mib("ballast-mib", file.ballast_mib, 64, 0)?,
            keep_raw: days("keep-raw-days", file.keep_raw_days, 30)?,
            keep_meter_values: days("keep-meter-values-days", file.keep_meter_values_days, 90)?,
            keep_log: days("keep-log-days", file.keep_log_days, 365)?,
            keep_commands: days("keep-commands-days", file.keep_commands_days, 90)?,
            when_nobody_decides: file.when_nobody_decides.unwrap_or_default(),
        })
    }
}

/// The names under which stations reach a server that nobody gave a name.
const LOCAL_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

fn certificate(
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    names: Option<Vec<String>>,
) -> Result<Source, ConfigError> {
    match (certificate, key) {
        (Some(certificate), Some(key)) => Ok(Source::Files { certificate, key }),
        (None, None) => {
            let local = || LOCAL_NAMES.map(str::to_owned).to_vec();
            Ok(Source::Authority { names: names.filter(|it| !it.is_empty()).unwrap_or_else(local) })
        }
        _ => Err(ConfigError::HalfACertificate),
    }
}

fn organisation(name: Option<String>) -> Result<String, ConfigError> {
    let name = name.unwrap_or_else(|| "Plugpoint".to_owned());
    let is_good = (1..=MAX_ORGANISATION).contains(&name.chars().count());
    is_good.then_some(name).ok_or(ConfigError::NoOrganisation)
}

/// Without the path, which is said apart.
fn station_url(text: String) -> Result<String, ConfigError> {
    let base = text.trim_end_matches('/');
    let host = base.strip_prefix("ws://").or_else(|| base.strip_prefix("wss://"));
    match host {
        Some(host) if !host.is_empty() && !host.contains('/') => Ok(base.to_owned()),
        _ => Err(ConfigError::StationUrl(text)),
    }
}

fn within(name: &'static str, value: u32, least: u32, most: u32) -> Result<u32, ConfigError> {
    if (least..=most).contains(&value) {
        Ok(value)
    } else {
        Err(ConfigError::OutOfRange { name, least, most })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str, overrides: Overrides) -> Result<Config, ConfigError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("plugpoint.toml");
        std::fs::write(&path, text).unwrap();
        Config::load(Some(&path), overrides)
    }

    #[test]
    fn the_command_line_has_the_last_word() {
        let overrides = Overrides { listen: "127.0.0.1:9000".parse().ok(), ..Overrides::default() };
        let text = "data = \"/srv/pp\"\nlisten = \"0.0.0.0:1\"\nheartbeat-seconds = 60\n";
        let config = load(text, overrides).unwrap();
        assert_eq!(config.listen, "127.0.0.1:9000".parse().unwrap());
        assert_eq!(config.heartbeat, Duration::from_secs(60));
        assert_eq!(config.when_nobody_decides, DefaultVerdict::Refuse);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_name() {
        let says = |text| load(text, Overrides::default()).unwrap_err().to_string();
        assert!(says("").contains("--data DIR"));
        assert!(says("data = \"d\"\nstation-path = \"ocpp\"\n").contains("begins with a slash"));
        let url = "data = \"d\"\nstation-urls = [\"https://csms.example.com\"]\n";
        assert!(says(url).contains("ws:// or wss://"));
        assert!(says("data = \"d\"\nheartbeat = 5\n").contains("unknown field `heartbeat`"));
        assert!(
            says("data = \"d\"\nkeep-log-days = 0\n").contains("`keep-log-days` must be between 1")
        );
        let upside_down = "data = \"d\"\nfree-space-least-mib = 500\nfree-space-low-mib = 400\n";
        assert!(says(upside_down).contains("`free-space-low-mib` must be between 500 and"));
        let small = "data = \"d\"\n[files]\nupload-mib = 64\nkeep-mib = 32\n";
        assert!(says(small).contains("`files.keep-mib` must be between 64 and"));
        let odd = "data = \"d\"\n[files]\nurl = \"https://me:secret@h\"\n";
        assert!(says(odd).contains("`files.url`"));
        assert!(
            says("data = \"d\"\ntls-key = \"k\"\n").contains("`tls-certificate` and `tls-key`")
        );
        assert!(says("data = \"d\"\nheartbeat-seconds = 5\n").contains("between 10 and 86400"));
    }
}
