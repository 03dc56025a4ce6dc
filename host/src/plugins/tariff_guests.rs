//! Tariffs for tests, in text: see `guests` for how. The layouts that matter: `offer` gets a pointer and returns one to
//! `result<option<terms>, string>`; `price` gets its arguments flat, of which the body's pointer is `$body` and its
//! length `$length`, and returns a pointer to `result<bill, string>`.

use std::path::Path;

use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use super::guests::ALLOCATOR;
use super::pack;

/// A tariff whose terms are this one letter and whose price is the letter's number in cents, whatever its own letter
/// is by then: what the terms say decides.
pub(crate) fn letter(letter: char, version: &str) -> Vec<u8> {
    tariff(&offers(letter), PRICES_ITS_LETTER, version, 100)
}

/// Likewise, asked only about the stations that these `[filters]` admit.
pub(crate) fn letter_for(letter: char, filters: &str) -> Vec<u8> {
    let manifest = format!("name = \"guest\"\nversion = \"1\"\n[filters]\n{filters}");
    assemble(&offers(letter), PRICES_ITS_LETTER, &manifest)
}

/// Offers terms of one letter, in euros.
pub(crate) fn offers(letter: char) -> String {
    let letter = u32::from(letter);
    format!(
        "(i32.store8 (i32.const 1024) (i32.const 0))
         (i32.store8 (i32.const 1028) (i32.const 1))
         (i32.store8 (i32.const 3072) (i32.const {letter}))
         (i32.store (i32.const 1032) (i32.const 2048)) (i32.store (i32.const 1036) (i32.const 6))
         (i32.store (i32.const 1040) (i32.const 3072)) (i32.store (i32.const 1044) (i32.const 1))
         (i32.store (i32.const 1048) (i32.const 2054)) (i32.store (i32.const 1052) (i32.const 3))
         (i32.store (i32.const 1056) (i32.const 2057)) (i32.store (i32.const 1060) (i32.const 5))
         (i32.const 1024)"
    )
}

/// Leaves the session to the next tariff.
pub(crate) const NO_OFFER: &str = "(i32.store8 (i32.const 1024) (i32.const 0))
    (i32.store8 (i32.const 1028) (i32.const 0)) (i32.const 1024)";

/// One line of as many cents as the number of the body's first letter, and the same as the total.
pub(crate) const PRICES_ITS_LETTER: &str =
    "(call $bill (i64.load8_u (local.get $body)) (i64.load8_u (local.get $body)))";

/// A total of a euro on a line of one cent.
pub(crate) const PRICES_NONSENSE: &str = "(call $bill (i64.const 1) (i64.const 100))";

pub(crate) fn tariff(offer: &str, price: &str, version: &str, priority: i32) -> Vec<u8> {
    let manifest =
        format!("name = \"guest\"\nversion = \"{version}\"\n[hooks.tariff]\npriority = {priority}");
    assemble(offer, price, &manifest)
}

fn assemble(offer: &str, price: &str, manifest: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
            (memory (export "memory") 1)
            (data (i32.const 2048) "letterEURcheap")
            {ALLOCATOR}
            (func $bill (param $line i64) (param $total i64) (result i32)
                (i32.store8 (i32.const 1024) (i32.const 0))
                (i32.store (i32.const 1032) (i32.const 4096))
                (i32.store (i32.const 1036) (i32.const 1))
                (i64.store (i32.const 1040) (local.get $total))
                (i32.store8 (i32.const 1048) (i32.const 0))
                (i32.store (i32.const 4096) (i32.const 2048))
                (i32.store (i32.const 4100) (i32.const 6))
                (i64.store (i32.const 4104) (i64.mul (local.get $line) (i64.const 10000)))
                (i64.store (i32.const 4112) (i64.const 0))
                (i32.store (i32.const 4120) (i32.const 0))
                (i32.store (i32.const 4124) (i32.const 0))
                (i32.const 1024))
            (func (export "cabi_post_plugpoint:plugin/tariff@0.1.0#offer") (param i32)
                (global.set $heap (i32.const 8192)))
            (func (export "cabi_post_plugpoint:plugin/tariff@0.1.0#price") (param i32)
                (global.set $heap (i32.const 8192)))
            (func (export "plugpoint:plugin/tariff@0.1.0#offer") (param $asked i32) (result i32)
                {offer})
            (func (export "plugpoint:plugin/tariff@0.1.0#price")
                (param i32 i32) (param $body i32) (param $length i32)
                (param i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
                {price}))"#
    );
    let mut module = wat::parse_str(text).unwrap();
    let mut contract = Resolve::default();
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit/0.1.0");
    let (package, _) = contract.push_dir(wit).unwrap();
    let world = contract.select_world(&[package], Some("tariff-only")).unwrap();
    embed_component_metadata(&mut module, &contract, world, StringEncoding::UTF8, false).unwrap();
    pack(&module, &manifest.parse().unwrap()).unwrap().wasm
}
