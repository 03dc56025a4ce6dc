//! `plugpoint demo`: a server, simulated stations and the first-party policies in one terminal.

use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(super) struct DemoArgs {}

pub(super) async fn run(_args: DemoArgs) -> anyhow::Result<ExitCode> {
    anyhow::bail!("this build has no `demo`")
}
