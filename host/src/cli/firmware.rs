//! `plugpoint firmware …`: what stations may fetch from the house. Knows no station.

use std::path::{Path, PathBuf};

use futures_util::StreamExt as _;
use reqwest::Method;
use tokio_util::io::ReaderStream;

use super::client::{Client, Reach};
use super::failure::Failure;
use super::output::Output;
use super::paging::{Page, more};
use super::table::{Table, or_nothing};
use crate::admin::views::{FirmwarePage, FirmwareView, SignatureBody};
use crate::domain::FirmwareName;

/// Of a file, so much goes by between two words of progress.
const STEP_PERCENT: u64 = 10;

/// How long the sending of a whole file may take.
const UPLOAD_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(3600);

#[derive(Debug, clap::Args)]
pub(super) struct FirmwareArgs {
    #[command(flatten)]
    reach: Reach,
    #[command(subcommand)]
    command: FirmwareCommand,
}

#[derive(Debug, clap::Subcommand)]
enum FirmwareCommand {
    /// Put a file where stations may fetch it; `plugpoint station firmware` has them do so
    Add(AddArgs),
    /// List what stations may fetch
    List(Page),
    /// Remove a firmware that no station is fetching
    Remove {
        /// Its name
        name: FirmwareName,
    },
}

#[derive(Debug, clap::Args)]
struct AddArgs {
    /// The file
    file: PathBuf,
    /// What it is called here and in the links that stations get [default: the file's name]
    #[arg(long)]
    name: Option<FirmwareName>,
    /// Which version it is, for people
    #[arg(long, value_name = "TEXT")]
    version: Option<String>,
    /// The vendor's certificate for a signed firmware, a file in PEM
    #[arg(long, value_name = "FILE", requires = "signature")]
    signing_certificate: Option<PathBuf>,
    /// The vendor's signature of the file, in base64
    #[arg(long, value_name = "BASE64", requires = "signing_certificate")]
    signature: Option<String>,
}

pub(super) async fn run(args: FirmwareArgs, output: Output) -> anyhow::Result<()> {
    let client = args.reach.client()?;
    match args.command {
        FirmwareCommand::Add(args) => add(&client, args, output).await,
        FirmwareCommand::List(page) => {
            let list: FirmwarePage = client.get(&["firmware"], &page.query()).await?;
            output.show(&list, |list| table(&list.firmware))?;
            more(output, list.next.as_deref());
            Ok(())
        }
        FirmwareCommand::Remove { name } => {
            client.delete(&["firmware", name.as_str()]).await?;
            output.say(&format!("{name} is removed"))
        }
    }
}

async fn add(client: &Client, args: AddArgs, output: Output) -> anyhow::Result<()> {
    let AddArgs { file, name, version, signing_certificate, signature } = args;
    let name = name.map_or_else(|| named(&file), Ok)?;
    let signed = match (signing_certificate, signature) {
        (Some(certificate), Some(signature)) => {
            let signing_certificate = std::fs::read_to_string(&certificate)
                .map_err(|error| unreadable(&certificate, &error))?;
            Some(SignatureBody { signing_certificate, signature })
        }
        _ => None,
    };
    let body = content(&file, output).await?;
    let query = version.map(|version| ("version", version));
    let path = ["firmware", name.as_str()];
    let response =
        client.send_with(Method::PUT, &path, query.as_slice(), body, UPLOAD_TIMEOUT).await?;
    let mut view: FirmwareView = client.read(response).await?;
    if let Some(signature) = signed {
        view = client.put(&["firmware", name.as_str(), "signature"], &signature).await?;
    }
    output.show(&view, details)
}

/// The file's own name, where stations can be given it.
fn named(file: &Path) -> Result<FirmwareName, Failure> {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    FirmwareName::new(name)
        .map_err(|error| Failure::usage(error.to_string(), "give it a name with --name"))
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    let message = format!("cannot read {}: {error}", path.display());
    Failure::new("unreadable", message, "name a file that is there")
}

/// The file, piece by piece, with a word on how far it is.
async fn content(file: &Path, output: Output) -> Result<reqwest::Body, Failure> {
    let open = async {
        let file = tokio::fs::File::open(file).await?;
        let bytes = file.metadata().await?.len();
        Ok((file, bytes))
    };
    let (file, bytes) = open.await.map_err(|error: std::io::Error| unreadable(file, &error))?;
    let (mut sent, mut told) = (0, 0);
    let pieces = ReaderStream::new(file).inspect(move |piece| {
        sent += piece.as_ref().map_or(0, |piece| piece.len() as u64);
        let percent = (sent * 100).checked_div(bytes).unwrap_or(100);
        if percent >= told + STEP_PERCENT {
            told = percent;
            output.progress(&format!("{percent} % of {bytes} bytes"));
        }
    });
    Ok(reqwest::Body::wrap_stream(pieces))
}

fn table(firmware: &[FirmwareView]) -> String {
    let mut table = Table::new(&["FIRMWARE", "VERSION", "BYTES", "SIGNED", "ADDED", "SHA-256"]);
    for firmware in firmware {
        table.row(vec![
            firmware.name.to_string(),
            or_nothing(firmware.version.as_ref()),
            firmware.bytes.to_string(),
            if firmware.signed { "yes" } else { "no" }.to_owned(),
            firmware.added.to_string(),
            firmware.sha256.clone(),
        ]);
    }
    if table.is_empty() { "no firmware yet\n".to_owned() } else { table.render() }
}

fn details(firmware: &FirmwareView) -> String {
    let mut table = Table::new(&["FIRMWARE", firmware.name.as_str()]);
    let mut row = |name: &str, value: String| table.row(vec![name.to_owned(), value]);
    row("version", or_nothing(firmware.version.as_ref()));
    row("bytes", firmware.bytes.to_string());
    row("sha256", firmware.sha256.clone());
    row("signed", if firmware.signed { "yes" } else { "no" }.to_owned());
    row("added", firmware.added.to_string());
    table.render()
}
