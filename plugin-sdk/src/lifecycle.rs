//! Coming into service: settings and older state. Knows no hook.

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// What every policy does, whatever it is asked about.
pub trait Lifecycle: Sized + 'static {
    /// The operator's settings. `#[serde(deny_unknown_fields)]` turns a typing error into a refused load instead of
    /// a setting that is silently ignored; `#[serde(default)]` lets an operator give none.
    type Settings: DeserializeOwned;

    /// Makes the policy, or says what is wrong with the settings. The text is shown to the operator.
    fn configure(settings: Self::Settings) -> Result<Self, String>;

    /// Would these settings do? Asked once per load. By default: whatever [`configure`](Self::configure) accepts.
    fn validate(settings: Self::Settings) -> Result<(), String> {
        Self::configure(settings).map(drop)
    }

    /// Brings [`state`](crate::state) that another version of this plugin wrote up to date. On a rollback the other
    /// version is the newer one.
    fn migrate(other_version: &str) -> Result<(), String> {
        let _ = other_version;
        Ok(())
    }
}

/// For policies that have nothing to set: any key is refused.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoSettings {}

/// Reads the settings' JSON the way the host hands it over.
pub(crate) fn parse<S: DeserializeOwned>(json: &str) -> Result<S, String> {
    serde_json::from_str(json).map_err(|error| format!("settings: {error}"))
}
