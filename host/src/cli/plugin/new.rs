//! `plugpoint plugin new`: a folder that builds at once, from the SDK's templates. Knows no server.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::super::failure::Failure;
use super::super::output::Output;
use crate::domain::PluginName;

/// A file of the SDK's templates, as it was when this program was built.
macro_rules! template {
    ($path:literal) => {
        include_str!(concat!("../../../../plugin-sdk/templates/rust/", $path))
    };
}

/// The SDK's folder in a clone of the repository, and the line by which it is recognised.
const SDK: &str = "plugin-sdk";
const SDK_MARK: &str = "name = \"plugpoint-sdk\"";

#[derive(Debug, clap::Args)]
pub(super) struct NewArgs {
    /// Its name: a-z, 0-9 and '-', starting with a letter
    name: PluginName,
    /// The language to write it in
    #[arg(long, value_enum, default_value_t = Language::Rust)]
    lang: Language,
    /// What it is to do
    #[arg(long, value_enum, default_value_t = NewHook::Authorizer)]
    hook: NewHook,
    /// Folder to make; its name when left out
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The folder plugin-sdk of a clone; looked for around the new folder, here and where this program lies
    #[arg(long, value_name = "DIR")]
    sdk: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Language {
    Rust,
}

/// The hooks that have a template.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum NewHook {
    /// Says who may charge
    Authorizer,
    /// Says what it costs
    Tariff,
    /// Is told what has happened
    Observer,
    /// Mends frames on their way
    Quirks,
    /// Answers what the server leaves open
    Responder,
}

/// What was made.
#[derive(Serialize)]
struct Made {
    dir: PathBuf,
    files: Vec<String>,
    #[serde(skip)]
    name: PluginName,
}

pub(super) fn new(args: NewArgs, output: Output) -> anyhow::Result<()> {
    let dir = args.dir.unwrap_or_else(|| PathBuf::from(args.name.as_str()));
    let sdk = find_sdk(args.sdk.as_deref(), &dir)?;
    fs::create_dir(&dir).map_err(|error| unwritable(&dir, &error))?;
    fs::create_dir(dir.join("src"))?;
    let dir = dir.canonicalize()?;
    let sdk = toml::Value::String(seen_from(&dir, &sdk)).to_string();
    let Language::Rust = args.lang;
    let templates = templates(args.hook);
    for (file, template) in templates {
        let text = template.replace("{{name}}", args.name.as_str()).replace("{{sdk}}", &sdk);
        write_new(&dir.join(file), &text)?;
    }
    let files = templates.iter().map(|(file, _)| (*file).to_owned()).collect();
    output.show(&Made { dir, files, name: args.name }, told)
}

/// Where each file goes, and what it says.
fn templates(hook: NewHook) -> [(&'static str, &'static str); 5] {
    let (manifest, source, tests) = match hook {
        NewHook::Authorizer => (
            template!("authorizer/plugin.toml"),
            template!("authorizer/lib.rs"),
            template!("authorizer/tests.rs"),
        ),
        NewHook::Tariff => (
            template!("tariff/plugin.toml"),
            template!("tariff/lib.rs"),
            template!("tariff/tests.rs"),
        ),
        NewHook::Observer => (
            template!("observer/plugin.toml"),
            template!("observer/lib.rs"),
            template!("observer/tests.rs"),
        ),
        NewHook::Quirks => (
            template!("quirks/plugin.toml"),
            template!("quirks/lib.rs"),
            template!("quirks/tests.rs"),
        ),
        NewHook::Responder => (
            template!("responder/plugin.toml"),
            template!("responder/lib.rs"),
            template!("responder/tests.rs"),
        ),
    };
    [
        ("Cargo.toml", template!("Cargo.toml.in")),
        ("plugin.toml", manifest),
        ("src/lib.rs", source),
        ("src/tests.rs", tests),
        (".gitignore", template!("gitignore")),
    ]
}

/// The SDK of the clone that lies around: above the new folder, above this one, or above the program.
fn find_sdk(named: Option<&Path>, dir: &Path) -> anyhow::Result<PathBuf> {
    let is_sdk = |dir: &Path| {
        let manifest = fs::read_to_string(dir.join("Cargo.toml"));
        manifest.is_ok_and(|text| text.contains(SDK_MARK))
    };
    let next = "clone Plugpoint's repository and name its folder plugin-sdk with --sdk DIR";
    if let Some(named) = named {
        if !is_sdk(named) {
            let message = format!("{} is not the SDK", named.display());
            return Err(Failure::usage(message, next).into());
        }
        return Ok(named.canonicalize()?);
    }
    let starts = [std::path::absolute(dir)?, std::env::current_exe()?.canonicalize()?];
    let around = starts.iter().flat_map(|start| start.ancestors());
    let found = around.map(|above| above.join(SDK)).find(|dir| is_sdk(dir));
    match found {
        Some(sdk) => Ok(sdk.canonicalize()?),
        None => Err(Failure::new("no-sdk", "the Rust SDK was not found around here", next).into()),
    }
}

/// The SDK's path as the new folder's Cargo.toml names it: within a clone it goes up and down, so that the clone can
/// be moved; from elsewhere it is absolute.
fn seen_from(dir: &Path, sdk: &Path) -> String {
    let inside = sdk.parent().and_then(|clone| dir.strip_prefix(clone).ok());
    match inside {
        Some(inside) => format!("{}{SDK}", "../".repeat(inside.components().count())),
        None => sdk.display().to_string(),
    }
}

fn write_new(path: &Path, text: &str) -> anyhow::Result<()> {
    let file = fs::OpenOptions::new().write(true).create_new(true).open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| unwritable(path, &error))
}

fn unwritable(path: &Path, error: &io::Error) -> anyhow::Error {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::AlreadyExists => {
            let next = "nothing is overwritten; name another folder with --dir DIR";
            Failure::new("exists", format!("{path} is there already"), next)
        }
        _ => {
            let next = "name a folder in one that exists with --dir DIR";
            Failure::new("unwritable", format!("cannot make {path}: {error}"), next)
        }
    }
    .into()
}

fn told(made: &Made) -> String {
    let (dir, name) = (made.dir.display(), &made.name);
    format!(
        "made {dir}: {}\nnext:\n  \
         cargo test --manifest-path {dir}/Cargo.toml\n  \
         plugpoint plugin build {dir} -o {name}.wasm\n  \
         plugpoint plugin load {name}.wasm\n",
        made.files.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sdk_is_named_so_that_a_clone_can_be_moved() {
        let sdk = Path::new("/clone/plugin-sdk");
        assert_eq!(seen_from(Path::new("/clone/plugins/mine"), sdk), "../../plugin-sdk");
        assert_eq!(seen_from(Path::new("/home/mine"), sdk), "/clone/plugin-sdk");
    }
}
