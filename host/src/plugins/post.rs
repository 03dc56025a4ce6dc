//! The capabilities by which a plugin reaches stations and other plugins: commands and events. They send nothing: what is
//! asked for is noted with the call's other effects.

use std::time::SystemTime;

use super::bindings::plugpoint::plugin::types::HostError;
use super::bindings::plugpoint::plugin::{commands, events};
use super::context::Context;
use super::imports::{Answer, invalid, limit, too_many_lookups};
use super::limits::{
    EXPIRES_LATEST, EXPIRES_SOONEST, MAX_ACTION, MAX_COMMANDS, MAX_EVENT_BODY, MAX_EVENTS,
    MAX_FOR_STATION,
};
use super::wishes::{TOPIC_RULE, is_topic};
use crate::domain::{
    MAX_COMMAND_PAYLOAD, MAX_POST, Message, Millis, NewCommand, NewMessage, QueuedCommand,
    StationId, hex,
};

/// Random bytes of an id.
const RANDOM: usize = 7;

impl commands::Host for Context {
    fn enqueue(
        &mut self,
        station: String,
        action: String,
        payload: String,
        expires_in: u64,
    ) -> Answer<String> {
        if !self.call.may_look_up() {
            return too_many_lookups();
        }
        let station = match StationId::new(&station) {
            Ok(station) => station,
            Err(why) => return invalid(format!("station: {why}")),
        };
        if let Err(why) = check(&action, &payload, expires_in) {
            return Ok(Err(why));
        }
        if let Err(why) = self.has_room_for_command(&station) {
            return Ok(Err(why));
        }
        let queued = now();
        let Some(id) = id(queued, self.call.effects.commands.len()) else {
            return Ok(Err(HostError::Unavailable));
        };
        let expires = Millis(queued.0 + expires_in);
        let command = QueuedCommand { action, payload, queued, expires, sent: None };
        let plugin = self.plugin.clone();
        self.call.effects.commands.push(NewCommand { plugin, station, id: id.clone(), command });
        Ok(Ok(id))
    }
}

/// What can be known before the station's protocol is.
fn check(action: &str, payload: &str, expires_in: u64) -> Result<(), HostError> {
    if action.is_empty() || action.len() > MAX_ACTION {
        return Err(HostError::Invalid(format!("action: must be 1 to {MAX_ACTION} bytes")));
    }
    if payload.len() > MAX_COMMAND_PAYLOAD {
        return Err(HostError::Limit(format!("a payload may have {MAX_COMMAND_PAYLOAD} bytes")));
    }
    if let Err(why) = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(payload) {
        return Err(HostError::Invalid(format!("payload: no JSON object: {why}")));
    }
    let (soonest, latest) = (EXPIRES_SOONEST.as_millis(), EXPIRES_LATEST.as_millis());
    if (soonest..=latest).contains(&u128::from(expires_in)) {
        Ok(())
    } else {
        Err(HostError::Invalid(format!("expires-in: must be {soonest} to {latest} ms")))
    }
}

impl Context {
    fn has_room_for_command(&mut self, station: &StationId) -> Result<(), HostError> {
        let noted = &self.call.effects.commands;
        if noted.len() >= MAX_COMMANDS {
            return Err(HostError::Limit(format!("a call may enqueue {MAX_COMMANDS} commands")));
        }
        let own = noted.iter().filter(|command| command.station == *station).count();
        let unavailable = |_| HostError::Unavailable;
        let waiting = self.records.commands(&self.plugin, station, MAX_FOR_STATION);
        if waiting.map_err(unavailable)? + own >= MAX_FOR_STATION {
            let why = format!("{MAX_FOR_STATION} commands of a plugin may wait for one station");
            return Err(HostError::Limit(why));
        }
        let noted = noted.len();
        let waiting = match self.call.post {
            Some(waiting) => waiting,
            None => {
                let waiting = self.records.post(&self.plugin, MAX_POST).map_err(unavailable)?;
                *self.call.post.insert(waiting)
            }
        };
        if waiting + noted >= MAX_POST {
            let why = format!("{MAX_POST} commands and messages of a plugin may wait");
            return Err(HostError::Limit(why));
        }
        Ok(())
    }
}

impl events::Host for Context {
    fn emit(&mut self, topic: String, body: String) -> Answer<()> {
        if !self.call.may_look_up() {
            return too_many_lookups();
        }
        if !is_topic(&topic) {
            return invalid(format!("topic: must be {TOPIC_RULE}"));
        }
        if body.len() > MAX_EVENT_BODY {
            return limit(format!("the body of an event may have {MAX_EVENT_BODY} bytes"));
        }
        self.call.emitted += 1;
        if self.call.emitted > MAX_EVENTS {
            return limit(format!("a call may emit {MAX_EVENTS} events"));
        }
        let at = now();
        for to in self.listeners.of(&self.plugin, &topic) {
            let Ok(waiting) = self.records.post(&to, MAX_POST) else {
                return Ok(Err(HostError::Unavailable));
            };
            if waiting >= MAX_POST {
                self.listeners.missed(&to, &self.plugin);
                continue;
            }
            let Some(id) = id(at, self.call.effects.messages.len()) else {
                return Ok(Err(HostError::Unavailable));
            };
            let (sender, topic, body) = (self.plugin.clone(), topic.clone(), body.clone());
            let message = Message::Event { sender, topic, body };
            self.call.effects.messages.push(NewMessage { to, id, at, message });
        }
        Ok(Ok(()))
    }
}

