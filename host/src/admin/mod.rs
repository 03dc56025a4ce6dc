//! The HTTP API for operators. Decides nothing: parse, one call, render.
