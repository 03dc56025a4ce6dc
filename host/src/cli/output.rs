//! What a command prints: one JSON document, or text for people. Knows no command.

use std::io::{self, Write};

use serde::Serialize;

/// Where answers go. Progress goes to stderr, so that a pipe gets the answer alone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Output {
    pub(super) json: bool,
}

impl Output {
    /// The answer as JSON, or as the text that `text` makes of it.
    pub(super) fn show<T: Serialize>(
        self,
        answer: &T,
        text: impl FnOnce(&T) -> String,
    ) -> anyhow::Result<()> {
        let mut text = if self.json { serde_json::to_string_pretty(answer)? } else { text(answer) };
        if !text.ends_with('\n') {
            text.push('\n');
        }
        write_out(&text)
    }

    /// One line, flushed: for what comes bit by bit.
    pub(super) fn line(self, line: &str) -> anyhow::Result<()> {
        write_out(&format!("{line}\n"))
    }

    /// One line for people; nothing for those who asked for JSON.
    pub(super) fn say(self, line: &str) -> anyhow::Result<()> {
        if self.json { Ok(()) } else { self.line(line) }
    }

    /// A word on what goes on, for whoever waits. Not part of the answer.
    pub(super) fn progress(self, line: &str) {
        if !self.json {
            // Progress that cannot be told is no reason to stop.
            let _ = writeln!(io::stderr().lock(), "{line}");
        }
    }
}

fn write_out(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}
