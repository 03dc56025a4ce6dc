//! Simulated stations. Knows nothing of the server beyond the wire.
