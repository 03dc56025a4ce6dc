//! Cuts what some stations put in front of their messages. Everything else stays as it is.

use plugpoint_sdk::{Lifecycle, NoSettings, Quirks, Station};

pub struct Policy;

plugpoint_sdk::export!(Policy: Quirks);

impl Lifecycle for Policy {
    type Settings = NoSettings;

    fn configure(_: NoSettings) -> Result<Self, String> {
        Ok(Self)
    }
}

impl Quirks for Policy {
    /// `None` leaves the frame as it is. The host keeps what came beside what becomes of it.
    fn inbound(&self, _sender: &Station, text: &str) -> Result<Option<String>, String> {
        let message = text.trim_start_matches(|c| c != '[');
        Ok((message.len() < text.len()).then(|| message.to_owned()))
    }
}

#[cfg(test)]
mod tests;
