//! A station as the operator and the log know it. Knows no socket.

use serde::{Deserialize, Serialize};

use super::Millis;

/// What the operator says of a station (`PUT /v1/stations/{id}`) and what the core learnt of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StationRecord {
    /// IANA zone name; `UTC` until the operator says otherwise.
    pub zone: Option<String>,
    /// ISO 4217 code in which sessions of this station are priced.
    pub currency: Option<String>,
    pub tags: Vec<String>,
    /// Free settings of the operator, read by plugins. A JSON object.
    pub settings: serde_json::Map<String, serde_json::Value>,
    /// The subprotocol that alone is spoken with it, for example `ocpp1.6`; `None` for the newest that both know.
    pub wanted_protocol: Option<String>,
    /// How strictly its messages are held to their version's tables; `None` for what the server is set to.
    pub validation: Option<Validation>,
    /// What it is told when it boots.
    pub acceptance: Acceptance,
    /// When its connection is pinged; `None`: after a long silence, to learn whether it is still there.
    pub pings: Option<Pings>,
    /// After how many seconds without a word its connection is given up; `None` for three heartbeats.
    pub silence_seconds: Option<u32>,
    /// It can show the driver what the session costs so far, and is told.
    pub shows_cost: bool,
    /// PHC string of the Basic password (argon2id). Never leaves the server.
    pub password_hash: Option<String>,
    /// Of the password that it was told to take, as long as nobody knows whether it did. Both are good.
    pub next_password_hash: Option<String>,
    /// The weakest way in which it may come in; `None`: its password if it has one, else its name.
    pub security_profile: Option<SecurityProfile>,
    /// Once it has come in by a stronger way, weaker ones are closed to it.
    pub raises_security: bool,
    /// The newest BootNotification.
    pub boot: Option<BootInfo>,
    /// When the station was first heard of.
    pub first_seen: Option<Millis>,
}

impl StationRecord {
    /// The weakest way in which it may come in.
    pub fn least_profile(&self) -> SecurityProfile {
        match (self.security_profile, &self.password_hash) {
            (Some(profile), _) => profile,
            (None, Some(_)) => SecurityProfile::Password,
            (None, None) => SecurityProfile::Name,
        }
    }
}

/// How a connection is kept from others, in OCPP's counting (1.6 security whitepaper §3, 2.0.1 part 2, A00). Later ones
/// are stronger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum SecurityProfile {
    /// It knows the station's name. OCPP does not count this one.
    Name = 0,
    /// It knows the station's password.
    Password = 1,
    /// It knows the password and says it over TLS.
    TlsWithPassword = 2,
    /// TLS, and it holds the key of the station's certificate.
    TlsWithCertificate = 3,
}

impl From<SecurityProfile> for u8 {
    fn from(profile: SecurityProfile) -> Self {
        profile as Self
    }
}

/// OCPP counts from 1 to 3; 0 stands for no security at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0} is no security profile: there are 0 (the name alone), 1 (password), 2 (password over TLS) and 3 (certificate)"
)]
pub struct NoSuchProfile(u8);

impl TryFrom<u8> for SecurityProfile {
    type Error = NoSuchProfile;

    fn try_from(number: u8) -> Result<Self, NoSuchProfile> {
        match number {
            0 => Ok(Self::Name),
            1 => Ok(Self::Password),
            2 => Ok(Self::TlsWithPassword),
            3 => Ok(Self::TlsWithCertificate),
            other => Err(NoSuchProfile(other)),
        }
    }
}

impl std::fmt::Display for SecurityProfile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let meaning = match self {
            Self::Name => "the name alone",
            Self::Password => "password",
            Self::TlsWithPassword => "password over TLS",
            Self::TlsWithCertificate => "certificate",
        };
        write!(f, "{} ({meaning})", u8::from(*self))
    }
}

/// What becomes of a station's message that is not what its version of OCPP says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Validation {
    /// It is refused, with the error code of that version.
    #[default]
    Strict,
    /// What is good in it is kept, and what is odd is told to the operator.
    Lenient,
}

/// What a station that boots is told (OCPP 1.6 §4.2, OCPP 2.0.1 use cases B01 to B03).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Acceptance {
    #[default]
    Accepted,
    /// It is set up first: it says only what it is asked for.
    Pending,
    /// It says nothing, and is asked nothing.
    Rejected,
}

/// When the server pings a station's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pings {
    /// Some models drop a connection on which they are pinged.
    Never,
    /// Whenever nothing was heard for so many seconds: some networks forget a connection that says nothing.
    Every(u32),
}

impl Pings {
    /// How long nothing is heard before each; `None` where there are none.
    pub fn seconds(&self) -> Option<&u32> {
        match self {
            Self::Never => None,
            Self::Every(seconds) => Some(seconds),
        }
    }
}

/// What a station said of itself at boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootInfo {
    pub vendor: String,
    pub model: String,
    pub serial: Option<String>,
    pub firmware: Option<String>,
    pub at: Millis,
}

/// The newest status of one connector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectorState {
    /// In the words of the protocol, for example `Charging`.
    pub status: String,
    /// `None` when the station reports no error.
    pub error: Option<String>,
    pub info: Option<String>,
    /// The station's time of the change if it gave one, else the time of receipt.
    pub at: Millis,
}
