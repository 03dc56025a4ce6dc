//! `plugpoint station certificates …`: what a station comes in with instead of a password.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use reqwest::Method;

use crate::admin::views::{CertificateView, CertificatesPage, SigningRequestBody};
use crate::cli::client::{Client, TIMEOUT};
use crate::cli::output::Output;
use crate::cli::table::{Table, or_nothing};
use crate::domain::StationId;

/// How long a station may take to say that it will ask for a certificate, with what the server adds to it.
const RENEWAL: Duration = Duration::from_secs(40);

#[derive(Debug, clap::Args)]
pub(super) struct CertificatesArgs {
    /// The station's id
    id: StationId,
    /// Have the station ask for a new certificate now; it has it when `installed` says so
    #[arg(long, group = "act")]
    renew: bool,
    /// Sign a request (PKCS#10 in PEM) of the station by hand and print the certificate
    #[arg(long, value_name = "FILE", group = "act")]
    sign: Option<PathBuf>,
    /// Let the station in with this certificate no more
    #[arg(long, value_name = "SERIAL", group = "act")]
    remove: Option<String>,
}

pub(super) async fn run(
    client: &Client,
    args: CertificatesArgs,
    output: Output,
) -> anyhow::Result<()> {
    let station = args.id.as_str();
    let path = ["stations", station, "certificates"];
    if args.renew {
        let path = ["stations", station, "certificates", "renew"];
        client.send(Method::POST, &path, "".into(), RENEWAL).await?;
        output.progress(
            "the station will ask for a certificate; `plugpoint events tail` shows when it has it",
        );
        return Ok(());
    }
    if let Some(serial) = args.remove {
        client.delete(&["stations", station, "certificates", &serial]).await?;
        output.progress("the certificate lets nobody in any more");
        return Ok(());
    }
    if let Some(file) = args.sign {
        let request = std::fs::read_to_string(&file);
        let request = request.with_context(|| format!("cannot read {}", file.display()))?;
        let body = SigningRequestBody { request };
        let signed: CertificateView = client.post(&path, &body, TIMEOUT).await?;
        return output.show(&signed, |signed| signed.certificate.clone());
    }
    let page: CertificatesPage = client.get(&path, &[]).await?;
    output.show(&page, |page| table(&page.certificates))
}

fn table(certificates: &[CertificateView]) -> String {
    let mut table = Table::new(&["SERIAL", "NAME", "GOOD UNTIL", "INSTALLED", "RENEWAL ASKED"]);
    for certificate in certificates {
        table.row(vec![
            certificate.serial.clone(),
            certificate.common_name.clone(),
            certificate.until.to_string(),
            or_nothing(certificate.installed),
            or_nothing(certificate.renewal_asked),
        ]);
    }
    if table.is_empty() { "no certificates\n".to_owned() } else { table.render() }
}
