//! Certificates: the house's authority, what it signs, what the station listener shows and wants to see. Knows no OCPP
//! message, no record and no listener.
//!
//! One provider of cryptography (ring) and one implementation of TLS (rustls) for the whole process: see ADR 8.

mod authority;
mod certificate;
mod handshake;
mod own;
mod private_file;
mod signing_request;

pub use authority::{Authority, AuthorityError, Signed};
pub use certificate::Certificate;
pub use handshake::{Handshake, Refused};
pub use own::{Own, OwnError, Source};
pub use signing_request::{BadRequest, SigningRequest};
