//! Stops sessions that have reached their limit of energy or time. Knows nothing of who may charge: the limits are those
//! of the permit, and the operator's own.

mod settings;
mod stop;

use plugpoint_sdk::sessions::{self, Session};
use plugpoint_sdk::{Event, Inbox, Lifecycle, Message, Millis, Observer, clock, state};
use serde::Deserialize;

use settings::Settings;
use stop::Why;

/// The timer of the manifest.
const LOOK_AROUND: &str = "look-around";

/// Sessions whose time is up that one call stops; the others follow at the next one. Each takes four look-ups.
const AT_ONCE: usize = 12;

pub struct SessionLimits {
    settings: Settings,
}

plugpoint_sdk::export!(SessionLimits: Observer, Inbox);

impl Lifecycle for SessionLimits {
    type Settings = Settings;

    fn configure(settings: Settings) -> Result<Self, String> {
        Ok(Self { settings })
    }
}

/// As much of an event as says which session it is about; meter values need not be about any.
#[derive(Deserialize)]
struct About {
    session: Option<u32>,
}

impl Observer for SessionLimits {
    fn on_events(&self, batch: &[Event]) -> Result<(), String> {
        for event in batch {
            let Some(id) = event.read::<About>()?.session else { continue };
            let Some(session) = sessions::get(id)? else { continue };
            match event.kind.as_str() {
                "transaction-started" => self.set_alarm(&session)?,
                "transaction-ended" => self.forget(&session)?,
                _ => self.check_energy(&session)?,
            }
        }
        Ok(())
    }
}

impl Inbox for SessionLimits {
    fn handle(&self, _: Millis, message: &Message) -> Result<(), String> {
        match message {
            Message::Command(ended) => stop::ended(ended),
            Message::Timer(timer) if timer.name == LOOK_AROUND => self.look_around(),
            Message::Timer(_) | Message::Event(_) => Ok(()),
        }
    }
}

impl SessionLimits {
    /// The record is ahead of the events: a session that has ended meanwhile needs no stop.
    fn check_energy(&self, session: &Session) -> Result<(), String> {
        match self.settings.energy(session) {
            Some(most) if session.energy_mwh >= most => stop::ask(session, Why::Energy),
            _ => Ok(()),
        }
    }

    /// Alarms are kept in the order in which they are due.
    fn set_alarm(&self, session: &Session) -> Result<(), String> {
        match self.settings.end(session) {
            Some(end) => Ok(state::set(&alarm(end, &session.id), b"")?),
            None => Ok(()),
        }
    }

    fn forget(&self, session: &Session) -> Result<(), String> {
        if let Some(end) = self.settings.end(session) {
            state::delete(&alarm(end, &session.id))?;
        }
        stop::forget(&session.id)
    }

    fn look_around(&self) -> Result<(), String> {
        let now = alarm(clock::now(), "");
        for due in state::list_keys("alarm/", None)?.iter().take(AT_ONCE) {
            let Some((_, id)) = due.rsplit_once('/').filter(|_| *due < now) else { break };
            if let Some(session) = sessions::get(id)? {
                stop::ask(&session, Why::Time)?;
            }
            state::delete(due)?;
        }
        Ok(())
    }
}

fn alarm(at: Millis, session: &str) -> String {
    format!("alarm/{at:015}/{session}")
}

#[cfg(test)]
mod tests;
