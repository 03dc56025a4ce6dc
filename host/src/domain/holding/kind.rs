//! The kinds of thing that a station holds, and how many of each are kept. Knows no protocol.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::super::InvalidName;

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident $name:literal most $most:literal;)*) => {
        /// See the module.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum HoldingKind {
            $($(#[$doc])* $kind,)*
        }

        impl HoldingKind {
            pub const ALL: &'static [Self] = &[$(Self::$kind,)*];

            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }

            /// How many one station may have. What comes beyond is counted and not kept.
            pub const fn most(self) -> u32 {
                match self {
                    $(Self::$kind => $most,)*
                }
            }
        }
    };
}

kinds! {
    /// Configuration keys of 1.6 and the device model of 2.x.
    Variable "variable" most 8192;
    ChargingProfile "charging-profile" most 512;
    /// What the station makes of all profiles of an EVSE together.
    CompositeSchedule "composite-schedule" most 256;
    /// What somebody else than us allows it to draw.
    ChargingLimit "charging-limit" most 256;
    /// New limits of a profile that runs.
    DynamicSchedule "dynamic-schedule" most 256;
    PriorityCharging "priority-charging" most 256;
    Reservation "reservation" most 512;
    /// The version of the local list.
    LocalList "local-list" most 1;
    LocalListEntry "local-list-entry" most 10_000;
    DisplayMessage "display-message" most 256;
    Monitor "monitor" most 2048;
    /// Which monitors are set at all, and from which severity on they are told.
    Monitoring "monitoring" most 2;
    Certificate "certificate" most 256;
    Tariff "tariff" most 256;
    DerControl "der-control" most 256;
    DerAlarm "der-alarm" most 64;
    EventStream "event-stream" most 256;
    Availability "availability" most 256;
    TransactionStatus "transaction-status" most 64;
    BatterySwap "battery-swap" most 256;
    WebPayment "web-payment" most 256;
    /// Only that a report came, how long it was and in how many parts: what it says is about a person.
    CustomerInformation "customer-information" most 1;
}

impl HoldingKind {
    /// What has gone is forgotten at once: who was on a list is nobody's business later.
    pub const fn forgets(self) -> bool {
        matches!(self, Self::LocalListEntry)
    }
}

impl fmt::Display for HoldingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for HoldingKind {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let rule = "one of those that GET /v1/stations/{id}/holdings lists, such as variable";
        let found = Self::ALL.iter().copied().find(|kind| kind.as_str() == text);
        found.ok_or(InvalidName { kind: "a kind of holding", rule })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_written_as_it_is_read() {
        for kind in HoldingKind::ALL {
            assert_eq!(kind.to_string().parse(), Ok(*kind));
            assert_eq!(serde_json::to_string(kind).unwrap(), format!("\"{kind}\""));
        }
    }
}
