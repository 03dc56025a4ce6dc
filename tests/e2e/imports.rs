//! The map cannot rot: which room of the house imports which is read from the source and compared with the table
//! below, which is the one of `docs/ARCHITECTURE.md` with the rows of single files added.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A room, and what it may name with `crate::`. What is not listed here does not exist.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("ocpp", &["domain"]),
    ("charging", &["domain"]),
    ("holdings", &["domain", "tls"]),
    ("store", &["domain"]),
    ("tls", &["domain"]),
    ("plugins", &["domain"]),
    ("files", &["domain", "store", "tls"]),
    ("policy", &["domain", "plugins"]),
    ("station", &["domain", "ocpp", "charging", "holdings", "policy", "store", "tls"]),
    (
        "work",
        &[
            "domain",
            "charging",
            "holdings",
            "policy",
            "store",
            "station::registry",
            "plugins",
            "tls",
            "files",
        ],
    ),
    // The catalogue of OCPP is data that people want to read.
    (
        "admin",
        &[
            "domain",
            "ocpp::catalogue",
            "store",
            "work",
            "station::registry",
            "plugins",
            "tls",
            "files",
        ],
    ),
    ("sim", &["domain", "ocpp", "tls"]),
    // The command line is a client of the admin API: it knows what goes over that wire. Only what runs a server here
    // knows the server.
    (
        "cli",
        &["admin::views", "admin::AdminKey", "admin::KEY_FILE", "admin::DEFAULT_PORT", "domain"],
    ),
    ("cli/mod", &["plugins"]),
    ("cli/archive", &["store"]),
    ("cli/serve", &["config", "server"]),
    ("cli/demo", &["admin::views", "config", "domain", "server", "sim"]),
    ("cli/sim", &["domain", "sim", "tls"]),
    ("cli/tally", &["domain", "sim"]),
    ("cli/guest", &["plugins"]),
    ("cli/plugin", &["admin::views", "domain", "plugins"]),
    ("config", &["domain", "tls::Source", "files::Bounds"]),
    ("main", &[]),
];

/// Rooms that may know everybody. So may tests, which put a room into a world.
const KNOWS_EVERYBODY: &[&str] = &["server", "lib"];

#[test]
fn rooms_import_only_what_the_map_allows() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    assert!(files.len() > 20, "the source was not found in {}", root.display());
    let mut wrong = Vec::new();
    for file in files {
        let name = file.strip_prefix(&root).unwrap().with_extension("");
        let name = name.to_str().unwrap().to_owned();
        let room = name.split('/').next().unwrap().to_owned();
        let is_test = name.split('/').any(|part| part == "tests");
        if is_test || KNOWS_EVERYBODY.contains(&room.as_str()) {
            continue;
        }
        let allowed = allowance(&name, &room);
        for path in crate_paths(&std::fs::read_to_string(&file).unwrap()) {
            let own = path.split("::").next() == Some(&room);
            if !own && !allowed.iter().any(|room| is_in(&path, room)) {
                wrong.push(format!("{name}.rs names crate::{path}"));
            }
        }
    }
    assert!(wrong.is_empty(), "the map of the rooms forbids:\n{}", wrong.join("\n"));
}

/// The most special row of the table wins.
fn allowance(file: &str, room: &str) -> BTreeSet<&'static str> {
    let table = MAY_KNOW.iter().copied().collect::<BTreeMap<_, _>>();
    let special = MAY_KNOW
        .iter()
        .map(|(row, _)| *row)
        .find(|row| row.contains('/') && (file == *row || file.starts_with(&format!("{row}/"))));
    let row = special.unwrap_or(room);
    let allowed = table.get(row).unwrap_or_else(|| panic!("{file}.rs is in a room without a row"));
    allowed.iter().copied().collect()
}

fn is_in(path: &str, room: &str) -> bool {
    path == room || path.strip_prefix(room).is_some_and(|rest| rest.starts_with("::"))
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Every path that follows `crate::`, with `{…}` groups spread out. Comments are skipped.
fn crate_paths(source: &str) -> Vec<String> {
    let code = source
        .lines()
        .map(|line| line.split("//").next().unwrap_or(""))
        .collect::<Vec<_>>()
        .join("\n");
    let mut paths = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let before = code[..at].chars().next_back();
        // `$crate::` in a macro is a path as well; `some_crate::` is another crate.
        if before.is_none_or(|c| !c.is_alphanumeric() && c != '_') {
            spread("", &code[at + "crate::".len()..], &mut paths);
        }
    }
    paths
}

/// Reads one path or one group; gives back what follows it.
fn spread<'a>(prefix: &str, text: &'a str, paths: &mut Vec<String>) -> &'a str {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = rest.trim_start();
            if let Some(after) = rest.strip_prefix('}') {
                return after;
            }
            if rest.is_empty() {
                return rest;
            }
            rest = spread(prefix, rest, paths).trim_start();
            rest = rest.strip_prefix(',').unwrap_or(rest);
        }
    }
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    if name.is_empty() {
        // `*` and the like: skip the character, so that the reader moves on.
        return rest.get(1..).unwrap_or("");
    }
    let path = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}::{name}") };
    match rest.strip_prefix("::") {
        Some(rest) => spread(&path, rest, paths),
        None => {
            paths.push(path);
            match rest.trim_start().strip_prefix("as ") {
                Some(alias) => {
                    let alias = alias.trim_start();
                    let end = alias.find(|c: char| !c.is_alphanumeric() && c != '_');
                    &alias[end.unwrap_or(alias.len())..]
                }
                None => rest,
            }
        }
    }
}

#[test]
fn the_reader_of_imports_sees_through_groups() {
    let source = "use crate::{domain::{Seq, StationId as Id}, store::Store};\n// crate::admin\nlet x = crate::ocpp::frame::Frame::parse(t); other_crate::plugins::x();";
    assert_eq!(
        crate_paths(source),
        ["domain::Seq", "domain::StationId", "store::Store", "ocpp::frame::Frame::parse"]
    );
}
