//! Guests for tests: core modules in text, made into plugins by the same path that real ones take. No compiler needed.
//!
//! The modules speak the component model's canonical ABI by hand. The layouts that matter: a guest gets a pointer to
//! its arguments, and `token.value` is at offset 128 (pointer) and 132 (length); it returns a pointer to
//! `result<verdict, string>`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, mpsc};

use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use super::host::{Host, HostConfig};
use super::{Compiler, pack};
use crate::domain::{
    AskedStation, AuthorizeAsk, IdToken, Millis, Place, PluginName, PolicyRecords, Purpose,
    ReadFailed, Session, SessionId, Stamp, StationId, StationRecord, TokenRecord, Versioned,
};

/// Where a guest writes what it returns.
const RETURN: &str = "(i32.const 1024)";

/// Permits; `max-mwh` is the number of calls that this instance has had, `max-seconds` is the guest's own number.
pub(crate) fn permits(number: u32) -> String {
    format!(
        "(global.set $calls (i64.add (global.get $calls) (i64.const 1)))
         (i32.store8 (i32.const 1032) (i32.const 1))
         (i32.store8 (i32.const 1080) (i32.const 1))
         (i64.store (i32.const 1088) (global.get $calls))
         (i32.store8 (i32.const 1096) (i32.const 1))
         (i64.store (i32.const 1104) (i64.const {number}))
         {RETURN}"
    )
}

/// Traps when asked about a token of so many bytes, and permits all others.
pub(crate) fn traps_at(length: usize) -> String {
    at(length, "unreachable") + &permits(0)
}

/// Does `act` when asked about a token of so many bytes.
pub(crate) fn at(length: usize, act: &str) -> String {
    format!(
        "(if (i32.eq (i32.load offset=132 (local.get $asked)) (i32.const {length})) (then {act}))"
    )
}

pub(crate) const SPINS: &str = "(loop $for_ever (br $for_ever)) unreachable";

/// Takes memory until it gets no more, then traps as an allocator would.
pub(crate) const HOARDS: &str =
    "(loop $more (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable";

/// Says `verdict::pass`.
pub(crate) const PASSES: &str = "(i32.store8 (i32.const 1032) (i32.const 0)) (i32.const 1024)";

/// Refuses with the text `blocked`.
pub(crate) const REFUSES: &str = "(i32.store8 (i32.const 1032) (i32.const 2))
    (i32.store (i32.const 1040) (i32.const 2048)) (i32.store (i32.const 1044) (i32.const 7))
    (i32.const 1024)";

/// Returns the error `blocked`: it could not find out.
pub(crate) const CANNOT_TELL: &str = "(i32.store8 (i32.const 1024) (i32.const 1))
    (i32.store (i32.const 1032) (i32.const 2048)) (i32.store (i32.const 1036) (i32.const 7))
    (i32.const 1024)";

/// Reads the key `blocked`, then permits.
pub(crate) fn reads_state(number: u32) -> String {
    format!("(call $get (i32.const 2048) (i32.const 7) (i32.const 3072)) {}", permits(number))
}

/// Reads the key `blocked` and sets it to `b`; traps afterwards when the token has 4 bytes.
pub(crate) fn writes_state() -> String {
    format!(
        "(call $get (i32.const 2048) (i32.const 7) (i32.const 3072))
         (call $set (i32.const 2048) (i32.const 7) (i32.const 2048) (i32.const 1) (i32.const 3072))
         {}{}",
        at(4, "unreachable"),
        permits(0)
    )
}

const STATE: &str = r#"
    (import "plugpoint:plugin/state@0.1.0" "get" (func $get (param i32 i32 i32)))
    (import "plugpoint:plugin/state@0.1.0" "set" (func $set (param i32 i32 i32 i32 i32)))"#;

