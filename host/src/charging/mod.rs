//! The life of a charging session as a pure state machine. Knows no store, no socket and no clock.
