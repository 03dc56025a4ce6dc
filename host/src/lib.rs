//! Plugpoint: an OCPP central system whose business policies are sandboxed WebAssembly components.
//!
//! This crate has no stable Rust API: the contracts are the wire (OCPP), the admin API and `wit/`.
//! Start with `docs/ARCHITECTURE.md`; the rooms below stand in the order of its map.

pub mod admin;
pub mod charging;
pub mod cli;
pub mod config;
pub mod domain;
pub mod files;
pub mod holdings;
pub mod ocpp;
pub mod plugins;
pub mod policy;
pub mod server;
pub mod sim;
pub mod station;
pub mod store;
pub mod tls;
pub mod work;
