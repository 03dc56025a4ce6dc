//! What stations are told over OCPP 2.x. Knows no state.
//!
//! As in `v16`, what is written is built from `rust_ocpp` types where they have room for it: see ADR 1.

use rust_decimal::Decimal;
use rust_decimal::serde::arbitrary_precision_option;
use rust_ocpp::v2_0_1::datatypes::id_token_info_type::IdTokenInfoType;
use rust_ocpp::v2_0_1::datatypes::id_token_type::IdTokenType;
use rust_ocpp::v2_0_1::enumerations::authorization_status_enum_type::AuthorizationStatusEnumType as TokenStatus;
use rust_ocpp::v2_0_1::enumerations::id_token_enum_type::IdTokenEnumType;
use rust_ocpp::v2_0_1::enumerations::registration_status_enum_type::RegistrationStatusEnumType;
use rust_ocpp::v2_0_1::messages::authorize::AuthorizeResponse;
use rust_ocpp::v2_0_1::messages::boot_notification::BootNotificationResponse;
use rust_ocpp::v2_0_1::messages::cost_updated::CostUpdatedRequest;
use rust_ocpp::v2_0_1::messages::heartbeat::HeartbeatResponse;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::super::frame::empty_object;
use super::super::security;
use super::super::{Answer, CostToShow, ErrorCode, OwnCall};
use super::Edition;
use crate::domain::{Acceptance, Limits, Millis, Phase, Refusal, Verdict};

pub(super) fn encode(
    edition: &Edition,
    answer: &Answer,
    now: Millis,
) -> Result<Box<RawValue>, serde_json::Error> {
    match answer {
        Answer::Boot { acceptance, interval } => to_raw_value(&BootNotificationResponse {
            current_time: now.to_utc(),
            interval: u16::try_from(interval.as_secs()).unwrap_or(u16::MAX),
            status: match acceptance {
                Acceptance::Accepted => RegistrationStatusEnumType::Accepted,
                Acceptance::Pending => RegistrationStatusEnumType::Pending,
                Acceptance::Rejected => RegistrationStatusEnumType::Rejected,
            },
            status_info: None,
        }),
        Answer::Heartbeat => to_raw_value(&HeartbeatResponse { current_time: now.to_utc() }),
        Answer::Authorize { verdict } => to_raw_value(&AuthorizeResponse {
            certificate_status: None,
            id_token_info: id_token_info(verdict),
        }),
        Answer::Event { phase, verdict, cost } => {
            let is_end = *phase == Phase::Ended;
            let limits = match verdict {
                Some(Verdict::Permit(permit)) if edition.answers_tell_limits && !is_end => {
                    TransactionLimit::of(&permit.limits)
                }
                _ => None,
            };
            let cost = cost.filter(|_| is_end || edition.answers_tell_running_cost);
            to_raw_value(&TransactionEventResponse {
                total_cost: cost.map(Decimal::from),
                id_token_info: verdict.as_ref().map(id_token_info),
                transaction_limit: limits,
            })
        }
        // OCPP 2.x has no StartTransaction, so none was decoded.
        Answer::Noted | Answer::Started { .. } => Ok(empty_object()),
        Answer::Signing { accepted } => security::status(*accepted),
        Answer::Stock(json) => RawValue::from_string((*json).to_owned()),
        Answer::Given(payload) => Ok(payload.clone()),
    }
}

/// Use case I02, as far as answers to events do not tell it already.
pub(super) fn show_cost(
    edition: &Edition,
    cost: &CostToShow,
) -> Result<Option<OwnCall>, serde_json::Error> {
    if cost.is_final || edition.answers_tell_running_cost {
        return Ok(None);
    }
    let payload = to_raw_value(&CostUpdatedRequest {
        total_cost: cost.cost.into(),
        transaction_id: cost.transaction.clone(),
    })?;
    Ok(Some(OwnCall { action: "CostUpdated", payload }))
}

