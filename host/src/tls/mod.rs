//! Certificates: the house's authority, what it signs, what the station listener shows and wants to see, and the other
//! side of that for simulated stations; and how connections are taken, with TLS or without. Knows no OCPP message, no record and
//! no HTTP.
//!
//! One provider of cryptography (ring) and one implementation of TLS (rustls) for the whole process: see ADR 8.

mod authority;
mod caller;
mod certificate;
mod handshake;
mod own;
mod porch;
mod private_file;
mod root;
mod signing_request;
mod wire;

pub use authority::{Authority, AuthorityError, Signed};
pub use caller::{BadTrust, Caller};
pub use certificate::Certificate;
pub use handshake::{Handshake, Refused};
pub use own::{Own, OwnError, Source};
pub use porch::accept_each;
pub use root::RootHashes;
pub use signing_request::{BadRequest, SigningRequest};
pub use wire::Wire;