fn now() -> Millis {
    Millis::of(SystemTime::now())
}

/// Sorts by time, and within a call by order; what is left is chance. `None` when the system gives no random numbers.
fn id(at: Millis, nth: usize) -> Option<String> {
    let mut random = [0; RANDOM];
    getrandom::fill(&mut random).ok()?;
    Some(format!("{:012x}{nth:02x}{}", at.0, hex(&random)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::plugins::context::{Call, LogGate};
    use crate::plugins::guests::{Records, name};
    use crate::plugins::limits::{MAX_LOOKUPS, MemoryLedger};

    /// A call of a plugin of which so many commands wait.
    fn calling(waiting: usize) -> Context {
        Context {
            plugin: name("guest"),
            records: Arc::new(Records { waiting, ..Records::default() }),
            memory: MemoryLedger::new(0),
            log_gate: Arc::new(LogGate::default()),
            listeners: Arc::default(),
            call: Call::default(),
        }
    }

    fn enqueue(
        call: &mut Context,
        station: &str,
        payload: &str,
        ms: u64,
    ) -> Result<String, String> {
        let station = station.to_owned();
        let (action, payload) = ("Reset".to_owned(), payload.to_owned());
        let told = commands::Host::enqueue(call, station, action, payload, ms).unwrap();
        told.map_err(|error| match error {
            HostError::Limit(what) | HostError::Invalid(what) => what,
            HostError::Unavailable => "unavailable".to_owned(),
        })
    }

    #[test]
    fn commands_are_noted_in_order_with_ids_of_their_own() {
        let mut call = calling(0);
        let first = enqueue(&mut call, "A", "{}", 5_000).unwrap();
        let second = enqueue(&mut call, "A", r#"{"type":"Soft"}"#, 5_000).unwrap();
        let noted = &call.call.effects.commands;
        let ids: Vec<_> = noted.iter().map(|command| command.id.clone()).collect();
        assert_eq!(ids, [first, second]);
        assert!(ids.is_sorted(), "{ids:?}");
        let QueuedCommand { queued, expires, sent, .. } = &noted[1].command;
        assert_eq!((expires.0 - queued.0, *sent), (5_000, None));
    }

    #[test]
    fn what_cannot_be_meant_is_told_at_once() {
        let mut call = calling(0);
        for (station, payload, ms, told) in [
            ("a/b", "{}", 5_000, "station"),
            ("A", "[]", 5_000, "payload"),
            ("A", "{", 5_000, "payload"),
            ("A", "{}", 999, "expires-in"),
            ("A", "{}", u64::MAX, "expires-in"),
        ] {
            let error = enqueue(&mut call, station, payload, ms).unwrap_err();
            assert!(error.contains(told), "{error}");
        }
        let long = format!(r#"{{"a":"{}"}}"#, "x".repeat(MAX_COMMAND_PAYLOAD));
        assert!(enqueue(&mut call, "A", &long, 5_000).unwrap_err().contains("payload"));
        assert!(call.call.effects.is_empty());
    }

    #[test]
    fn every_bound_is_told_by_its_name() {
        let mut call = calling(MAX_FOR_STATION - 2);
        enqueue(&mut call, "A", "{}", 5_000).unwrap();
        enqueue(&mut call, "A", "{}", 5_000).unwrap();
        let told = enqueue(&mut call, "A", "{}", 5_000).unwrap_err();
        assert!(told.contains("one station"), "{told}");
        for n in 2..MAX_COMMANDS {
            enqueue(&mut call, &n.to_string(), "{}", 5_000).unwrap();
        }
        let told = enqueue(&mut call, "B", "{}", 5_000).unwrap_err();
        assert!(told.contains("a call may enqueue"), "{told}");
        for _ in 0..MAX_LOOKUPS {
            let _ = enqueue(&mut call, "B", "{}", 5_000);
        }
        assert!(enqueue(&mut call, "B", "{}", 5_000).unwrap_err().contains("look up"));
    }

    #[test]
    fn events_need_a_topic_and_have_their_bounds() {
        let mut call = calling(0);
        let mut emit = |topic: &str, body: &str| {
            events::Host::emit(&mut call, topic.to_owned(), body.to_owned()).unwrap().is_ok()
        };
        assert!(!emit("", "") && !emit("Loud", "") && !emit("a:b", ""));
        assert!(!emit("a", &"x".repeat(MAX_EVENT_BODY + 1)));
        assert!((0..MAX_EVENTS).all(|_| emit("a", "nobody listens")));
        assert!(!emit("a", "one too many"));
    }
}
