//! Why a command could not be carried out, and the exit code that says so to scripts. Knows no command.

use std::io;
use std::process::ExitCode;

use serde_json::value::RawValue;

use crate::admin::views::{Code, ErrorBody, ErrorView};

/// Codes of failures on the way to the server.
pub(super) const UNREACHABLE: &str = "unreachable";
pub(super) const NO_ANSWER: &str = "no-answer";
pub(super) const CUT_OFF: &str = "cut-off";

/// What the API says in terms of requests, in terms of commands.
const NEXT: &[(Code, &str)] = &[
    (
        Code::Unauthorized,
        "the key is in admin.key in the server's data folder: pass --data DIR, or set PLUGPOINT_KEY",
    ),
    (
        Code::StationNotFound,
        "see `plugpoint station list`; `plugpoint station set ID` makes one known",
    ),
    (
        Code::StationOffline,
        "wait until it is online, which `plugpoint events tail` shows; `station call … --queue 1h` waits for you",
    ),
    (Code::ListNotKept, "`plugpoint station local-list ID --from-tokens` keeps it"),
    (Code::WishNotFound, "see `plugpoint station config drift ID`"),
    (Code::CommandNotFound, "see `plugpoint station commands ID --all`"),
    (Code::CommandOver, "see what came of it with `plugpoint station commands ID COMMAND`"),
    (Code::UnknownAction, "see `plugpoint ocpp actions`"),
    (
        Code::StationTimedOut,
        "look at what it reports with `plugpoint events tail`, or repeat with a longer --timeout",
    ),
    (Code::EventNotFound, "see `plugpoint events tail --after 0 --no-follow` for what is kept"),
    (Code::SessionNotFound, "see `plugpoint session list`"),
    (Code::TokenNotFound, "see `plugpoint token list`; `plugpoint token set CARD` makes one known"),
    (Code::PluginNotFound, "see `plugpoint plugin list`; `plugpoint plugin load FILE` loads one"),
    (
        Code::FirmwareNotFound,
        "see `plugpoint firmware list`; `plugpoint firmware add FILE` adds one",
    ),
    (Code::TransferNotFound, "see `plugpoint station transfers ID`"),
    (
        Code::NoFilesListener,
        "start the server with --files ADDR:PORT, an address that stations can reach",
    ),
    (Code::NothingToRollBack, "load the version that you want with `plugpoint plugin load FILE`"),
];

/// A failure with the step that helps. Everything else that goes wrong is a plain [`anyhow::Error`].
#[derive(Debug, thiserror::Error)]
#[error("{}", view.message)]
pub(super) struct Failure {
    /// In a box, because most functions of the command line return one or nothing.
    view: Box<ErrorView>,
    usage: bool,
}

impl Failure {
    pub(super) fn new(code: &str, message: impl Into<String>, next: impl Into<String>) -> Self {
        let view = ErrorView {
            code: code.to_owned(),
            message: message.into(),
            next: next.into(),
            command: None,
            ocpp_code: None,
            description: None,
            details: None,
        };
        Self { view: Box::new(view), usage: false }
    }

    /// The station's own words go with it.
    pub(super) fn with_details(mut self, details: Box<RawValue>) -> Self {
        self.view.details = Some(details);
        self
    }

    /// What was typed cannot be meant.
    pub(super) fn usage(message: impl Into<String>, next: impl Into<String>) -> Self {
        Self { usage: true, ..Self::new("usage", message, next) }
    }

    /// In the server's words, but for what to do next where a command does it.
    pub(super) fn from_server(mut view: ErrorView) -> Self {
        if let Some((_, next)) = NEXT.iter().find(|(code, _)| code.as_str() == view.code) {
            (*next).clone_into(&mut view.next);
        }
        Self { view: Box::new(view), usage: false }
    }

    /// Whether the same request may well succeed in a moment: the server is away, starting, stopping or busy.
    pub(super) fn is_passing(&self) -> bool {
        let passing = [UNREACHABLE, NO_ANSWER, CUT_OFF, Code::Unavailable.as_str()];
        passing.contains(&self.view.code.as_str())
    }
}

/// Exit code for what was typed wrongly; the same that clap uses.
const USAGE: u8 = 2;

/// Tells why, and which exit code it makes. `json` puts the error on stderr in the API's own shape.
pub(super) fn report(error: &anyhow::Error, json: bool, mut to: impl io::Write) -> ExitCode {
    if reader_left(error) {
        return ExitCode::SUCCESS;
    }
    let failure = error.downcast_ref::<Failure>();
    let view = match failure {
        Some(failure) => *failure.view.clone(),
        None => *Failure::new("failed", format!("{error:#}"), "").view,
    };
    // Nobody is left to tell that telling failed.
    let _ = if json { tell_json(view, &mut to) } else { tell(&view, &mut to) };
    match failure {
        Some(failure) if failure.usage => ExitCode::from(USAGE),
        _ => ExitCode::FAILURE,
    }
}

fn tell_json(error: ErrorView, to: &mut impl io::Write) -> io::Result<()> {
    serde_json::to_writer(&mut *to, &ErrorBody { error })?;
    writeln!(to)
}

fn tell(view: &ErrorView, to: &mut impl io::Write) -> io::Result<()> {
    writeln!(to, "error: {}", view.message)?;
    if let Some(code) = &view.ocpp_code {
        let description = view.description.as_deref().unwrap_or_default();
        writeln!(to, "       {}", super::table::visible(&format!("{code} {description}")))?;
    }
    if let Some(details) = view.details.as_ref().filter(|details| details.get() != "{}") {
        writeln!(to, "       {}", super::table::visible(details.get()))?;
    }
    if let Some(command) = &view.command {
        writeln!(to, "       on record as command {}", super::table::visible(command))?;
    }
    if !view.next.is_empty() {
        writeln!(to, " next: {}", view.next)?;
    }
    Ok(())
}

/// `plugpoint events tail | head` is no failure.
fn reader_left(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
