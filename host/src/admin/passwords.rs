//! Passwords of stations: set by the operator, or rotated with the station's help. Keeps and shows hashes only.

use std::sync::Arc;
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, SaltString};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};

use super::desk::Desk;
use super::extract::{JsonBody, Named};
use super::problem::Problem;
use super::views::{Code, PasswordChange, Rotated, RotatedView, Rotation};
use crate::domain::{StationId, StationRecord, hex};
use crate::station::registry::{Changed, Command, CommandFailure};

/// Longest station password, in bytes. OCPP 2.0.1 allows 40; those that come in hexadecimal are twice as long.
const MAX_PASSWORD: usize = 128;

/// Random bytes in the salt of a password.
const SALT_BYTES: usize = 16;

/// Random bytes in a password made here. In Base64 they are 20 characters of the kinds that OCPP 2.x allows, which is
/// the most that a key of 1.6 may have (whitepaper: 40 characters of hexadecimal).
const MADE_BYTES: usize = 15;

/// How long a password that a station is told to take may be, in characters: of 1.6, and of 2.x.
const KEY_CHARS: std::ops::RangeInclusive<usize> = 16..=20;
const PASSWORD_CHARS: std::ops::RangeInclusive<usize> = 16..=40;

/// How long a station may take to answer when the caller does not say, and the longest that it may say.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
const MAX_TIMEOUT: Duration = Duration::from_secs(300);

pub(super) async fn put(
    State(desk): State<Arc<Desk>>,
    Named(id): Named<StationId>,
    JsonBody(change): JsonBody<PasswordChange>,
) -> Result<StatusCode, Problem> {
    let password = change.password;
    if password.is_empty() || password.len() > MAX_PASSWORD {
        let message = format!("a password must be 1 to {MAX_PASSWORD} bytes long");
        return Err(Problem::bad_request(message, "OCPP asks for 16 to 40 characters"));
    }
    let hash = hash_in_turn(&desk, password).await?;
    desk.update(&id, |current: Option<StationRecord>| StationRecord {
        password_hash: Some(hash.clone()),
        next_password_hash: None,
        ..current.unwrap_or_default()
    })
    .await?;
    desk.admin.registry.hang_up(&id, Changed::Credentials);
    tracing::info!(station = %id, "the station's password was set");
    Ok(StatusCode::NO_CONTENT)
}

/// Has the station take a new password. The old one counts until the station has said that it did; when nobody knows
/// whether it did, both count until it comes in with the new one.
pub(super) async fn rotate(
    State(desk): State<Arc<Desk>>,
    Named(id): Named<StationId>,
    JsonBody(rotation): JsonBody<Rotation>,
) -> Result<Json<RotatedView>, Problem> {
    let live = desk.admin.registry.live(&id).filter(|live| live.online);
    let protocol = live.and_then(|live| live.protocol).ok_or(CommandFailure::Offline)?;
    let password = match rotation.password {
        Some(password) => password,
        None => make()?,
    };
    let timeout = rotation.timeout_ms.map_or(DEFAULT_TIMEOUT, Duration::from_millis);
    if timeout.is_zero() || timeout > MAX_TIMEOUT {
        let message = format!("timeout_ms: must be 1 to {}", MAX_TIMEOUT.as_millis());
        return Err(Problem::bad_request(message, "leave it out for 30 seconds"));
    }
    let command = call(protocol, &password, timeout)?;
    let hash = hash_in_turn(&desk, password).await?;
    keep(&desk, &id, |record| record.next_password_hash = Some(hash.clone())).await?;
    // Whatever is done to this request: the station's answer is written down.
    let (desk, hash) = (desk.clone(), hash.clone());
    let telling = tokio::spawn(async move { tell(&desk, &id, command, &hash).await });
    telling.await.unwrap_or_else(|died| Err(Problem::internal(&died))).map(Json)
}

