//! Frames of stations that are not as others, mended on their way. Knows no protocol: a frame is a text.

use crate::{Lifecycle, Station};

/// Mends frames. `None` leaves one as it is; so does an error, which goes into the log, where no card's number belongs.
///
/// What this writes to [`state`](crate::state) is discarded.
pub trait Quirks: Lifecycle {
    /// A frame that the station sent, before anybody else reads it. It may be no JSON at all.
    fn inbound(&self, sender: &Station, text: &str) -> Result<Option<String>, String> {
        let _ = (sender, text);
        Ok(None)
    }

    /// A frame for the station, right before it is sent. `answers` is the action of the call that it answers, if it
    /// answers one.
    fn outbound(
        &self,
        receiver: &Station,
        text: &str,
        answers: Option<&str>,
    ) -> Result<Option<String>, String> {
        let _ = (receiver, text, answers);
        Ok(None)
    }
}

impl Station {
    /// As the newest boot report said it, if it did.
    pub fn firmware(&self) -> Option<&str> {
        self.said("firmware")
    }

    /// Likewise.
    pub fn serial(&self) -> Option<&str> {
        self.said("serial")
    }

    fn said(&self, name: &str) -> Option<&str> {
        self.more.iter().find(|(said, _)| said == name).map(|(_, what)| what.as_str())
    }
}
