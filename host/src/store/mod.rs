//! What survives a crash. Knows no socket, no plugin and no protocol.
