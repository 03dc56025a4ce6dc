//! The hook `quirks` as a Rust function: has one frame mended. Knows no OCPP: whoever asks says what a frame is.

use std::pin::pin;

use tokio::time::{Instant, timeout_at};

use super::context::{Call, begin};
use super::error::CallError;
use super::instance::Instance;
use super::lent::{Lists, lend_station};
use super::limits::MAX_FRAME;
use super::plugin::Plugin;
use crate::domain::{AskedStation, Way};

/// One frame on its way past the quirks.
#[derive(Clone, Copy)]
pub struct Passing<'a> {
    pub way: Way,
    pub station: &'a AskedStation,
    pub text: &'a str,
    /// The action of the call that it answers, if that is known.
    pub answers: Option<&'static str>,
    pub is_frame: IsFrame<'a>,
}

/// Whether a plugin's text can take the place of a frame; why not, in words.
pub type IsFrame<'a> = &'a (dyn Fn(&str) -> Result<(), String> + Sync);

impl Plugin {
    /// Has a frame mended; `None` leaves it as it is. A rewriting: it has no effects.
    pub async fn mend(
        &self,
        passing: Passing<'_>,
        deadline: Instant,
    ) -> Result<Option<String>, CallError> {
        self.booked(pin!(self.ask_quirks(passing, deadline))).await.result
    }

    async fn ask_quirks(
        &self,
        passing: Passing<'_>,
        deadline: Instant,
    ) -> Result<Option<String>, CallError> {
        let Passing { way, station, text, answers, is_frame } = passing;
        let mut lease = self.pool.lend(&self.blueprint, deadline).await?;
        let Instance { store, quirks: Some(guest), .. } = &mut *lease.instance else {
            return Ok(None);
        };
        begin(store, Call::new(self.blueprint.limits.call_cpu, None));
        let lists = Lists::of(station);
        let station = lend_station(station, &lists);
        let outcome = match way {
            Way::Inbound => {
                timeout_at(deadline, guest.call_inbound(&mut *store, station, text)).await
            }
            Way::Outbound => {
                timeout_at(deadline, guest.call_outbound(&mut *store, station, text, answers)).await
            }
        };
        let (mended, _discarded) = lease.settle(outcome)?;
        let Some(mended) = mended.filter(|mended| mended != text) else { return Ok(None) };
        if mended.len() > MAX_FRAME {
            return Err(CallError::Nonsense(format!("a frame may have {MAX_FRAME} bytes")));
        }
        is_frame(&mended).map_err(CallError::Nonsense)?;
        Ok(Some(mended))
    }
}
