//! How one station is dealt with: the options that say it, and the lines that show it. Knows no server.

use crate::admin::views::{Change, StationChange, StationView};
use crate::domain::{Acceptance, Pings, Validation};

#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "How the station is dealt with, from its next connection on")]
pub(super) struct HandlingArgs {
    /// What becomes of messages that are not what their version of OCPP says: `strict` refuses them, `lenient` keeps what
    /// is good in them; `server` for what the server is set to
    #[arg(long, value_name = "strict|lenient|server", value_parser = validation)]
    validation: Option<Change<Validation>>,
    /// What it is told when it boots. Pending, it may say only what it is asked for; rejected, nothing
    #[arg(long, value_name = "accepted|pending|rejected", value_parser = acceptance)]
    accept: Option<Acceptance>,
    /// When it is pinged: `never`, or whenever nothing was heard for so many SECONDS; `server` for after a long silence
    #[arg(long, value_name = "never|SECONDS|server", value_parser = pings)]
    pings: Option<Change<Pings>>,
    /// After how many SECONDS without a word its connection is given up; `server` for three heartbeats
    #[arg(long, value_name = "SECONDS|server", value_parser = silence)]
    silence: Option<Change<u32>>,
}

impl HandlingArgs {
    pub(super) fn over(self, change: StationChange) -> StationChange {
        StationChange {
            validation: self.validation.unwrap_or_default(),
            acceptance: self.accept.map_or(Change::Keep, Change::Set),
            pings: self.pings.unwrap_or_default(),
            silence_seconds: self.silence.unwrap_or_default(),
            ..change
        }
    }
}

fn validation(text: &str) -> Result<Change<Validation>, String> {
    match text {
        "strict" => Ok(Change::Set(Validation::Strict)),
        "lenient" => Ok(Change::Set(Validation::Lenient)),
        "server" => Ok(Change::Clear),
        _ => Err("must be strict, lenient or server".to_owned()),
    }
}

fn acceptance(text: &str) -> Result<Acceptance, String> {
    match text {
        "accepted" => Ok(Acceptance::Accepted),
        "pending" => Ok(Acceptance::Pending),
        "rejected" => Ok(Acceptance::Rejected),
        _ => Err("must be accepted, pending or rejected".to_owned()),
    }
}

fn pings(text: &str) -> Result<Change<Pings>, String> {
    match text {
        "never" => Ok(Change::Set(Pings::Never)),
        "server" => Ok(Change::Clear),
        seconds => {
            let seconds = seconds.parse().map_err(|_| "must be never, server or seconds")?;
            Ok(Change::Set(Pings::Every(seconds)))
        }
    }
}

fn silence(text: &str) -> Result<Change<u32>, String> {
    match text {
        "server" => Ok(Change::Clear),
        seconds => seconds.parse().map(Change::Set).map_err(|_| "must be server or seconds".into()),
    }
}

/// Names and values, for people.
pub(super) fn rows(station: &StationView) -> [(&'static str, String); 6] {
    let validation = match station.validation {
        None => "as the server is set",
        Some(Validation::Strict) => "strict",
        Some(Validation::Lenient) => "lenient",
    };
    let acceptance = match station.acceptance {
        Acceptance::Accepted => "accepted",
        Acceptance::Pending => "pending",
        Acceptance::Rejected => "rejected",
    };
    let pings = match station.pings {
        None => "after a long silence".to_owned(),
        Some(Pings::Never) => "never".to_owned(),
        Some(Pings::Every(seconds)) => format!("after every {seconds} s of silence"),
    };
    let silence = match station.silence_seconds {
        None => "three heartbeats".to_owned(),
        Some(seconds) => format!("{seconds} s"),
    };
    [
        ("connects to", station.urls.join(" or ")),
        ("or, adding its id", station.urls_without_id.join(" or ")),
        ("validation", validation.to_owned()),
        ("boot", acceptance.to_owned()),
        ("pings", pings),
        ("silence", silence),
    ]
}
