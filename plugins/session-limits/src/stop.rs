//! One session's stop: asked of the station, and what the station said. Knows no limit.
//!
//! `stop/SESSION` is there from the first request to the session's end; `command/ID` says what a request was for;
//! `last/STATION` what came of the newest one, for people.

use std::time::Duration;

use plugpoint_sdk::sessions::{self, Session};
use plugpoint_sdk::{CommandEnded, Outcome, commands, events, state};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How often a station is asked to stop one session.
const MOST_TRIES: u32 = 3;

/// A stop is of use as long as the car charges.
const EXPIRES_IN: Duration = Duration::from_secs(3600);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Why {
    Energy,
    Time,
}

/// What a request was for.
#[derive(Serialize, Deserialize)]
struct Asked {
    session: String,
    why: Why,
    tries: u32,
}

/// What is shown of a station's newest stop.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Last {
    pub(crate) session: String,
    pub(crate) why: Why,
    pub(crate) outcome: String,
}

/// As much of either protocol's answer as counts.
#[derive(Deserialize)]
struct Answer {
    status: String,
}

/// Asks the station to stop the session, unless that was done before.
pub(crate) fn ask(session: &Session, why: Why) -> Result<(), String> {
    if session.ended.is_some() || state::get(&stop(&session.id))?.is_some() {
        return Ok(());
    }
    events::emit("limit-reached", &json!({ "session": session.id, "why": why }))?;
    state::set(&stop(&session.id), b"")?;
    send(session, why, 1)
}

fn send(session: &Session, why: Why, tries: u32) -> Result<(), String> {
    let (action, payload) = request(session)?;
    let id = commands::enqueue(&session.station, action, &payload, EXPIRES_IN)?;
    state::save(&command(&id), &Asked { session: session.id.clone(), why, tries })
}

/// The call by which the session's protocol stops a transaction.
fn request(session: &Session) -> Result<(&'static str, Value), String> {
    let name = &session.transaction;
    if session.protocol != "ocpp1.6" {
        return Ok(("RequestStopTransaction", json!({ "transactionId": name })));
    }
    let number: i32 = name.parse().map_err(|_| format!("transaction {name} is no number"))?;
    Ok(("RemoteStopTransaction", json!({ "transactionId": number })))
}

/// Notes what came of a request, and asks again if the car may still charge.
pub(crate) fn ended(ended: &CommandEnded) -> Result<(), String> {
    let command = command(&ended.id);
    let Some(Asked { session, why, tries }) = state::load(&command)? else { return Ok(()) };
    state::delete(&command)?;
    let outcome = words(ended)?;
    let accepted = outcome == "Accepted";
    let last = Last { session: session.clone(), why, outcome };
    state::save(&format!("last/{}", ended.station), &last)?;
    match sessions::get(&session)? {
        Some(session) if !accepted && session.ended.is_none() && tries < MOST_TRIES => {
            send(&session, why, tries + 1)
        }
        _ => Ok(()),
    }
}

fn words(ended: &CommandEnded) -> Result<String, String> {
    Ok(match &ended.outcome {
        Outcome::Answered(_) => match ended.read::<Answer>()? {
            Some(answer) => answer.status,
            None => "answered".to_owned(),
        },
        Outcome::Refused(refusal) => refusal.code.clone(),
        Outcome::Invalid(why) => format!("invalid: {why}"),
        Outcome::Expired => "expired".to_owned(),
        Outcome::Unknown(why) => why.clone(),
    })
}

/// The session is over.
pub(crate) fn forget(session: &str) -> Result<(), String> {
    Ok(state::delete(&stop(session))?)
}

fn stop(session: &str) -> String {
    format!("stop/{session}")
}

fn command(id: &str) -> String {
    format!("command/{id}")
}
