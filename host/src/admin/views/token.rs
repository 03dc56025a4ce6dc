//! What the operator says of id tokens. The one place besides sessions where the API shows a token in full.
//! Knows no list.

use serde::{Deserialize, Serialize};

use super::{Change, Timestamp};
use crate::domain::{IdToken, TokenRecord};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokensPage {
    pub tokens: Vec<TokenView>,
    /// Pass it as `after` to go on; `null` at the end.
    pub next: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenView {
    pub token: IdToken,
    pub blocked: bool,
    pub expires: Option<Timestamp>,
    pub group: Option<String>,
    pub account: Option<String>,
    pub note: Option<String>,
}

impl TokenView {
    pub fn of(token: IdToken, record: TokenRecord) -> Self {
        let TokenRecord { blocked, expires, group, account, note } = record;
        Self { token, blocked, expires: expires.map(Timestamp), group, account, note }
    }
}

/// `PUT /v1/tokens/{id token}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TokenChange {
    #[serde(skip_serializing_if = "Change::is_keep")]
    pub blocked: Change<bool>,
    #[serde(skip_serializing_if = "Change::is_keep")]
    pub expires: Change<Timestamp>,
    #[serde(skip_serializing_if = "Change::is_keep")]
    pub group: Change<String>,
    #[serde(skip_serializing_if = "Change::is_keep")]
    pub account: Change<String>,
    #[serde(skip_serializing_if = "Change::is_keep")]
    pub note: Change<String>,
}

impl TokenChange {
    pub fn over(self, current: TokenRecord) -> TokenRecord {
        TokenRecord {
            blocked: self.blocked.over(Some(current.blocked)).unwrap_or_default(),
            expires: match self.expires {
                Change::Keep => current.expires,
                Change::Clear => None,
                Change::Set(Timestamp(time)) => Some(time),
            },
            group: self.group.over(current.group),
            account: self.account.over(current.account),
            note: self.note.over(current.note),
        }
    }
}
