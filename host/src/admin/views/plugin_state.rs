//! What a plugin has stored, as the API shows it.

use serde::{Deserialize, Serialize};

/// `GET /v1/plugins/{name}/state`, in byte order of the keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginStatePage {
    pub state: Vec<StateEntryView>,
    pub next: Option<String>,
}

/// One key with its value: `text` where the value is UTF-8, else `base64`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateEntryView {
    pub key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// RFC 4648 §4, with padding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base64: Option<String>,
}
