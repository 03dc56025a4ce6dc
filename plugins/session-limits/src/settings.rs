//! How far sessions may go: as far as the permit and the operator both say.

use plugpoint_sdk::Millis;
use plugpoint_sdk::sessions::Session;
use serde::Deserialize;

/// What the operator says. Limits of permits hold beside it; nobody's word means "no limit".
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Settings {
    max_wh: Option<u32>,
    max_minutes: Option<u32>,
}

impl Settings {
    /// In milliwatt-hours.
    pub(crate) fn energy(&self, session: &Session) -> Option<i64> {
        let own = self.max_wh.map(|wh| u64::from(wh) * 1000);
        let most = own.into_iter().chain(session.max_mwh).min()?;
        i64::try_from(most).ok()
    }

    /// When its time is up. The same whenever it is asked, so that an alarm can be found again.
    pub(crate) fn end(&self, session: &Session) -> Option<Millis> {
        let own = self.max_minutes.map(|minutes| u64::from(minutes) * 60);
        let most = own.into_iter().chain(session.max_seconds).min()?;
        Some(session.started.saturating_add(most.saturating_mul(1000)))
    }
}
