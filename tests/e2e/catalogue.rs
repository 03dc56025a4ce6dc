//! The tables of actions are the published ones, and what they accept is what the published schemas accept.
//!
//! The schemas come with PyPI's package `ocpp`; what an instance is worth is said by PyPI's `jsonschema` and not here.

use std::collections::BTreeMap;
use std::path::Path;

use plugpoint::domain::Validation;
use plugpoint::ocpp::catalogue::Shape;
use plugpoint::ocpp::{Action, DIALECTS, Dialect, Fault, Frame, MessageId};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::process::Command;

use crate::support::target_dir;

/// Kinds of broken instance that each version must have been held against.
const LEAST_KINDS: usize = 10;

#[derive(Deserialize)]
pub(crate) struct Instance {
    pub(crate) version: String,
    pub(crate) action: String,
    pub(crate) message: String,
    pub(crate) kind: String,
    /// As its version spells it; none for what is valid.
    code: Option<String>,
    pub(crate) payload: String,
}

/// How often something was as it should be, by kind.
type Tally = BTreeMap<String, usize>;

pub(crate) async fn python(script: &str, arguments: &[&str]) -> String {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/catalogue");
    let python = target_dir().join("py/bin/python");
    assert!(python.exists(), "PyPI's packages are missing: run `.ci/setup python` first");
    let ran = Command::new(python).arg(tests.join(script)).args(arguments).output().await.unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{script}: {said}");
    String::from_utf8(ran.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tables_are_what_the_published_schemas_say() {
    let said = python("generate.py", &["--check"]).await;
    print!("{said}");
    assert_eq!(said.lines().count(), DIALECTS.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_valid_passes_whole_and_what_is_broken_is_refused_with_the_code_of_its_version() {
    let lines = python("instances.py", &[]).await;
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    let mut messages: BTreeMap<String, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for line in lines.lines() {
        let instance: Instance = serde_json::from_str(line).unwrap();
        match judge(&instance) {
            Ok(()) => {
                let tally = tallies.entry(instance.version.clone()).or_default();
                *tally.entry(instance.kind.clone()).or_default() += 1;
                *messages.entry(instance.version).or_default() +=
                    usize::from(instance.kind == "maximal");
            }
            Err(why) => wrong.push(format!(
                "{} {} {}, {}: {why}: {:.300}",
                instance.version,
                instance.action,
                instance.message,
                instance.kind,
                instance.payload
            )),
        }
    }
    print_table(&tallies);
    assert!(
        wrong.is_empty(),
        "{} wrong, for example\n{:#?}",
        wrong.len(),
        &wrong[..wrong.len().min(12)]
    );
    // Requests and responses of 39, 64 and 91 actions, one of which has no response.
    let expected = [("1.6", 78), ("2.0.1", 128), ("2.1", 181)];
    assert_eq!(messages, expected.map(|(version, count)| (version.to_owned(), count)).into());
    for (version, tally) in &tallies {
        let broken = tally.keys().filter(|kind| !is_whole(kind)).count();
        assert!(broken >= LEAST_KINDS, "OCPP {version} was held against {broken} kinds");
    }
}

fn is_whole(kind: &str) -> bool {
    ["minimal", "maximal", "a listed word"].contains(&kind)
}

fn judge(instance: &Instance) -> Result<(), String> {
    let name = format!("ocpp{}", instance.version);
    let dialect = DIALECTS.iter().find(|dialect| dialect.subprotocol == name).unwrap();
    let action = dialect.action(&instance.action).ok_or("the action is not known")?;
    let payload = RawValue::from_string(instance.payload.clone()).map_err(|e| e.to_string())?;
    let shape = match instance.message.as_str() {
        "request" => &action.request,
        _ => action.response.as_ref().ok_or("it has no response")?,
    };
    let verdict = read(dialect, action, instance, &payload);
    match (&instance.code, verdict) {
        (None, Ok(())) => round_trip(dialect, action, shape, &payload),
        (None, Err(fault)) => Err(format!("refused: {fault}")),
        (Some(code), Ok(())) => Err(format!("taken, and not refused with {code}")),
        (Some(code), Err(fault)) => match (dialect.spell)(fault.code) {
            spelled if spelled == code => Ok(()),
            spelled => Err(format!("refused with {spelled} and not with {code}: {fault}")),
        },
    }
}

/// The way that a message takes: in or out, asked or answered.
fn read(
    dialect: &Dialect,
    action: &'static Action,
    instance: &Instance,
    payload: &RawValue,
) -> Result<(), Fault> {
    let name = action.name;
    if instance.message == "response" {
        return dialect.check_answer(name, payload).map_or(Ok(()), |finding| Err(finding.into()));
    }
    if action.is_unconfirmed() {
        return dialect.read_send(name, payload, Validation::Strict).map(drop);
    }
    if action.direction.is_from_station() {
        dialect.read_call(name, payload, Validation::Strict)?;
    }
    if action.direction.is_to_station() {
        dialect.write_command(name, payload)?;
    }
    Ok(())
}

/// Through a frame and in the order of the table nothing is lost, customData and digits included.
fn round_trip(
    dialect: &Dialect,
    action: &Action,
    shape: &Shape,
    payload: &RawValue,
) -> Result<(), String> {
    let arranged = dialect.catalogue.arrange(shape, payload);
    let id = MessageId::new("1").unwrap();
    let action = action.name.to_owned();
    let text = Frame::Call { id, action, payload: arranged }.write();
    let Ok(Frame::Call { payload: came, .. }) = Frame::parse(&text, dialect.message_types) else {
        return Err("it is no frame any more".to_owned());
    };
    let value = |text: &RawValue| serde_json::from_str::<Value>(text.get()).unwrap();
    if value(&came) != value(payload) {
        return Err(format!("it came back as {came}"));
    }
    Ok(())
}

fn print_table(tallies: &BTreeMap<String, Tally>) {
    let kinds: std::collections::BTreeSet<_> = tallies.values().flat_map(BTreeMap::keys).collect();
    println!("{:<32}{}", "", tallies.keys().map(|v| format!("{v:>8}")).collect::<String>());
    for kind in kinds {
        let counts = tallies.values().map(|t| format!("{:>8}", t.get(kind).unwrap_or(&0)));
        println!("{kind:<32}{}", counts.collect::<String>());
    }
}