/// OCPP-J 2.0.1 §4.3.
pub(super) fn spell(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::NotImplemented => "NotImplemented",
        ErrorCode::NotSupported => "NotSupported",
        ErrorCode::InternalError => "InternalError",
        ErrorCode::FormatViolation => "FormatViolation",
        ErrorCode::PropertyConstraintViolation => "PropertyConstraintViolation",
        ErrorCode::OccurrenceConstraintViolation => "OccurrenceConstraintViolation",
        ErrorCode::TypeConstraintViolation => "TypeConstraintViolation",
        ErrorCode::SecurityError => "SecurityError",
        ErrorCode::GenericError => "GenericError",
        ErrorCode::RpcFramework => "RpcFrameworkError",
        ErrorCode::MessageTypeNotSupported => "MessageTypeNotSupported",
    }
}

fn id_token_info(verdict: &Verdict) -> IdTokenInfoType {
    match verdict {
        Verdict::Permit(permit) => IdTokenInfoType {
            status: TokenStatus::Accepted,
            cache_expiry_date_time: permit.expires.map(Millis::to_utc),
            evse_id: evse_ids(&permit.limits.evses),
            group_id_token: permit.group.clone().map(|group| IdTokenType {
                id_token: group,
                kind: IdTokenEnumType::Central,
                additional_info: None,
            }),
            ..IdTokenInfoType::default()
        },
        Verdict::Refuse(refusal) => {
            IdTokenInfoType { status: status_of(refusal), ..Default::default() }
        }
        Verdict::Pass => IdTokenInfoType { status: TokenStatus::Invalid, ..Default::default() },
    }
}

/// `None` for "on every EVSE".
fn evse_ids(evses: &[u32]) -> Option<Vec<i32>> {
    let ids: Vec<_> = evses.iter().filter_map(|id| i32::try_from(*id).ok()).collect();
    (!ids.is_empty()).then_some(ids)
}

fn status_of(refusal: &Refusal) -> TokenStatus {
    match refusal {
        Refusal::Blocked => TokenStatus::Blocked,
        Refusal::Expired => TokenStatus::Expired,
        Refusal::Unknown => TokenStatus::Unknown,
        Refusal::Concurrent => TokenStatus::ConcurrentTx,
        Refusal::Other(_) => TokenStatus::Invalid,
    }
}

/// `rust_ocpp` has no OCPP 2.1, which added the limits.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TransactionEventResponse {
    #[serde(with = "arbitrary_precision_option", skip_serializing_if = "Option::is_none")]
    total_cost: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token_info: Option<IdTokenInfoType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction_limit: Option<TransactionLimit>,
}

/// How far the station may let a transaction go by itself.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TransactionLimit {
    /// In the currency of the tariff.
    #[serde(with = "arbitrary_precision_option", skip_serializing_if = "Option::is_none")]
    max_cost: Option<Decimal>,
    /// Watt-hours.
    #[serde(with = "arbitrary_precision_option", skip_serializing_if = "Option::is_none")]
    max_energy: Option<Decimal>,
    /// Seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_time: Option<u64>,
}

impl TransactionLimit {
    /// `None` for "no limit".
    fn of(limits: &Limits) -> Option<Self> {
        const MICROS: u32 = 6;
        const MILLIS: u32 = 3;
        let Limits { max_mwh, max_seconds, max_cost_micros, evses: _ } = limits;
        let energy = max_mwh.map(|mwh| i64::try_from(mwh).unwrap_or(i64::MAX));
        let limit = Self {
            max_cost: max_cost_micros.map(|micros| Decimal::new(micros, MICROS).normalize()),
            max_energy: energy.map(|mwh| Decimal::new(mwh, MILLIS).normalize()),
            max_time: *max_seconds,
        };
        let is_any =
            limit.max_cost.is_some() || limit.max_energy.is_some() || limit.max_time.is_some();
        is_any.then_some(limit)
    }
}
