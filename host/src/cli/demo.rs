//! `plugpoint demo`: a server, simulated stations and the first-party policies in one terminal.

#[derive(Debug, clap::Args)]
pub(super) struct DemoArgs {}

pub(super) fn run(_args: DemoArgs) -> anyhow::Result<()> {
    anyhow::bail!("this build has no `demo`")
}
