//! Hand-written guests that observe, for tests of every room.
//!
//! All of them keep one value under the key `count`: how many events they were told of and the sum of their numbers,
//! both as little-endian `u64`. Told twice or not at all would show in either.

use std::path::Path;

use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use super::guests::ALLOCATOR;
use super::pack;

/// Where the guest keeps its count.
pub(crate) const COUNT: &str = "count";

/// Traps at an event of the kind `disconnected`, the only one with a name of 12 letters, after it has counted.
pub(crate) const POISONED: &str =
    "(if (i32.eq (i32.load offset=44 (local.get $at)) (i32.const 12)) (then unreachable))";

/// Computes for ever at the first event.
pub(crate) const HANGS: &str = "(loop $for_ever (br $for_ever))";

/// An observer that counts, and does `act` with every event. `hook` is its `[hooks.observer]`.
pub(crate) fn counter(version: &str, act: &str, hook: &str) -> Vec<u8> {
    let manifest = format!(
        "name = \"counter\"\nversion = \"{version}\"\nimports = [\"state\"]\n[hooks.observer]\n{hook}"
    );
    pack(&module(act), &manifest.parse().unwrap()).unwrap().wasm
}

/// What a counter keeps: events, and the sum of their numbers.
pub(crate) fn counted(value: &[u8]) -> (u64, u64) {
    let number = |at: usize| u64::from_le_bytes(value[at..at + 8].try_into().unwrap());
    (number(0), number(8))
}

fn module(act: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
            (import "plugpoint:plugin/state@0.1.0" "get" (func $get (param i32 i32 i32)))
            (import "plugpoint:plugin/state@0.1.0" "set" (func $set (param i32 i32 i32 i32 i32)))
            (memory (export "memory") 8)
            (data (i32.const 2048) "count")
            {ALLOCATOR}
            (func (export "cabi_post_plugpoint:plugin/observer@0.1.0#on-events") (param i32)
                (global.set $heap (i32.const 8192)))
            (func $recall
                (i64.store (i32.const 4096) (i64.const 0))
                (i64.store (i32.const 4104) (i64.const 0))
                (call $get (i32.const 2048) (i32.const 5) (i32.const 3072))
                (if (i32.load8_u (i32.const 3076)) (then
                    (i64.store (i32.const 4096) (i64.load (i32.load (i32.const 3080))))
                    (i64.store (i32.const 4104) (i64.load offset=8 (i32.load (i32.const 3080)))))))
            (func $add (param $at i32)
                (i64.store (i32.const 4096) (i64.add (i64.load (i32.const 4096)) (i64.const 1)))
                (i64.store (i32.const 4104)
                    (i64.add (i64.load (i32.const 4104)) (i64.load (local.get $at))))
                (call $set (i32.const 2048) (i32.const 5) (i32.const 4096) (i32.const 16)
                    (i32.const 3072)))
            (func (export "plugpoint:plugin/observer@0.1.0#on-events")
                (param $at i32) (param $left i32) (result i32)
                (call $recall)
                (loop $next (if (local.get $left) (then
                    (call $add (local.get $at))
                    {act}
                    (local.set $at (i32.add (local.get $at) (i32.const 64)))
                    (local.set $left (i32.sub (local.get $left) (i32.const 1)))
                    (br $next))))
                (i32.store8 (i32.const 1024) (i32.const 0))
                (i32.const 1024)))"#
    );
    let mut module = wat::parse_str(text).unwrap();
    let mut contract = Resolve::default();
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit/0.1.0");
    let (package, _) = contract.push_dir(wit).unwrap();
    for world in ["imports", "observer-only"] {
        let world = contract.select_world(&[package], Some(world)).unwrap();
        embed_component_metadata(&mut module, &contract, world, StringEncoding::UTF8, false)
            .unwrap();
    }
    module
}
