//! The wasm host. Knows no OCPP, no station and no store.
