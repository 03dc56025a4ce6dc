//! What a session costs: terms, what was used, bills. Knows no tariff's inside; amounts are integers, never floats.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{AuthorizeAsk, Millis, MilliwattHours, PluginName, SessionId};

/// Millionths of a currency unit, the unit of the plugin contract.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Micros(pub i64);

/// An ISO 4217 code: three capitals.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency(String);

/// The text is not an ISO 4217 code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a currency is three capitals, for example EUR")]
pub struct InvalidCurrency;

impl TryFrom<String> for Currency {
    type Error = InvalidCurrency;

    fn try_from(code: String) -> Result<Self, InvalidCurrency> {
        let is_code = code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase());
        if is_code { Ok(Self(code)) } else { Err(InvalidCurrency) }
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.0
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Currency {
    /// Decimals of the minor unit (ISO 4217). Two unless the list says otherwise.
    pub fn decimals(&self) -> u32 {
        match self.0.as_str() {
            "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF"
            | "UGX" | "UYI" | "VND" | "VUV" | "XAF" | "XOF" | "XPF" => 0,
            "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
            "CLF" | "UYW" => 4,
            _ => 2,
        }
    }

    /// Millionths in one minor unit.
    pub fn micros_per_minor(&self) -> i64 {
        10_i64.pow(6 - self.decimals())
    }

    /// An amount as people write it, for example `12.30`.
    pub fn amount(&self, minor: i64) -> String {
        let decimals = self.decimals();
        let sign = if minor < 0 { "-" } else { "" };
        let (one, minor) = (10_u64.pow(decimals), minor.unsigned_abs());
        match decimals {
            0 => format!("{sign}{minor}"),
            _ => {
                let width = decimals as usize;
                format!("{sign}{}.{:0width$}", minor / one, minor % one)
            }
        }
    }
}

/// What a plugin offered: its own words, kept for it and never looked into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    pub id: String,
    /// All that the plugin needs to compute a price.
    pub body: String,
    pub currency: Currency,
    /// The price as the driver may read it.
    pub driver_text: String,
}

/// Terms that hold for one session, whatever happens to the plugin or to the station's settings afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pinned {
    /// Who offered them and will be asked for the price.
    pub plugin: PluginName,
    /// The version that offered them.
    pub version: String,
    /// IANA zone of the station at the start.
    pub zone: String,
    pub terms: Terms,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activity {
    Charging,
    /// Connected, and the car takes nothing.
    Idle,
}

impl Activity {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Charging => "charging",
            Self::Idle => "idle",
        }
    }
}

/// A stretch of a session between two readings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    pub start: Millis,
    pub end: Millis,
    pub energy: MilliwattHours,
    pub activity: Activity,
}

/// One line of a bill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    pub kind: String,
    pub net: Micros,
    pub tax: Micros,
    /// Named extras; `text` is for people.
    pub more: Vec<(String, String)>,
}

/// What a plugin computed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bill {
    pub lines: Vec<Line>,
    /// In the currency's minor unit, rounded once.
    pub total_minor: i64,
    /// When the price next changes by time alone.
    pub next_change: Option<Millis>,
}

impl Bill {
    /// The total is what the lines add up to, give or take one minor unit of rounding.
    pub fn adds_up(&self, currency: &Currency) -> bool {
        let lines = self.lines.iter();
        let sum: i128 = lines.map(|line| i128::from(line.net.0) + i128::from(line.tax.0)).sum();
        let minor = i128::from(currency.micros_per_minor());
        (i128::from(self.total_minor) * minor - sum).abs() <= minor
    }
}

/// A bill with what it rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Priced {
    pub bill: Bill,
    /// The version of the plugin that computed it.
    pub version: String,
    /// When it was computed.
    pub at: Millis,
    /// The session's energy that it counts.
    pub energy: MilliwattHours,
    /// The session had ended: nothing will be added.
    pub closed: bool,
}

/// A question to the tariffs.
#[derive(Debug, Clone)]
pub enum TariffAsk {
    Offer(OfferAsk),
    Price(PriceAsk),
}

/// On which terms does this session charge?
#[derive(Debug, Clone)]
pub struct OfferAsk {
    /// What the authorisers were asked.
    pub about: Box<AuthorizeAsk>,
    /// Who pays, in the authorisers' terms.
    pub account: Option<String>,
}

/// What does it cost, on these terms?
#[derive(Debug, Clone)]
pub struct PriceAsk {
    pub session: SessionId,
    pub pinned: Pinned,
    pub used: Vec<Interval>,
    pub closed: bool,
}

/// What became of a question, one variant per [`TariffAsk`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TariffSaid {
    Offered(Offer),
    /// The bill with the version that computed it, or why there is none.
    Priced(Result<(Bill, String), String>),
}

/// The terms of the first tariff that offered any, and what went wrong before that.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Offer {
    pub pinned: Option<Pinned>,
    /// In words, with the plugin's name and version; `None` when nothing failed.
    pub failure: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn currency(code: &str) -> Currency {
        Currency::try_from(code.to_owned()).unwrap()
    }

    #[test]
    fn amounts_have_the_decimals_of_their_currency() {
        for (code, minor, text) in [
            ("EUR", 1230, "12.30"),
            ("EUR", -5, "-0.05"),
            ("JPY", 980, "980"),
            ("KWD", 1001, "1.001"),
        ] {
            assert_eq!(currency(code).amount(minor), text);
        }
        assert!(Currency::try_from("eur".to_owned()).is_err());
        assert!(serde_json::from_str::<Currency>("\"EURO\"").is_err());
    }

    #[test]
    fn a_total_may_differ_from_its_lines_by_rounding_and_no_more() {
        let line = |net, tax| Line {
            kind: "energy".into(),
            net: Micros(net),
            tax: Micros(tax),
            more: vec![],
        };
        let bill = |total_minor| Bill {
            lines: vec![line(1_004_900, 190_931), line(i64::MAX, 0), line(-i64::MAX, 0)],
            total_minor,
            next_change: None,
        };
        let eur = currency("EUR");
        assert!(bill(119).adds_up(&eur) && bill(120).adds_up(&eur));
        assert!(!bill(118).adds_up(&eur) && !bill(121).adds_up(&eur));
    }
}
