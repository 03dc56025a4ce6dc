//! `plugpoint sim`: simulated stations against any central system.

#[derive(Debug, clap::Args)]
pub(super) struct SimArgs {}

pub(super) fn run(_args: SimArgs) -> anyhow::Result<()> {
    anyhow::bail!("this build has no `sim`")
}
