//! bytes ⇄ facts. Pure: no socket, no clock, no store.
