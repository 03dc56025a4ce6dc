//! LibFuzzer over one target, which `PLUGPOINT_FUZZ_TARGET` names. Knows no seeds: `make fuzz` brings them.
#![no_main]

use std::process;

use libfuzzer_sys::{Corpus, fuzz_target};
use plugpoint_fuzz::{TARGETS, Target};

static TARGET: std::sync::OnceLock<&'static Target> = std::sync::OnceLock::new();

fuzz_target!(init: choose(), |bytes: &[u8]| -> Corpus {
    if let Some(target) = TARGET.get() {
        (target.check)(bytes);
    }
    Corpus::Keep
});

#[expect(clippy::print_stderr, reason = "there is nobody else to tell")]
fn choose() {
    let name = std::env::var("PLUGPOINT_FUZZ_TARGET").unwrap_or_default();
    let Some(target) = Target::named(&name) else {
        let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
        eprintln!("set PLUGPOINT_FUZZ_TARGET to one of: {}", names.join(" "));
        process::exit(2);
    };
    TARGET.get_or_init(|| target);
}
