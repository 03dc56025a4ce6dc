//! `plugpoint export` and `plugpoint import`: all records of a data directory as one file, and back. The server must not
//! run. Knows the store, but none of its records.

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::failure::Failure;
use super::output::Output;
use crate::store::{self, Step, Store, Summary};

/// Write all records of a stopped server into one file.
#[derive(Debug, clap::Args)]
pub(super) struct ExportArgs {
    /// Data directory of the server, which must not run.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The file to make: JSON lines, readable for you only, because secrets are in it.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

/// Make the records of a new server from an exported file.
#[derive(Debug, clap::Args)]
pub(super) struct ImportArgs {
    /// What `plugpoint export` wrote.
    file: PathBuf,
    /// Data directory of the new server: empty, or not there yet.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
}

pub(super) async fn export(args: ExportArgs, output: Output) -> anyhow::Result<()> {
    let store = Store::open_existing(&args.data)?;
    let file = create(&args.output)?;
    let written = write(&store, file, output);
    store.close().await;
    let summary = written.inspect_err(|_| {
        // Half an export is of no use to anybody.
        let _ = fs::remove_file(&args.output);
    })?;
    output.show(&summary, |summary| said("exported", summary))
}

fn create(path: &Path) -> anyhow::Result<File> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(file) => Ok(file),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let message = format!("{} is there already", path.display());
            Err(Failure::usage(message, "name another file, or remove this one").into())
        }
        Err(error) => Err(error).with_context(|| format!("cannot make {}", path.display())),
    }
}

fn write(store: &Store, file: File, output: Output) -> anyhow::Result<Summary> {
    let mut to = BufWriter::new(file);
    let summary = store.export(&mut to, &mut tell(output))?;
    to.flush()?;
    to.get_ref().sync_all()?;
    Ok(summary)
}

pub(super) async fn import(args: ImportArgs, output: Output) -> anyhow::Result<()> {
    let summary = store::import(&args.file, &args.data, &mut tell(output))?;
    output.show(&summary, |summary| said("imported and read back", summary))
}

fn tell(output: Output) -> impl FnMut(Step, u64) {
    move |step, lines| {
        let step = match step {
            Step::Exporting => "exporting",
            Step::Importing => "importing",
            Step::ReadingBack => "reading back",
        };
        output.progress(&format!("{step}: {lines} lines"));
    }
}

fn said(done: &str, summary: &Summary) -> String {
    let Summary { records, facts, sha256 } = summary;
    format!("{done}: {records} records and {facts} facts, sha256 {sha256}")
}
