//! `plugpoint sim`: simulated stations against any central system.

use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(super) struct SimArgs {}

pub(super) async fn run(_args: SimArgs) -> anyhow::Result<ExitCode> {
    anyhow::bail!("this build has no `sim`")
}
