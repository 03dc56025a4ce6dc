//! `plugpoint station password …`: what a station proves itself with.

use std::io::{BufRead, IsTerminal, Read};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;

use super::{GRACE, Patience};
use crate::admin::views::{PasswordChange, Rotated, RotatedView, Rotation};
use crate::cli::client::{Client, TIMEOUT};
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::domain::StationId;

/// Random bytes in a password made here. Written in Base64 they are 32 characters, within the 16 to 40 of OCPP.
const PASSWORD_BYTES: usize = 24;

/// Shortest password that OCPP allows, in bytes (1.6 security whitepaper, profile 1; 2.0.1 part 2, A00).
const MIN_PASSWORD: usize = 16;

#[derive(Debug, clap::Args)]
pub(super) struct PasswordArgs {
    /// The station's id
    id: StationId,
    /// Make a password and print it
    #[arg(long, conflicts_with = "rotate")]
    generate: bool,
    /// Have the station itself take a new password, over the connection that it has; nobody else gets to know it
    #[arg(long)]
    rotate: bool,
    #[command(flatten)]
    patience: Patience,
}

pub(super) async fn run(client: &Client, args: PasswordArgs, output: Output) -> anyhow::Result<()> {
    let PasswordArgs { id, generate, rotate, patience } = args;
    if rotate {
        return have_it_taken(client, &id, patience, output).await;
    }
    let password = if generate { make_password()? } else { read_password(output)? };
    if password.len() < MIN_PASSWORD {
        output.progress("note: OCPP asks for at least 16 characters; some stations refuse less");
    }
    let body = serde_json::to_vec(&PasswordChange { password: password.clone() })?;
    let path = ["stations", id.as_str(), "password"];
    client.send(Method::PUT, &path, body.into(), TIMEOUT).await?;
    if generate {
        return output.show(&PasswordChange { password }, |made| made.password.clone());
    }
    output.progress("the password is set; it counts from the station's next connection");
    Ok(())
}

fn make_password() -> anyhow::Result<String> {
    let mut bytes = [0; PASSWORD_BYTES];
    getrandom::fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

fn read_password(output: Output) -> anyhow::Result<String> {
    if std::io::stdin().is_terminal() {
        output.progress("password, then Enter:");
    }
    let mut line = String::new();
    std::io::stdin().lock().take(1024).read_line(&mut line)?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        let next = "pipe it in, as in `printf %s PASSWORD | plugpoint station password ID`, or use --generate";
        return Err(Failure::usage("no password on standard input", next).into());
    }
    Ok(password.to_owned())
}

async fn have_it_taken(
    client: &Client,
    id: &StationId,
    Patience { seconds }: Patience,
    output: Output,
) -> anyhow::Result<()> {
    let rotation = Rotation { password: None, timeout_ms: Some(seconds * 1000) };
    let path = ["stations", id.as_str(), "password", "rotate"];
    let wait = Duration::from_secs(seconds) + GRACE;
    let rotated: RotatedView = client.post(&path, &rotation, wait).await?;
    output.show(&rotated, |rotated| match rotated.status {
        Rotated::Accepted => format!("{id} has a new password; the old one is void\n"),
        Rotated::RebootRequired => {
            format!("{id} takes its new password with its next start; until then the old one counts, too\n")
        }
    })
}
