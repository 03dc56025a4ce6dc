//! Hand-written guests that send commands and events and read their inbox, for tests of every room.
//!
//! Each event that such a guest observes makes it do `act`; each message is counted under the key `tally`, so that one
//! too many or too few shows. The layouts that matter: an event has 64 bytes; the flattened message begins with its
//! kind, and the outcome of a command is its seventh word.

use std::path::Path;

use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use super::guests::ALLOCATOR;
use super::pack;

/// Where the guest keeps its tally.
pub(crate) const TALLY: &str = "tally";

/// Keeps `Reset` for station `CS-1`, to be sent within a minute.
pub(crate) const CALLS: &str = "(call $enqueue (i32.const 2100) (i32.const 4)
    (i32.const 2110) (i32.const 5) (i32.const 2120) (i32.const 15) (i64.const 60000)
    (i32.const 3072))";

/// Emits the event `done`.
pub(crate) const EMITS: &str = "(call $emit (i32.const 2140) (i32.const 4)
    (i32.const 2140) (i32.const 4) (i32.const 3072))";

/// Traps at a message, after it has counted.
pub(crate) const TRAPS: &str = "unreachable";

/// What a guest has counted of its messages.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Ends of commands by their outcome: answered, refused, invalid, expired, unknown.
    pub(crate) ends: [u8; 5],
    pub(crate) timers: u8,
    pub(crate) events: u8,
}

impl Tally {
    pub(crate) fn read(value: &[u8]) -> Self {
        let mut tally = Self { timers: value[8], events: value[16], ends: [0; 5] };
        tally.ends.copy_from_slice(&value[..5]);
        tally
    }
}

/// A guest that does `on_event` at each event of the kind `other` and `on_message` after each message has been counted.
pub(crate) fn caller(version: &str, on_event: &str, on_message: &str, inbox: &str) -> Vec<u8> {
    let manifest = format!(
        "name = \"caller\"\nversion = \"{version}\"\nimports = [\"state\", \"commands\", \"events\"]
        [hooks.observer]\nkinds = [\"other\"]\n[hooks.inbox]\n{inbox}"
    );
    pack(&module(on_event, on_message), &manifest.parse().unwrap()).unwrap().wasm
}

fn module(on_event: &str, on_message: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
            (import "plugpoint:plugin/state@0.1.0" "get" (func $get (param i32 i32 i32)))
            (import "plugpoint:plugin/state@0.1.0" "set" (func $set (param i32 i32 i32 i32 i32)))
            (import "plugpoint:plugin/commands@0.1.0" "enqueue"
                (func $enqueue (param i32 i32 i32 i32 i32 i32 i64 i32)))
            (import "plugpoint:plugin/events@0.1.0" "emit" (func $emit (param i32 i32 i32 i32 i32)))
            (memory (export "memory") 8)
            (data (i32.const 2048) "tally")
            (data (i32.const 2100) "CS-1")
            (data (i32.const 2110) "Reset")
            (data (i32.const 2120) "{{\"type\":\"Soft\"}}")
            (data (i32.const 2140) "done")
            {ALLOCATOR}
            (func (export "cabi_post_plugpoint:plugin/observer@0.1.0#on-events") (param i32)
                (global.set $heap (i32.const 8192)))
            (func (export "cabi_post_plugpoint:plugin/inbox@0.1.0#handle") (param i32)
                (global.set $heap (i32.const 8192)))
            (func (export "plugpoint:plugin/observer@0.1.0#on-events")
                (param $event i32) (param $left i32) (result i32)
                (loop $next (if (local.get $left) (then
                    {on_event}
                    (local.set $left (i32.sub (local.get $left) (i32.const 1)))
                    (br $next))))
                (i32.store8 (i32.const 1024) (i32.const 0))
                (i32.const 1024))
            (func $count (param $place i32)
                (i64.store (i32.const 4096) (i64.const 0))
                (i64.store (i32.const 4104) (i64.const 0))
                (i64.store (i32.const 4112) (i64.const 0))
                (call $get (i32.const 2048) (i32.const 5) (i32.const 3072))
                (if (i32.load8_u (i32.const 3076)) (then
                    (i64.store (i32.const 4096) (i64.load (i32.load (i32.const 3080))))
                    (i64.store (i32.const 4104) (i64.load offset=8 (i32.load (i32.const 3080))))
                    (i64.store (i32.const 4112) (i64.load offset=16 (i32.load (i32.const 3080))))))
                (local.set $place (i32.add (local.get $place) (i32.const 4096)))
                (i32.store8 (local.get $place)
                    (i32.add (i32.load8_u (local.get $place)) (i32.const 1)))
                (call $set (i32.const 2048) (i32.const 5) (i32.const 4096) (i32.const 24)
                    (i32.const 3072)))
            (func (export "plugpoint:plugin/inbox@0.1.0#handle")
                (param $at i64) (param $kind i32) (param i32 i32 i64 i32 i32 i32)
                (param $outcome i32) (param i32 i32 i32 i32 i32 i32) (result i32)
                (call $count (if (result i32) (local.get $kind)
                    (then (i32.mul (local.get $kind) (i32.const 8)))
                    (else (local.get $outcome))))
                {on_message}
                (i32.store8 (i32.const 1024) (i32.const 0))
                (i32.const 1024)))"#
    );
    let mut module = wat::parse_str(text).unwrap();
    let mut contract = Resolve::default();
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit/0.1.0");
    let (package, _) = contract.push_dir(wit).unwrap();
    for world in ["imports", "observer-only", "inbox-only"] {
        let world = contract.select_world(&[package], Some(world)).unwrap();
        embed_component_metadata(&mut module, &contract, world, StringEncoding::UTF8, false)
            .unwrap();
    }
    module
}
