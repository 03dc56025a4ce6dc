//! Does to frames and calls, at stations tagged `marked`, whatever its settings say. For tests of what the host makes
//! of that.

use std::hint::black_box;

use plugpoint_sdk::{Ask, Lifecycle, Quirks, Reply, Responder, Station, state};
use serde::Deserialize;

/// Bytes of a text that no frame may have.
const LONG: usize = (1 << 20) + 1;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    act: Act,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Act {
    /// Leaves everything as it is.
    Behave,
    /// Computes for ever.
    Loop,
    Trap,
    /// Says that it could not find out.
    CannotTell,
    /// Makes texts of frames that are no messages, and answers with what no protocol allows.
    Nonsense,
    /// Makes frames longer than any may be.
    Long,
    /// Makes other messages of them.
    Forge,
}

struct BadFrames {
    act: Act,
}

plugpoint_sdk::export!(BadFrames: Quirks, Responder);

impl Lifecycle for BadFrames {
    type Settings = Settings;

    fn configure(settings: Settings) -> Result<Self, String> {
        Ok(Self { act: settings.act })
    }
}

impl BadFrames {
    fn misbehave(&self, text: &str) -> Result<Option<String>, String> {
        // A frame's call has no effects: nobody ever finds this.
        state::set("mended", b"yes")?;
        match self.act {
            Act::Behave => Ok(None),
            Act::Loop => loop {
                black_box(text);
            },
            Act::Trap => panic!("as promised"),
            Act::CannotTell => Err("no idea".to_owned()),
            Act::Nonsense => Ok(Some("nonsense".to_owned())),
            Act::Long => Ok(Some("x".repeat(LONG))),
            Act::Forge => Ok(Some(r#"[2,"forged","Heartbeat",{}]"#.to_owned())),
        }
    }
}

impl Quirks for BadFrames {
    fn inbound(&self, _: &Station, text: &str) -> Result<Option<String>, String> {
        self.misbehave(text)
    }

    fn outbound(&self, _: &Station, text: &str, _: Option<&str>) -> Result<Option<String>, String> {
        self.misbehave(text)
    }
}

impl Responder for BadFrames {
    fn answer(&self, _: &Ask, _: &str, payload: &str) -> Result<Option<Reply>, String> {
        Ok(match self.act {
            Act::Nonsense => Some(Reply::Answer(r#"{"status":"Perhaps"}"#.to_owned())),
            Act::Forge => Some(Reply::refuse("NoSuchCode", "")),
            _ => return self.misbehave(payload).map(|_| None),
        })
    }
}
