//! Plugin files here: build, pack, look at, read. Knows no server.

use std::io;
use std::path::Path;

use serde_json::value::RawValue;

use super::super::failure::Failure;
use super::super::guest::{self, GuestBuild};
use super::super::output::Output;
use super::super::table::{Table, or_nothing};
use super::BuildArgs;
use crate::plugins::{Inspection, MAX_COMPONENT, Packed, inspect, pack};

/// Longest settings or manifest file that is read, in bytes; the server keeps less.
const MAX_TEXT_FILE: u64 = 1 << 20;

/// Stands for standard input where a file is named.
const STDIN: &str = "-";

pub(super) fn build(args: BuildArgs, output: Output) -> anyhow::Result<()> {
    let wanted = GuestBuild { dir: args.dir, target_dir: args.target_dir, version: args.version };
    let packed = guest::build(&wanted, |step| output.progress(step))?;
    write(&packed, &args.output, output)
}

fn write(packed: &Packed, to: &Path, output: Output) -> anyhow::Result<()> {
    std::fs::write(to, &packed.wasm).map_err(|error| {
        let message = format!("cannot write {}: {error}", to.display());
        Failure::new("unwritable", message, "name a file in a folder that exists")
    })?;
    output.progress(&format!("wrote {}", to.display()));
    output.show(&packed.inspection, details)
}

pub(super) fn pack_guest(
    guest: &Path,
    manifest: &Path,
    to: &Path,
    output: Output,
) -> anyhow::Result<()> {
    let guest = component(guest)?;
    let manifest = read(manifest, MAX_TEXT_FILE)?;
    write(&pack(&guest, &String::from_utf8(manifest)?.parse()?)?, to, output)
}

pub(super) fn component(file: &Path) -> anyhow::Result<Vec<u8>> {
    read(file, MAX_COMPONENT as u64)
}

pub(super) fn inspected(file: &Path, component: &[u8]) -> anyhow::Result<Inspection> {
    inspect(component).map_err(|error| {
        let message = format!("{} is not a plugin: {error}", file.display());
        Failure::new("no-plugin", message, "build one with `plugpoint plugin build DIR -o FILE`")
            .into()
    })
}

pub(super) fn read_settings(path: &Path) -> anyhow::Result<Box<RawValue>> {
    let text = match path == Path::new(STDIN) {
        true => bounded(io::stdin().lock(), MAX_TEXT_FILE),
        false => read(path, MAX_TEXT_FILE),
    };
    serde_json::from_slice(&text?).map_err(|error| {
        let message = format!("{} is not JSON: {error}", path.display());
        Failure::usage(message, "settings are one JSON object").into()
    })
}

fn read(path: &Path, limit: u64) -> anyhow::Result<Vec<u8>> {
    let file = std::fs::File::open(path);
    let bytes = file.map_err(anyhow::Error::from).and_then(|file| bounded(file, limit));
    bytes.map_err(|error| {
        let message = format!("cannot read {}: {error}", path.display());
        Failure::usage(message, "name a file that exists").into()
    })
}

fn bounded(from: impl io::Read, limit: u64) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut from.take(limit + 1), &mut bytes)?;
    if bytes.len() as u64 > limit {
        anyhow::bail!("it is longer than {limit} bytes");
    }
    Ok(bytes)
}

pub(super) fn details(inspection: &Inspection) -> String {
    let manifest = &inspection.manifest;
    let names = |names: Vec<&str>| or_nothing((!names.is_empty()).then(|| names.join(", ")));
    let mut table = Table::new(&["PLUGIN", manifest.name.as_str()]);
    let mut row = |name: &str, value: String| table.row(vec![name.to_owned(), value]);
    row("version", manifest.version.clone());
    row("summary", or_nothing(manifest.summary.as_ref()));
    row("answers", names(inspection.hooks.iter().map(|hook| hook.as_str()).collect()));
    row("stations", manifest.filters.to_string());
    row("asks for", names(manifest.imports.iter().map(|import| import.as_str()).collect()));
    row("uses", names(inspection.imports.iter().map(|import| import.as_str()).collect()));
    row("settings", if inspection.lifecycle { "yes" } else { "none" }.to_owned());
    row("size", format!("{} KiB", inspection.size.div_ceil(1024)));
    row("digest", inspection.digest.to_string());
    table.render()
}
