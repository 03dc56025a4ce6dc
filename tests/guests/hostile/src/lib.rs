//! Does to the host, at stations tagged `marked`, whatever its settings say. For tests of what the host makes of that.

use std::arch::wasm32;
use std::hint::black_box;

use plugpoint_sdk::{Ask, Authorizer, Lifecycle, Permit, Purpose, Token, Verdict};
use serde::Deserialize;

/// Bytes of one page of a wasm memory.
const PAGE: usize = 64 << 10;

/// Pages that are asked for at once.
const GULP: usize = 16;

/// Elements of a list that no answer may have: 2 MiB.
const LONG_LIST: usize = 512 << 10;

/// Steps of a slow thought: a few milliseconds of them, far from any budget of CPU.
const PONDERING: u32 = 2_000_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    act: Act,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Act {
    /// Has no opinion, as a good plugin.
    Behave,
    /// Has no opinion, and takes its time to find out.
    Ponder,
    /// Computes for ever.
    Loop,
    /// Takes and uses all memory that it can get.
    Memory,
    /// Calls itself until the stack ends.
    Recursion,
    /// Gives answers that break the contract, each time another one.
    Nonsense,
    Trap,
}

struct Hostile {
    act: Act,
}

plugpoint_sdk::export!(Hostile: Authorizer);

impl Lifecycle for Hostile {
    type Settings = Settings;

    fn configure(settings: Settings) -> Result<Self, String> {
        Ok(Self { act: settings.act })
    }
}

impl Authorizer for Hostile {
    fn authorize(&self, ask: &Ask, _: Purpose, _: &Token) -> Result<Verdict, String> {
        match self.act {
            Act::Behave => Ok(Verdict::Pass),
            Act::Ponder => {
                for step in 0..PONDERING {
                    black_box(step);
                }
                Ok(Verdict::Pass)
            }
            Act::Loop => loop {
                black_box(ask);
            },
            Act::Memory => hoard(),
            Act::Recursion => Ok(Verdict::refuse(deeper(ask.at).to_string())),
            Act::Nonsense => Ok(nonsense(ask.received)),
            Act::Trap => panic!("as promised"),
        }
    }
}

fn hoard() -> ! {
    loop {
        let before = wasm32::memory_grow::<0>(GULP);
        if before == usize::MAX {
            wasm32::unreachable();
        }
        for page in before..before + GULP {
            let byte = (page * PAGE) as *mut u8;
            // SAFETY: the page has just been given to us, and nobody else knows of it.
            unsafe { byte.write_volatile(1) };
        }
    }
}

/// Not in a tail position and not foreseeable, so that it stays a recursion.
#[expect(unconditional_recursion, reason = "that is the misbehaviour")]
fn deeper(depth: u64) -> u64 {
    black_box(deeper(black_box(depth + 1))) + 1
}

/// What no honest Rust program can answer, picked by the time.
fn nonsense(at: u64) -> Verdict {
    match at % 3 {
        0 => {
            // SAFETY: none, and none is wanted: a text that is no UTF-8. Nothing in here reads it.
            Verdict::Refuse(unsafe { String::from_utf8_unchecked(vec![0xff; 16]) })
        }
        1 => {
            let nowhere = std::ptr::without_provenance_mut(0xffff_0000);
            // SAFETY: none, as above: a text outside of all memory.
            Verdict::Refuse(unsafe { String::from_raw_parts(nowhere, 1 << 15, 1 << 15) })
        }
        _ => Verdict::Permit(Permit { evses: vec![7; LONG_LIST], ..Permit::default() }),
    }
}
