//! Decimal numbers as the operator writes them, kept in millionths. Never a float.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Digits before the point that a price or a percentage may have.
const MAX_WHOLE: usize = 6;

/// A number from 0 with up to six decimals, written as text: `"0.39"`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Amount {
    pub(crate) millionths: i64,
}

impl TryFrom<String> for Amount {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (whole, decimals) = text.split_once('.').unwrap_or((&text, ""));
        let digits = format!("{whole}{decimals:0<6}");
        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || whole.len() > MAX_WHOLE || decimals.len() > 6 || !is_number {
            return Err(format!("{text:?} is not a number like \"0.39\""));
        }
        let millionths = digits.parse().map_err(|_| format!("{text:?} is too large"))?;
        Ok(Self { millionths })
    }
}

impl From<Amount> for String {
    fn from(amount: Amount) -> Self {
        amount.to_string()
    }
}

impl fmt::Display for Amount {
    /// Without trailing zeros beyond the second decimal: prices look like prices.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = format!("{:06}", self.millionths % 1_000_000);
        let kept = decimals.trim_end_matches('0').len().max(2);
        write!(f, "{}.{}", self.millionths / 1_000_000, &decimals[..kept])
    }
}