/// Accepts settings of 2 bytes, that is `{}`, and says `blocked` to any others. Migrating writes state.
const LIFECYCLE: &str = r#"
    (func $settings (param i32 i32) (result i32)
        (i32.store8 (i32.const 1024) (i32.ne (local.get 1) (i32.const 2)))
        (i32.store (i32.const 1028) (i32.const 2048)) (i32.store (i32.const 1032) (i32.const 7))
        (i32.const 1024))
    (export "plugpoint:plugin/lifecycle@0.1.0#validate" (func $settings))
    (export "plugpoint:plugin/lifecycle@0.1.0#configure" (func $settings))
    (func (export "plugpoint:plugin/lifecycle@0.1.0#migrate") (param i32 i32) (result i32)
        (call $set (i32.const 2048) (i32.const 7) (local.get 0) (local.get 1) (i32.const 3072))
        (i32.store8 (i32.const 1024) (i32.const 0))
        (i32.const 1024))"#;

/// A plugin whose `authorize` does what `body` says.
pub(crate) fn authorizer(body: &str) -> Vec<u8> {
    assemble("", body, "", "name = \"guest\"\nversion = \"1\"")
}

/// With a manifest of one's own. Imports `state` if it uses it.
pub(crate) fn with_manifest(body: &str, manifest: &str) -> Vec<u8> {
    assemble(if body.contains("$get") { STATE } else { "" }, body, "", manifest)
}

/// Writes `line` into the log whenever it is asked, and passes.
pub(crate) fn logs(line: &str, version: &str) -> Vec<u8> {
    let imports = format!(
        r#"(import "plugpoint:plugin/log@0.1.0" "write" (func $log (param i32 i32 i32)))
            (data (i32.const 2560) "{line}")"#
    );
    let body =
        format!("(call $log (i32.const 1) (i32.const 2560) (i32.const {})) {PASSES}", line.len());
    let manifest = format!("name = \"guest\"\nversion = \"{version}\"\nimports = [\"log\"]");
    assemble(&imports, &body, "", &manifest)
}

/// With settings, and with state that it takes over.
pub(crate) fn with_lifecycle(body: &str, version: &str) -> Vec<u8> {
    let manifest = format!("name = \"guest\"\nversion = \"{version}\"\nimports = [\"state\"]");
    assemble(STATE, body, LIFECYCLE, &manifest)
}

fn assemble(imports: &str, body: &str, more: &str, manifest: &str) -> Vec<u8> {
    pack(&module(imports, body, more), &manifest.parse().unwrap()).unwrap().wasm
}

