//! The hook `responder` as a Rust function: asks for the answer to a call of a station. Knows no OCPP: whoever asks
//! says what an answer is.

use std::pin::pin;

use tokio::time::{Instant, timeout_at};

use super::bindings::exports::plugpoint::plugin::authorizer::Ask;
use super::bindings::exports::plugpoint::plugin::responder as wit;
use super::context::{Call, begin, tidy};
use super::error::CallError;
use super::instance::Instance;
use super::lent::{Lists, lend_station};
use super::limits::{MAX_REPLY, MAX_TEXT};
use super::plugin::Plugin;
use crate::domain::{Effects, OpenAsk, Reply};

/// What a plugin's reply comes to; why it cannot be used, in words.
pub type Fitting<'a, R> = &'a (dyn Fn(Reply) -> Result<R, String> + Sync);

impl Plugin {
    /// Asks for a reply; `None` leaves it to the next responder. A call that fails has no effects, and neither has one
    /// whose reply does not fit.
    pub async fn respond<R>(
        &self,
        ask: &OpenAsk,
        fitting: Fitting<'_, R>,
        deadline: Instant,
    ) -> Result<(Option<R>, Effects), CallError> {
        self.booked(pin!(self.ask_responder(ask, fitting, deadline))).await.result
    }

    async fn ask_responder<R>(
        &self,
        ask: &OpenAsk,
        fitting: Fitting<'_, R>,
        deadline: Instant,
    ) -> Result<(Option<R>, Effects), CallError> {
        let mut lease = self.pool.lend(&self.blueprint, deadline).await?;
        let Instance { store, responder: Some(guest), .. } = &mut *lease.instance else {
            return Ok((None, Effects::default()));
        };
        begin(store, Call::new(self.blueprint.limits.call_cpu, None));
        let lists = Lists::of(&ask.station);
        let about = Ask {
            station: lend_station(&ask.station, &lists),
            evse: None,
            session: None,
            at: ask.stamp.best().0,
            received: ask.stamp.received.0,
            clock_ok: ask.stamp.clock_ok,
            offline: false,
            more: &[],
        };
        let call = guest.call_answer(&mut *store, about, ask.action, &ask.payload);
        let outcome = timeout_at(deadline, call).await;
        let (reply, effects) = lease.settle(outcome)?;
        let reply = reply.map(take).transpose()?;
        let fit = reply.map(fitting).transpose().map_err(CallError::Nonsense)?;
        Ok((fit, effects))
    }
}

fn take(reply: wit::Reply) -> Result<Reply, CallError> {
    Ok(match reply {
        wit::Reply::Answer(payload) if payload.len() > MAX_REPLY => {
            return Err(CallError::Nonsense(format!("an answer may have {MAX_REPLY} bytes")));
        }
        wit::Reply::Answer(payload) => Reply::Answer(payload),
        wit::Reply::Refuse(wit::Refusal { code, description }) => Reply::Refuse {
            code: tidy(&code, MAX_TEXT, None),
            description: tidy(&description, MAX_TEXT, None),
        },
    })
}
