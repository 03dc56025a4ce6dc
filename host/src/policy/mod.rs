//! Which plugins answer which question, in what order, and how answers combine. Knows no OCPP and no wasm.
