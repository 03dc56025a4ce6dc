//! `plugpoint ca …` and `plugpoint tls …`: the authority of the house, and what the server shows to stations.

use serde_json::json;

use super::client::{Client, Reach, TIMEOUT};
use super::output::Output;
use super::table::{Table, or_nothing};
use crate::admin::views::{AuthorityView, ServerCertificateView};

#[derive(Debug, clap::Args)]
pub(super) struct AuthorityArgs {
    #[command(flatten)]
    reach: Reach,
    #[command(subcommand)]
    command: AuthorityCommand,
}

#[derive(Debug, clap::Subcommand)]
enum AuthorityCommand {
    /// Show whose authority it is and how long it is good
    Show,
    /// Print its certificate in PEM, for stations to trust
    Export,
}

#[derive(Debug, clap::Args)]
pub(super) struct TlsArgs {
    #[command(flatten)]
    reach: Reach,
    #[command(subcommand)]
    command: TlsCommand,
}

#[derive(Debug, clap::Subcommand)]
enum TlsCommand {
    /// Show the certificate that stations see
    Show,
    /// Read the certificate's files again, or have a new one made; connections stay
    Reload,
}

pub(super) async fn authority(args: AuthorityArgs, output: Output) -> anyhow::Result<()> {
    let client = args.reach.client()?;
    let authority: AuthorityView = client.get(&["ca"], &[]).await?;
    output.show(&authority, |authority| match args.command {
        AuthorityCommand::Show => about(authority),
        AuthorityCommand::Export => authority.certificate.clone(),
    })
}

pub(super) async fn tls(args: TlsArgs, output: Output) -> anyhow::Result<()> {
    let client = args.reach.client()?;
    let shown = match args.command {
        TlsCommand::Show => client.get(&["tls"], &[]).await?,
        TlsCommand::Reload => reload(&client).await?,
    };
    output.show(&shown, certificate)
}

async fn reload(client: &Client) -> anyhow::Result<ServerCertificateView> {
    client.post(&["tls", "reload"], &json!({}), TIMEOUT).await
}

fn about(authority: &AuthorityView) -> String {
    let mut table = Table::new(&["AUTHORITY OF", &authority.organisation]);
    let mut row = |name: &str, value: String| table.row(vec![name.to_owned(), value]);
    row("serial", authority.serial.clone());
    row("fingerprint", authority.fingerprint.clone());
    row("good until", authority.until.to_string());
    table.render()
}

fn certificate(shown: &ServerCertificateView) -> String {
    let name = or_nothing(shown.common_name.as_ref());
    let mut table = Table::new(&["CERTIFICATE OF", &name]);
    let mut row = |name: &str, value: String| table.row(vec![name.to_owned(), value]);
    row("source", shown.source.clone());
    row("serial", shown.serial.clone());
    row("fingerprint", shown.fingerprint.clone());
    row("good from", shown.from.to_string());
    row("good until", shown.until.to_string());
    table.render()
}