/// Sends the call, and lets the records follow the station's word.
async fn tell(
    desk: &Desk,
    id: &StationId,
    command: Command,
    hash: &str,
) -> Result<RotatedView, Problem> {
    let is_next = |record: &StationRecord| record.next_password_hash.as_deref() == Some(hash);
    let forget = |record: &mut StationRecord| {
        if is_next(record) {
            record.next_password_hash = None;
        }
    };
    // On record like any other call of an operator's, without the password.
    match desk.admin.calls.call(id.clone(), command).await.result {
        Ok(answer) => match status(&answer).as_deref() {
            Some("Accepted") => {
                keep(desk, id, |record| {
                    if is_next(record) {
                        record.password_hash = record.next_password_hash.take();
                    }
                })
                .await?;
                tracing::info!(station = %id, "the station has taken a new password");
                Ok(RotatedView { status: Rotated::Accepted })
            }
            Some("RebootRequired") => Ok(RotatedView { status: Rotated::RebootRequired }),
            _ => {
                keep(desk, id, forget).await?;
                let message = "the station did not take the new password: the old one counts";
                let next = "its own words are in details; not every station can be told a password";
                Err(Problem::new(Code::RejectedByStation, message, next).with_details(answer))
            }
        },
        Err(
            failure @ (CommandFailure::Refused { .. }
            | CommandFailure::Invalid(_)
            | CommandFailure::Offline
            | CommandFailure::Busy),
        ) => {
            keep(desk, id, forget).await?;
            Err(failure.into())
        }
        Err(
            failure @ (CommandFailure::TimedOut
            | CommandFailure::Unfit { .. }
            | CommandFailure::Disconnected
            | CommandFailure::ShuttingDown),
        ) => {
            tracing::warn!(station = %id, "may have taken a new password: the old one and the new one count until it comes in with the new one");
            Err(failure.into())
        }
    }
}

async fn keep(
    desk: &Desk,
    id: &StationId,
    change: impl Fn(&mut StationRecord),
) -> Result<(), Problem> {
    desk.update(id, |current: Option<StationRecord>| {
        let mut record = current.unwrap_or_default();
        change(&mut record);
        record
    })
    .await?;
    Ok(())
}

/// OCPP 1.6 spells the key in hexadecimal over the wire, and the station sends the bytes themselves as its password
/// (1.6 security whitepaper §4.2, OCTT TC_085). 2.x says it as it is.
fn call(protocol: &str, password: &str, timeout: Duration) -> Result<Command, Problem> {
    let is_first_family = protocol.starts_with("ocpp1.");
    let allowed = if is_first_family { KEY_CHARS } else { PASSWORD_CHARS };
    let is_plain = password.bytes().all(|byte| byte.is_ascii_graphic());
    if !allowed.contains(&password.len()) || !is_plain {
        let (least, most) = (allowed.start(), allowed.end());
        let message =
            format!("password: {protocol} takes {least} to {most} visible ASCII characters");
        return Err(Problem::bad_request(message, "leave it out to have one made"));
    }
    let (action, payload) = if is_first_family {
        let payload = json!({ "key": "AuthorizationKey", "value": hex(password.as_bytes()) });
        ("ChangeConfiguration", payload)
    } else {
        let payload = json!({ "setVariableData": [{
            "attributeValue": password,
            "component": { "name": "SecurityCtrlr" },
            "variable": { "name": "BasicAuthPassword" },
        }] });
        ("SetVariables", payload)
    };
    let payload = to_raw_value(&payload).map_err(|error| Problem::internal(&error))?;
    Ok(Command { action: action.to_owned(), payload, timeout })
}

/// What the station says: of its only key, or of the only variable that was set.
fn status(answer: &RawValue) -> Option<String> {
    let answer: serde_json::Value = serde_json::from_str(answer.get()).ok()?;
    let of_key = answer["status"].as_str();
    let of_variable = || answer["setVariableResult"][0]["attributeStatus"].as_str();
    of_key.or_else(of_variable).map(str::to_owned)
}

fn make() -> Result<String, Problem> {
    let mut bytes = [0; MADE_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| Problem::internal(&error))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

async fn hash_in_turn(desk: &Desk, password: String) -> Result<String, Problem> {
    let turn = desk.hashing().await?;
    let hashing = tokio::task::spawn_blocking(move || {
        let hash = hash(&password);
        drop(turn);
        hash
    });
    hashing.await.unwrap_or_else(|died| Err(Problem::internal(&died)))
}

/// The PHC string under which the password is kept. Slow on purpose.
fn hash(password: &str) -> Result<String, Problem> {
    let mut salt = [0; SALT_BYTES];
    getrandom::fill(&mut salt).map_err(|e| Problem::internal(&e))?;
    let salt = SaltString::encode_b64(&salt).map_err(|e| Problem::internal(&e))?;
    let hash = Argon2::default().hash_password(password.as_bytes(), &salt);
    Ok(hash.map_err(|e| Problem::internal(&e))?.to_string())
}
