//! Frames that plugins change on their way. Knows no protocol: a frame is a text.

use serde::{Deserialize, Serialize};

use super::command::names_a_secret;
use super::{Millis, PluginName};

/// The way that a frame goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// From the station.
    Inbound,
    /// To the station.
    Outbound,
}

impl Way {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
        }
    }
}

/// Frames that plugins have changed of which one station keeps the record. The next one makes the oldest go.
pub const MAX_KEPT_FRAMES: u32 = 100;

/// A frame that plugins have changed on its way, as it was and as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedFrame {
    pub at: Millis,
    pub way: Way,
    /// The plugins that changed it, with their versions, in order.
    pub by: Vec<(PluginName, String)>,
    pub original: String,
    pub changed: String,
}

/// In place of texts that are not kept.
const NOT_KEPT: &str = "(not kept: it may hold a password)";

impl ChangedFrame {
    /// As it may be kept: records are read by more people than those who set passwords.
    #[must_use]
    pub fn without_passwords(self) -> Self {
        if !names_a_secret(&self.original) && !names_a_secret(&self.changed) {
            return self;
        }
        Self { original: NOT_KEPT.to_owned(), changed: NOT_KEPT.to_owned(), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_record_of_a_frame_keeps_a_password() {
        let frame = |original: &str| ChangedFrame {
            at: Millis(1),
            way: Way::Outbound,
            by: Vec::new(),
            original: original.to_owned(),
            changed: "{}".to_owned(),
        };
        let key =
            r#"[2,"1","ChangeConfiguration",{"key":"AuthorizationKey","value":"0123456789"}]"#;
        let kept = frame(key).without_passwords();
        assert!(!kept.original.contains("0123") && kept.changed == kept.original, "{kept:?}");
        let plain = r#"[2,"1","Reset",{"type":"Soft"}]"#;
        assert_eq!(frame(plain).without_passwords().original, plain);
    }
}
