//! What stations say of files that they fetch or send, which all versions say alike. Knows no file.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::reading::read;
use super::{Fault, Request, TransferWord};
use crate::domain::TransferTopic;

pub(super) fn word(
    topic: TransferTopic,
    payload: &RawValue,
    version: &str,
) -> Result<Request, Fault> {
    let Status { status, request_id } = read(payload, version)?;
    Ok(Request::Transfer(TransferWord { topic, request: request_id, status }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    status: String,
    /// Not of all messages, and not always of those that have it.
    request_id: Option<i64>,
}
