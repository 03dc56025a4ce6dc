//! Where a fuzzer begins: what stations and the house say in the tests' transcripts, and the words of the tables. Knows
//! no target's promises.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

use plugpoint::ocpp::Catalogue;
use plugpoint::ocpp::catalogue::{Kind, Member};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use serde_json::Deserializer;
use serde_json::value::RawValue;

/// Where transcripts are, below the root of the project.
const WITH_TRANSCRIPTS: [&str; 4] =
    ["host/src/station", "host/src/ocpp", "host/src/sim", "tests/e2e"];

/// How a message begins.
const BEGINNINGS: [&str; 5] = [r#"[2,""#, r#"[3,""#, r#"[4,""#, r#"[5,""#, r#"[6,""#];

/// Paths that stations ask for, good and odd.
pub const PATHS: [&str; 8] = [
    "/ocpp/CS1",
    "/ocpp//CS1",
    "/ocpp/CS1/",
    "/ocpp/prefix/CS1",
    "/ocpp/DE%2AABC%2AE0001",
    "/ocpp/%43S%201",
    "/ocpp/%FF",
    "/elsewhere/CS1",
];

/// Links of the house, good and odd.
pub const LINKS: [&str; 4] = [
    "/station-files/CS1/1/0123456789abcdef0123456789abcdef/fw.bin",
    "/proxy//station-files/a%20b/12/0123456789abcdef0123456789abcdef",
    "/station-files/CS1/-1/x",
    "/station-files//",
];

/// `Authorization` headers: a text, a binary password, an empty one, another scheme.
pub const LOGINS: [&str; 4] =
    ["Basic Q1MxOnNlY3JldA==", "basic Q1MxOgD/gP8=", "Basic Q1MxOg==", "Bearer Q1Mx"];

/// Times as the field writes them.
pub const TIMES: [&str; 8] = [
    "2026-01-01T10:00:00Z",
    "2026-01-01T10:00:00.000000000Z",
    "2026-01-01T12:00:00+02:00",
    "2026-01-01T12:00:00+02",
    "2026-01-01T10:00:00",
    "1970-01-01T00:00:05Z",
    "0001-01-01T00:00:00Z",
    " 2026-02-30T25:61:61Z ",
];

/// The root of the project.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every message of every transcript.
pub fn messages() -> io::Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for folder in WITH_TRANSCRIPTS {
        read_folder(&root().join(folder), &mut found)?;
    }
    Ok(found)
}

fn read_folder(folder: &Path, found: &mut BTreeSet<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            read_folder(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path)?;
            found.extend(messages_in(&text).map(str::to_owned));
        }
    }
    Ok(())
}

fn messages_in(text: &str) -> impl Iterator<Item = &str> {
    let places = BEGINNINGS.into_iter().flat_map(|beginning| text.match_indices(beginning));
    places.filter_map(|(at, _)| {
        let mut values = Deserializer::from_str(&text[at..]).into_iter::<&RawValue>();
        values.next()?.ok().map(RawValue::get)
    })
}

/// What is written between quotes in one version.
pub fn words(catalogue: &Catalogue) -> BTreeSet<&'static str> {
    let mut words = BTreeSet::new();
    for action in catalogue.actions() {
        words.insert(action.name);
        let shapes = std::iter::once(&action.request).chain(&action.response);
        for shape in shapes {
            members(catalogue, &shape.members, &mut words);
        }
    }
    words
}

fn members(catalogue: &Catalogue, members: &[Member], words: &mut BTreeSet<&'static str>) {
    for member in members {
        words.insert(member.name);
        match member.kind {
            Kind::Object(id) => self::members(catalogue, &catalogue.shape(id).members, words),
            Kind::Word(id) => words.extend(&catalogue.words(id).words),
            _ => {}
        }
    }
}

/// A station's request for a certificate in PEM, and a certificate in DER.
pub fn signing() -> Result<(String, Vec<u8>), rcgen::Error> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "CS1");
    params.distinguished_name.push(DnType::OrganizationName, "Operator");
    let request = params.serialize_request(&key)?.pem()?;
    Ok((request, params.self_signed(&key)?.der().to_vec()))
}

/// Plugins that were built for the tests; none before `make guests`.
pub fn plugins() -> io::Result<Vec<Vec<u8>>> {
    let folder = root().join("target/guests");
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let files = fs::read_dir(folder)?.map(|entry| fs::read(entry?.path()));
    files.collect()
}