/// The global `$heap` and the allocator that the host calls for what it hands over: upwards, freed by setting the global.
pub(crate) const ALLOCATOR: &str = r#"
            (global $heap (mut i32) (i32.const 8192))
            (func (export "cabi_realloc") (param i32 i32 i32) (param $length i32) (result i32)
                (local $at i32)
                (local.set $at
                    (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
                (global.set $heap (i32.add (local.get $at) (local.get $length)))
                (local.get $at))"#;

/// A core module that carries the contract's types, as `wit-bindgen` would make it.
pub(crate) fn module(imports: &str, body: &str, more: &str) -> Vec<u8> {
    let text = format!(
        r#"(module {imports}
            (memory (export "memory") 1)
            (data (i32.const 2048) "blocked")
            (global $calls (mut i64) (i64.const 0))
            {ALLOCATOR}
            (func (export "cabi_post_plugpoint:plugin/authorizer@0.1.0#authorize") (param i32)
                (global.set $heap (i32.const 8192)))
            (func (export "plugpoint:plugin/authorizer@0.1.0#authorize")
                (param $asked i32) (result i32)
                {body})
            {more})"#
    );
    let mut module = wat::parse_str(text).unwrap();
    let mut contract = Resolve::default();
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit/0.1.0");
    let (package, _) = contract.push_dir(wit).unwrap();
    let mut worlds = vec!["imports", "authorizer-only"];
    worlds.extend((!more.is_empty()).then_some("lifecycle-only"));
    for world in worlds {
        let world = contract.select_world(&[package], Some(world)).unwrap();
        embed_component_metadata(&mut module, &contract, world, StringEncoding::UTF8, false)
            .unwrap();
    }
    module
}

/// Records with nothing but plugin state, which a test may write.
#[derive(Default)]
pub(crate) struct Records {
    pub(crate) state: Mutex<BTreeMap<String, Versioned<Option<Vec<u8>>>>>,
    /// The next read of plugin state waits until the other end of this is dropped.
    pub(crate) gate: Mutex<Option<mpsc::Receiver<()>>>,
    /// Commands that wait, of every plugin and for every station.
    pub(crate) waiting: usize,
}

impl PolicyRecords for Records {
    fn state(&self, _: &PluginName, key: &str) -> Result<Versioned<Option<Vec<u8>>>, ReadFailed> {
        let gate = self.gate.lock().unwrap().take();
        let _ = gate.map(|gate| gate.recv());
        let none = Versioned { value: None, revision: 0 };
        Ok(self.state.lock().unwrap().get(key).cloned().unwrap_or(none))
    }

    fn state_keys(
        &self,
        _: &PluginName,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, ReadFailed> {
        let state = self.state.lock().unwrap();
        let ours = state.keys().filter(|key| key.starts_with(prefix));
        let later = ours.filter(|key| after.is_none_or(|after| key.as_str() > after));
        Ok(later.take(limit).cloned().collect())
    }

    fn token(&self, token: &IdToken) -> Result<Option<TokenRecord>, ReadFailed> {
        if token.reveal() == "DOWN" { Err(ReadFailed) } else { Ok(None) }
    }

    fn station(&self, _: &StationId) -> Result<Option<StationRecord>, ReadFailed> {
        Ok(Some(StationRecord::default()))
    }

    fn session(&self, _: SessionId) -> Result<Option<Session>, ReadFailed> {
        Ok(None)
    }

    fn post(&self, _: &PluginName, limit: usize) -> Result<usize, ReadFailed> {
        Ok(limit.min(self.waiting))
    }

    fn commands(&self, _: &PluginName, _: &StationId, limit: usize) -> Result<usize, ReadFailed> {
        Ok(limit.min(self.waiting))
    }
}

/// A host with room for a few instances, and the directory that it works in.
pub(crate) fn host(edit: impl FnOnce(&mut HostConfig)) -> (Arc<Host>, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let host = host_in(dir.path(), edit);
    (host, dir)
}

pub(crate) fn host_in(dir: &Path, edit: impl FnOnce(&mut HostConfig)) -> Arc<Host> {
    host_over(Arc::new(Records::default()), dir, edit)
}

pub(crate) fn host_over(
    records: Arc<Records>,
    dir: &Path,
    edit: impl FnOnce(&mut HostConfig),
) -> Arc<Host> {
    let mut config =
        HostConfig { compiler: Compiler::Here, instances: 8, ..HostConfig::in_directory(dir) };
    config.limits.instances = 2.try_into().unwrap();
    edit(&mut config);
    Host::start(config, records).unwrap()
}

pub(crate) fn name(name: &str) -> PluginName {
    PluginName::new(name).unwrap()
}

/// A question about this token.
pub(crate) fn ask(token: &str) -> AuthorizeAsk {
    AuthorizeAsk {
        station: AskedStation {
            id: StationId::new("CS-1").unwrap(),
            protocol: "ocpp1.6",
            vendor: Some("Vendor".to_owned()),
            model: None,
            serial: None,
            firmware: Some("1.2.3".to_owned()),
            zone: "UTC".to_owned(),
            tags: vec!["depot".to_owned()],
        },
        place: Some(Place::connector(1)),
        session: None,
        stamp: Stamp::here(Millis(1_700_000_000_000)),
        offline: false,
        purpose: Purpose::Authorize,
        token: IdToken::new(token).unwrap(),
        token_kind: None,
    }
}
