//! A station’s actor, which outlives its sockets.
