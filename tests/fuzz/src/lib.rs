//! What must hold of every byte that a stranger may send. Knows no fuzzer: `fuzz.rs` brings the bytes, and the tests
//! bring the seeds.
//!
//! A target reads bytes with one decoder of the house and panics if something is not as promised: that nothing panics,
//! that what was accepted is written back without loss, and that whoever is refused hears a code of his version.

mod door;
mod holdings;
mod message;
pub mod seeds;
#[cfg(test)]
mod tests;

use std::str;

use plugpoint::ocpp::frame::CALLS_AND_SENDS;
use plugpoint::ocpp::{Frame, v2, v16};

/// A decoder with its promises.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    pub name: &'static str,
    /// Panics if a promise is broken. Says whether the bytes were accepted.
    pub check: fn(&[u8]) -> bool,
}

/// Whatever reads bytes of somebody who is not trusted.
pub static TARGETS: &[Target] = &[
    Target { name: "frame", check: frame },
    Target {
        name: "ocpp16",
        check: |bytes| text(bytes, |text| message::read(&v16::DIALECT, text)),
    },
    Target { name: "ocpp201", check: |bytes| text(bytes, |text| message::read(&v2::V201, text)) },
    Target { name: "ocpp21", check: |bytes| text(bytes, |text| message::read(&v2::V21, text)) },
    Target { name: "door", check: |bytes| text(bytes, door::path) },
    Target { name: "login", check: door::login },
    Target { name: "time", check: |bytes| text(bytes, door::time) },
    Target { name: "signing-request", check: |bytes| text(bytes, door::signing_request) },
    Target { name: "certificate", check: door::certificate },
    Target { name: "plugin", check: door::plugin },
    Target { name: "link", check: |bytes| text(bytes, door::link) },
    Target { name: "holdings", check: |bytes| text(bytes, holdings::converse) },
];

impl Target {
    pub fn named(name: &str) -> Option<&'static Self> {
        TARGETS.iter().find(|target| target.name == name)
    }
}

/// The RPC framing, without a look at any payload.
fn frame(bytes: &[u8]) -> bool {
    text(bytes, |text| match Frame::parse(text, CALLS_AND_SENDS) {
        Ok(frame) => {
            let written = frame.write();
            let again = Frame::parse(&written, CALLS_AND_SENDS).expect("what we write, we read");
            assert_eq!(written, again.write(), "written twice");
            true
        }
        Err(bad) => {
            assert!(!bad.why.is_empty());
            false
        }
    })
}

/// Sockets let nothing through that is not UTF-8 (RFC 6455 §8.1).
fn text(bytes: &[u8], read: impl FnOnce(&str) -> bool) -> bool {
    str::from_utf8(bytes).is_ok_and(read)
}
